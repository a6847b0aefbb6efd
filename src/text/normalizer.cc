// SPDX-License-Identifier: Apache-2.0
// Each step is a function from text to text. ASCII, which most steps leave alone, is not copied
// through ICU.
#include "normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

using Kind = NormalizerStep::Kind;

constexpr std::size_t kContentBytesMax = 64;  // what one step may put for a character
constexpr std::size_t kGrowthMax = 16;        // of a whole text: a hostile file cannot fill memory

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 128; });
}

const icu::Normalizer2* form_of(Kind kind, UErrorCode& status) {
    switch (kind) {
        case Kind::kNfc:
            return icu::Normalizer2::getNFCInstance(status);
        case Kind::kNfkc:
            return icu::Normalizer2::getNFKCInstance(status);
        case Kind::kNfkd:
            return icu::Normalizer2::getNFKDInstance(status);
        default:
            return icu::Normalizer2::getNFDInstance(status);
    }
}

std::string to_form(Kind kind, std::string text) {
    if (is_ascii(text)) return text;
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* form = form_of(kind, status);
    CAIRN_ASSERT(U_SUCCESS(status));  // ICU's data is part of its library
    const icu::StringPiece piece(text.data(), static_cast<std::int32_t>(text.size()));
    if (form->isNormalizedUTF8(piece, status)) return text;
    std::string out;
    icu::StringByteSink<std::string> sink(&out, piece.length());
    form->normalizeUTF8(0, piece, sink, nullptr, status);
    CAIRN_ASSERT(U_SUCCESS(status));
    return out;
}

/// Calls `use(code point, its bytes)`; ill-formed bytes come one maximal part at a time.
template <typename Use>
void for_each_character(std::string_view text, Use&& use) {
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = code_point_at(text, at);
        use(point.value, text.substr(at, point.bytes));
        at += point.bytes;
    }
}

std::string lowercase(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for_each_character(text, [&](char32_t c, std::string_view bytes) {
        if (c < 128) {
            out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c));
        } else if (c == 0x130) {
            out += "i\xCC\x87";  // the one character whose lower case has two
        } else {
            const UChar32 lower = u_tolower(static_cast<UChar32>(c));
            if (lower == static_cast<UChar32>(c)) {
                out += bytes;
            } else {
                append_utf8(out, static_cast<char32_t>(lower));
            }
        }
    });
    return out;
}

std::string without(std::string_view text, std::uint32_t categories) {
    if (is_ascii(text)) return std::string(text);
    std::string out;
    out.reserve(text.size());
    for_each_character(text, [&](char32_t c, std::string_view bytes) {
        if ((U_GET_GC_MASK(static_cast<UChar32>(c)) & categories) == 0) out += bytes;
    });
    return out;
}

std::string bert_clean(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for_each_character(text, [&](char32_t c, std::string_view bytes) {
        if (c >= ' ' && c < 127) {
            out += bytes;
            return;
        }
        if (c == '\t' || c == '\n' || c == '\r') {
            out.push_back(' ');
            return;
        }
        constexpr std::uint32_t kControls =
            U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK | U_GC_CS_MASK;
        const bool control = (U_GET_GC_MASK(static_cast<UChar32>(c)) & kControls) != 0;
        if (control || c == kReplacement) return;
        is_space(c) ? out.push_back(' ') : static_cast<void>(out += bytes);
    });
    return out;
}

/// The ranges of BERT's own code.
bool is_bert_han(char32_t c) {
    constexpr std::pair<char32_t, char32_t> kRanges[] = {
        {0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
        {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
    return c >= 0x3400 && std::ranges::any_of(kRanges, [c](const auto& range) {
               return c >= range.first && c <= range.second;
           });
}

std::string bert_han(std::string_view text) {
    if (is_ascii(text)) return std::string(text);
    std::string out;
    for_each_character(text, [&](char32_t c, std::string_view bytes) {
        const bool han = is_bert_han(c);
        if (han) out.push_back(' ');
        out += bytes;
        if (han) out.push_back(' ');
    });
    return out;
}

std::string strip_left(std::string_view text) {
    while (!text.empty()) {
        const CodePoint point = code_point_at(text, 0);
        if (!is_space(point.value)) break;
        text.remove_prefix(point.bytes);
    }
    return std::string(text);
}

std::string strip_right(std::string_view text) {
    std::size_t end = 0;
    std::size_t at = 0;
    for_each_character(text, [&](char32_t c, std::string_view bytes) {
        at += bytes.size();
        if (!is_space(c)) end = at;
    });
    return std::string(text.substr(0, end));
}

std::string collapse_space(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
        out.push_back(c);
    }
    while (out.ends_with(' ')) {
        out.pop_back();
    }
    return out;
}

std::string replace_literal(std::string_view text, std::string_view pattern,
                            std::string_view content) {
    std::string out;
    out.reserve(text.size());
    while (true) {
        const std::size_t found = text.find(pattern);
        out += text.substr(0, found);
        if (found == std::string_view::npos) return out;
        out += content;
        text.remove_prefix(found + pattern.size());
    }
}

std::string replace_matches(std::string_view text, const SplitPattern& pattern,
                            std::string_view content) {
    SplitSearch search(text.size());
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const SplitPattern::Match match = search.find(pattern, text, at);
        out += text.substr(at, match.begin - at);
        if (match.end > match.begin) out += content;
        at = match.end;
    }
    return out;
}

}  // namespace

Result<Normalizer> Normalizer::compile(std::vector<NormalizerStep> steps) {
    Normalizer made;
    for (NormalizerStep& rule : steps) {
        Step step{std::move(rule), std::nullopt, std::nullopt};
        const Kind kind = step.rule.kind;
        if (kind == Kind::kReplace && step.rule.pattern.empty()) {
            return make_error(Code::kInvalid,
                              "tokenizer: expected a text to replace, found an empty one");
        }
        const bool charsmap = kind == Kind::kCharsmap || kind == Kind::kCharsmapHf;
        if (!charsmap && step.rule.content.size() > kContentBytesMax) {
            return make_error(Code::kTooLarge,
                              "tokenizer: expected replacements of at most 64 bytes, found more");
        }
        if (kind == Kind::kReplaceMatch) {
            step.pattern = CAIRN_TRY(SplitPattern::compile(step.rule.pattern));
        }
        if (charsmap) {
            step.charsmap = CAIRN_TRY(Charsmap::parse(step.rule.content));
        }
        made.steps_.push_back(std::move(step));
    }
    return made;
}

std::string Normalizer::run(const Step& step, std::string text) {
    switch (step.rule.kind) {
        case Kind::kNfc:
        case Kind::kNfd:
        case Kind::kNfkc:
        case Kind::kNfkd:
            return to_form(step.rule.kind, std::move(text));
        case Kind::kLowercase:
            return lowercase(text);
        case Kind::kRemoveMarks:
            return without(text, U_GC_M_MASK);
        case Kind::kBertClean:
            return bert_clean(text);
        case Kind::kBertHan:
            return bert_han(text);
        case Kind::kBertAccents:
            return without(to_form(Kind::kNfd, std::move(text)), U_GC_MN_MASK);
        case Kind::kStripLeft:
            return strip_left(text);
        case Kind::kStripRight:
            return strip_right(text);
        case Kind::kReplace:
            return replace_literal(text, step.rule.pattern, step.rule.content);
        case Kind::kReplaceMatch:
            return replace_matches(text, *step.pattern, step.rule.content);
        case Kind::kPrepend:
            return text.empty() ? text : step.rule.content + text;
        case Kind::kCharsmap:
            return step.charsmap->normalize(text);
        case Kind::kCharsmapHf:
            return step.charsmap->normalize_by_grapheme(text);
        case Kind::kCollapseSpace:
            return collapse_space(text);
    }
    return text;
}

std::string Normalizer::apply(std::string_view text) const {
    std::string out(text);
    for (const Step& step : steps_) {
        out = run(step, std::move(out));
        if (out.size() > text.size() * kGrowthMax + 4096) {
            out.resize(complete_utf8_prefix(
                std::string_view(out).substr(0, text.size() * kGrowthMax + 4096)));
        }
    }
    return out;
}

}  // namespace cairn::text
