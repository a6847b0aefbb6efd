// SPDX-License-Identifier: Apache-2.0
// Any bytes as text: tokenizers are lossless, spans lie inside the text and in order, repaired text
// is valid.
#include <cstdint>
#include <string>

#include "cairn/text/bpe_trainer.h"
#include "cairn/text/encoding.h"
#include "cairn/text/search_terms.h"
#include "cairn/text/segment.h"
#include "cairn/text/tokenizer.h"
#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace {

using namespace cairn::text;

Tokenizer trained(const char* pre) {
    BpeTrainOptions options;
    options.vocabulary_size = 400;
    options.pre = pre;
    BpeTrainer trainer = BpeTrainer::create(options).value();
    for (int i = 0; i < 3; ++i) {
        trainer.add(
            "The quick brown fox's 12,345 jumps over we've lazy dogs.\n\nÜber 你好世界 "
            "<|im_start|>user\n aaaaaaaa");
    }
    return Tokenizer::from_parts(trainer.train().value()).value();
}

void check_tokenizer(const Tokenizer& tokenizer, std::string_view text) {
    const auto ids = tokenizer.encode(text);
    CAIRN_ASSERT(tokenizer.decode(ids) == text);
    for (const TokenId id : ids) {
        CAIRN_ASSERT(!tokenizer.is_special(id));
    }
    CAIRN_ASSERT(tokenizer.decode(tokenizer.encode(text, {.parse_special = true}), false) == text);
}

void check_spans(std::string_view text, const std::vector<Span>& spans) {
    std::int64_t last = 0;
    for (const Span& span : spans) {
        CAIRN_ASSERT(span.begin >= last && span.end > span.begin);
        last = span.end;
    }
    CAIRN_ASSERT(last <= static_cast<std::int64_t>(text.size()));
}

void check_text(std::string_view text) {
    check_spans(text, words(text));
    check_spans(text, sentences(text));
    std::size_t last = 0;
    for (const SearchTerm& term : search_terms(text)) {
        CAIRN_ASSERT(term.begin >= last || term.overlap);
        CAIRN_ASSERT(term.end > term.begin && term.end <= text.size() && !term.text.empty());
        if (!term.overlap) last = term.begin;
    }
    const auto decoded = to_utf8(text);
    CAIRN_ASSERT(!decoded || is_valid_utf8(decoded->text));
    CAIRN_ASSERT(is_valid_utf8(repair_utf8(text).text));
    CAIRN_ASSERT(is_valid_utf8(casefold(nfkc(fold_width(text)))));
    CAIRN_ASSERT(complete_utf8_prefix(text) <= text.size());
    (void)guess_language(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Tokenizer pebble = trained("pebble");
    static const Tokenizer gpt2 = trained("gpt-2");
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_tokenizer(pebble, text);
    check_tokenizer(gpt2, text);
    check_text(text);
    return 0;
}
