// SPDX-License-Identifier: Apache-2.0
// llama2.c's checkpoint: seven int32, then all weights of one kind for all layers, float32. Rotary
// pairs are neighbours in both formats, so the weights go over unchanged.
#include "cairn/format/llama2c.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/format/gguf.h"
#include "cairn/format/tokenizer_gguf.h"

namespace cairn::format {
namespace {

struct Shape {
    std::int32_t width = 0;
    std::int32_t hidden = 0;
    std::int32_t layers = 0;
    std::int32_t heads = 0;
    std::int32_t kv_heads = 0;
    std::int32_t vocabulary = 0;  ///< negative: the output matrix is stored too
    std::int32_t context = 0;
};

Error invalid(std::string message) {
    return make_error(Code::kInvalid, "llama2.c file: " + std::move(message));
}

/// Gives out the file's bytes in order.
class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    Result<std::span<const std::byte>> take(std::uint64_t count) {
        if (count > bytes_.size()) {
            return invalid(fmt::format("expected {} more bytes, found {}", count, bytes_.size()));
        }
        const auto taken = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return taken;
    }

    template <typename T>
    Result<T> read() {
        const auto bytes = CAIRN_TRY(take(sizeof(T)));
        T value;
        std::memcpy(&value, bytes.data(), sizeof(T));
        return value;
    }

    std::size_t left() const { return bytes_.size(); }

  private:
    std::span<const std::byte> bytes_;
};

Status check(const Shape& shape) {
    const auto positive = [](std::int32_t value, std::int32_t max) {
        return value > 0 && value <= max;
    };
    constexpr std::int32_t kWidthMax = 1 << 16;
    const bool sizes = positive(shape.width, kWidthMax) && positive(shape.hidden, kWidthMax * 4) &&
                       positive(shape.layers, limits::kLayersMax) &&
                       positive(shape.context, limits::kContextMax) &&
                       shape.vocabulary >= -limits::kVocabularyMax && shape.vocabulary != 0 &&
                       shape.vocabulary <= limits::kVocabularyMax;
    const bool heads = sizes && positive(shape.heads, shape.width) &&
                       positive(shape.kv_heads, shape.heads) && shape.width % shape.heads == 0 &&
                       shape.heads % shape.kv_heads == 0;
    if (heads) return {};
    return invalid(fmt::format(
        "expected a header of seven possible sizes, found {} {} {} {} {} {} {}", shape.width,
        shape.hidden, shape.layers, shape.heads, shape.kv_heads, shape.vocabulary, shape.context));
}

Status add_weights(GgufWriter& writer, Reader& reader, const Shape& shape) {
    using Dims = std::vector<std::uint64_t>;
    const auto width = static_cast<std::uint64_t>(shape.width);
    const auto hidden = static_cast<std::uint64_t>(shape.hidden);
    const auto vocabulary = static_cast<std::uint64_t>(std::abs(shape.vocabulary));
    const std::uint64_t head_width = width / static_cast<std::uint64_t>(shape.heads);
    const std::uint64_t kv_width = head_width * static_cast<std::uint64_t>(shape.kv_heads);
    const auto add = [&](const std::string& name, const Dims& dims) -> Status {
        GgufTensor tensor{name, TensorType::kF32, dims, {}};
        const auto bytes = CAIRN_TRY(reader.take(tensor.elements() * sizeof(float)));
        return writer.add_tensor(name, TensorType::kF32, dims, bytes);
    };
    const auto add_layers = [&](std::string_view name, const Dims& dims) -> Status {
        for (std::int32_t layer = 0; layer < shape.layers; ++layer) {
            CAIRN_TRY(add(fmt::format("blk.{}.{}.weight", layer, name), dims));
        }
        return {};
    };
    CAIRN_TRY(add("token_embd.weight", {width, vocabulary}));
    CAIRN_TRY(add_layers("attn_norm", {width}));
    CAIRN_TRY(add_layers("attn_q", {width, width}));
    CAIRN_TRY(add_layers("attn_k", {width, kv_width}));
    CAIRN_TRY(add_layers("attn_v", {width, kv_width}));
    CAIRN_TRY(add_layers("attn_output", {width, width}));
    CAIRN_TRY(add_layers("ffn_norm", {width}));
    CAIRN_TRY(add_layers("ffn_gate", {width, hidden}));
    CAIRN_TRY(add_layers("ffn_down", {hidden, width}));
    CAIRN_TRY(add_layers("ffn_up", {width, hidden}));
    CAIRN_TRY(add("output_norm.weight", {width}));
    CAIRN_TRY(reader.take(static_cast<std::uint64_t>(shape.context) * head_width *
                          sizeof(float)));  // old RoPE tables
    if (shape.vocabulary < 0) CAIRN_TRY(add("output.weight", {width, vocabulary}));
    if (reader.left() != 0)
        return invalid(fmt::format("expected the end of the file, found {} bytes", reader.left()));
    return {};
}

std::string marks_from_spaces(std::string_view text) {
    std::string piece;
    for (const char c : text) {
        c == ' ' ? piece.append("\xE2\x96\x81") : piece.append(1, c);
    }
    return piece;
}

Result<text::Tokenizer> read_tokenizer(std::span<const std::byte> bytes, std::int32_t count) {
    Reader reader(bytes);
    CAIRN_TRY(reader.read<std::int32_t>());  // longest token, not needed
    text::TokenizerParts parts;
    parts.kind = "llama";
    parts.pre = "default";
    for (std::int32_t id = 0; id < count; ++id) {
        parts.scores.push_back(CAIRN_TRY(reader.read<float>()));
        const auto length = CAIRN_TRY(reader.read<std::int32_t>());
        if (length < 0)
            return invalid(fmt::format("expected a token length from 0, found {}", length));
        const auto token = CAIRN_TRY(reader.take(static_cast<std::uint64_t>(length)));
        const std::string_view text(reinterpret_cast<const char*>(token.data()), token.size());
        const bool byte = text.size() == 6 && text.starts_with("<0x") && text.ends_with('>');
        parts.tokens.push_back(marks_from_spaces(text));
        parts.types.push_back(byte ? text::TokenType::kByte : text::TokenType::kNormal);
    }
    if (count < 3) return invalid(fmt::format("expected at least 3 tokens, found {}", count));
    // The exporter writes these three with line ends around them; they are never matched as text.
    parts.tokens[0] = "<unk>";
    parts.tokens[1] = "<s>";
    parts.tokens[2] = "</s>";
    parts.types[0] = text::TokenType::kUnknown;
    parts.types[1] = parts.types[2] = text::TokenType::kControl;
    parts.unknown = 0;
    parts.bos = 1;
    parts.eos = 2;
    parts.add_bos = true;
    parts.add_space_prefix = true;
    return text::Tokenizer::from_parts(std::move(parts));
}

void set_keys(GgufWriter& writer, const Shape& shape) {
    const auto u32 = [](std::int32_t value) { return static_cast<std::uint32_t>(value); };
    writer.set("general.architecture", "llama");
    writer.set("general.name", "llama2.c checkpoint");
    writer.set("general.alignment", std::uint32_t{32});
    writer.set("llama.block_count", u32(shape.layers));
    writer.set("llama.context_length", u32(shape.context));
    writer.set("llama.embedding_length", u32(shape.width));
    writer.set("llama.feed_forward_length", u32(shape.hidden));
    writer.set("llama.attention.head_count", u32(shape.heads));
    writer.set("llama.attention.head_count_kv", u32(shape.kv_heads));
    writer.set("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    writer.set("llama.rope.dimension_count", u32(shape.width / shape.heads));
    writer.set("llama.rope.freq_base", 10000.0F);
    writer.set("llama.vocab_size", u32(std::abs(shape.vocabulary)));
}

}  // namespace

Status convert_llama2c(const std::filesystem::path& checkpoint,
                       const std::filesystem::path& tokenizer, const std::filesystem::path& gguf) {
    const MappedFile weights = CAIRN_TRY(MappedFile::open(checkpoint));
    const MappedFile vocabulary = CAIRN_TRY(MappedFile::open(tokenizer));
    Reader reader(weights.bytes());
    const auto shape = CAIRN_TRY(reader.read<Shape>());
    CAIRN_TRY(check(shape));
    GgufWriter writer;
    set_keys(writer, shape);
    write_tokenizer(writer,
                    CAIRN_TRY(read_tokenizer(vocabulary.bytes(), std::abs(shape.vocabulary))));
    CAIRN_TRY(add_weights(writer, reader, shape));
    return writer.write(gguf);
}

}  // namespace cairn::format
