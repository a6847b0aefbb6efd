// SPDX-License-Identifier: Apache-2.0
// Cleaning: each fault is repaired with its reason, nothing else is touched, all can be taken back.
#include "cairn/data/clean.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/data/ingest.h"
#include "cairn/data/reader.h"
#include "text_edits.h"

namespace cairn::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

text::Document document(std::string path, std::string text) {
    text::Document made;
    made.source = "s";
    made.path = std::move(path);
    made.id = document_id(made.source, made.path);
    made.media_type = "text/plain";
    made.text = std::move(text);
    made.sections.push_back({{}, {0, static_cast<std::int64_t>(made.text.size())}, 0});
    return made;
}

std::vector<std::string> kinds(const CleanResult& result) {
    std::vector<std::string> names;
    for (const Change& change : result.changes) {
        names.emplace_back(change_kind_name(change.kind));
    }
    return names;
}

TEST(OffsetMap, LeadsBackToTheOriginal) {
    std::string original = "call 0123 now, write a@b.de today";
    EditedText edited = apply_edits(original, {{{5, 9}, "[PHONE_1]"}, {{21, 27}, ""}});
    EXPECT_EQ(edited.text, "call [PHONE_1] now, write  today");
    auto back = [&](std::string_view quote) {
        auto at = static_cast<std::int64_t>(edited.text.find(quote));
        text::Span span{at, at + static_cast<std::int64_t>(quote.size())};
        return std::string(edited.map.to_original(span).of(original));
    };
    EXPECT_EQ(back("call"), "call");
    EXPECT_EQ(back("[PHONE_1]"), "0123");
    EXPECT_EQ(back("PHONE"), "0123");
    EXPECT_EQ(back("now, write"), "now, write");
    EXPECT_EQ(back("today"), "today");
    EXPECT_EQ(back("call [PHONE_1] now"), "call 0123 now");
    EXPECT_EQ(edited.map.to_clean(0), 0);
    EXPECT_EQ(edited.map.to_clean(9), 14);
    EXPECT_EQ(edited.map.to_clean(static_cast<std::int64_t>(original.size())),
              static_cast<std::int64_t>(edited.text.size()));
}

TEST(CleanUnicode, RepairsWhatIsBrokenOnly) {
    EXPECT_THAT(unicode_edits("grün 中文 plain \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB"),
                IsEmpty());
    auto edits = unicode_edits("gr\xC3\x83\xC2\xBCn");
    ASSERT_EQ(edits.size(), 1U);
    EXPECT_EQ(edits[0].after, "grün");
    edits = unicode_edits("Bu\xCC\x88ro");
    ASSERT_EQ(edits.size(), 1U);
    EXPECT_EQ(edits[0].after, "B\xC3\xBCro");
    edits = unicode_edits(
        "zero\xE2\x80\x8Bwidth so\xC2\xAD"
        "ft a\x07"
        "b");
    ASSERT_EQ(edits.size(), 3U);
    EXPECT_EQ(edits[0].after, "zerowidth");
    EXPECT_EQ(edits[1].after, "soft");
    EXPECT_EQ(edits[2].after, "ab");
}

TEST(CleanUnicode, HiddenDirectionAndTagCharactersGo) {
    auto edits = unicode_edits(
        "a\xE2\x80\xAE"
        "b \xF3\xA0\x81\x81");
    ASSERT_EQ(edits.size(), 2U);
    EXPECT_EQ(edits[0].after, "ab");
    EXPECT_EQ(edits[1].after, "");
}

TEST(CleanBoilerplate, RepeatedLinesStayOnce) {
    std::vector<text::Document> documents;
    for (int i = 0; i < 6; ++i) {
        std::string n = std::to_string(i);
        documents.push_back(
            document("d" + n + ".txt", "A text of its own about topic " + std::string(1, 'a' + i) +
                                           " stands here.\nHarbour - internal - page " + n +
                                           " of 9\nMore about " + std::string(1, 'a' + i) +
                                           ". Confidential: for staff only, please.\n"));
    }
    CleanResult result = clean(documents, {}, {.duplicates = false});
    EXPECT_THAT(result.documents[0].document.text, HasSubstr("page 0 of 9"));
    EXPECT_THAT(result.documents[3].document.text, Not(HasSubstr("page")));
    EXPECT_THAT(result.documents[3].document.text, Not(HasSubstr("Confidential")));
    EXPECT_THAT(result.documents[3].document.text, HasSubstr("More about d."));
    EXPECT_EQ(result.changes.size(), 10U);
    EXPECT_THAT(result.changes[0].reason, HasSubstr("6 of 6 documents"));
}

TEST(CleanBoilerplate, TheCopyThatStaysIsInADocumentThatStays) {
    std::vector<text::Document> documents;
    for (int i = 0; i < 7; ++i) {
        // The first two are the same document.
        std::string own = "A text of its own about topic " + std::string(1, i < 1 ? 'b' : 'a' + i);
        documents.push_back(document((i == 0 ? "archive/" : "d") + std::to_string(i),
                                     own + " stands here.\nThe same footer in every document\n"));
    }
    CleanResult result = clean(documents, {}, {});
    ASSERT_EQ(result.documents.size(), 6U);
    EXPECT_THAT(result.documents[0].document.text, HasSubstr("The same footer"));
    EXPECT_THAT(result.documents[1].document.text, Not(HasSubstr("The same footer")));
}

TEST(CleanBoilerplate, FourCopiesAreNotEnough) {
    std::vector<text::Document> documents;
    for (int i = 0; i < 4; ++i) {
        documents.push_back(document("d" + std::to_string(i),
                                     std::string(1, 'a' + i) + "\nThe same line in all of them\n"));
    }
    EXPECT_THAT(clean(documents, {}, {.duplicates = false}).changes, IsEmpty());
}

constexpr std::string_view kPolicy =
    "The meal allowance is 32 euro a day on trips of more than eight hours. A hotel may cost 110 "
    "euro a night including breakfast. A private car is paid at 0.30 euro per kilometre. Claims "
    "are handed in within 45 days after the end of the trip and paid every second Thursday. "
    "Your manager approves each claim within five working days of its arrival in the office.";

std::string with_other_numbers() {
    std::string text(kPolicy);
    text.replace(text.find("32 euro"), 2, "38");
    text.replace(text.find("110 euro"), 3, "135");
    return text;
}

TEST(CleanDuplicates, ExactCopiesLeaveTheOneThatIsNoCopy) {
    CleanResult result = clean({document("archive/policy (copy).md", std::string(kPolicy)),
                                document("policy.md", std::string(kPolicy) + "\n")},
                               {}, {});
    ASSERT_EQ(result.documents.size(), 1U);
    EXPECT_EQ(result.documents[0].document.path, "policy.md");
    EXPECT_THAT(kinds(result), ElementsAre("exact_duplicate"));
    EXPECT_EQ(result.changes[0].other, document_id("s", "policy.md"));
    EXPECT_THAT(result.changes[0].reason, HasSubstr("archive"));
}

TEST(CleanDuplicates, TheOlderVersionWithOtherNumbersIsLeftOut) {
    CleanResult result = clean({document("expenses-2023.md", std::string(kPolicy)),
                                document("expenses-2025.md", with_other_numbers())},
                               {}, {});
    ASSERT_EQ(result.documents.size(), 1U);
    EXPECT_EQ(result.documents[0].document.path, "expenses-2025.md");
    EXPECT_THAT(kinds(result), ElementsAre("old_version"));
    EXPECT_THAT(result.changes[0].reason, HasSubstr("newer date"));
    ASSERT_EQ(result.contradictions.size(), 2U);
}

TEST(CleanDuplicates, FootersWithPageNumbersDoNotContradict) {
    std::vector<text::Document> documents;
    for (int i = 0; i < 6; ++i) {
        documents.push_back(
            document("d" + std::to_string(i),
                     "Harbour and Finch internal paper, page " + std::to_string(i) + " of 9\n"));
    }
    EXPECT_THAT(clean(documents, {}, {}).contradictions, IsEmpty());
}

/// Three PDFs of the sample company "contradicted" each other: their page line and the line below
/// it, which 26 documents repeat, made one sentence that only the PDFs had in common.
TEST(CleanDuplicates, APageLineThatRunsIntoAnotherLineDoesNotContradict) {
    std::vector<text::Document> documents;
    for (int i = 0; i < 6; ++i) {
        const std::string n = std::to_string(i);
        const std::string own = "Text " + std::string(1, static_cast<char>('a' + i)) + " alone.\n";
        // Three have the two lines together, three apart; the last number differs everywhere.
        const std::string page = "Harbour and Finch internal page 1 of " + n + "\n";
        const std::string secret = "Confidential: for staff of Harbour and Finch only.\n";
        documents.push_back(document("d" + n, i < 3 ? own + page + secret : page + own + secret));
    }
    EXPECT_THAT(clean(documents, {}, {.duplicates = false}).contradictions, IsEmpty());
    EXPECT_THAT(clean(documents, {}, {.boilerplate = false, .duplicates = false}).contradictions,
                IsEmpty());
    // A rule that stands beside such lines is still compared.
    documents[0].text += "The meal allowance on a business trip is 32 euro.\n";
    documents[1].text += "The meal allowance on a business trip is 38 euro.\n";
    EXPECT_EQ(clean(documents, {}, {.duplicates = false}).contradictions.size(), 1U);
}

TEST(CleanDuplicates, NearCopiesWithTheSameNumbersAreNearDuplicates) {
    CleanResult result =
        clean({document("a.md", std::string(kPolicy)),
               document("bb.md", std::string(kPolicy) + " One more short remark.")},
              {}, {});
    EXPECT_THAT(kinds(result), ElementsAre("near_duplicate"));
}

TEST(CleanDuplicates, DifferentSourcesAndDifferentTextsStay) {
    text::Document other = document("policy.md", std::string(kPolicy));
    other.source = "t";
    other.id = document_id("t", "policy.md");
    CleanResult result =
        clean({document("policy.md", std::string(kPolicy)), other,
               document("c.md", "Boats are lifted by the crane when the wind is below six.")},
              {}, {});
    EXPECT_EQ(result.documents.size(), 3U);
}

TEST(CleanDuplicates, TimeStampsDecideOnlyWhenAnHourApart) {
    std::vector<text::Document> documents = {document("b.md", std::string(kPolicy)),
                                             document("a.md", std::string(kPolicy))};
    std::int64_t minute = std::int64_t{60} * 1'000'000'000;
    EXPECT_EQ(clean(documents, {minute, 0}, {}).documents[0].document.path, "a.md");
    EXPECT_EQ(clean(documents, {90 * minute, 0}, {}).documents[0].document.path, "b.md");
}

TEST(DateEvidence, NamesComeBeforeTexts) {
    EXPECT_EQ(date_evidence(document("p-2023.md", "In force from 1 February 2025.")), 20230000);
    EXPECT_EQ(date_evidence(document("p.md", "In force from 1 February 2025.")), 20250201);
    EXPECT_EQ(date_evidence(document("2025-03-notes.txt", "")), 20250300);
    EXPECT_EQ(date_evidence(document("p.md", "Gültig ab 3. März 2024")), 20240303);
    EXPECT_EQ(date_evidence(document("p.md", "2024年5月6日起施行")), 20240506);
    EXPECT_EQ(date_evidence(document("p.md", "Room 2045, call 1999999")), 20450000);
    EXPECT_EQ(date_evidence(document("p.md", "nothing")), 0);
}

TEST(CleanPersonalData, TheSameValueHasTheSamePseudonymEverywhere) {
    CleanResult result = clean({document("a.txt", "Write to a@b.de or c@d.de.\n"),
                                document("b.txt", "Ask A@B.de, key AKIAIOSFODNN7EXAMPLE.\n")},
                               {}, {});
    EXPECT_EQ(result.documents[0].document.text, "Write to [EMAIL_1] or [EMAIL_2].\n");
    EXPECT_EQ(result.documents[1].document.text, "Ask [EMAIL_1], key [SECRET_1].\n");
    EXPECT_THAT(kinds(result),
                ElementsAre("personal_data", "personal_data", "personal_data", "secret"));
    ASSERT_EQ(result.pseudonyms.size(), 3U);
    EXPECT_EQ(result.pseudonyms[0].value, "a@b.de");
}

TEST(CleanPersonalData, PublicAddressesMayStay) {
    std::string text = "Call +44 20 7946 0100 or +49 30 23125 266, write info@x.de or me@y.de\n";
    CleanResult result =
        clean({document("a.txt", text)}, {}, {.contacts = {.keep = {"@X.de", "+44 20 7946"}}});
    EXPECT_EQ(result.documents[0].document.text,
              "Call +44 20 7946 0100 or [PHONE_1], write info@x.de or [EMAIL_1]\n");
}

/// Masked support addresses made the assistant answer "write to [EMAIL_3]". An address of a role
/// belongs to no person; one that begins like a role does.
TEST(CleanPersonalData, AddressesOfRolesStayUnlessTheyAreMaskedOnDemand) {
    const std::string text =
        "Write to help@x.de, sales-team.uk@x.de, info.mueller@x.de, sal@x.de\n";
    CleanResult result = clean({document("a.txt", text)}, {}, {});
    EXPECT_EQ(result.documents[0].document.text,
              "Write to help@x.de, sales-team.uk@x.de, [EMAIL_1], [EMAIL_2]\n");
    result = clean({document("a.txt", text)}, {}, {.contacts = {.roles = false}});
    EXPECT_EQ(result.pseudonyms.size(), 4U);
}

TEST(Clean, ChangesAreListedWithPlaceAndDigestAndCanBeTakenBack) {
    std::string text = "gr\xC3\x83\xC2\xBCn a@b.de gr\xC3\x83\xC2\xBCn\n";
    CleanResult result = clean({document("a.txt", text)}, {}, {});
    ASSERT_EQ(result.changes.size(), 3U);
    for (const Change& change : result.changes) {
        EXPECT_EQ(change.before_digest, sha256_hex(change.span.of(text)));
        EXPECT_FALSE(change.reason.empty());
    }
    EXPECT_NE(result.changes[0].id, result.changes[2].id);
    CleanResult again = clean({document("a.txt", text)}, {}, {.reverted = {result.changes[1].id}});
    EXPECT_EQ(again.documents[0].document.text, "grün a@b.de grün\n");
    EXPECT_EQ(again.changes.size(), 3U);
}

TEST(Clean, SectionsAndPagesFollow) {
    text::Document made = document("a.txt", "Ask a@b.de now\nSecond part\n");
    made.sections = {{{"A"}, {0, 15}, 1}, {{"B"}, {15, 27}, 2}};
    made.page_starts = {0, 15};
    CleanResult result = clean({made}, {}, {});
    const text::Document& cleaned = result.documents[0].document;
    EXPECT_EQ(cleaned.sections[1].span.of(cleaned.text), "Second part\n");
    EXPECT_EQ(cleaned.page_starts[1], cleaned.sections[1].span.begin);
    EXPECT_EQ(cleaned.sections[0].span.end, cleaned.sections[1].span.begin);
}

TEST(Clean, IsAPureFunctionAndIdempotent) {
    std::vector<text::Document> documents = {document("a.txt", "Write to a@b.de\x07 now.\n"),
                                             document("e-2023.md", std::string(kPolicy)),
                                             document("e-2025.md", with_other_numbers())};
    CleanResult one = clean(documents, {}, {});
    EXPECT_EQ(one.digest, clean(documents, {}, {}).digest);
    std::vector<text::Document> cleaned;
    for (const CleanDocument& clean_document : one.documents) {
        cleaned.push_back(clean_document.document);
    }
    CleanResult two = clean(cleaned, {}, {});
    EXPECT_THAT(two.changes, IsEmpty());
    EXPECT_EQ(two.digest, one.digest);
}

TEST(CleanStore, KeepsTheResultAndRevertsChanges) {
    ScopedFolder folder("clean");
    std::filesystem::create_directories(folder.path() / "docs");
    std::ofstream(folder.path() / "docs/a.txt") << "Write to a@b.de today.\n";
    std::ofstream(folder.path() / "docs/b.txt") << "Nothing to see here.\n";
    auto store = store::Store::open(folder.path());
    ASSERT_TRUE(store);
    EXPECT_EQ(load_clean_documents(*store).error().code, Code::kNotFound);
    ASSERT_TRUE(ingest(*store, {"docs", folder.path() / "docs", {}}, {}, silent_progress()));
    auto summary = clean_sources(*store, {}, {}, silent_progress());
    ASSERT_TRUE(summary) << summary.error().to_string();
    EXPECT_EQ(summary->documents_out, 2);
    auto documents = load_clean_documents(*store);
    ASSERT_TRUE(documents);
    EXPECT_EQ((*documents)[0].text, "Write to [EMAIL_1] today.\n");
    auto one = load_clean_document(*store, (*documents)[0].id);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->text, (*documents)[0].text);
    EXPECT_EQ(load_clean_document(*store, "d_none").error().code, Code::kNotFound);
    auto span = original_span(*store, (*documents)[0].id, {9, 18});
    ASSERT_TRUE(span);
    EXPECT_EQ(*span, (text::Span{9, 15}));
    auto changes = list_changes(*store);
    ASSERT_TRUE(changes);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ((*changes)[0].path, "a.txt");
    ASSERT_TRUE(set_reverted(*store, (*changes)[0].change.id, true));
    EXPECT_EQ(set_reverted(*store, "c_none", true).error().code, Code::kNotFound);
    auto second = clean_sources(*store, {"docs"}, {}, silent_progress());
    ASSERT_TRUE(second);
    EXPECT_NE(second->digest, summary->digest);
    documents = load_clean_documents(*store);
    EXPECT_EQ((*documents)[0].text, "Write to a@b.de today.\n");
    EXPECT_TRUE((*list_changes(*store))[0].reverted);
    ASSERT_TRUE(set_reverted(*store, (*changes)[0].change.id, false));
    EXPECT_EQ(clean_sources(*store, {}, {}, silent_progress())->digest, summary->digest);
}

}  // namespace
}  // namespace cairn::data
