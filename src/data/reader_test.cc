// SPDX-License-Identifier: Apache-2.0
// Type detection, plain text and tables, and the reasons why files are not read.
#include "cairn/data/reader.h"

#include <gmock/gmock.h>

#include "readers/test_document.h"

namespace cairn::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DetectMediaType, TheBytesCorrectTheEnding) {
    EXPECT_EQ(detect_media_type("a/b.md", "# Hello"), "text/markdown");
    EXPECT_EQ(detect_media_type("a.MD", "# Hello"), "text/markdown");
    EXPECT_EQ(detect_media_type("a.txt", "%PDF-1.7\n"), "application/pdf");
    EXPECT_EQ(detect_media_type("a.docx", "\x89PNG\r\n"), "image/png");
    EXPECT_EQ(detect_media_type("README", "Read me"), "text/plain");
    EXPECT_EQ(detect_media_type("a.xyz", "abc"), "application/octet-stream");
    EXPECT_EQ(detect_media_type("a.docx", "PK\x03\x04"),
              "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
    EXPECT_EQ(detect_media_type("a.zip", "PK\x03\x04"), "application/zip");
    EXPECT_EQ(detect_media_type("folder.v2/file", "text"), "text/plain");
}

TEST(ReadDocument, FilesThatAreNotTextsAreSkippedWithTheirReason) {
    EXPECT_EQ(error_of("a.png", "\x89PNG\r\n").code, Code::kUnsupported);
    EXPECT_THAT(error_of("a.png", "\x89PNG\r\n").message, HasSubstr("image"));
    EXPECT_THAT(error_of("a.yaml", "a: 1").message, HasSubstr("configuration"));
    EXPECT_THAT(error_of("a.njk", "x").message, HasSubstr("'.njk'"));
    EXPECT_THAT(error_of("a.doc", "\xD0\xCF\x11\xE0").message, HasSubstr("DOCX"));
    EXPECT_EQ(error_of("a.txt", "").message, "the file is empty");
    EXPECT_EQ(error_of("a.txt", " \n\t\n").code, Code::kUnsupported);
}

TEST(ReadDocument, BinaryContentUnderATextNameIsAFailure) {
    Error error = error_of("a.txt", std::string_view("abc\0def", 7));
    EXPECT_EQ(error.code, Code::kInvalid);
    EXPECT_THAT(error.message, HasSubstr("binary"));
}

TEST(ReadDocument, IdsDependOnSourceAndPathAsTwoFields) {
    EXPECT_NE(document_id("a", "b/c"), document_id("a/b", "c"));
    EXPECT_EQ(document_id("a", "b").size(), 18U);
    EXPECT_EQ(document_id("a", "b").substr(0, 2), "d_");
}

TEST(ReadText, HeadingsAreLinesThatStandAlone) {
    text::Document document = read_or_fail("notes.txt",
                                           "PHONE LIST\n==========\nintro\n\n1. Accounts\n   a\n\n"
                                           "2. Contacts\n   b\n\nnormal line\nFOO follows text\n");
    ASSERT_EQ(document.sections.size(), 3U);
    EXPECT_THAT(document.sections[0].heading_path, ElementsAre("PHONE LIST"));
    EXPECT_THAT(document.sections[1].heading_path, ElementsAre("PHONE LIST", "1. Accounts"));
    EXPECT_THAT(document.sections[2].heading_path, ElementsAre("PHONE LIST", "2. Contacts"));
    EXPECT_EQ(document.title, "PHONE LIST");
    expect_covering_sections(document);
}

TEST(ReadText, NumberedListsAreNoHeadings) {
    text::Document document = read_or_fail("a.txt", "Points:\n\n1. 600 kits\n2. Two parts\n");
    EXPECT_EQ(document.sections.size(), 1U);
}

TEST(ReadText, QuantitiesAreNoHeadings) {
    text::Document document = read_or_fail("a.txt", "Fees\n\n58 euro\n\n20 hours or more\n");
    EXPECT_EQ(document.sections.size(), 1U);
    EXPECT_EQ(document.title, "Fees");
}

TEST(ReadText, LineEndsBecomeOne) {
    EXPECT_EQ(read_or_fail("a.txt", "one\r\ntwo\rthree").text, "one\ntwo\nthree\n");
}

TEST(ReadText, OtherEncodingsAreConvertedAndSaid) {
    // "Überweisung für das Büro" and more in Windows-1252, enough for a guess.
    std::string latin =
        "\xDC"
        "berweisung f\xFCr das B\xFCro. Die Geb\xFChr betr\xE4gt zw\xF6lf Euro. Gr\xFC\xDF"
        "e aus K\xF6ln und M\xFCnchen, bis n\xE4"
        "chste Woche. Die Schl\xFCssel h\xE4ngen im Fl\xFCr.\n";
    Result<ReadOutcome> read = read_document({"test", "a.txt", latin});
    ASSERT_TRUE(read);
    EXPECT_THAT(read->document.text, HasSubstr("Überweisung für das Büro"));
    EXPECT_NE(read->document.encoding, "UTF-8");
    EXPECT_THAT(read->note, HasSubstr("guess"));
}

TEST(ReadText, Utf16WithMarkIsRead) {
    std::string_view wide("\xFF\xFEH\0i\0!\0", 8);
    text::Document document = read_or_fail("a.txt", wide);
    EXPECT_EQ(document.text, "Hi!\n");
    EXPECT_EQ(document.encoding, "UTF-16LE");
}

TEST(ReadCsv, RowsCarryTheirHeaders) {
    text::Document document =
        read_or_fail("prices.csv", "article,name,price\nHF-1,\"Rope, white\",2.45\nHF-2,Anchor,\n");
    EXPECT_EQ(document.text,
              "article: HF-1; name: Rope, white; price: 2.45\narticle: HF-2; name: Anchor\n");
    EXPECT_EQ(document.title, "prices.csv");
    EXPECT_EQ(document.media_type, "text/csv");
}

TEST(ReadCsv, NumbersInTheFirstRowAreNoHeader) {
    EXPECT_EQ(read_or_fail("a.csv", "1,2\n3,4\n").text, "1; 2\n3; 4\n");
}

TEST(ReadDocument, TextOverTheLimitIsRefused) {
    std::string wide = "a,b\n";
    wide.reserve(40'000'000);
    while (wide.size() < 34U * 1024 * 1024) {
        wide += "0123456789012345678901234567890123456789,x\n";
    }
    EXPECT_EQ(error_of("big.csv", wide).code, Code::kTooLarge);
}

TEST(ReadDocument, TheSameBytesGiveTheSameDocument) {
    std::string bytes = "# A\n\ntext one\n\n## B\n\ntext two\n";
    EXPECT_EQ(read_or_fail("a.md", bytes).text, read_or_fail("a.md", bytes).text);
    EXPECT_EQ(read_or_fail("a.md", bytes).file_digest, read_or_fail("b.md", bytes).file_digest);
}

}  // namespace
}  // namespace cairn::data
