// SPDX-License-Identifier: Apache-2.0
// Random strings for tests, the same as tools/golden/random_text.py makes: golden digests of their
// ids can be stored without the strings. Both sides must change together.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/tokenizer_parts.h"
#include "cairn/text/utf8.h"

namespace cairn::text {

class RandomText {
  public:
    explicit RandomText(std::uint64_t seed) : state_(seed) {}

    std::string text() {
        std::string out;
        const std::uint64_t items = 1 + below(16);
        for (std::uint64_t i = 0; i < items; ++i) {
            append_item(out);
        }
        return out;
    }

  private:
    std::uint64_t next() {
        state_ += 0x9E37'79B9'7F4A'7C15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9;
        z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EB;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }

    void run(std::string& out, char32_t low, char32_t high, std::uint64_t longest) {
        for (std::uint64_t left = 1 + below(longest); left > 0; --left) {
            append_utf8(out, low + static_cast<char32_t>(below(high - low + 1)));
        }
    }
    void one_of(std::string& out, std::span<const std::string_view> list) {
        out += list[below(list.size())];
    }

    void append_item(std::string& out) {
        const std::uint64_t kind = below(20);
        if (kind < 3) return run(out, 'a', 'z', 8);
        if (kind == 3) return run(out, 'A', 'Z', 4);
        if (kind == 4) return run(out, '0', '9', 7);
        if (kind < 8) {
            const std::uint64_t more = below(3);
            out.append(1 + more * below(2), ' ');
            return;
        }
        if (kind == 8) return run(out, '!', '/', 3);
        if (kind == 9) {
            run(out, ':', '@', 2);
            run(out, '[', '`', 1);
            return run(out, '{', '~', 2);
        }
        if (kind == 10) return run(out, 0x300, 0x36F, 2);
        if (kind == 11) return below(4) == 0 ? run(out, 1, 0x1F, 1) : one_of(out, kLines);
        if (kind == 12) return one_of(out, kWords);
        if (kind == 13) return one_of(out, kContractions);
        if (kind == 14) return one_of(out, kEmoji);
        if (kind == 15) return one_of(out, kSpaces);
        if (kind == 16) return one_of(out, kNumbers);
        if (kind == 17) return one_of(out, kSymbols);
        const auto& [low, high] = kRanges[below(std::size(kRanges))];
        run(out, low, high, 5);
    }

    static constexpr std::string_view kWords[] = {
        "the",
        "Hello",
        "world",
        "don't",
        "I'LL",
        "we've",
        "http://a.b/c?d=e",
        "x_1",
        "foo.bar()",
        "na\u00EFve",
        "Stra\u00DFe",
        "\u0130stanbul",
        "\u039F\u0394\u03A5\u03A3\u03A3\u0395\u03A5\u03A3",
        "e\u0301"
        "a",
        "\uFB01ne",
        "A1b2",
        "<s>",
        "</s>",
        "[CLS]",
        "[INST]",
        "<|im_end|>",
        "<extra_id_0>",
        "  ",
        "##ing",
        "\u2581"
        "a",
        "\r\n"};
    static constexpr std::string_view kContractions[] = {"'s", "'S",  "'re",     "'LL", "'t",
                                                         "'d", "n't", "'\u017F", "'",   "\u2019s"};
    static constexpr std::string_view kEmoji[] = {"\U0001F600",
                                                  "\U0001F44D\U0001F3FD",
                                                  "\U0001F468\u200D\U0001F469\u200D\U0001F467",
                                                  "\u2764\uFE0F",
                                                  "\U0001F1E9\U0001F1EA",
                                                  "\U0001F3F3\uFE0F\u200D\U0001F308",
                                                  "1\uFE0F\u20E3",
                                                  "\U0001F636\u200D\U0001F32B\uFE0F"};
    static constexpr std::string_view kSpaces[] = {
        "\u00A0", "\u2003", "\u3000", "\u200B", "\u2028", "\xC2\x85", "\uFEFF", "\u1680", "\u200D"};
    static constexpr std::string_view kNumbers[] = {"\u00B2", "\u00BD",       "\u2167",
                                                    "\u0663", "\u096E",       "\u2460",
                                                    "\u0E53", "\u0967\u0968", "\u0660\u0669"};
    static constexpr std::string_view kSymbols[] = {
        "\u20AC", "\u00A3", "\u2192", "\u2211", "\u2713", "\u300C", "\u300D",
        "\u2026", "\u2014", "\u201C", "\u201D", "\u3002", "\u3001", "\u060C",
        "\u0964", "\u00A1", "+",      "\u2260", "^",      "`",      "|"};
    static constexpr std::string_view kLines[] = {"\n",  "\n\n", "\r\n", "\t", "\r",
                                                  " \n", "\n ",  "\t\t", "\v", "\f"};
    static constexpr std::pair<char32_t, char32_t> kRanges[] = {
        {0xC0, 0x24F},    {0x391, 0x3A1},     {0x3A3, 0x3C9},     {0x410, 0x44F},
        {0x4E00, 0x9FA5}, {0x3041, 0x3096},   {0x30A1, 0x30FA},   {0xAC00, 0xD7A3},
        {0x621, 0x63A},   {0x641, 0x652},     {0xE01, 0xE3A},     {0xE40, 0xE4E},
        {0x905, 0x939},   {0x93E, 0x94D},     {0x5D0, 0x5EA},     {0xFF01, 0xFF5E},
        {0x1E00, 0x1EFF}, {0x1F600, 0x1F64F}, {0x1D400, 0x1D433}, {0x20000, 0x2007F},
        {0xE000, 0xE03F}, {0x10A0, 0x10C5},   {0x13A0, 0x13EF}};

    std::uint64_t state_;
};

/// FNV-1a over the ids of each text, 32 bits a time, and an end mark.
class IdDigest {
  public:
    void add(std::span<const TokenId> ids) {
        for (const TokenId id : ids) {
            put(static_cast<std::uint32_t>(id));
        }
        put(0xFFFF'FFFF);
    }
    std::uint64_t value() const { return value_; }

  private:
    void put(std::uint32_t number) { value_ = (value_ ^ number) * 0x100'0000'01B3; }
    std::uint64_t value_ = 0xCBF2'9CE4'8422'2325;
};

}  // namespace cairn::text
