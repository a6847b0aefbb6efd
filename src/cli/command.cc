// SPDX-License-Identifier: Apache-2.0
// What all commands share: progress, results as text or JSON, tables.
#include "command.h"

#include <algorithm>
#include <cstdio>

namespace cairn::cli {

ProgressSink Globals::progress() const {
    return quiet || json ? silent_progress() : terminal_progress();
}

void print_result(const Globals& globals, const nlohmann::json& json, const std::string& text) {
    if (globals.json) {
        std::puts(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    } else if (!text.empty()) {
        std::fputs(text.c_str(), stdout);
        if (text.back() != '\n') std::fputc('\n', stdout);
    }
    std::fflush(stdout);
}

void say(const Globals& globals, const std::string& line) {
    if (!globals.json) print_result(globals, {}, line);
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    const auto width = [](const std::string& cell) {
        return static_cast<std::size_t>(
            std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    };
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i]));
        }
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            if (i + 1 < row.size()) text.append(widths[i] - width(row[i]) + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

}  // namespace cairn::cli
