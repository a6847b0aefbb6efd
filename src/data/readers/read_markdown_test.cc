// SPDX-License-Identifier: Apache-2.0
// Markdown: what a reader sees, without the markup.
#include <gmock/gmock.h>

#include "readers/test_document.h"

namespace cairn::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ReadMarkdown, HeadingsNestAndParagraphsAreOneLine) {
    text::Document document = read_or_fail(
        "a.md", "# Leave\n\nAll staff\nhave leave.\n\n## Parental\n\nSix weeks.\n\n# Other\n\nx\n");
    EXPECT_EQ(document.text,
              "Leave\n\nAll staff have leave.\n\nParental\n\nSix weeks.\n\nOther\n\nx\n");
    ASSERT_EQ(document.sections.size(), 3U);
    EXPECT_THAT(document.sections[1].heading_path, ElementsAre("Leave", "Parental"));
    EXPECT_THAT(document.sections[2].heading_path, ElementsAre("Other"));
    EXPECT_EQ(document.title, "Leave");
    expect_covering_sections(document);
}

TEST(ReadMarkdown, MarkupAndLinkTargetsGo) {
    EXPECT_EQ(
        read_or_fail("a.md", "See **the [rules](https://x.example/y)** and `code` &amp; _so_.")
            .text,
        "See the rules and code & so.\n");
}

TEST(ReadMarkdown, ListsAndTablesKeepTheirShape) {
    text::Document document = read_or_fail(
        "a.md",
        "Intro:\n\n- one\n  - two\n- three\n\n3. c\n4. d\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
    EXPECT_EQ(document.text, "Intro:\n\n- one\n  - two\n- three\n\n3. c\n4. d\n\na | b\n1 | 2\n");
}

TEST(ReadMarkdown, FrontMatterGivesTheTitleAndTemplateTagsGo) {
    text::Document document = read_or_fail(
        "a.md",
        "---\ntitle: \"How we work\"\ntags:\n - x\n---\n\nSee [that]({% page \"/x/\" %}).\n");
    EXPECT_EQ(document.title, "How we work");
    EXPECT_EQ(document.text, "See that.\n");
}

TEST(ReadMarkdown, WithoutFrontMatterBracesStay) {
    EXPECT_EQ(read_or_fail("a.md", "Write {{ name }} here.\n").text, "Write {{ name }} here.\n");
}

TEST(ReadMarkdown, HtmlBlocksAreReadAsText) {
    text::Document document =
        read_or_fail("a.md", "<div class=\"note\"><b>Take care</b> of it</div>\n\nLine<br>two.\n");
    EXPECT_EQ(document.text, "Take care of it\n\nLine\ntwo.\n");
}

TEST(ReadMarkdown, CodeKeepsItsLines) {
    EXPECT_EQ(read_or_fail("a.md", "```sh\nls  -l\ncd x\n```\n").text, "ls  -l\ncd x\n");
}

TEST(ReadMarkdown, HostileNestingEndsQuickly) {
    for (std::string_view piece : {"[", "*a ", "> ", "<b>", "![", "- ", "`", "|"}) {
        std::string bytes;
        while (bytes.size() < 50'000) {
            bytes += piece;
        }
        // Whatever the outcome: it comes back.
        (void)read_document({"test", "a.md", bytes});
    }
}

TEST(ReadMarkdown, EmptyHeadingsAndOpenFrontMatterDoNoHarm) {
    EXPECT_THAT(read_or_fail("a.md", "#\n\n---\n\ntext\n").text, HasSubstr("text"));
    EXPECT_THAT(read_or_fail("a.md", "---\ntitle: never closed\n\ntext\n").text, HasSubstr("text"));
}

}  // namespace
}  // namespace cairn::data
