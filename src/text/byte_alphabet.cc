// SPDX-License-Identifier: Apache-2.0
// Builds the alphabet once; 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF print.
#include "byte_alphabet.h"

#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

struct Alphabet {
    std::array<std::string, 256> stored;
    std::array<int, 512> byte_of;  // by code point; -1: not in the alphabet

    Alphabet() {
        byte_of.fill(-1);
        char32_t next = 0x100;
        for (char32_t byte = 0; byte < 256; ++byte) {
            const bool prints = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
            const char32_t point = prints ? byte : next++;
            append_utf8(stored[byte], point);
            byte_of[point] = static_cast<int>(byte);
        }
    }
};

const Alphabet& alphabet() {
    static const Alphabet instance;
    return instance;
}

}  // namespace

const std::array<std::string, 256>& byte_alphabet() {
    return alphabet().stored;
}

std::optional<std::string> bytes_from_alphabet(std::string_view stored) {
    std::string bytes;
    for (std::size_t offset = 0; offset < stored.size();) {
        const CodePoint point = code_point_at(stored, offset);
        if (!point.valid || point.value >= 512) return std::nullopt;
        const int byte = alphabet().byte_of[point.value];
        if (byte < 0) return std::nullopt;
        bytes.push_back(static_cast<char>(byte));
        offset += point.bytes;
    }
    return bytes;
}

std::string bytes_to_alphabet(std::string_view bytes) {
    std::string stored;
    for (const char byte : bytes) {
        stored += byte_alphabet()[static_cast<std::uint8_t>(byte)];
    }
    return stored;
}

}  // namespace cairn::text
