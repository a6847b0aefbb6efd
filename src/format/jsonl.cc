// SPDX-License-Identifier: Apache-2.0
// One JSON value per line; the place of an error is file:line.
#include "cairn/format/jsonl.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "cairn/base/files.h"
#include "cairn/text/json.h"

namespace cairn::format {

JsonlReader::JsonlReader(LineReader lines, std::string name)
    : lines_(std::move(lines)), name_(std::move(name)) {}

Result<JsonlReader> JsonlReader::open(const std::filesystem::path& path) {
    return JsonlReader(CAIRN_TRY(LineReader::open(path)), path.string());
}

Result<bool> JsonlReader::next(nlohmann::json& value) {
    while (CAIRN_TRY(lines_.next(line_))) {
        if (line_.find_first_not_of(" \t") == std::string::npos) continue;
        auto parsed = text::parse_json(line_);
        if (!parsed) return parsed.error().with_context(fmt::format("{}:{}", name_, line_number()));
        value = *std::move(parsed);
        return true;
    }
    return false;
}

Status write_jsonl(const std::filesystem::path& path, std::span<const nlohmann::json> values) {
    std::string text;
    for (const nlohmann::json& value : values) {
        text += text::dump_json(value);
        text += '\n';
    }
    return write_file_atomic(path, text);
}

}  // namespace cairn::format
