// SPDX-License-Identifier: Apache-2.0
// HTML: the main content, and pages made to hurt a parser.
#include <gmock/gmock.h>

#include "readers/readers.h"
#include "readers/test_document.h"

namespace cairn::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(ReadHtml, MainContentOnly) {
    text::Document document = read_or_fail(
        "a.html",
        "<html><head><title>Shop &amp; yard</title><style>p{}</style></head><body>"
        "<nav><a href=/>Home</a></nav><main><h1>Opening</h1><p>From <b>8</b>\n to 17.</p>"
        "<h2>Winter</h2><ul><li>Monday</li><li>Tuesday</li></ul><script>alert(1)</script></main>"
        "<footer>Imprint</footer></body></html>");
    EXPECT_EQ(document.title, "Shop & yard");
    EXPECT_EQ(document.text, "Opening\n\nFrom 8 to 17.\n\nWinter\n\n- Monday\n- Tuesday\n");
    ASSERT_EQ(document.sections.size(), 2U);
    EXPECT_THAT(document.sections[1].heading_path, ElementsAre("Opening", "Winter"));
    expect_covering_sections(document);
}

TEST(ReadHtml, TablesAreRows) {
    EXPECT_EQ(read_or_fail("a.html",
                           "<table><tr><th>Berth</th><th>Fee</th></tr>"
                           "<tr><td>A <i>1</i></td><td>12 euro</td></tr></table>")
                  .text,
              "Berth | Fee\nA 1 | 12 euro\n");
}

TEST(ReadHtml, LayoutTablesAreRead) {
    EXPECT_THAT(read_or_fail("a.html",
                             "<table><tr><td><table><tr><td>in</td><td>side</td></tr></table></td>"
                             "</tr></table>")
                    .text,
                HasSubstr("in | side"));
}

TEST(ReadHtml, HiddenPartsStayHidden) {
    EXPECT_THAT(read_or_fail("a.html", "<p>seen</p><p hidden>unseen</p>").text,
                Not(HasSubstr("unseen")));
}

TEST(ReadHtml, DeepNestingIsRefusedNotCrashed) {
    for (std::string_view tag : {"<div>", "<b>", "<svg><td>", "<table><tr><td>"}) {
        std::string bytes;
        while (bytes.size() < 1'000'000) {
            bytes += tag;
        }
        EXPECT_EQ(error_of("a.html", bytes).code, Code::kTooLarge) << tag;
        EXPECT_EQ(html_to_text(bytes), "");
    }
}

TEST(ReadHtml, ElementsThatMultiplyAreRefused) {
    // Each open formatting element is made again in every paragraph: 100 x 100,000 elements.
    std::string bytes;
    for (int i = 0; i < 100; ++i) {
        bytes += "<b id=" + std::to_string(i) + ">";
    }
    for (int i = 0; i < 100'000; ++i) {
        bytes += "<p>x";
    }
    EXPECT_EQ(error_of("a.html", bytes).code, Code::kTooLarge);
}

TEST(ReadHtml, LongFlatPagesAreFine) {
    std::string bytes = "<ul>";
    for (int i = 0; i < 20'000; ++i) {
        bytes += "<li>item<br>";
    }
    EXPECT_THAT(read_or_fail("a.html", bytes).text, HasSubstr("- item"));
}

TEST(ReadHtml, BrokenMarkupIsReadAsFarAsItGoes) {
    EXPECT_THAT(read_or_fail("a.html", "<p>one<p>two</div></b><!-- open").text, HasSubstr("two"));
}

}  // namespace
}  // namespace cairn::data
