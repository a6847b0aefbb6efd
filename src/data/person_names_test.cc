// SPDX-License-Identifier: Apache-2.0
// Names are taken from what announces them, found again in the whole source, and not made of
// ordinary words.
#include "person_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cairn/data/clean.h"

namespace cairn::data {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> found(const PersonNames& names, std::string_view text) {
    std::vector<std::string> out;
    for (const PersonalDataHit& hit : names.find(text)) {
        out.emplace_back(hit.span.of(text));
    }
    return out;
}

std::vector<std::string> found(std::string_view text) {
    return found(PersonNames(std::span(&text, 1)), text);
}

TEST(PersonNames, AreAnnouncedByTitleSalutationSignatureAndIntroduction) {
    EXPECT_THAT(found("Please ask Mr Achterberg or Frau Dr. Öztürk."),
                ElementsAre("Achterberg", "Öztürk"));
    EXPECT_THAT(found("Liebe Frau Petersen,\nFrau Petersen is here. Frau is a title."),
                ElementsAre("Petersen", "Petersen"));
    EXPECT_THAT(found("Dear Ingrid,\nthe mast is ready."), ElementsAre("Ingrid"));
    EXPECT_THAT(found("It is ready.\n\nKind regards,\nIngrid van der Meer\nYard"),
                ElementsAre("Ingrid van der Meer"));
    EXPECT_THAT(found("Hello, my name is Renée O'Brien and I sail."), ElementsAre("Renée O'Brien"));
    EXPECT_THAT(found("Present: Wen Liu, Jonas Feld,\nPriya Vennor. Notes: one page"),
                ElementsAre("Wen Liu", "Jonas Feld", "Priya Vennor"));
}

TEST(PersonNames, StandBesideAddressesAndNumbers) {
    EXPECT_THAT(found("From: \"Jonas Feld\" <j@x.de>"), ElementsAre("Jonas Feld"));
    EXPECT_THAT(found("Lotte Brandt      Accounts    +44 20 7946 0112"),
                ElementsAre("Lotte Brandt"));
    EXPECT_THAT(found("the workshop\nWorkshop Saltby      +44 20 7946 0112"), IsEmpty())
        << "a place, of which one word is an ordinary one";
}

TEST(PersonNames, AnOrdinaryWordBehindAGreetingIsNoName) {
    EXPECT_THAT(found("Dear Team,\nthe team meets on Monday."), IsEmpty());
    EXPECT_THAT(found("Thanks, Customer\nOur customer is king."), IsEmpty());
}

/// Colleagues were the last to be found: their own addresses spelled their names in small letters.
TEST(PersonNames, AnAddressDoesNotMakeANameAnOrdinaryWord) {
    EXPECT_THAT(found("Jonas Feld, web shop, jonas.feld@x.example. Ask Jonas."),
                ElementsAre("Jonas Feld", "Jonas"));
}

/// One announcement is enough for the whole source, and "Jonas" and "Mr Feld" are one person.
TEST(PersonNames, OnePersonHasOnePseudonymInAllDocuments) {
    std::vector<text::Document> documents(2);
    documents[0].text = "Contact: Jonas Feld\n";
    documents[1].text = "Jonas opens the shop. Mr Feld closes it; ask Jonas Feld's deputy.\n";
    for (std::size_t i = 0; i < documents.size(); ++i) {
        documents[i].id = documents[i].path = "d" + std::to_string(i);
        documents[i].sections.push_back(
            {{}, {0, static_cast<std::int64_t>(documents[i].text.size())}, 0});
    }
    EXPECT_EQ(clean(documents, {}, {}).documents[1].document.text, documents[1].text)
        << "names stay unless they are asked for";
    const CleanResult result = clean(documents, {}, {.names = true});
    EXPECT_EQ(result.documents[0].document.text, "Contact: [PERSON_1]\n");
    EXPECT_EQ(result.documents[1].document.text,
              "[PERSON_1] opens the shop. Mr [PERSON_1] closes it; ask [PERSON_1]'s deputy.\n");
    documents[1].source = "another";
    EXPECT_EQ(clean(documents, {}, {.names = true}).documents[1].document.text,
              "Jonas opens the shop. Mr [PERSON_2] closes it; ask Jonas [PERSON_2]'s deputy.\n")
        << "a source knows only its own names";
}

}  // namespace
}  // namespace cairn::data
