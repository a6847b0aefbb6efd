// SPDX-License-Identifier: Apache-2.0
// PDF through the child process: pages, damage, files without a text layer.
#include <gmock/gmock.h>

#include "readers/test_document.h"

namespace cairn::data {
namespace {

using testing::HasSubstr;

/// A PDF with one page per text; poppler builds the missing xref table itself.
std::string make_pdf(const std::vector<std::string>& pages) {
    std::string kids;
    std::string objects;
    int next = 4;
    for (const std::string& text : pages) {
        std::string stream = text.empty() ? "0 0 m 10 10 l S" : "BT /F 12 Tf 72 700 Td 14 TL ";
        for (std::size_t at = 0; !text.empty() && at <= text.size();) {
            std::size_t end = std::min(text.find('\n', at), text.size());
            stream += "(" + text.substr(at, end - at) + ") Tj T* ";
            at = end + 1;
        }
        stream += text.empty() ? "" : "ET";
        kids += std::to_string(next) + " 0 R ";
        objects += std::to_string(next) + " 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]" +
                   "/Resources<</Font<</F 3 0 R>>>>/Contents " + std::to_string(next + 1) +
                   " 0 R>>endobj\n" + std::to_string(next + 1) + " 0 obj<</Length " +
                   std::to_string(stream.size()) + ">>stream\n" + stream + "\nendstream endobj\n";
        next += 2;
    }
    return "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count " +
           std::to_string(pages.size()) + "/Kids[" + kids + "]>>endobj\n" +
           "3 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n" + objects +
           "trailer<</Root 1 0 R>>\n%%EOF\n";
}

TEST(ReadPdf, PagesAreKept) {
    text::Document document =
        read_or_fail("a.pdf", make_pdf({"First page about ropes.", "Second page about sails."}));
    ASSERT_EQ(document.page_starts.size(), 2U);
    EXPECT_EQ(page_of(document, static_cast<std::int64_t>(document.text.find("ropes"))), 1);
    EXPECT_EQ(page_of(document, static_cast<std::int64_t>(document.text.find("sails"))), 2);
    ASSERT_EQ(document.sections.size(), 2U);
    EXPECT_EQ(document.sections[1].page, 2);
    EXPECT_EQ(document.media_type, "application/pdf");
    EXPECT_EQ(document.title, "First page about ropes.");
    expect_covering_sections(document);
}

TEST(ReadPdf, LinesBrokenInsideASentenceAreJoined) {
    text::Document document = read_or_fail(
        "a.pdf",
        make_pdf({"The travel lift carries boats of up to forty tons when the wind is\n"
                  "below six, and the yard foreman has signed the list in ink.\nShort\nlines"}));
    EXPECT_THAT(document.text, HasSubstr("when the wind is below six"));
    EXPECT_THAT(document.text, HasSubstr("Short\nlines"));
}

TEST(ReadPdf, NoTextLayerIsSkippedWithTheReason) {
    Error error = error_of("scan.pdf", make_pdf({""}));
    EXPECT_EQ(error.code, Code::kUnsupported);
    EXPECT_THAT(error.message, HasSubstr("no text layer"));
}

TEST(ReadPdf, DamagedFilesFail) {
    std::string whole = make_pdf({"text"});
    Error error = error_of("a.pdf", whole.substr(0, 40));
    EXPECT_EQ(error.code, Code::kInvalid);
    EXPECT_THAT(error.message, HasSubstr("damaged"));
    EXPECT_EQ(error_of("a.pdf", "%PDF-1.7\n\x01\x02garbage").code, Code::kInvalid);
    EXPECT_FALSE(read_document({"test", "a.pdf", "no pdf at all"}));
}

}  // namespace
}  // namespace cairn::data
