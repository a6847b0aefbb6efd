// SPDX-License-Identifier: Apache-2.0
// DOCX and XLSX, and containers made to hurt: bombs, unsafe names, entities, damage.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include <memory>
#include <utility>
#include <vector>

#include "readers/test_document.h"

namespace cairn::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Parts = std::vector<std::pair<std::string, std::string>>;

std::string zip(const Parts& parts) {
    std::string bytes(64 * 1024 * 1024, '\0');
    std::size_t used = 0;
    std::unique_ptr<archive, int (*)(archive*)> writer(archive_write_new(), archive_write_free);
    archive_write_set_format_zip(writer.get());
    archive_write_open_memory(writer.get(), bytes.data(), bytes.size(), &used);
    for (const auto& [name, content] : parts) {
        archive_entry* entry = archive_entry_new();
        archive_entry_set_pathname(entry, name.c_str());
        archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_write_header(writer.get(), entry);
        archive_write_data(writer.get(), content.data(), content.size());
        archive_entry_free(entry);
    }
    archive_write_close(writer.get());
    bytes.resize(used);
    return bytes;
}

std::string docx(std::string_view body, std::string_view styles = {}) {
    std::string document = "<?xml version=\"1.0\"?><w:document xmlns:w=\"w\"><w:body>" +
                           std::string(body) + "</w:body></w:document>";
    return zip(
        {{"[Content_Types].xml", "<Types/>"},
         {"word/styles.xml", "<w:styles xmlns:w=\"w\">" + std::string(styles) + "</w:styles>"},
         {"word/document.xml", document}});
}

std::string paragraph(std::string_view text, std::string_view properties = {}) {
    return "<w:p><w:pPr>" + std::string(properties) + "</w:pPr><w:r><w:t>" + std::string(text) +
           "</w:t></w:r></w:p>";
}

TEST(ReadDocx, HeadingsByStyleNameInAnyLanguage) {
    std::string styles =
        "<w:style w:styleId=\"berschrift1\"><w:name w:val=\"heading 1\"/></w:style>"
        "<w:style w:styleId=\"Eigene\"><w:name w:val=\"Eigene\"/><w:pPr><w:outlineLvl "
        "w:val=\"1\"/></w:pPr></w:style>";
    text::Document document = read_or_fail(
        "a.docx", docx(paragraph("Safety", "<w:pStyle w:val=\"berschrift1\"/>") +
                           paragraph("Wear boots &amp; gloves.") +
                           paragraph("Cranes", "<w:pStyle w:val=\"Eigene\"/>") +
                           paragraph("Stand clear.", "<w:numPr><w:ilvl w:val=\"1\"/></w:numPr>"),
                       styles));
    EXPECT_EQ(document.text, "Safety\n\nWear boots & gloves.\n\nCranes\n\n  - Stand clear.\n");
    ASSERT_EQ(document.sections.size(), 2U);
    EXPECT_THAT(document.sections[1].heading_path, ElementsAre("Safety", "Cranes"));
    expect_covering_sections(document);
}

TEST(ReadDocx, TablesRunsAndRevisions) {
    std::string cell = "<w:tc>" + paragraph("a") + "</w:tc><w:tc>" + paragraph("b") + "</w:tc>";
    text::Document document = read_or_fail(
        "a.docx",
        docx("<w:tbl><w:tr>" + cell +
             "</w:tr></w:tbl><w:p><w:r><w:t>kept </w:t></w:r><w:del><w:r>"
             "<w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
             "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>"));
    EXPECT_EQ(document.text, "a | b\n\nkept new\n");
}

TEST(ReadDocx, AZipBombIsRefused) {
    std::string bomb(30 * 1024 * 1024, ' ');
    Error error = error_of("bomb.docx", docx(paragraph(bomb)));
    EXPECT_EQ(error.code, Code::kTooLarge);
    EXPECT_THAT(error.message, HasSubstr("zip bomb"));
}

TEST(ReadDocx, BombsInPartsThatNobodyReadsCostNothing) {
    Parts parts = {{"word/media/image1.png", std::string(30 * 1024 * 1024, ' ')},
                   {"word/document.xml", "<w:document xmlns:w=\"w\"><w:body>" + paragraph("ok") +
                                             "</w:body></w:document>"}};
    EXPECT_EQ(read_or_fail("a.docx", zip(parts)).text, "ok\n");
}

TEST(ReadDocx, UnsafeNamesAreRefused) {
    for (std::string name : {"../../etc/passwd", "/etc/passwd", "a\\..\\b", "word/../../x"}) {
        Error error = error_of("a.docx", zip({{name, "x"}}));
        EXPECT_EQ(error.code, Code::kInvalid) << name;
        EXPECT_THAT(error.message, HasSubstr("unsafe")) << name;
    }
}

TEST(ReadDocx, EntitiesAreRefused) {
    std::string laughs =
        "<?xml version=\"1.0\"?><!DOCTYPE d [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>"
        "<w:document xmlns:w=\"w\"><w:body><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:body>"
        "</w:document>";
    Error error = error_of("a.docx", zip({{"word/document.xml", laughs}}));
    EXPECT_EQ(error.code, Code::kInvalid);
    EXPECT_THAT(error.message, HasSubstr("document type"));
}

TEST(ReadDocx, DeepNestingIsRefused) {
    std::string body;
    for (int i = 0; i < 100'000; ++i) {
        body += "<w:sdt><w:sdtContent>";
    }
    for (int i = 0; i < 100'000; ++i) {
        body += "</w:sdtContent></w:sdt>";
    }
    EXPECT_EQ(error_of("a.docx", docx(body)).code, Code::kTooLarge);
}

TEST(ReadDocx, TruncationAtEveryPlaceIsAnErrorNotACrash) {
    std::string whole = docx(paragraph("Some text that is long enough to be cut somewhere."));
    for (std::size_t size = 0; size < whole.size(); size += 7) {
        Result<ReadOutcome> read = read_document({"test", "a.docx", whole.substr(0, size)});
        if (read) {
            // The central directory is at the end; a cut there may leave the text readable.
            EXPECT_THAT(read->document.text, HasSubstr("Some text"));
        }
    }
    EXPECT_THAT(error_of("a.docx", "PK\x03\x04 nothing").code, Code::kInvalid);
    EXPECT_THAT(error_of("a.docx", zip({{"x", "y"}})).message, HasSubstr("word/document.xml"));
}

TEST(ReadXlsx, SheetsRowsDatesAndSharedStrings) {
    Parts parts = {
        {"xl/workbook.xml",
         "<workbook xmlns:r=\"r\"><sheets><sheet name=\"Berths\" r:id=\"rId1\"/>"
         "<sheet name=\"Secret\" state=\"hidden\" r:id=\"rId1\"/></sheets></workbook>"},
        {"xl/_rels/workbook.xml.rels",
         "<Relationships><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\"/>"
         "</Relationships>"},
        {"xl/sharedStrings.xml",
         "<sst><si><t>Berth</t></si><si><r><t>Paid </t></r><r><t>on</t>"
         "</r></si></sst>"},
        {"xl/styles.xml",
         "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"},
        {"xl/worksheets/sheet1.xml",
         "<worksheet><sheetData><row><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"C1\" t=\"s\"><v>1</v>"
         "</c></row><row><c r=\"A2\" t=\"inlineStr\"><is><t>A 12</t></is></c><c r=\"C2\" s=\"1\">"
         "<v>45823</v></c></row></sheetData></worksheet>"}};
    text::Document document = read_or_fail("a.xlsx", zip(parts));
    EXPECT_EQ(document.text, "Berths\nBerth: A 12; Paid on: 2025-06-15\n");
    EXPECT_THAT(document.text, Not(HasSubstr("Secret")));
}

TEST(ReadXlsx, HostileReferencesAreBounded) {
    Parts parts = {
        {"xl/workbook.xml",
         "<workbook xmlns:r=\"r\"><sheets><sheet name=\"S\" r:id=\"1\"/>"
         "</sheets></workbook>"},
        {"xl/_rels/workbook.xml.rels",
         "<Relationships><Relationship Id=\"1\" Target=\"worksheets/s.xml\"/></Relationships>"},
        {"xl/worksheets/s.xml",
         "<worksheet><sheetData><row><c r=\"ZZZZZZZZZZ1\"><v>1</v></c><c r=\"A1\" t=\"s\">"
         "<v>99999999999999999999</v></c><c r=\"B1\"><v>7</v></c></row></sheetData></worksheet>"}};
    EXPECT_EQ(read_or_fail("a.xlsx", zip(parts)).text, "S\n7\n");
}

}  // namespace
}  // namespace cairn::data
