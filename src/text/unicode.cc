// SPDX-License-Identifier: Apache-2.0
// Thin calls into ICU's UTF-8 interfaces.
#include "cairn/text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>

#include "cairn/base/result.h"
#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 128; });
}

std::string normalize(const icu::Normalizer2* form, UErrorCode status, std::string_view text) {
    if (is_ascii(text)) return std::string(text);
    const std::string repaired = repair_utf8(text).text;
    std::string out;
    icu::StringByteSink<std::string> sink(&out, static_cast<std::int32_t>(repaired.size()));
    form->normalizeUTF8(
        0, icu::StringPiece(repaired.data(), static_cast<std::int32_t>(repaired.size())), sink,
        nullptr, status);
    CAIRN_ASSERT(U_SUCCESS(status));  // ICU's data is part of its library
    return out;
}

UChar32 icu_point(char32_t code_point) {
    return static_cast<UChar32>(code_point);
}

}  // namespace

std::string nfc(std::string_view text) {
    UErrorCode status = U_ZERO_ERROR;
    return normalize(icu::Normalizer2::getNFCInstance(status), status, text);
}

std::string nfkc(std::string_view text) {
    UErrorCode status = U_ZERO_ERROR;
    return normalize(icu::Normalizer2::getNFKCInstance(status), status, text);
}

std::string casefold(std::string_view text) {
    std::string out;
    if (is_ascii(text)) {
        out.reserve(text.size());
        for (const char c : text) {
            out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        return out;
    }
    const std::string repaired = repair_utf8(text).text;
    UErrorCode status = U_ZERO_ERROR;
    icu::StringByteSink<std::string> sink(&out, static_cast<std::int32_t>(repaired.size()));
    icu::CaseMap::utf8Fold(
        0, icu::StringPiece(repaired.data(), static_cast<std::int32_t>(repaired.size())), sink,
        nullptr, status);
    CAIRN_ASSERT(U_SUCCESS(status));
    return out;
}

std::string fold_width(std::string_view text) {
    std::string out;
    std::string katakana;  // half-width run: NFKC joins its voice marks
    const auto flush = [&] {
        out += nfkc(katakana);
        katakana.clear();
    };
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint point = code_point_at(text, offset);
        offset += point.bytes;
        if (point.value >= 0xFF61 && point.value <= 0xFF9F) {
            append_utf8(katakana, point.value);
            continue;
        }
        flush();
        const bool full_width = point.value >= 0xFF01 && point.value <= 0xFF5E;
        append_utf8(out, full_width              ? point.value - 0xFEE0
                         : point.value == 0x3000 ? U' '
                                                 : point.value);
    }
    flush();
    return out;
}

bool is_letter(char32_t code_point) {
    return (U_GET_GC_MASK(icu_point(code_point)) & U_GC_L_MASK) != 0;
}
bool is_mark(char32_t code_point) {
    return (U_GET_GC_MASK(icu_point(code_point)) & U_GC_M_MASK) != 0;
}
bool is_number(char32_t code_point) {
    return (U_GET_GC_MASK(icu_point(code_point)) & U_GC_N_MASK) != 0;
}
bool is_space(char32_t code_point) {
    return u_isUWhiteSpace(icu_point(code_point)) != 0;
}

Script script_of(char32_t code_point) {
    if (code_point < 0x0E00) return Script::kOther;
    UErrorCode status = U_ZERO_ERROR;
    switch (uscript_getScript(icu_point(code_point), &status)) {
        case USCRIPT_HAN:
            return Script::kHan;
        case USCRIPT_HIRAGANA:
        case USCRIPT_KATAKANA:
            return Script::kKana;
        case USCRIPT_HANGUL:
            return Script::kHangul;
        case USCRIPT_THAI:
        case USCRIPT_LAO:
        case USCRIPT_KHMER:
        case USCRIPT_MYANMAR:
            return Script::kThaiLike;
        default:
            break;
    }
    // The Katakana length mark belongs to several scripts.
    return code_point == 0x30FC || code_point == 0xFF70 ? Script::kKana : Script::kOther;
}

}  // namespace cairn::text
