// SPDX-License-Identifier: Apache-2.0
// Schemas of strangers, and texts read by them: nothing crashes, and what the machine calls
// complete is JSON. Input: a schema, a zero byte, a text.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cairn/text/json.h"
#include "json_grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = input.find('\0');
    const auto grammar = cairn::engine::compile_json_schema(input.substr(0, cut));
    if (!grammar || cut == std::string_view::npos) return 0;
    const std::string_view text = input.substr(cut + 1);
    cairn::engine::JsonMachine machine(grammar->root);
    for (const char byte : text) {
        if (!machine.step(*grammar, static_cast<std::uint8_t>(byte))) return 0;
    }
    if (machine.complete(*grammar) && !cairn::text::parse_json(text)) std::abort();
    return 0;
}
