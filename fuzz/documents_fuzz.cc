// SPDX-License-Identifier: Apache-2.0
// Readers of strangers' files: whatever the bytes, a reader comes back with a document whose
// sections cover its valid UTF-8 text, or with an error. The first byte chooses the reader: h html,
// m md, t txt, c csv, e eml, d docx, x xlsx; w and s wrap the text into a container as the body of
// a docx or the sheet of an xlsx. PDF goes through a child process and is not read here.
#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <string>
#include <string_view>

#include "cairn/data/personal_data.h"
#include "cairn/data/reader.h"
#include "cairn/text/utf8.h"

namespace {

using Parts = std::vector<std::pair<const char*, std::string_view>>;

/// Not packed, so that little time goes into it.
std::string zip(const Parts& parts) {
    std::string bytes(1 << 16, '\0');
    for (const auto& [name, content] : parts)
        bytes.append(content.size(), '\0');
    std::size_t used = 0;
    std::unique_ptr<archive, int (*)(archive*)> writer(archive_write_new(), archive_write_free);
    archive_write_set_format_zip(writer.get());
    archive_write_zip_set_compression_store(writer.get());
    archive_write_open_memory(writer.get(), bytes.data(), bytes.size(), &used);
    for (const auto& [name, content] : parts) {
        archive_entry* entry = archive_entry_new();
        archive_entry_set_pathname(entry, name);
        archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_write_header(writer.get(), entry);
        archive_write_data(writer.get(), content.data(), content.size());
        archive_entry_free(entry);
    }
    archive_write_close(writer.get());
    bytes.resize(used);
    return bytes;
}

std::string docx_around(std::string_view body) {
    return zip({{"word/styles.xml",
                 R"(<w:styles><w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>)"
                 "</w:styles>"},
                {"word/document.xml", body}});
}

std::string xlsx_around(std::string_view sheet) {
    return zip({{"xl/workbook.xml", R"(<workbook><sheets><sheet name="S" r:id="rId1"/></sheets>)"
                                    "</workbook>"},
                {"xl/_rels/workbook.xml.rels",
                 R"(<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/>)"
                 "</Relationships>"},
                {"xl/sharedStrings.xml", "<sst><si><t>shared</t></si><si><t>other</t></si></sst>"},
                {"xl/worksheets/sheet1.xml", sheet}});
}

void check(const cairn::text::Document& document) {
    CAIRN_ASSERT(cairn::text::is_valid_utf8(document.text));
    CAIRN_ASSERT(cairn::text::is_valid_utf8(document.title));
    std::int64_t at = 0;
    for (const auto& section : document.sections) {
        CAIRN_ASSERT(section.span.begin == at && section.span.end > at);
        at = section.span.end;
    }
    CAIRN_ASSERT(at == static_cast<std::int64_t>(document.text.size()));
    std::int64_t last = 0;
    for (const auto& hit : cairn::data::find_personal_data(document.text)) {
        CAIRN_ASSERT(hit.span.begin >= last && hit.span.end > hit.span.begin);
        last = hit.span.end;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::string_view kKinds = "hmtcedxws";
    constexpr std::string_view kPaths[] = {"a.html", "a.md",   "a.txt",  "a.csv", "a.eml",
                                           "a.docx", "a.xlsx", "a.docx", "a.xlsx"};
    if (size == 0) return 0;
    const std::size_t found = kKinds.find(static_cast<char>(data[0]));
    const std::size_t kind = found == std::string_view::npos ? data[0] % kKinds.size() : found;
    std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    std::string container;
    if (kKinds[kind] == 'w') bytes = container = docx_around(bytes);
    if (kKinds[kind] == 's') bytes = container = xlsx_around(bytes);
    const std::string path(kPaths[kind]);
    if (cairn::data::detect_media_type(path, bytes) == "application/pdf") return 0;
    if (const auto read = cairn::data::read_document({"fuzz", path, bytes})) check(read->document);
    return 0;
}
