// SPDX-License-Identifier: Apache-2.0
// Any bytes as a GGUF model: refused or read, with every tensor inside the input and every
// tokenizer usable.
#include <cstdint>
#include <string>

#include "cairn/format/gguf.h"
#include "cairn/format/tokenizer_gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::byte> input(reinterpret_cast<const std::byte*>(data), size);
    const auto file = cairn::format::GgufFile::parse(input);
    if (!file) return 0;
    for (const auto& tensor : file->tensors()) {
        CAIRN_ASSERT(tensor.bytes.data() >= input.data());
        CAIRN_ASSERT(tensor.bytes.data() + tensor.bytes.size() <= input.data() + size);
        CAIRN_ASSERT(file->find_tensor(tensor.name) == &tensor);
    }
    const auto tokenizer = cairn::format::tokenizer_from_gguf(*file);
    if (!tokenizer) return 0;
    const auto ids =
        tokenizer->encode("Hello, 你好 <|im_end|>\n", {.add_bos = true, .parse_special = true});
    for (const auto id : ids) {
        CAIRN_ASSERT(id >= 0 && id < tokenizer->vocabulary_size());
    }
    (void)tokenizer->decode(ids);
    return 0;
}
