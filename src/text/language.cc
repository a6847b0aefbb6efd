// SPDX-License-Identifier: Apache-2.0
// CLD2 for texts; for a few words without a verdict the writing system decides where it can.
// clang-format off
#include <cstdio>  // first: cld2's header needs FILE
#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>
// clang-format on

#include <unicode/uchar.h>

#include <algorithm>

#include "cairn/text/segment.h"
#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

LanguageGuess guess_by_script(std::string_view text) {
    std::size_t han = 0;
    std::size_t kana = 0;
    std::size_t hangul = 0;
    std::size_t letters = 0;
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint point = code_point_at(text, offset);
        offset += point.bytes;
        const Script script = script_of(point.value);
        letters += is_letter(point.value) ? 1 : 0;
        han += script == Script::kHan ? 1 : 0;
        kana += script == Script::kKana ? 1 : 0;
        hangul += script == Script::kHangul ? 1 : 0;
    }
    const auto most = [&](std::size_t count) { return count > 0 && count * 2 > letters; };
    if (kana > 0 && most(han + kana)) return {"ja", 100, false};
    if (most(hangul)) return {"ko", 100, false};
    if (most(han)) return {"zh", 100, false};
    return {"und", 0, false};
}

/// CLD2 gives up at control characters (a form feed of a PDF page, a stray zero): they become
/// spaces.
std::string interchange_text(std::string_view text) {
    std::string clean;
    clean.reserve(text.size());
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint point = code_point_at(text, offset);
        offset += point.bytes;
        const bool line = point.value == U'\t' || point.value == U'\n' || point.value == U'\r';
        const bool shown = u_isprint(static_cast<UChar32>(point.value)) != 0;
        append_utf8(clean, line || shown ? point.value : U' ');
    }
    return clean;
}

}  // namespace

LanguageGuess guess_language(std::string_view text) {
    constexpr std::size_t kSampleBytes = 1 << 18;
    const std::string sample =
        interchange_text(text.substr(0, std::min(text.size(), kSampleBytes)));
    CLD2::Language languages[3] = {CLD2::UNKNOWN_LANGUAGE, CLD2::UNKNOWN_LANGUAGE,
                                   CLD2::UNKNOWN_LANGUAGE};
    int percents[3] = {};
    double scores[3] = {};
    int text_bytes = 0;
    int valid_bytes = 0;
    bool reliable = false;
    const CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
    CLD2::ExtDetectLanguageSummaryCheckUTF8(sample.data(), static_cast<int>(sample.size()), true,
                                            &hints, CLD2::kCLDFlagBestEffort, languages, percents,
                                            scores, nullptr, &text_bytes, &reliable, &valid_bytes);
    if (languages[0] == CLD2::UNKNOWN_LANGUAGE) return guess_by_script(sample);
    std::string code = CLD2::LanguageCode(languages[0]);
    code = code.substr(0, code.find('-'));  // zh-Hant -> zh
    return {code, percents[0], reliable};
}

}  // namespace cairn::text
