// SPDX-License-Identifier: Apache-2.0
// Any bytes as tokenizer.json, tokenizer.model and tiktoken file: an error or a tokenizer whose
// ids are in range and that gives no special token from plain text.
#include <cstdint>
#include <string_view>

#include "cairn/text/tokenizer_json.h"

namespace {

using namespace cairn::text;

void check(const TokenizerFiles& files) {
    const auto tokenizer = read_tokenizer(files);
    if (!tokenizer) return;
    constexpr std::string_view kTexts[] = {
        "The quick brown fox's 12,345  jumps.\n\n<s>[CLS]<unk></s>",
        "a b ab ba \xC3\xBC\xE4\xBD\xA0\xF0\x9F\x98\x80 \xFF\xE2\x96\x81", ""};
    for (const std::string_view text : kTexts) {
        const auto ids = tokenizer->encode(text);
        for (const TokenId id : ids) {
            CAIRN_ASSERT(id >= 0 && id < tokenizer->vocabulary_size());
            const bool unknown = id == tokenizer->parts().unknown;
            CAIRN_ASSERT(unknown || !tokenizer->is_special(id));
        }
        (void)tokenizer->decode(ids);
        (void)tokenizer->with_template(ids, ids);
        (void)tokenizer->encode(text, {.parse_special = true});
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check({.tokenizer_json = bytes});
    check({.sentence_piece = bytes});
    check({.tiktoken = bytes});
    return 0;
}
