// SPDX-License-Identifier: Apache-2.0
// For tests: XQuAD (evaluation data, never part of the product) as documents and questions, and the
// share of questions whose paragraph of 240 comes first or among the first five.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cairn/base/process.h"
#include "cairn/text/document.h"

namespace cairn::knowledge::testing {

struct XQuad {
    std::vector<text::Document> documents;
    std::vector<std::pair<std::string, std::string>> questions;  ///< text, id of its paragraph
};

struct Recall {
    double at_1 = 0;
    double at_5 = 0;
};

inline std::filesystem::path xquad_file(const std::string& language) {
    const char* named = std::getenv("CAIRN_SHARED");
    const auto folder = named != nullptr
                            ? std::filesystem::path(named)
                            : std::filesystem::path(CAIRN_SOURCE_DIR) / ".." / "shared";
    return folder / "testdata/xquad" / ("xquad." + language + ".json.zst");
}

/// nullopt when the data is not here.
inline std::optional<XQuad> load_xquad(const std::string& language) {
    const auto file = xquad_file(language);
    if (!std::filesystem::exists(file)) return std::nullopt;
    const auto unpacked = run_child({"zstd", "-dcq", file.string()});
    if (!unpacked) return std::nullopt;
    XQuad out;
    const auto data = nlohmann::json::parse(unpacked->out);
    for (const auto& article : data["data"]) {
        for (const auto& paragraph : article["paragraphs"]) {
            text::Document document;
            document.id = "p" + std::to_string(out.documents.size());
            document.path = document.id;
            document.text = paragraph["context"].get<std::string>();
            document.sections.push_back(
                {{}, {0, static_cast<std::int64_t>(document.text.size())}, 0});
            for (const auto& question : paragraph["qas"]) {
                out.questions.emplace_back(question["question"].get<std::string>(), document.id);
            }
            out.documents.push_back(std::move(document));
        }
    }
    return out;
}

/// `search` gives ids of paragraphs, best first.
inline Recall measure_recall(
    const XQuad& data, const std::function<std::vector<std::string>(const std::string&)>& search) {
    double first = 0;
    double among_five = 0;
    for (const auto& [question, id] : data.questions) {
        const std::vector<std::string> order = search(question);
        const auto end = order.begin() + std::min<std::ptrdiff_t>(5, std::ssize(order));
        first += !order.empty() && order.front() == id ? 1 : 0;
        among_five += std::find(order.begin(), end, id) != end ? 1 : 0;
    }
    const auto n = static_cast<double>(data.questions.size());
    return {first / n, among_five / n};
}

}  // namespace cairn::knowledge::testing
