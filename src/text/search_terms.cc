// SPDX-License-Identifier: Apache-2.0
// One pass over the text: runs of one kind (word, ideographs, Thai-like) become terms with their
// byte spans.
#include "cairn/text/search_terms.h"

#include <algorithm>

#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

constexpr std::size_t kIdentifierBytesMax = 128;  // longer ones are found by their parts

enum class Kind { kNone, kWord, kIdeograph, kThaiLike };

Kind kind_of(char32_t c) {
    if (c < 128) {
        const bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return word ? Kind::kWord : Kind::kNone;
    }
    if (!is_letter(c) && !is_mark(c) && !is_number(c)) return Kind::kNone;
    switch (script_of(c)) {
        case Script::kHan:
        case Script::kKana:
        case Script::kHangul:
            return Kind::kIdeograph;
        case Script::kThaiLike:
            return Kind::kThaiLike;
        case Script::kOther:
            break;
    }
    return Kind::kWord;
}

bool is_connector(char32_t c) {
    return c < 128 &&
           std::string_view("-_.@/'").find(static_cast<char>(c)) != std::string_view::npos;
}

/// Folding may leave the compatibility form, so it goes round twice (Unicode 3.13, D146).
std::string fold(std::string_view text) {
    const bool ascii =
        std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 128; });
    return ascii ? casefold(text) : casefold(nfkc(casefold(nfkc(text))));
}

/// Harman's S-stemmer (1991): plural and singular meet; applied to both text and question, so it
/// may be crude.
std::string without_plural(std::string word) {
    if (word.size() < 4 || !word.ends_with('s')) return word;
    const auto ends = [&](std::string_view end) { return word.ends_with(end); };
    if (ends("ies") && !ends("eies") && !ends("aies")) return word.replace(word.size() - 3, 3, "y");
    if (ends("us") || ends("ss")) return word;
    word.pop_back();
    return word;
}

class TermScanner {
  public:
    explicit TermScanner(std::string_view text) : text_(text) {}

    std::vector<SearchTerm> scan() {
        for (std::size_t offset = 0; offset < text_.size();) {
            const CodePoint point = code_point_at(text_, offset);
            switch (kind_of(point.value)) {
                case Kind::kNone:
                    offset += point.bytes;
                    break;
                case Kind::kWord:
                    offset = scan_word(offset);
                    break;
                case Kind::kIdeograph:
                    offset = scan_run(offset, Kind::kIdeograph, 2);
                    break;
                case Kind::kThaiLike:
                    offset = scan_run(offset, Kind::kThaiLike, 3);
                    break;
            }
        }
        return std::move(terms_);
    }

  private:
    void add(std::string text, std::size_t begin, std::size_t end, bool overlap) {
        if (!text.empty()) terms_.push_back({std::move(text), begin, end, overlap});
    }

    std::size_t part_end(std::size_t begin) const {
        std::size_t end = begin;
        for (;;) {
            const CodePoint point = code_point_at(text_, end);
            if (point.bytes == 0 || kind_of(point.value) != Kind::kWord) return end;
            end += point.bytes;
        }
    }

    /// Bytes of a character that joins two parts; 0 if there is none. A comma joins digits only.
    std::size_t connector_at(std::size_t offset) const {
        const CodePoint point = code_point_at(text_, offset);
        if (point.bytes == 0) return 0;
        const CodePoint after = code_point_at(text_, offset + point.bytes);
        if (after.bytes == 0 || kind_of(after.value) != Kind::kWord) return 0;
        const auto digit = [](char c) { return c >= '0' && c <= '9'; };
        const bool thousands =
            point.value == U',' && digit(text_[offset - 1]) && digit(text_[offset + 1]);
        return is_connector(point.value) || point.value == 0x2019 || thousands ? point.bytes : 0;
    }

    std::size_t scan_word(std::size_t begin) {
        std::vector<std::pair<std::size_t, std::size_t>> parts;
        std::size_t end = begin;
        for (;;) {
            const std::size_t part = end;
            end = part_end(part);
            parts.emplace_back(part, end);
            const std::size_t connector = connector_at(end);
            if (connector == 0) break;
            end += connector;
        }
        const bool identifier = parts.size() > 1 && end - begin <= kIdentifierBytesMax;
        if (identifier) add(fold(text_.substr(begin, end - begin)), begin, end, false);
        for (const auto& [from, to] : parts) {
            add(without_plural(fold(text_.substr(from, to - from))), from, to, identifier);
        }
        return end;
    }

    /// Ideographs: each character and each pair. Thai-like: each three characters, or all of a
    /// shorter run.
    std::size_t scan_run(std::size_t begin, Kind kind, std::size_t width) {
        std::vector<std::size_t> borders = {begin};
        for (;;) {
            const CodePoint point = code_point_at(text_, borders.back());
            if (point.bytes == 0 || kind_of(point.value) != kind) break;
            borders.push_back(borders.back() + point.bytes);
        }
        const std::size_t count = borders.size() - 1;
        const auto add_gram = [&](std::size_t first, std::size_t length, bool overlap) {
            const std::size_t from = borders[first];
            const std::size_t to = borders[std::min(first + length, count)];
            add(fold(text_.substr(from, to - from)), from, to, overlap);
        };
        for (std::size_t i = 0; i < count; ++i) {
            if (kind == Kind::kIdeograph) {
                add_gram(i, 1, false);
                if (i + width <= count) add_gram(i, width, true);
            } else if (i + width <= count || i == 0) {
                add_gram(i, width, false);
            }
        }
        return borders.back();
    }

    std::string_view text_;
    std::vector<SearchTerm> terms_;
};

}  // namespace

std::vector<SearchTerm> search_terms(std::string_view text) {
    return TermScanner(text).scan();
}

}  // namespace cairn::text
