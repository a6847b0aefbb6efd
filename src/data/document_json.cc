// SPDX-License-Identifier: Apache-2.0
// Compact arrays for sections: [begin, end, page, [headings]].
#include "document_json.h"

#include <nlohmann/json.hpp>

#include "cairn/text/json.h"

namespace cairn::data {
namespace {

using Json = nlohmann::json;

Error malformed() {
    return make_error(Code::kInvalid, "a stored document is malformed", "run ingest again");
}

Status read_sections(const Json& items, text::Document& document) {
    auto size = static_cast<std::int64_t>(document.text.size());
    for (const Json& item : items) {
        if (!item.is_array() || item.size() != 4 || !item[0].is_number_integer() ||
            !item[1].is_number_integer() || !item[2].is_number_integer() || !item[3].is_array()) {
            return malformed();
        }
        text::Section section;
        section.span = {item[0].get<std::int64_t>(), item[1].get<std::int64_t>()};
        section.page = item[2].get<int>();
        if (section.span.begin < 0 || section.span.begin > section.span.end ||
            section.span.end > size) {
            return malformed();
        }
        for (const Json& heading : item[3]) {
            section.heading_path.push_back(heading.is_string() ? heading.get<std::string>() : "");
        }
        document.sections.push_back(std::move(section));
    }
    return {};
}

}  // namespace

std::string document_to_json(const text::Document& document) {
    Json sections = Json::array();
    for (const text::Section& section : document.sections) {
        sections.push_back(
            {section.span.begin, section.span.end, section.page, section.heading_path});
    }
    return text::dump_json({{"text", document.text},
                            {"title", document.title},
                            {"language", document.language},
                            {"encoding", document.encoding},
                            {"media_type", document.media_type},
                            {"sections", std::move(sections)},
                            {"pages", document.page_starts}});
}

Status document_from_json(std::string_view json, text::Document& document) {
    Json value = CAIRN_TRY(text::parse_json(json));
    document.text = CAIRN_TRY(text::get_string(value, "text"));
    document.title = CAIRN_TRY(text::get_string(value, "title"));
    document.language = CAIRN_TRY(text::get_string(value, "language"));
    document.encoding = CAIRN_TRY(text::get_string(value, "encoding"));
    document.media_type = CAIRN_TRY(text::get_string(value, "media_type"));
    document.sections.clear();
    document.page_starts.clear();
    if (!value.contains("sections") || !value.contains("pages")) {
        return malformed();
    }
    CAIRN_TRY(read_sections(value["sections"], document));
    for (const Json& start : value["pages"]) {
        if (!start.is_number_integer()) {
            return malformed();
        }
        document.page_starts.push_back(start.get<std::int64_t>());
    }
    return {};
}

}  // namespace cairn::data
