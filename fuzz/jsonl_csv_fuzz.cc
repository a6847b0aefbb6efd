// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON, as lines of a file and as CSV. What is read must come back from its own
// output.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "cairn/format/csv.h"
#include "cairn/format/lines.h"
#include "cairn/text/json.h"

namespace {

void check_json(std::string_view text) {
    (void)cairn::text::parse_json(text, {.refuse_duplicate_keys = true});
    const auto value = cairn::text::parse_json(text);
    if (!value) return;
    const std::string dumped = cairn::text::dump_json(*value);
    CAIRN_ASSERT(cairn::text::dump_json(*cairn::text::parse_json(dumped)) == dumped);
}

void check_csv(std::string_view text) {
    const auto table = cairn::format::read_csv(text);
    if (!table) return;
    for (const auto& row : table->rows) {
        CAIRN_ASSERT(row.begin <= row.end && row.end <= text.size());
        const auto again = cairn::format::read_csv(
            cairn::format::csv_line(row.cells, table->delimiter), table->delimiter);
        CAIRN_ASSERT(again && again->rows.size() == 1 &&
                     again->rows[0].cells.size() == row.cells.size());
    }
}

void check_lines(std::string_view text) {
    const int file = ::memfd_create("lines", MFD_CLOEXEC);
    CAIRN_ASSERT(file >= 0);
    CAIRN_ASSERT(::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    auto reader = cairn::format::LineReader::open("/proc/self/fd/" + std::to_string(file), 4096);
    std::string line;
    for (;;) {
        const auto more = reader->next(line);
        if (!more || !*more) break;
        CAIRN_ASSERT(line.find('\n') == std::string::npos);
    }
    ::close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_json(text);
    check_csv(text);
    check_lines(text);
    return 0;
}
