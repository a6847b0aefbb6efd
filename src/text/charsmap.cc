// SPDX-License-Identifier: Apache-2.0
// Layout: size of the trie in bytes (u32), units (u32 each), then strings that end in zero. A unit
// is label, leaf flag and offset as in Darts-clone.
#include "charsmap.h"

#include <unicode/ubrk.h>
#include <unicode/utext.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "cairn/base/limits.h"
#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[at + i])) << (8 * i);
    }
    return value;
}

constexpr std::size_t kReplacementBytesMax = 128;  // NFKC's longest takes 33

bool has_leaf(std::uint32_t unit) {
    return (unit >> 8 & 1U) != 0;
}
std::uint32_t value_of(std::uint32_t unit) {
    return unit & 0x7FFF'FFFFU;
}
std::uint32_t label_of(std::uint32_t unit) {
    return unit & 0x8000'00FFU;
}
std::uint32_t offset_of(std::uint32_t unit) {
    return (unit >> 10) << ((unit & (1U << 9)) >> 6);
}

bool is_printable(char c) {
    return c >= ' ' && c < 127;
}

std::size_t find_unprintable(std::string_view text, std::size_t from) {
    while (from < text.size() && is_printable(text[from])) {
        ++from;
    }
    return from;
}

}  // namespace

Result<Charsmap> Charsmap::parse(std::string_view blob) {
    const auto wrong = [&](const char* expected) {
        return make_error(Code::kInvalid,
                          std::string("tokenizer: expected a precompiled charsmap with ") +
                              expected + ", found " + std::to_string(blob.size()) + " bytes",
                          "the model file is damaged or was made by a faulty converter");
    };
    if (blob.size() < 8 || blob.size() > limits::kGgufStringBytesMax) return wrong("a trie");
    const std::uint32_t size = read_u32(blob, 0);
    if (size > blob.size() - 4 || size < 4 || size % 4 != 0) return wrong("a trie inside it");
    Charsmap map;
    map.units_.resize(size / 4);
    for (std::size_t i = 0; i < map.units_.size(); ++i) {
        map.units_[i] = read_u32(blob, 4 + i * 4);
    }
    map.strings_ = blob.substr(4 + size);
    const std::uint32_t root = offset_of(map.units_[0]);
    for (std::uint32_t c = 1; c < 128; ++c) {
        const std::uint32_t node = root ^ c;
        map.begins_[c] = node < map.units_.size() && label_of(map.units_[node]) == c;
    }
    return map;
}

Charsmap::Found Charsmap::find(std::string_view text, bool longest) const {
    Found found;
    std::uint32_t node = offset_of(units_[0]);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(text[i]);
        node ^= byte;
        if (byte == 0 || node >= units_.size()) break;
        const std::uint32_t unit = units_[node];
        if (label_of(unit) != byte) break;
        node ^= offset_of(unit);
        if (node >= units_.size()) break;
        if (!has_leaf(unit)) continue;
        found = {i + 1, value_of(units_[node])};
        if (!longest) break;
    }
    return found;
}

std::string_view Charsmap::replacement(std::uint32_t value) const {
    if (value >= strings_.size()) return {};
    const std::string_view rest = std::string_view(strings_).substr(value, kReplacementBytesMax);
    return rest.substr(0, rest.find('\0'));
}

std::string Charsmap::normalize(std::string_view text) const {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<std::uint8_t>(text[at]);
        if (byte < 128 && !begins_[byte]) {
            out.push_back(text[at++]);
            continue;
        }
        const Found found = find(text.substr(at), true);
        if (found.length > 0) {
            out += replacement(found.value);
            at += found.length;
            continue;
        }
        const CodePoint point = code_point_at(text, at);
        append_utf8(out, point.value);
        at += point.bytes;
    }
    return out;
}

bool Charsmap::replace(std::string_view part, std::string& out) const {
    const Found found = find(part, false);
    if (found.length == 0) return false;
    out += replacement(found.value);
    return true;
}

std::string Charsmap::normalize_by_grapheme(std::string_view text) const {
    constexpr std::size_t kGraphemeBytesMax = 6;
    std::string out;
    out.reserve(text.size());
    const auto by_character = [&](std::string_view part) {
        for (std::size_t at = 0; at < part.size();) {
            const auto byte = static_cast<std::uint8_t>(part[at]);
            if (byte < 128 && !begins_[byte]) {
                out.push_back(part[at++]);
                continue;
            }
            const std::size_t bytes = code_point_at(part, at).bytes;
            if (!replace(part.substr(at, bytes), out)) out += part.substr(at, bytes);
            at += bytes;
        }
    };
    const auto by_grapheme = [&](UBreakIterator* breaks, std::string_view part) {
        UErrorCode status = U_ZERO_ERROR;
        UText view = UTEXT_INITIALIZER;
        utext_openUTF8(&view, part.data(), static_cast<std::int64_t>(part.size()), &status);
        ubrk_setUText(breaks, &view, &status);
        CAIRN_ASSERT(U_SUCCESS(status));  // ICU's data is part of its library
        auto begin = static_cast<std::size_t>(ubrk_first(breaks));
        for (std::int32_t end = ubrk_next(breaks); end != UBRK_DONE; end = ubrk_next(breaks)) {
            const std::string_view grapheme =
                part.substr(begin, static_cast<std::size_t>(end) - begin);
            begin = static_cast<std::size_t>(end);
            if (grapheme.size() < kGraphemeBytesMax && replace(grapheme, out)) continue;
            by_character(grapheme);
        }
        utext_close(&view);
    };
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<UBreakIterator, decltype(&ubrk_close)> breaks(nullptr, &ubrk_close);
    // Between two printable ASCII characters there is always a border: only what lies around other
    // characters is looked at by ICU.
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t other = find_unprintable(text, at);
        const bool found = other < text.size();
        const std::size_t begin = found ? std::max(at, other > 0 ? other - 1 : 0) : text.size();
        by_character(text.substr(at, begin - at));
        at = begin;
        if (!found) break;
        std::size_t end = other + 1;
        while (end < text.size() && !(is_printable(text[end - 1]) && is_printable(text[end]))) {
            ++end;
        }
        if (!breaks) breaks.reset(ubrk_open(UBRK_CHARACTER, "", nullptr, 0, &status));
        CAIRN_ASSERT(U_SUCCESS(status));
        by_grapheme(breaks.get(), text.substr(begin, end - begin));
        at = end;
    }
    return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
    while (text.ends_with('=')) {
        text.remove_suffix(1);
    }
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        constexpr std::string_view kAlphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const std::size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out.push_back(static_cast<char>(bits >> count & 0xFFU));
    }
    return out;
}

}  // namespace cairn::text
