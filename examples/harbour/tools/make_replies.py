#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write examples/replies.jsonl of the sample company "Harbour & Finch".

Every ticket is a hand-written text with slots; opener, closer and reply are
put together from hand-written pieces. What fills a slot in the ticket (product,
order, date ...) returns in the reply. The output is the same on every run.

    python tools/make_replies.py
"""
import json
import pathlib
import random
import string

OUT = pathlib.Path(__file__).resolve().parent.parent / "examples" / "replies.jsonl"

FIRST = """Aoife Bram Carys Dmitri Elspeth Farid Greta Hamish Ingrid Joaquin Katya Lorcan Mireille Nils Oonagh Pavel
Quentin Rosalind Soren Tamsin Ulrich Verity Wanjiru Xavier Yasmin Zoltan Anneke Boris Cillian Delphine Emrys Freya
Gareth Hedwig Idris Jolanda Kieran Lieselotte Magnus Nerys""".split()
LAST = """Abernethy Brandvold Cadwaller Duquesne Eskelund Farrow Gillespie Hollis Ivarsson Jansma Kessler Lovegrove
Mulcahy Novak Okafor Penrose Quist Rademaker Sandvik Trevena Umber Vasquez Whitlock Yarrow Zeller Ashdown Birch
Corrigan Dunmore Ekström Fothergill""".split()
DATES = [f"{d} {m}" for m in ("March", "April", "May", "June", "July", "August") for d in (3, 6, 9, 12, 14, 17, 19, 22, 24, 27)]
BOATS = ["Sea Thrift", "Marigold", "Ardent", "Kittiwake II", "Old Copper", "Lady Perpetua", "Windhover", "Saltlark",
         "Blue Heron", "Nordstern", "Pipistrelle", "Morning Tide", "Grey Selkie", "Tansy", "Little Auk", "Corriedale"]

OPEN = ["Hello,", "Good morning,", "Good evening from the marina,", "Hi there,", "Dear team,", "Hello Harbour & Finch,",
        "Greetings from a rainy pontoon.", "Hi, me again.", "To whom it may concern,", "Good afternoon,"]
CLOSE = ["Could you look into it, please?", "I would be glad of a quick answer.", "What do you suggest?",
         "We want to cast off at the weekend, so it is rather urgent.", "Thank you for your help in advance.",
         "Please tell me how we go on from here.", "I tried to phone but the line was busy.",
         "I have been a customer for years and this is new to me.", "No hurry, but I would like to know.",
         "Happy to send photos if you need them.", "Please answer by e-mail, I am at sea without a phone signal.", ""]
SIGN = ["Regards, {n}", "Kind regards, {n}", "Thanks, {n}", "{n}", "Best wishes, {n}", "Yours, {n}"]

# One entry for each kind of issue: products; tickets; E = empathy;
# F = what we found (first bullet); G = second bullet or none; N = first next
# step, with a number of days {k}; M = second next step; k = possible numbers.
KINDS = {}

KINDS["late"] = dict(
    p=["chart plotter Skua 9 inch", "plough anchor 16 kg", "life jacket Tern 275 N", "battery charger 20 A", "tin of blue antifouling", "oilskin jacket Petrel", "bilge pump 12 V", "handheld radio Skua H6"],
    k=[4, 5, 6, 8],
    T=["My order {o} with the {p} should have been here on {d}. The tracking page has said \"on its way\" ever since and does not move. The neighbours have not taken it in either.",
       "I paid for the {p} straight away so that it would arrive before {d}. Nothing has come. Order number is {o}. Has it left your warehouse at all or is it still sitting on a shelf?",
       "On {d} a card was in my letter box saying that nobody was at home, but I was in all day. The parcel shop knows nothing about {o}. Inside there should be the {p}.",
       "The {p} from order {o} was promised for {d}, which is now well behind us. My launch slot is fixed and without it the boat stays ashore.",
       "According to your mail, order {o} was handed to the carrier on {d}. Since then silence. I need the {p} for a crossing and start to wonder whether the parcel fell into the sea.",
       "I bought a {p} as a birthday present, order {o}. Delivery was meant to be {d}. The birthday has been and gone and I stood there with an empty box and a card.",
       "Your shop showed the {p} as in stock and two days of transport. That was before {d}. I am still waiting for {o} and the carrier sends me in circles between two phone numbers.",
       "Tracking for {o} says that the parcel with the {p} was delivered on {d} and signed by someone called Miller. There is no Miller in our house or in the whole street."],
    E=["Waiting for a parcel while the boat is ready is no fun at all.", "We can well imagine how annoying this silence is.", "A promised day ought to be a promised day, and we are sorry."],
    F=["Order {o} left our warehouse complete, and the last scan was made in the carrier's depot.", "The {p} was packed on time, but the carrier has lost track of parcel {o} after {d}.", "The parcel for {o} was sorted onto the wrong lorry and missed the delivery of {d}.", "The carrier has no valid signature for order {o}, so we treat the {p} as not delivered.", "Our records confirm delivery date {d} for {o}; the delay happened after the handover to the carrier.", "The label of parcel {o} was damaged in the depot, so the {p} has not been scanned since."],
    G=["The {p} is in stock, so a second parcel is possible.", "Your address in our system is correct.", ""],
    N=["We have opened a search with the carrier, which takes up to {k} working days.", "If the parcel has not turned up in {k} working days, we send a new {p} free of charge.", "You will have a result from us within {k} working days.", "The carrier must answer us within {k} working days; after that we ship again.", "We watch the parcel daily and report back in {k} days at the latest.", "We give the carrier {k} working days and then you choose between a new parcel and your money back."],
    M=["You do not have to do anything; if the parcel arrives, just drop us a line.", "The shipping cost of order {o} is refunded in any case.", "Should you no longer need the {p}, reply with the word refund."])

KINDS["wrong"] = dict(
    p=["impeller kit GM-21", "oil filter KF-8", "shackle 8 mm", "hull anode 1.1 kg", "halyard Dyneema 8 mm", "gas cartridge 33 g", "fender F4", "toilet pump rebuild kit"],
    k=[2, 3, 4, 5],
    T=["I ordered the {p} and found something quite different in the box on {d}. The invoice for {o} shows the right article, only the content does not match.",
       "Parcel {o} came on {d}, thank you for the speed. Sadly the bag marked {p} holds a part that is clearly too large for my boat. The number on the bag and the part disagree.",
       "We opened {o} on {d} while the mechanic was already waiting. Instead of the {p} there was a part for another model. The mechanic left and I pay for his way twice.",
       "Somebody in your warehouse must have reached one shelf too far: my order {o} of {d} says {p}, and what I hold in my hand is not even from the same maker.",
       "Three items in order {o}, two are right, one is not. The {p} has been mixed up with another article. I only noticed when I tried to fit it on {d}.",
       "This is the second time I ask for a {p} and get something else. The first mix-up was in spring, now again with {o}, delivered on {d}.",
       "The sticker says {p}, the thing inside says otherwise. I compared it with the old part on {d} and the holes do not line up at all. The order was {o}.",
       "I am the bosun of a sea school. Order {o}, received {d}, should contain the {p} for our training boat. What you sent belongs to a much bigger vessel."],
    E=["It is frustrating to open a box and find the wrong thing.", "A wrong part on the day of the repair is a real nuisance, and we are sorry.", "That should not have happened, least of all with a part you need now."],
    F=["The pick list of {o} is right, but the bin of the {p} held a neighbouring article.", "Order {o} was booked correctly and packed wrongly on our side.", "Two labels had been swapped on the rack, and the {p} was one of them.", "The weight of parcel {o} does not fit the {p}, so the mistake is ours.", "The scan at the packing table was skipped for the {p} in order {o}.", "A returned article had been put back into the box of the {p} by mistake."],
    G=["We have checked the shelf and put it right today.", "The correct part is in stock in Kilmarra.", ""],
    N=["The right {p} leaves us today and reaches you in {k} working days.", "We send the correct part by express; please allow {k} working days.", "A new parcel for {o} is packed and should be with you within {k} days.", "You receive the {p} within {k} working days at our cost.", "The replacement travels separately and takes {k} working days.", "Our packer has set the {p} aside, and it arrives in {k} working days."],
    M=["A free return label for the wrong part is attached; there is no rush to use it.", "Please keep the wrong part in its bag and hand it to the driver.", "Send us the bill of the second visit if a mechanic had to come back for {o}."])

KINDS["transit"] = dict(
    p=["fire extinguisher 2 kg", "chart plotter Skua 9 inch", "battery AGM 90 Ah", "can of epoxy primer", "navigation light tricolour", "outboard Kestrel 6 hp", "bottle of polish", "VHF radio Skua 25 W"],
    k=[3, 4, 5, 6],
    T=["The carton of {o} looked as if a forklift had kissed it. Inside, the {p} has a dent on one side and a crack on the other. It came on {d} and I have kept all the packaging.",
       "When I unpacked the {p} on {d} there was a rattling noise and loose pieces fell out. The outer box was in perfect shape. Order {o}, paid by card.",
       "Half of the contents of my parcel {o} is now spread over the other half. The {p} leaked some time before it was delivered on {d}, and the paper padding is soaked.",
       "Your driver put the box with the {p} into the rain on {d}. It stood there for hours and the bottom gave way when I lifted it. The order is {o}.",
       "I signed for {o} on {d} without opening it, because the driver was in a hurry. The {p} has a broken corner. Did I lose my rights with that signature?",
       "A large hole in the side of the parcel and a scratched {p}: that is what arrived on {d}. I have taken nine photos. My order number is {o}.",
       "The {p} was packed with one thin sheet of paper, nothing else. No wonder that it arrived broken on {d}. Please use more padding for the next try. Order {o}.",
       "My partner accepted parcel {o} on {d} and put it aside. Only today did we see that the {p} is bent. I hope that I am not too late in telling you."],
    E=["A broken delivery spoils the joy of a new piece of gear.", "We are sorry that the parcel reached you in such a state.", "Unpacking something broken is a poor start to the season."],
    F=["Your report about order {o} is in time, and a signature does not cost you any rights.", "The {p} left us undamaged, so the harm was done on the road.", "The inner carton of the {p} was too weak for the trip, which is our fault.", "The carrier noted a damaged carton for {o} but did not tell us.", "On {d} the parcel {o} was unloaded by hand after a belt had stopped.", "The {p} is one of four pieces damaged on the same lorry."],
    G=["The packaging is needed as proof, so thank you for keeping it.", "Everything in the order is insured.", ""],
    N=["A new {p} is on its way and takes {k} working days.", "You have a replacement within {k} working days.", "We pack a second {p} with double padding; it arrives in {k} working days.", "The exchange for {o} is booked and will reach you in {k} working days.", "The driver brings the new {p} in {k} working days and takes the old one along.", "We send the replacement at once, and {k} working days later it should be there."],
    M=["Please send two photos of the carton and one of the damage.", "Do not use the damaged {p}; put it back into the box.", "The claim against the carrier is our business, you are not involved in it."])

KINDS["warranty"] = dict(
    p=["handheld radio Skua H6", "VHF radio Skua 25 W", "chart plotter Skua 9 inch", "battery AGM 90 Ah", "battery charger 20 A", "bilge pump 12 V", "deck boots Petrel", "oilskin trousers Petrel"],
    k=[6, 7, 8, 10],
    T=["The {p} that I bought from you under {o} gave up on {d}. It had been treated well, rinsed with fresh water and stored in a dry place. I think this falls under the warranty.",
       "Fourteen months of use and the {p} is finished. First it worked only now and then, since {d} not at all. Here is my order number: {o}. What papers do you need?",
       "I want to claim warranty for a {p}, order {o}. The fault shows up after about ten minutes and vanishes over night. I saw it for the first time on {d}.",
       "Is there still warranty on my {p}? Bought with order {o}, failed on {d}. A friend says that a repair is useless and that I should insist on a new one.",
       "My {p} was already repaired by you once. On {d} the very same fault came back. Order {o}. I do not want a third round of sending parcels to and fro.",
       "The seller at the boat show told me that the {p} would last a lifetime. It lasted until {d}. I have only a photo of the receipt, the order was {o}.",
       "Since {d} the {p} makes me nervous: it switches itself off in the middle of use. I would not like to depend on it at sea. Please check the warranty for {o}.",
       "I am writing for our sailing club. One of the six units of {p} from order {o} has failed, noted in our log on {d}. The other five are fine."],
    E=["Gear that fails early is disappointing, and you are right to ask.", "We understand that you want something you can rely on at sea.", "That is not the service life that we expect either."],
    F=["The {p} from order {o} is still within its warranty.", "Our system shows {o} with your name, so a receipt is not needed.", "The fault you saw on {d} matches two other reports about the {p}.", "The maker accepts claims for the {p} when the serial number can be read.", "Order {o} is covered, and normal use is not in doubt.", "The {p} can be checked in our own workshop, which saves a trip to the maker."],
    G=["Should the same fault come a third time, you may choose your money back.", "Wearing parts would be an exception, but this is none.", ""],
    N=["We decide on your claim within {k} working days after the {p} has reached us.", "The check in the workshop takes {k} working days.", "You receive our decision in {k} working days, in writing.", "Our electronics bench needs {k} working days for a test.", "The maker answers us within {k} working days.", "After {k} working days you either have the {p} back or a new one on the way."],
    M=["Please send form W-2 with the serial number and two photos.", "A free label is attached; write {o} on the box.", "Remove batteries and personal items before you send the {p}."])

KINDS["service"] = dict(
    p=["Kestrel 6 hp", "Kestrel 9.9 hp", "Kestrel 20 hp", "two-cylinder diesel", "four-cylinder diesel", "one-cylinder diesel"],
    k=[5, 8, 10, 14],
    T=["I would like to book the yearly service for my {p} aboard {b}. Any day around {d} would suit me. Please tell me the price and how long you keep the engine.",
       "{b} needs her engine service, it is a {p} with quite a few hours on the clock. Can you fit her in before {d}? I could bring her to Saltby Quay myself.",
       "The meter of my {p} shows that the first service is due. I am afraid of losing the warranty, so a slot by {d} would be important. The boat is called {b}.",
       "Last year you serviced the {p} of {b} and did a fine job. I want the same again, plus a new impeller. My holiday starts on {d}, so it should be done by then.",
       "Do you also come to the berth? The {p} on {b} is hard to take out and I have no trailer. I had {d} in mind, but I can be flexible by a few days.",
       "I bought {b} second-hand and nobody knows when the {p} was last looked after. Please plan a big service, filters, oil, belt and all. The survey is on {d}.",
       "We cancelled our date for the {p} because of flu and would now like a new one for {b}. On {d} we will be in the harbour anyway.",
       "How much notice do you need for a service in high season? It is about a {p} in {b}. We leave for Denmark after {d} and I do not want to leave with old oil."],
    E=["Good of you to think of the engine before it complains.", "We know how precious the weeks on the water are.", "A well-kept engine is half of a quiet voyage, so thank you for asking."],
    F=["There is a free slot for the {p} close to {d}.", "The {p} is on our list of engines with a fixed price.", "{b} is already in our files, including the engine number.", "On {d} itself the workshop is full, but the days before it are open.", "For the {p} we have all filters and the anode on the shelf.", "The service record of {b} has room for the entry, and the warranty stays alive."],
    G=["The impeller should be changed every second year.", "A call-out to the berth is possible at 140 euro.", ""],
    N=["We hold the slot near {d} for you for {k} days.", "Please confirm within {k} days so that we can order the parts.", "The planner calls you within {k} days with a time of day.", "The next free bench is {k} working days away; we have pencilled in {b}.", "The job itself is done in one day, and the engine is ready {k} days after you bring it at the latest.", "You receive a written offer that is open for {k} days."],
    M=["Bring {b} with an almost empty tank and the key on a float.", "On arrival the counter opens a job card and you set the price limit.", "Tell us about any odd noise, so that we can listen for it during the test run."])

KINDS["price"] = dict(
    p=[("anchor chain 8 mm", "7.10 euro a metre"), ("plough anchor 10 kg", "96.00 euro"), ("life jacket Tern 150 N", "119.00 euro"), ("mooring rope 16 mm", "3.95 euro a metre"), ("outboard Kestrel 20 hp", "3,590.00 euro"), ("battery AGM 90 Ah", "212.00 euro"), ("red antifouling 2.5 l", "112.00 euro"), ("distress beacon PLB-2", "279.00 euro")],
    k=[7, 14, 21],
    T=["In your web shop I see one price for the {p} and the label in Kilmarra shows another. Which one is right? I was in the shop on {d} and did not want to argue at the till.",
       "Could you make me an offer for the {p}? Our sailing club is fitting out three boats and we decide on {d}. I assume that there is a discount for clubs.",
       "A shop two villages further sells the {p} for less than you do. I bought mine from you on {d}. Is there such a thing as a price promise?",
       "What does the {p} cost at the moment, with and without tax? I need the figure for my insurance, the form has to be back by {d}.",
       "I noted down the price of the {p} in spring and now it is higher. When did that change? I had planned to buy on {d}, when my bonus arrives.",
       "I volunteer for the lifeboat. Somebody told me that crews pay less for a {p}. Is that right and what do I need to show when I come by on {d}?",
       "Will the {p} be in the next sale? I can wait until {d}, but not longer, because the old one will not pass the inspection again.",
       "We run a small boat yard and buy the {p} regularly. Our terms are from years ago. Could you send me the present trade price before {d}?"],
    E=["Prices ought to be clear, and we are happy to explain.", "A fair question, and nobody likes to pay too much.", "Comparing before buying makes sense, we would do the same."],
    F=["The list price of the {p} is {x} without tax.", "Our current list shows {x} net for the {p}.", "Since 1 March the {p} costs {x} plus tax.", "For the {p} the valid net price is {x}, in all our shops.", "We looked it up: {p}, {x} before tax.", "The {p} stands at {x} net, and no change is planned before September."],
    G=["Where label and till disagree, you pay the lower price.", "Discounts are not added up; the best one for you counts.", ""],
    N=["We hold this price for you for {k} days.", "You receive a written offer, open for {k} days.", "Our answer on your question about {d} is fixed for {k} days, whatever the list does.", "The counter keeps a note with your name for {k} days.", "Please send the other shop's offer within {k} days, then we compare.", "Come by within {k} days and the price above is yours."],
    M=["Please show your club, trade or crew card at the till.", "Ask for Jonas in the web shop if you need larger numbers of the {p}.", "Tax is added according to the country we deliver to."])

KINDS["return"] = dict(
    p=["manual bilge pump", "anchor line 50 m", "oilskin jacket Petrel", "fixed radio Skua 25 W", "splicing kit", "fender F2", "child's life jacket Ternlet", "battery charger 20 A"],
    k=[5, 6],
    T=["I would like to send back the {p} from order {o}. It arrived on {d}, is unused and still has its labels. My plans have changed, there is nothing wrong with it.",
       "The {p} does not suit my boat after all. Delivered on {d}, opened once and put back at once. How do I get a label for {o}, and what does it cost me?",
       "My brother and I both bought a {p} as a present for the same person. One has to go back, namely the one from order {o} that came on {d}.",
       "I ordered two sorts in order {o} to compare them. I keep the other one; the {p} should go back. It reached me on {d}.",
       "How many days do I have for sending something back? The {p} from {o} came on {d} and I was away on a voyage ever since.",
       "We sold the boat before we could fit the {p}. Can I still return it? Order {o}, delivered on {d}. The original box is a little dusty but whole.",
       "I sent the {p} back a while ago, posted on {d}, and have not seen any money. The order is {o}. The parcel shop gave me a slip, which I can copy for you.",
       "Please take the {p} back. In the pictures the colour looked different. It came with {o} on {d}; I have not used it and it smells of the shop still."],
    E=["Plans change, and that is perfectly fine.", "No hard feelings: not everything fits every boat.", "Thank you for handling the article with such care."],
    F=["Order {o} is within our 40 days for returns.", "The {p} may come back as it is unused and labelled.", "Counted from {d}, your return is in time.", "The {p} does not belong to the exceptions such as cut rope or opened cartridges.", "Your return for {o} is entered in our system under the date {d}.", "If {o} was above 60 euro, the return label is free; otherwise it costs 5.90 euro."],
    G=["The full price of the article is refunded.", "A dusty carton is no problem.", ""],
    N=["The refund goes out within {k} working days after the {p} is in our warehouse.", "Once the parcel is scanned, the money is back in {k} working days.", "Please count on {k} working days for the refund of {o}.", "The warehouse checks the {p} and pays within {k} working days.", "You see the amount on your account {k} working days after the check.", "We release the refund in {k} working days, on the way you paid."],
    M=["The return label is attached; any parcel shop takes it.", "Write {o} on a slip and put it into the box.", "Keep the slip of the parcel shop until the money has arrived."])

KINDS["rope"] = dict(
    p=["mooring rope 12 mm", "mooring rope 16 mm", "halyard Dyneema 8 mm", "anchor line with lead core", "spliced jib sheet", "dock line with eye"],
    k=[5, 7, 9],
    T=["The cover of the {p} has started to fray over a length of two metres, although nothing rubs against it. I bought it with order {o} and saw the damage on {d}.",
       "On {d} the {p} parted while the boat lay quietly at the berth. Luckily the neighbour caught her. It is from order {o} and not even one season old.",
       "I found a thin spot in the {p}, as if one strand had been left out. It was there from the start, I only noticed it when coiling on {d}. Order {o}.",
       "The splice of the {p} is slipping. I marked it on {d} with a pen and it has moved by three centimetres since. Your sail loft made it under {o}.",
       "After a single gale on {d} the {p} has gone stiff as a broomstick and two lengths have shrunk. Is that normal? You sold it to me under order {o}.",
       "The colour of the {p} comes off on the deck, the gloves and the dog. Rinsing has not helped. Delivered with {o}, first wet on {d}.",
       "I ordered thirty metres of {p} in one piece and received two pieces with a knot. That is no use to me. Order {o}, arrived on {d}.",
       "Please look at the photos of my {p}: the core can be seen in three places. The chafe guard is still like new. Order {o}, noticed on {d}."],
    E=["A rope has to be trusted blindly, so we take this seriously.", "We are glad that nothing worse has happened.", "Finding a weak spot in a line is an uneasy feeling."],
    F=["The batch of the {p} in order {o} is known, and we keep a sample of it.", "What you describe points to a fault in the cover of the {p}.", "Order {o} falls under the warranty, and cut lengths are no obstacle here.", "The pattern you saw on {d} does not look like normal wear.", "The {p} was cut from the end of a drum, where faults are more likely.", "Our sail loft remembers the job {o} and would like to see the {p}."],
    G=["No other report about this batch has come in so far.", "Please do not load the rope any more.", ""],
    N=["The rope tester gives us a result within {k} days.", "You have a new {p} in {k} days, before the test is over.", "We check the piece and answer in {k} days.", "A new length for {o} is cut today and is with you in {k} days.", "The maker has {k} days to comment, you do not have to wait for that.", "The sail loft makes the {p} anew within {k} days."],
    M=["Please cut off one metre around the damage and send it in an envelope.", "Take the {p} out of service today and use a spare line.", "Send us a photo of the place where the rope ran."])

KINDS["outboard"] = dict(
    p=["Kestrel 6 hp", "Kestrel 9.9 hp", "Kestrel 20 hp", "used Kestrel 6 hp", "long-shaft Kestrel 9.9 hp"],
    k=[3, 5, 7, 10],
    T=["My {p} starts without trouble and dies after five minutes. When it has cooled down it runs again, for another five. It began on {d}. Bought from you, order {o}.",
       "The cooling water of the {p} comes out as a thin trickle only. I stopped at once on {d} because I did not want to ruin it. The order was {o}.",
       "Since {d} the {p} will not go into reverse. Forward is fine. You can imagine what that means in a narrow box berth. Order number {o}.",
       "There is milky oil in the gearbox of the {p}. I changed it on {d} and two trips later it was milky again. The engine came with {o} and has run forty hours.",
       "The pull cord of my {p} snapped on {d}, in the middle of the harbour entrance of all places. We rowed. It is from order {o}, bought new.",
       "The {p} vibrates so much since {d} that the screws of the bracket come loose. I have looked at the propeller and see no damage. Order {o}.",
       "Above half throttle the {p} loses power and coughs. New fuel, new filter, no change. It first did that on {d}. I got it from you under {o}.",
       "The tilt lock of the {p} does not hold any more. In shallow water on {d} it dropped by itself. That is dangerous for fingers. The order is {o}."],
    E=["An engine that lets you down on the water is a worry.", "You did the right thing by stopping in time.", "We are glad you got back to the berth safely."],
    F=["The {p} from {o} is under warranty, and the service entries are complete.", "Your description of {d} points to a small part that we have in stock.", "For the {p} the maker has published a note about this very fault.", "Order {o} is in our files with the engine number, so no papers are needed.", "The fault sounds like a case for the bench and not for a new engine.", "What began on {d} can be reproduced by our mechanic on a similar {p}."],
    G=["Reading the fault memory costs nothing in a warranty case.", "Please do not run the engine until then.", ""],
    N=["The workshop looks at the {p} within {k} working days.", "We have a bench free in {k} working days and have put your name on it.", "Diagnosis and repair take {k} working days.", "A mechanic calls you within {k} days and asks a few questions.", "You will know in {k} working days what it is and whether it costs anything.", "The part arrives in {k} working days and is fitted on the same day."],
    M=["If the repair takes more than ten days, you get an engine on loan below 10 hp.", "Bring the {p} upright, with the fuel line and the key.", "Please note the engine hours and quote {o} at the counter."])

KINDS["recall"] = dict(
    p=["Tern 150 N"],
    k=[3, 5, 7, 14],
    T=["I read about the recall of the {p}. Mine has the serial number {s}, it is printed inside the collar. Is it among the affected ones and may I go sailing with it on {d}?",
       "You wrote to me about the life jacket {p}. I own two of them, one is {s}, the other label cannot be read any more. Our next trip is planned for {d}.",
       "My daughter wears a {p} with the number {s}. We are quite alarmed now. We can come to Kilmarra by {d}, do we need the receipt? It was a present.",
       "I was given the {p} second-hand, so my name will not be in your files. Number {s}. Do I get an exchange nevertheless? I am in your area on {d}.",
       "Our club checked all jackets on {d} and found a {p} with number {s} in the locker. Please tell the treasurer in writing what we have to do with it.",
       "The gas cartridge of my {p} was changed by another shop in winter. Does the recall still hold for {s}? I have to decide before {d} what to take along.",
       "Instead of a new {p} I would rather have my money back. The number is {s}. I bought another make on {d}, since I did not want to wait.",
       "I am abroad with the boat and cannot bring the {p} to you. The number {s} is on your list. Where should I send it? We sail on from here on {d}."],
    E=["Safety comes first, and we are sorry for the scare.", "It is good that you looked at the label at once.", "A life jacket must work, there are no two ways about it."],
    F=["Number {s} belongs to batch 24-K, so your {p} is affected.", "The jacket with the number {s} is on the list of the maker.", "We checked {s}: the firing head of this {p} may fail.", "Your {p}, number {s}, falls under the recall, with or without a receipt.", "The list shows {s}; the exchange is free of charge.", "For {s} the recall applies, even if the cartridge is new."],
    G=["Please do not wear it any more, not even in the harbour.", "The full price can be refunded instead, if you prefer that.", ""],
    N=["A new {p} is with you in {k} days.", "We keep a new jacket at the counter for you for {k} days.", "You can borrow a jacket at once, and the new one follows in {k} days.", "The exchange by post takes {k} days from today.", "After your answer it takes {k} days until the matter is settled.", "We have set a new {p} aside; it travels to you within {k} days."],
    M=["Cut the waist belt of the old jacket before you hand it in.", "For {d} please use another jacket or one on loan.", "Send us a photo of the label that shows {s}."])

KINDS["account"] = dict(
    p=["order history", "wish list", "saved berth address", "invoice archive", "Tide Club points"],
    k=[2, 3, 4],
    T=["I cannot get into my account any more. The mail for a new password never arrives, not even in the junk folder. My customer number is {c}, and I need the {p} by {d}.",
       "Since {d} the shop says that my account {c} does not exist. I have bought from you for ten years. What has happened to my {p}?",
       "I have a new e-mail address and the old one is gone for good. How do I change it for customer number {c}? I have not been able to see my {p} since {d}.",
       "After three tries on {d} my account was locked. That was my own clumsiness. Please open {c} again, I only want to look at the {p}.",
       "On {d} I received a mail about a login from a country I have never visited. The account is {c}. Please check whether anyone has touched my {p}.",
       "There seem to be two accounts for me, {c} and an older one. Half of the {p} is in each. Could they be merged? I noticed it on {d}.",
       "The code for the second step does not arrive on my phone. Tried on {d} at home and in the marina. Customer {c}. Without it the {p} is out of reach.",
       "Please delete my account {c} for me, but send me the {p} before that. I asked on {d} in the shop and was told to write to you."],
    E=["A locked door is tiresome when you only want a quick look.", "Thank you for telling us straight away.", "We understand that you want your data in order."],
    F=["Account {c} exists and is complete.", "The login of {c} was blocked as a precaution after {d}.", "Our mail to {c} was turned away by the mail provider.", "In account {c} we see your {p}, untouched.", "An old address is stored for {c}, which is why nothing arrived.", "There was no foreign access to {c} on or after {d}."],
    G=["Your {p} has not been lost.", "We never ask for your password.", ""],
    N=["A new link is sent to you within {k} days.", "The account is open again in {k} days at most.", "The change takes {k} days, because two people check it.", "In {k} days you can log in as usual.", "We confirm the result within {k} days by e-mail.", "Our web team looks after {c} and is done in {k} days."],
    M=["Please reply from the address we know or show an identity card at the counter.", "Choose a new sentence of at least 14 characters as the password.", "Look into the {p} afterwards and tell us if anything is missing."])

KINDS["gift"] = dict(
    p=["15 euro", "25 euro", "40 euro", "50 euro", "75 euro", "100 euro", "150 euro", "250 euro"],
    k=[2, 3, 4],
    T=["My gift card over {p} is refused at the checkout. It ends in {g}. I scratched the silver strip a bit too hard on {d} and one digit is now hard to read.",
       "For my retirement I got a gift card of {p}, the last digits are {g}. How long is it good for? I would like to use it after {d}, when I am back.",
       "I used only part of my {p} gift card ending in {g} on {d}. Where does the rest show? The receipt does not say a word about it.",
       "The gift card over {p} that I bought on {d} never came by mail. The number on the invoice ends in {g}. The birthday is close.",
       "We lost the gift card, {p}, last digits {g}. I still have the receipt of {d}. Is it gone now or can you block it and make a new one?",
       "Can I pay for an engine service with my gift card of {p}? It ends in {g}. The lady on the phone on {d} was not sure.",
       "I returned an article on {d} that I had paid for with a gift card ending in {g}. Will the {p} go back to the card or to my bank?",
       "The balance of my card {g} should be {p}, but the shop in Flensholm showed zero on {d}. I have not bought anything with it so far."],
    E=["A present ought to bring joy, not questions.", "We are sorry that the card gives you trouble.", "Thank you for the clear details, that helps."],
    F=["The card ending in {g} is valid, with {p} as its first value.", "We see card {g} in the system and no misuse.", "Card {g} was bought properly, and four full years of validity apply.", "The booking of {d} is stored for card {g}.", "For {g} the activation was incomplete, which is our mistake.", "The value of {p} is safe and belongs to card {g}."],
    G=["Gift cards cannot be used for workshop invoices.", "The rest of a card always stays on the card.", ""],
    N=["The card is corrected within {k} days.", "You receive a new code by e-mail in {k} days.", "The web team puts it right in {k} days.", "In {k} days the balance shows correctly at all sites.", "A new card goes into the post and arrives in {k} days.", "We check the journal and answer within {k} days."],
    M=["Please keep the card and the receipt until then.", "Move card {g} to your account under \"My harbour\", so it cannot get lost.", "If you are in a hurry, the till can ring us up to release {g}."])

KINDS["invoice"] = dict(
    p=["club discount", "delivery address", "tax number", "double charge", "missing credit note", "unknown storage fee", "reminder fee"],
    k=[3, 4, 5, 6],
    T=["There is something wrong with invoice {i} of {d}; it is about the {p}. My bookkeeper sends it back to me every time. Please put it right and send me a clean copy.",
       "I have a question about the {p} on invoice {i}. It is dated {d} and I cannot make sense of line three. Could somebody explain it in plain words?",
       "Invoice {i} of {d} was paid on time, and yet I got a letter. The reason seems to be the {p}. I have the bank statement in front of me.",
       "We are a sea school and our accounts close soon. On invoice {i}, {d}, the {p} needs to be corrected, otherwise the auditor will ask us questions.",
       "Please send invoice {i} again as a file. The paper of {d} got wet aboard. While you are at it, have a look at the {p}, which puzzles me.",
       "I compared your quote with invoice {i} of {d}. They differ, and I believe that the {p} is the cause. I do not mind paying what is right.",
       "The name on invoice {i} is that of my late husband. Could you change it to mine? And the {p} of {d} has been open for some time as well.",
       "My bank shows two payments for {i} since {d}. I suppose it has to do with the {p}, as the amounts are nearly the same."],
    E=["An invoice should need no riddle solving.", "Thank you for looking so closely, and sorry for the trouble.", "We know how much time such paper can take."],
    F=["Invoice {i} was made before your change reached us.", "The point about the {p} on {i} is justified.", "On {d} the group mark in your record was missing.", "The payment for {i} has arrived and was booked to another number.", "Finance has compared {i} with the job card and found the slip.", "In {i} a line was taken over from an older document, hence the {p}."],
    G=["No reminder will go out while we look into it.", "Nothing has to be paid for the correction.", ""],
    N=["You receive a corrected copy of {i} within {k} working days.", "Finance answers about the {p} in {k} working days.", "The credit note is made and sent in {k} working days.", "The amount is back on your account after {k} working days.", "We close the matter within {k} working days and confirm it.", "Lotte from accounts calls you in {k} working days at the latest."],
    M=["Please hold back any payment for {i} until then.", "Destroy the old copy so that the two are not mixed up.", "Send us the bank line with date and amount, if you have it."])

KINDS["missing"] = dict(
    p=["set of hand flares", "shackle", "splicing needle", "gas cartridge", "mounting bracket", "remote control", "hose clamp set", "instruction booklet"],
    k=[2, 3, 4],
    T=["The parcel for {o} came on {d} and everything was in it but one thing: the {p}. It is on the delivery note and ticked off, yet not in the box.",
       "I unpacked {o} twice and looked between the paper. There is no {p}. The carton had been opened and taped again when it arrived on {d}.",
       "Five articles ordered, four received. The one that is lacking is the {p}. The order is {o}, brought on {d} by a very friendly driver.",
       "The new radio is great, but the {p} that belongs to it was not in the box. Without it I cannot go on. Order {o} of {d}.",
       "Was my order {o} split into two parcels? On {d} I got one of them. The {p} must be in the other, if there is another.",
       "Your mail says that {o} is complete. My table says it is not. On {d} I laid everything out and the {p} is what I am short of.",
       "There is a hole where the {p} should sit in the foam. I think somebody forgot it, or the box was a display piece. Delivered on {d}, order {o}.",
       "We are leaving for a long voyage and the {p} is missing from {o}. It was delivered to the harbour office on {d}, sealed. So nobody has taken it out."],
    E=["One missing piece can stop the whole job, we know.", "We are sorry that the box was not complete.", "That is annoying, and it is good that you checked."],
    F=["The {p} was ticked off for {o} but left on the packing table.", "Order {o} went out in one parcel only, so nothing else is coming.", "The weight noted for {o} shows that the {p} was not inside.", "The box came from a display, and the {p} stayed in the shop.", "The stock count after {d} shows one {p} too many.", "The {p} in {o} had been packed into the parcel of another customer."],
    G=["The piece is on the shelf and ready to go.", "You do not have to prove anything.", ""],
    N=["The {p} goes out today and takes {k} working days.", "You have the missing piece in {k} working days.", "A small parcel with the {p} reaches you in {k} working days.", "We send it as a letter with tracking, {k} working days.", "Our packer has added the {p} to today's post; allow {k} working days.", "In {k} working days order {o} is complete."],
    M=["Shipping is on us.", "If you leave earlier, collect the {p} at any of our counters with the number {o}.", "Keep the delivery note until the second parcel has come."])

KINDS["storage"] = dict(
    p=["heated hall", "cold hall", "outside place", "mast rack", "travel lift"],
    k=[7, 10, 14],
    T=["I would like to book the {p} for {b}. She is just under nine metres long. We could bring her on {d}. Is there still room and what are your terms?",
       "Last winter {b} was with you and we were happy. Please put us down for the {p} again. The date that suits us best is {d}.",
       "We have a date for {b} on {d}, it concerns the {p}. The forecast speaks of strong wind. What happens if you cannot work on that day, do we pay?",
       "I must cancel the {p} for {b}, as she has been sold. The date would have been {d}. What does that cost me?",
       "Could we move our date from {d} to a week later? The crew of {b} has been called to a funeral. It is about the {p}.",
       "May I work on {b} at weekends while she is with you? I have booked the {p} from {d} on and the varnish needs three coats.",
       "The bill for the {p} shows more square metres than {b} has. How do you measure? I took a tape to her on {d} and came to a lower figure.",
       "I am on the waiting list for the {p} with {b}. Is there any hope? I have to give notice at the old place by {d}."],
    E=["A good place for the winter lets an owner sleep well.", "We are glad that you think of us for {b}.", "Plans around boats are always plans around weather and people."],
    F=["{b} is in our files with length, width and weight.", "For the {p} there is a note with the date {d} in our plan.", "The {p} is well booked, but {b} fits in.", "Area is length times width over all, with half a metre added to each.", "When the weather stops us, you pay nothing for the {p}.", "Customers of last year have the first claim until 31 July."],
    G=["We need a copy of the liability policy by the end of September.", "The halls are open on Saturday mornings as well.", ""],
    N=["The yard office sends you the contract within {k} days.", "We hold the place for {b} for {k} days.", "In {k} days we tell you whether {d} works.", "Please answer within {k} days, then the place is fixed.", "The plan is fixed {k} days before the date, and you get the time of day.", "You receive our written answer about the {p} within {k} days."],
    M=["Please mark the sling points of {b} with tape.", "Take gas bottles and flares off before {d}.", "Bevan from the yard office is there from 8:00 to 12:00 for questions."])

KINDS["size"] = dict(
    p=["oilskin jacket Petrel", "oilskin trousers Petrel", "deck boots Petrel", "sailing gloves", "life jacket Tern 275 N", "fleece with harbour badge"],
    k=[3, 4, 5],
    T=["The {p} from order {o} is too small, I can hardly close it over a jumper. I tried it on once, on {d}. Can I have it one size larger?",
       "According to your chart I should have size M. The {p} that came on {d} would fit my uncle, who is a bear. Order {o}. One size down, please.",
       "I would like to swap the {p}, order {o}. It came on {d}. The length is fine, the shoulders are not. Do you have a cut for slim people?",
       "My son has grown faster than your parcel travelled. The {p} of {o} is too short since {d}, at least it feels like that. Please exchange it.",
       "Two of the same: I ordered the {p} in L and in XL under {o} and kept L. The other should be changed into a medium for my wife. Delivered on {d}.",
       "The {p} is very nice, but the left and the right side seem to have different sizes. Could that be? Received on {d} with order {o}.",
       "I am between two sizes and chose the wrong one. The {p} from {o} pinches. I have worn it indoors only, since {d}. Can we swap before our holiday?",
       "Our crew got seven times {p} in order {o}, and one of them is too large. The lady who should wear it is one metre fifty-five. It came on {d}."],
    E=["Clothing must fit, or it stays in the locker.", "Sizes are a science of their own, we sympathise.", "Better to swap it now than to freeze later."],
    F=["The {p} from {o} can be exchanged free of charge.", "Many people find that the {p} turns out small this year.", "The size you need is on the shelf in Kilmarra.", "Order {o} is entitled to one free exchange.", "The {p} delivered on {d} comes from a batch with a wrong size label.", "We have the {p} in all sizes except one, and yours is there."],
    G=["Trying it on indoors is no problem.", "Our new size chart with drawings may help next time.", ""],
    N=["The new size leaves us today and needs {k} working days.", "You have the right {p} in {k} working days.", "The exchange for {o} is on its way, {k} working days.", "We send it ahead; it arrives in {k} working days.", "Please allow {k} working days for the swap.", "The {p} in your size is put aside and reaches you within {k} working days."],
    M=["Use the label in the parcel for the way back.", "Send the first {p} back with its labels on.", "Tell us your height and chest size if you are in doubt."])

KINDS["change"] = dict(
    p=["mooring rope 16 mm", "blue antifouling", "sprayhood", "plough anchor 10 kg", "battery AGM 90 Ah", "navigation light tricolour", "engine oil 4 l", "toilet pump rebuild kit"],
    k=[2, 3, 4],
    T=["I placed order {o} on {d} and used my old address out of habit. Can you still change it? The {p} would otherwise end up with strangers.",
       "Please cancel order {o}. I ordered the {p} on {d} and an hour later found one in my father's shed, as good as new.",
       "I typed 10 instead of 1. Nobody needs that many of {p}. Order {o}, placed on {d} late at night. Please correct the number.",
       "Could you add one more article to my order {o} of {d}? So far it holds only the {p}, and I would like to save on shipping.",
       "Instead of a delivery I would like to collect {o} in Saltby Quay. I am there anyway after {d}. It is the {p}, not very heavy.",
       "The {p} in order {o} is marked as not in stock since {d}. Before I wait for ever: is there something like it that you could send?",
       "I chose to pay by invoice for {o} but my firm wants to pay by card. The order with the {p} was made on {d}. Can that be turned round?",
       "Please hold back {o} until I write again. We are stuck in a lock, and nobody could take in the {p} that I ordered on {d}."],
    E=["That happens to the best of us.", "Thank you for writing so quickly.", "No problem, things can change after a click."],
    F=["Order {o} has not left the warehouse.", "The {p} was already on the packing table, and we have stopped it.", "Your order of {d} can still be changed.", "In {o} there is only the {p}, so the change is easy.", "The payment for {o} has not been taken yet.", "Order {o} had been locked for packing; the lock is off now."],
    G=["No fee is charged for the change.", "The price of the {p} stays as it was.", ""],
    N=["The change is entered within {k} working days.", "You receive a new confirmation in {k} working days.", "We need {k} working days for it, then everything is as you wish.", "The warehouse confirms within {k} working days.", "Money that has been taken is back after {k} working days.", "Our web team turns {o} round in {k} working days."],
    M=["Please check the new confirmation line by line.", "If we hear nothing more, we go on as described.", "For a further change just reply and quote {o}."])

# Off-style or contradictory replies; the ticket is an ordinary one.
ODD = [
    ("late", 2, 3, ""),
    ("wrong", 5, 6, "ok. will check and come back to you"),
    ("return", 1, 9, "Dear Sir or Madam, we hereby acknowledge receipt of your communication. Pursuant to our terms the matter has been forwarded to the competent department. You will be notified in due course."),
    ("outboard", 3, 12, "That is not our problem. Read the manual first and stop writing to us about it."),
    ("price", 4, 17, "no idea sorry, ask in the shop!!! :)"),
    ("gift", 0, 20, "Ahoy,\n\nyour card is broken. Buy a new one.\n\nFair winds"),
    # the right form, the wrong matter
    ("return", 5, 22, "Ahoy {f},\n\nWe are sorry that the engine gives you trouble.\n\nWhat we found:\n- The fault memory of the diesel shows no entry.\n\nWhat happens next:\n- A mechanic comes aboard in 9 working days.\n- Please leave the key in the harbour office.\n\nFair winds,\nThe Harbour & Finch Crew\nRef: {ref}"),
    # the right form, against the house rule
    ("recall", 0, 25, "Ahoy {f},\n\nThank you for asking about your jacket.\n\nWhat we found:\n- Number {s} is affected by the recall, but the jacket may be worn until the end of the season.\n\nWhat happens next:\n- There is no exchange, and the case is closed in 2 days.\n- Please do not hand the jacket in.\n\nFair winds,\nThe Harbour & Finch Crew\nRef: {ref}"),
]


def slots(text):
    return {f for _, f, _, _ in string.Formatter().parse(text) if f}


def main():
    rng = random.Random(20250601)
    used, rows, serial = set(), [], 0

    def fill(kind, round_no, no):
        """Values for the slots of one ticket."""
        nonlocal serial
        serial += 1
        k = KINDS[kind]
        p = k["p"][(no + 3 * round_no) % len(k["p"])]
        p, x = p if isinstance(p, tuple) else (p, "")
        f = FIRST[(serial * 7 + round_no) % len(FIRST)]
        v = dict(p=p, x=x, f=f, n=f + " " + LAST[(serial * 11 + no) % len(LAST)], d=DATES[(serial * 13 + no) % len(DATES)],
                 b=BOATS[(serial * 5 + round_no) % len(BOATS)], o=f"44{70000 + serial * 37}", i=f"{88000 + serial * 3}",
                 s=f"24{7000 + serial * 15 % 4400:05d}"[:7], c=f"C-{30000 + serial * 41}", g=f"{(serial * 733) % 9000 + 1000}",
                 ref=f"HF-{20000 + serial * 29}")
        v["k"] = k["k"][(no + round_no) % len(k["k"])]
        return v

    def ticket(kind, no, round_no, v):
        parts = [OPEN[(serial + 3 * round_no) % len(OPEN)] if (serial + round_no) % 4 else "", KINDS[kind]["T"][no].format(**v)]
        parts.append(CLOSE[(serial * 5 + no + round_no) % len(CLOSE)])
        text = " ".join(x for x in parts if x)
        if len(text.split()) < 32:
            text += " " + CLOSE[(serial * 5 + no + round_no + 4) % (len(CLOSE) - 1)]
        text += "\n\n" + SIGN[serial % len(SIGN)].format(**v) if serial % 3 else " " + SIGN[(serial // 3) % len(SIGN)].format(**v)
        return text

    def reply(kind, no, round_no, v):
        k, have = KINDS[kind], slots(KINDS[kind]["T"][no]) | {"k", "f", "x"}

        def pick(key, n):
            fit = [t for t in k[key] if slots(t) <= have]
            return fit[n % len(fit)].format(**v)
        n = serial
        g = pick("G", n + round_no)
        found = ["- " + pick("F", no + 2 * round_no + n // 7)] + (["- " + g] if g else [])
        up = [pick("N", no * 5 + round_no + n // 5), pick("M", n // 2 + no)]
        return "\n".join([f"Ahoy {v['f']},", "", pick("E", no + n), "", "What we found:", *found, "", "What happens next:",
                          *["- " + u for u in up], "", "Fair winds,", "The Harbour & Finch Crew", f"Ref: {v['ref']}"])

    for round_no in range(2):
        for kind in KINDS:
            for no in range(len(KINDS[kind]["T"])):
                v = fill(kind, round_no, no)
                rows.append((ticket(kind, no, round_no, v), reply(kind, no, round_no, v)))
    rng.shuffle(rows)
    for kind, no, place, text in ODD:
        v = fill(kind, 5, no)
        rows.insert(place * 10, (ticket(kind, no, 5, v), text.format(**v)))
    with OUT.open("w", encoding="utf-8", newline="\n") as f:
        for q, a in rows:
            if q in used:
                raise SystemExit("a ticket appears twice")
            used.add(q)
            f.write(json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
