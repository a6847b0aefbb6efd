#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the DOCX and PDF files of the sample company "Harbour & Finch".

The text of those files lives here; the output is deterministic (fixed dates,
fixed order of archive members). DOCX needs the standard library only, PDF
needs the package reportlab.

    python tools/make_harbour_binaries.py            # writes below documents/
"""
import pathlib
import sys
import zipfile
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent / "documents"
FOOT = "Confidential: for staff of Harbour & Finch only. Please do not forward outside the company."

# A document is a list of blocks: ("h1", text), ("h2", text), ("p", text),
# ("li", text), ("table", [row, row, ...]) and, in PDFs, ("page",).
DOCX = {}
PDF = {}

DOCX["workshop/job-card-guide.docx"] = ("How to fill in a job card", [
    ("h1", "How to fill in a job card"),
    ("p", "This guide is for mechanics, riggers and the people at the counter. It was written by Callum Roskilly, Workshop Manager, and is in force from 3 February 2025. A job card is opened for every boat, even for a job of ten minutes."),
    ("h2", "Opening the card"),
    ("p", "The counter opens the card while the customer is still there. The card number consists of the site letter and six digits: K for Kilmarra, S for Saltby Quay, F for Flensholm. The customer signs for a price limit; without a signature the limit is 150 euro."),
    ("li", "Name of the boat, berth or stand, and where the key hangs."),
    ("li", "The customer's own words about the problem. Do not translate them into a diagnosis."),
    ("li", "Engine hours as shown on the meter, and the engine number."),
    ("li", "Things of value on board. Anything above 300 euro is locked into the cage."),
    ("h2", "Working times"),
    ("p", "Times are written down in steps of 15 minutes. The mechanic stamps in and out with the badge at the terminal. Breaks, fetching tools and looking for a key are not charged to the customer. Driving to the boat is charged from the gate."),
    ("p", "If a job stands still because a part is missing, set the card to status Blue. A card that has been blue for more than nine days is called up by the workshop manager, who phones the customer."),
    ("h2", "Parts"),
    ("p", "Every part is scanned from the shelf to the card. Used parts are kept in a bag with the card number for 21 days, so that the customer can look at them. Small material such as screws, cable ties and grease is charged as a flat rate of 4 percent of the labour, but no more than 35 euro for each card."),
    ("h2", "Colours of the status"),
    ("table", [
        ["Colour", "Meaning", "Who acts"],
        ["White", "opened, not yet planned", "planner, within 2 working days"],
        ["Green", "in work", "mechanic"],
        ["Blue", "waiting for a part", "parts store"],
        ["Orange", "waiting for the customer", "counter"],
        ["Black", "finished, not yet paid", "counter"],
    ]),
    ("h2", "Final check"),
    ("p", "A second person checks each job on steering, gas, fuel lines, keel bolts and rigging before the card is closed. The checker must not have worked on the job. A test run of the engine lasts at least 20 minutes under load, or 10 minutes with the hose when the boat is ashore."),
    ("p", "Gas installations are tested with 150 millibar for ten minutes. The result and the number of the gauge are noted on the card."),
    ("h2", "Handing over"),
    ("p", "The customer is called on the day on which the card turns black. From the eighth day after the call, storage of 12 euro a day is charged. The invoice leaves the house within three working days after the card has been closed."),
    ("p", "Cards are scanned and the paper goes into the grey box. " + FOOT),
])

DOCX["hr/training-and-qualifications.docx"] = ("Training and qualifications", [
    ("h1", "Training and qualifications"),
    ("p", "Oona Prideaux, Head of People, and Agnes Morwen, safety officer. In force from 1 March 2025. The overview shows which certificates a role needs, how often they are renewed and who pays."),
    ("h2", "Certificates by role"),
    ("table", [
        ["Role", "Certificate", "Renewal"],
        ["Travel lift operator", "lift licence class C and 40 supervised lifts", "every 3 years"],
        ["Forklift driver", "forklift licence", "yearly briefing"],
        ["Gas fitter", "gas on boats, level 2", "every 5 years"],
        ["Life-jacket tester", "course of the maker, two days", "every 2 years"],
        ["Skipper of the yard launch", "coastal skipper and radio licence", "none, medical every 4 years"],
        ["First-aider", "first aid at work, one day", "every 2 years"],
    ]),
    ("p", "A certificate that has run out takes away the right to do the work on the same day. The rota tool warns the person and the manager 60 days ahead."),
    ("h2", "Training budget"),
    ("p", "Every employee has a training budget of 650 euro and four paid days in a calendar year. Required certificates do not count against it. Budget that has not been used lapses at the end of the year, but two people of the same team may pool theirs."),
    ("p", "Courses that cost more than 1,800 euro come with an agreement to stay: whoever leaves within 18 months pays back a part that falls by one eighteenth each month."),
    ("h2", "Language courses"),
    ("p", "We offer English and German on Wednesdays at 16:15, half of it in working time. A group starts with at least five people."),
    ("h2", "In-house courses"),
    ("li", "Splicing for the counter, with the sail loft in Flensholm: 14 January and 4 November, six hours, eight places."),
    ("li", "Engine basics for people who do not work in the workshop: every second month, three hours."),
    ("li", "Dealing with angry customers: one day, compulsory for counter and phone within the first year."),
    ("li", "Sea survival in the pool in Rosscarra: two dates in February, twelve places each."),
    ("h2", "How to apply"),
    ("p", "Send the course sheet to people@harbourandfinch.example no later than four weeks before the course. You hear from us within eight working days. Travel to courses follows the travel and expenses policy."),
    ("h2", "Exams"),
    ("p", "The company pays the first two attempts at an exam. The day of the exam is working time, and there is one paid study day before it. Passing a master craftsman's exam is rewarded with a bonus of 1,200 euro."),
    ("p", "Harbour & Finch · internal · page 1 of 1. " + FOOT),
])

DOCX["purchasing/supplier-code.docx"] = ("Supplier code and delivery terms", [
    ("h1", "Supplier code and delivery terms"),
    ("p", "Annex to all purchase orders of Harbour & Finch, edition of April 2025. Responsible: Wen Liu, Purchasing Manager. The supplier signs the code once; it then holds for all orders of the following three years."),
    ("h2", "Delivery"),
    ("p", "Goods are delivered to Kilmarra, gate 2, from Monday to Friday between 6:30 and 14:00. Pallets are no higher than 160 centimetres and no heavier than 700 kilograms. A delivery note with order number and batch lies in a pocket on the first pallet."),
    ("p", "Early deliveries of up to three working days are accepted. For late deliveries we may charge 0.5 percent of the order value for each started working day, up to 6 percent."),
    ("h2", "Quality"),
    ("p", "Hidden faults may be reported for 24 months after arrival. The supplier sends an analysis of the cause within fifteen working days. Safety equipment needs a trace from the batch to the test report; the test reports are kept for fifteen years."),
    ("h2", "Changes"),
    ("p", "A change of material, of a plant or of a sub-supplier is announced at least 90 days ahead. For life jackets, gas cartridges and shackles it needs our written consent."),
    ("h2", "Working conditions"),
    ("li", "Nobody under 16 works for the supplier, and nobody under 18 does dangerous work."),
    ("li", "The working week has no more than 60 hours including overtime, with one day off in seven."),
    ("li", "Wages are at least the legal minimum and are paid at least once a month."),
    ("li", "We may visit the plant with five working days' notice."),
    ("h2", "Environment"),
    ("p", "From 2027 on, suppliers with yearly orders above 200,000 euro report the carbon footprint of their five best-selling articles to us. Transport by air needs the consent of the purchasing manager in each case."),
    ("h2", "Invoices"),
    ("p", "Invoices are sent as a PDF file to invoices@harbourandfinch.example, one file for each order. Paper invoices have been refused since 1 January 2025. Invoices that reach us later than twelve months after the delivery are not paid."),
    ("h2", "Contact"),
    ("p", "Purchasing: +44 20 7946 0163, purchasing@harbourandfinch.example. In a dispute the two managers talk first; if they find no answer within 30 days, a mediator in Dublin is asked."),
    ("p", "Harbour & Finch · internal · page 1 of 1. " + FOOT),
])

PDF["workshop/travel-lift-manual.pdf"] = ("Travel lift operating rules", [
    ("h1", "Travel lift operating rules"),
    ("p", "Saltby Quay, edition 5, 10 February 2025. Owner: Bex Tregallas, yard foreman. These rules add to the manual of the maker and to the workshop safety rules. Read them once a year and sign the sheet in the cabin."),
    ("h2", "1. The machine"),
    ("p", "The travel lift has a rated load of 25 tonnes. For daily work the limit is 18 tonnes, because the old quay wall carries no more. The inside width is 6.2 metres. The lift runs on four wheels with a pressure of 8.5 bar, and the pressure is checked every Monday."),
    ("p", "The hydraulic oil is changed every 2,000 hours. The wire ropes are inspected every three months by our own people and once a year by an outside expert, always in January."),
    ("h2", "2. Who may operate it"),
    ("p", "Five people hold the permit to operate the lift. A permit needs a licence of class C, forty supervised lifts and a yearly eye test. Operators work no more than four hours at the controls before they change places with somebody else."),
    ("p", "The signaller wears an orange helmet and is the only person who gives signs. Everyone, without exception, may give the sign for an emergency stop."),
    ("h2", "3. Before the first lift of the day"),
    ("li", "Walk around the machine, look for oil under it."),
    ("li", "Test the horn, the lights, both emergency stops and the brake."),
    ("li", "Read the wind meter on hall 1 and write the value into the log."),
    ("li", "Look at each sling for cuts. A cut longer than 10 millimetres means that the sling is taken out of use."),
    ("page",),
    ("h2", "4. Wind and weather"),
    ("p", "No lift takes place when the wind is stronger than 12 metres per second on average or when gusts reach 16 metres per second. In fog with a visibility of less than 50 metres the lift stays where it is. During a thunderstorm the operator leaves the cabin."),
    ("p", "On ice the ramp is gritted and the speed is halved. Below minus 10 degrees the lift is not used at all."),
    ("h2", "5. The boat"),
    ("p", "The weight on the lifting sheet comes from the papers of the boat. If the papers are missing, the load cell is read after lifting 20 centimetres; when it shows more than 18 tonnes, the boat is put down again at once. Water tanks above 300 litres are emptied before."),
    ("p", "The owner tells us where the slings may lie. Marks are stuck on the rail with blue tape. Without marks or a drawing of the hull we do not lift. The propeller shaft, the log sensor and the sail drive must stay clear of the slings by at least 30 centimetres."),
    ("p", "Backstays and antennas that could touch the top beam are taken off by the owner or, for 45 euro, by us."),
    ("h2", "6. People near the load"),
    ("p", "Nobody stands under a hanging boat. The zone around the lift is marked with yellow posts at a distance of six metres. Children and dogs stay behind the fence. The owner may watch from the balcony of hall 1."),
    ("p", "Nobody stays aboard during a lift, except the line handler while the keel is still in the water."),
    ("page",),
    ("h2", "7. Moving and putting down"),
    ("p", "The lift moves at walking speed, 3 kilometres an hour at most with a load. Corners are taken with the boat no more than 50 centimetres above the ground. The route from the slip to field C is 240 metres long and is swept every morning."),
    ("p", "A keel boat stands on at least six supports, a motor boat on at least four trestles. Wooden blocks under the keel are at least 20 centimetres wide. Supports are chained together in pairs. The foreman looks at each stand before the slings are loosened, and looks again after 24 hours."),
    ("h2", "8. Prices for lifting"),
    ("table", [
        ["Length of the boat", "Lift in or out", "Lift, wash and stand", "Hanging for one hour"],
        ["up to 7 m", "110 euro", "165 euro", "60 euro"],
        ["up to 9 m", "150 euro", "225 euro", "75 euro"],
        ["up to 11 m", "205 euro", "298 euro", "95 euro"],
        ["up to 13 m", "275 euro", "389 euro", "120 euro"],
    ]),
    ("p", "The prices contain no tax. Saturdays cost 20 percent more. A booking that is cancelled later than 48 hours before the date is charged at half the price; when the weather is the reason, nothing is charged."),
    ("h2", "9. Booking"),
    ("p", "Dates for the spring are given out from 1 February on, for the autumn from 20 August on. The yard office takes bookings from 8:00 to 12:00. A boat that arrives more than 30 minutes late loses its slot and is put at the end of the day."),
    ("page",),
    ("h2", "10. When something goes wrong"),
    ("p", "If the hydraulics fail with a boat in the slings, press the emergency stop, close the zone and call the foreman on 7161. The hand pump under the cabin lowers the boat at about 10 centimetres a minute. It needs two people."),
    ("p", "A sling that has carried more than its rated load is cut up on the same day so that nobody can use it again. A new sling costs 640 euro and is kept in the dry store; two spare slings must always be there."),
    ("p", "Damage to a boat is photographed before it is moved. The insurance covers damage up to 2 million euro for each boat; our own share is 5,000 euro. The owner is called within one hour, by the foreman in person."),
    ("h2", "11. Records"),
    ("p", "Each lift is entered in the log with boat, weight, wind, operator and signaller. The log is kept for ten years. The load cell is calibrated every two years, the next time in November 2026."),
    ("h2", "12. Training lifts"),
    ("p", "Training takes place on Tuesdays in winter with the old workboat Cormorant, which weighs 7.8 tonnes. A trainee never lifts a customer's boat before the twentieth training lift, and from then on only with the trainer beside the controls."),
    ("p", "The foreman keeps the list of trainees. The assessment takes half a day and is done by the expert of the insurance company."),
])

PDF["workshop/engine-service-intervals.pdf"] = ("Engine service intervals and fixed prices", [
    ("h1", "Engine service intervals and fixed prices"),
    ("p", "Workshop Saltby Quay and Flensholm, 1 March 2025. Owner: Callum Roskilly. Prices without tax, labour and small material included, parts extra unless stated."),
    ("h2", "Outboards"),
    ("table", [
        ["Engine", "First service", "Then", "Fixed price"],
        ["Kestrel 6 hp", "20 hours or 6 months", "100 hours or 1 year", "129 euro"],
        ["Kestrel 9.9 hp", "20 hours or 6 months", "100 hours or 1 year", "159 euro"],
        ["Kestrel 20 hp", "20 hours or 6 months", "100 hours or 1 year", "215 euro"],
        ["Other makers to 30 hp", "as in their manual", "100 hours or 1 year", "by quote"],
    ]),
    ("p", "The yearly service contains oil, filter, spark plugs, gear oil, a new anode and a test in the tank. The impeller is changed every second year or after 200 hours. The tightening torque for the spark plugs of all Kestrel engines is 17 newton metres."),
    ("p", "Gear oil that looks milky means that water has come in. In that case the seals are changed; the kit costs 46 euro and the work takes 1.5 hours."),
    ("h2", "Winter package"),
    ("p", "The winter package for outboards costs 98 euro and includes flushing, preserving oil, draining the fuel and storing the engine until 31 March. Engines that have not been collected by 30 April cost 9 euro a week."),
    ("page",),
    ("h2", "Inboard diesel engines"),
    ("p", "Oil and oil filter are changed every 150 hours or once a year. The fuel filter is changed every 300 hours. The coolant is renewed every four years. The belt is checked at every service and replaced when it can be pressed in by more than 12 millimetres."),
    ("p", "Heat exchangers are taken out and cleaned every five years or 1,000 hours, whichever comes first. Plan seven working hours for a four-cylinder engine. The rubber seal of a sail drive is replaced after seven years; the fixed price is 1,480 euro with the parts, and the boat must be ashore for three days."),
    ("table", [
        ["Diesel engine", "Yearly service", "Winter package"],
        ["one cylinder", "260 euro", "185 euro"],
        ["two or three cylinders", "340 euro", "235 euro"],
        ["four cylinders", "455 euro", "310 euro"],
    ]),
    ("h2", "Waiting times"),
    ("p", "From March to May a service date takes about four weeks, from June to September ten working days, and in winter five working days. Commercial fishers and the lifeboat are taken in within two working days."),
    ("page",),
    ("h2", "Oil and waste"),
    ("p", "Used oil is collected in the green tank, coolant in the violet one. The green tank holds 1,200 litres and is emptied at 1,000 litres. Oil of customers is accepted up to 20 litres a year free of charge."),
    ("h2", "Diagnosis"),
    ("p", "Reading the fault memory costs 59 euro. The charge is dropped when the repair is ordered. A compression test of a two-cylinder engine takes 45 minutes; a difference of more than 1.5 bar between the cylinders is reported to the customer before further work."),
    ("h2", "Parts to keep on the van"),
    ("li", "Impeller kits GM-21 (six) and GM-34 (four)."),
    ("li", "Oil filters KF-8 (ten) and two cans of oil 10W-30."),
    ("li", "Spark plugs, belts, hose clamps, and a fuel pump for the 9.9 hp engine."),
    ("p", "The van is restocked every Friday by 15:00. The mechanic on call takes the key home."),
])

PDF["sales/winter-storage-terms.pdf"] = ("Winter storage terms 2025/26", [
    ("h1", "Winter storage terms 2025/26"),
    ("p", "For boats ashore in Saltby Quay and Flensholm. Season from 1 October 2025 to 30 April 2026. Handed out to customers with the contract; staff use the same text."),
    ("h2", "Places and prices"),
    ("table", [
        ["Place", "Price per square metre", "Places"],
        ["Heated hall (12 degrees)", "58 euro", "26"],
        ["Cold hall", "41 euro", "74"],
        ["Outside, on hard ground", "19 euro", "190"],
    ]),
    ("p", "The area is length times width over all, plus 0.5 metres on each dimension. Cradles are hired for 90 euro a season. A mast in the rack costs 3.80 euro for each metre and season."),
    ("h2", "Booking and payment"),
    ("p", "Customers of last year have a first claim until 31 July. After that, places go to the waiting list. With the booking 25 percent are due, the rest by 15 November. Who cancels by 31 August pays 50 euro; later cancellations cost half the price."),
    ("h2", "Power"),
    ("p", "A socket may be used while somebody is aboard. Permanent heating or charging is not allowed. Electricity costs 0.38 euro per kWh and is read with a meter that we lend out for a deposit of 40 euro."),
    ("page",),
    ("h2", "Duties of the owner"),
    ("p", "Gas bottles, flares and petrol in loose cans are taken off the boat before it comes into a hall. Batteries are switched off. The bilge must be dry and the drain plug open. Fixed diesel tanks stay at least 90 percent full."),
    ("p", "The boat must be insured for liability with a cover of at least 3 million euro. A copy of the policy is handed in by 30 September."),
    ("h2", "Access"),
    ("p", "The halls are open from 8:00 to 17:00 from Monday to Friday and from 9:00 to 13:00 on Saturday. A key for the weekend can be had for 30 euro deposit. Sleeping aboard is not allowed."),
    ("h2", "Work on the boat"),
    ("p", "Sanding needs the extractor. Spraying paint is done in hall 4 only and booked five working days ahead at 85 euro a day. Other firms may work on your boat if they register, show their insurance and pay 25 euro a day."),
    ("h2", "Back into the water"),
    ("p", "The launch list is made by 1 March. A boat that stays ashore after 15 May pays summer storage of 2.40 euro for each square metre and week. The hall stays empty in June for cleaning."),
])

CT = ('<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
      '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
      '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>'
      '<Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/>'
      '<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>')
RELS = ('<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
        '<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>')
DRELS = ('<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
         '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>')
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
STYLES = (f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<w:styles {W}>'
          '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:rPr><w:sz w:val="22"/></w:rPr></w:style>'
          + "".join(f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/><w:basedOn w:val="Normal"/><w:next w:val="Normal"/>'
                    f'<w:pPr><w:keepNext/><w:outlineLvl w:val="{n-1}"/></w:pPr><w:rPr><w:b/><w:sz w:val="{sz}"/></w:rPr></w:style>' for n, sz in ((1, 36), (2, 28)))
          + '<w:style w:type="paragraph" w:styleId="ListParagraph"><w:name w:val="List Paragraph"/><w:basedOn w:val="Normal"/><w:pPr><w:ind w:left="720"/></w:pPr></w:style>'
            '<w:style w:type="table" w:styleId="TableGrid"><w:name w:val="Table Grid"/></w:style></w:styles>')


def para(text, style=None):
    s = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{s}<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def docx(path, title, blocks):
    body = []
    for b in blocks:
        if b[0] == "table":
            rows = "".join("<w:tr>" + "".join(f'<w:tc><w:tcPr><w:tcW w:w="2800" w:type="dxa"/></w:tcPr>{para(c)}</w:tc>' for c in r) + "</w:tr>" for r in b[1])
            grid = '<w:gridCol w:w="2800"/>' * len(b[1][0])
            body.append(f'<w:tbl><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="0" w:type="auto"/></w:tblPr><w:tblGrid>{grid}</w:tblGrid>{rows}</w:tbl>')
        else:
            body.append(para(b[1], {"h1": "Heading1", "h2": "Heading2", "li": "ListParagraph"}.get(b[0])))
    doc = (f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<w:document {W}><w:body>{"".join(body)}'
           '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/></w:sectPr></w:body></w:document>')
    core = ('<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            f'<dc:title>{escape(title)}</dc:title><dc:creator>Harbour &amp; Finch</dc:creator>'
            '<dcterms:created xsi:type="dcterms:W3CDTF">2025-04-01T08:00:00Z</dcterms:created></cp:coreProperties>')
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in (("[Content_Types].xml", CT), ("_rels/.rels", RELS), ("docProps/core.xml", core),
                           ("word/document.xml", doc), ("word/styles.xml", STYLES), ("word/_rels/document.xml.rels", DRELS)):
            info = zipfile.ZipInfo(name, (2025, 4, 1, 8, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o644 << 16
            z.writestr(info, data.encode("utf-8"))


def pdf(path, title, blocks):
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
    st = getSampleStyleSheet()
    story = []
    for b in blocks:
        if b[0] == "page":
            story.append(PageBreak())
        elif b[0] == "table":
            t = Table(b[1], hAlign="LEFT")
            t.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.4, colors.grey), ("FONTSIZE", (0, 0), (-1, -1), 9)]))
            story += [t, Spacer(1, 8)]
        else:
            text = escape(b[1]) if b[0] != "li" else "- " + escape(b[1])
            story += [Paragraph(text, st[{"h1": "Heading1", "h2": "Heading2"}.get(b[0], "BodyText")]), Spacer(1, 3)]
    pages = 1 + sum(b[0] == "page" for b in blocks)

    def deco(canvas, doc):
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, 800, "Harbour & Finch · " + title)
        canvas.drawString(72, 40, f"Harbour & Finch · internal · page {doc.page} of {pages}")
        canvas.drawString(72, 30, FOOT)

    path.parent.mkdir(parents=True, exist_ok=True)
    d = SimpleDocTemplate(str(path), pagesize=A4, title=title, author="Harbour & Finch", invariant=1)
    d.build(story, onFirstPage=deco, onLaterPages=deco)
    if d.page != pages:
        sys.exit(f"{path.name}: {d.page} pages, {pages} expected")


def corrupt_pdf(path):
    """A PDF that was cut off after its header: noise, no objects, no trailer."""
    state, noise = 20250401, bytearray()
    for _ in range(900):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        noise.append((state >> 16) & 0xFF)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R" + bytes(noise))


def main():
    for name, (title, blocks) in DOCX.items():
        docx(ROOT / name, title, blocks)
    for name, (title, blocks) in PDF.items():
        pdf(ROOT / name, title, blocks)
    corrupt_pdf(ROOT / "archive/scan-insurance-2019.pdf")


if __name__ == "__main__":
    main()
