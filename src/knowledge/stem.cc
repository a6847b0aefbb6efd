// SPDX-License-Identifier: Apache-2.0
// Snowball stemmers (libstemmer) by what the letters show: German for words with umlauts, Russian
// for Cyrillic, English for the rest of the Latin alphabet. Keyed by the word alone, never by a
// guessed language.
#include "stem.h"

#include <libstemmer.h>

#include <memory>

#include "cairn/text/utf8.h"

namespace cairn::knowledge {
namespace {

struct DeleteStemmer {
    void operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }
};
using Stemmer = std::unique_ptr<sb_stemmer, DeleteStemmer>;

// A stemmer keeps its last word in itself: one per thread.
sb_stemmer* stemmer_of(const char* language) {
    thread_local Stemmer english(sb_stemmer_new("english", nullptr));
    thread_local Stemmer german(sb_stemmer_new("german", nullptr));
    thread_local Stemmer russian(sb_stemmer_new("russian", nullptr));
    return language[0] == 'e' ? english.get() : language[0] == 'g' ? german.get() : russian.get();
}

std::string run(const char* language, std::string_view word) {
    sb_stemmer* stemmer = stemmer_of(language);
    if (stemmer == nullptr) {
        return std::string(word);
    }
    const auto* bytes = reinterpret_cast<const sb_symbol*>(word.data());
    const sb_symbol* out = sb_stemmer_stem(stemmer, bytes, static_cast<int>(word.size()));
    if (out == nullptr) {
        return std::string(word);
    }
    const int size = sb_stemmer_length(stemmer);
    return {reinterpret_cast<const char*>(out), static_cast<std::size_t>(size)};
}

}  // namespace

std::string stem(std::string_view word) {
    constexpr std::size_t kWordBytesMax = 64;  // longer ones are keys, not words
    if (word.size() < 3 || word.size() > kWordBytesMax) {
        return std::string(word);
    }
    const char32_t first = text::code_point_at(word, 0).value;
    if (first >= 0x400 && first < 0x530) {
        return run("russian", word);
    }
    return run("german", run("english", word));
}

}  // namespace cairn::knowledge
