// SPDX-License-Identifier: Apache-2.0
// Hostile and damaged GGUF files, each with the words of its error. The cases follow llama.cpp's
// tests/test-gguf.cpp and published holes of other loaders (CVE-2026-27940, CVE-2026-7482, ollama
// shapes larger than the file).
#include <gtest/gtest.h>

#include <functional>

#include "cairn/format/gguf.h"
#include "cairn/format/tokenizer_gguf.h"

namespace cairn::format {
namespace {

/// Builds files that no writer would write.
class Bytes {
  public:
    template <typename T>
    Bytes& put(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
        return *this;
    }
    Bytes& text(std::string_view value) {
        put(static_cast<std::uint64_t>(value.size()));
        bytes_ += value;
        return *this;
    }
    Bytes& header(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
        bytes_ += "GGUF";
        return put(version).put(tensors).put(keys);
    }
    Bytes& tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type,
                  std::uint64_t offset) {
        text(name).put(static_cast<std::uint32_t>(dims.size()));
        for (const std::uint64_t dim : dims) {
            put(dim);
        }
        return put(type).put(offset);
    }
    Bytes& data(std::size_t count) {
        bytes_.resize((bytes_.size() + 31) / 32 * 32 + count);
        return *this;
    }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

std::string error_of(const std::string& bytes) {
    const auto file = GgufFile::parse(std::as_bytes(std::span(bytes)));
    return file ? "no error" : file.error().message;
}

struct Case {
    const char* name;
    Bytes bytes;
    const char* message;  ///< part of the error
};

const std::uint64_t kHuge = ~std::uint64_t{0};

std::vector<Case> header_cases() {
    return {
        {"empty", Bytes(), "4 more bytes"},
        {"bad_magic", Bytes().put(std::uint32_t{0x1234}).put(kHuge), "first bytes 'GGUF'"},
        {"version_0", Bytes().header(0, 0, 0), "expected version 3, found 0"},
        {"version_1", Bytes().header(0, 0, 1), "expected version 3, found 1"},
        {"version_future", Bytes().header(0, 0, 4), "expected version 3, found 4"},
        {"big_endian", Bytes().header(0, 0, 0x03000000), "big-endian"},
        {"tensors_2_64", Bytes().header(kHuge, 0), "at most 65536 tensors"},
        {"keys_2_64", Bytes().header(0, kHuge), "at most 65536 keys"},
        {"keys_missing", Bytes().header(0, 1), "8 more bytes"},
    };
}

std::vector<Case> metadata_cases() {
    const auto one = [] { return Bytes().header(0, 1); };
    const auto u32 = std::uint32_t{4};
    const auto array = std::uint32_t{9};
    return {
        {"key_size_minus_1", one().put(kHuge), "18446744073709551615 more bytes"},
        {"key_empty", one().text("").put(u32).put(u32), "found an empty one"},
        {"key_too_long", one().text(std::string(70'000, 'k')).put(u32).put(u32),
         "at most 65535 bytes"},
        {"key_twice", Bytes().header(0, 2).text("k").put(u32).put(u32).text("k").put(u32).put(u32),
         "'k' twice"},
        {"type_unknown", one().text("k").put(std::uint32_t{13}),
         "value type 0 to 12 (arrays not nested), found 13"},
        {"array_nested", one().text("k").put(array).put(array).put(kHuge), "not nested), found 9"},
        {"array_2_64", one().text("k").put(array).put(u32).put(kHuge), "fits into the remaining"},
        {"array_of_strings_2_61",
         one().text("k").put(array).put(std::uint32_t{8}).put(std::uint64_t{1} << 61),
         "fits into the remaining"},
        {"array_short", one().text("k").put(array).put(u32).put(std::uint64_t{3}).put(kHuge),
         "found 3 elements"},
        {"string_beyond_file", one().text("k").put(std::uint32_t{8}).put(std::uint64_t{1'000'000}),
         "1000000 more bytes"},
        {"bool_of_2", one().text("k").put(std::uint32_t{7}).put(std::uint8_t{2}),
         "bool of 0 or 1, found 2"},
        {"value_missing", one().text("k").put(std::uint32_t{12}),
         "key 'k': GGUF: expected 8 more bytes"},
        {"alignment_13", one().text("general.alignment").put(u32).put(std::uint32_t{13}),
         "power of two"},
        {"alignment_0", one().text("general.alignment").put(u32).put(std::uint32_t{0}),
         "power of two"},
        {"alignment_of_64_and_offset_of_32",
         Bytes()
             .header(1, 1)
             .text("general.alignment")
             .put(u32)
             .put(std::uint32_t{64})
             .tensor("t", {1}, 0, 32)
             .data(128),
         "multiple of 64, found 32"},
        {"alignment_type",
         one().text("general.alignment").put(std::uint32_t{10}).put(std::uint64_t{32}), "as u32"},
    };
}

std::vector<Case> tensor_cases() {
    const auto one = [] { return Bytes().header(1, 0); };
    const std::uint64_t half = std::uint64_t{1} << 59;  // two of them in F16 pass 2^60
    return {
        {"name_too_long", one().tensor(std::string(64, 'n'), {1}, 0, 0).data(32),
         "1 to 63 bytes, found 64"},
        {"name_empty", one().tensor("", {1}, 0, 0).data(32), "1 to 63 bytes, found 0"},
        {"name_twice", Bytes().header(2, 0).tensor("t", {1}, 0, 0).tensor("t", {1}, 0, 32).data(64),
         "'t' twice"},
        {"dims_0", one().tensor("t", {}, 0, 0).data(32), "1 to 4 dims, found 0"},
        {"dims_5", one().tensor("t", {1, 1, 1, 1, 1}, 0, 0).data(32), "1 to 4 dims, found 5"},
        {"dims_2_32", one().text("t").put(~std::uint32_t{0}), "1 to 4 dims, found 4294967295"},
        {"dim_zero", one().tensor("t", {4, 0}, 0, 0).data(32), "dims above 0"},
        {"elements_overflow",
         one().tensor("t", {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 0, 0).data(32),
         "below 2^63"},
        {"elements_wrap_to_one", one().tensor("t", {kHuge, kHuge}, 0, 0).data(32), "below 2^63"},
        {"bytes_overflow", one().tensor("t", {std::uint64_t{1} << 62}, 0, 0).data(32),
         "below 2^63"},
        {"row_not_whole_blocks", one().tensor("t", {33, 32}, 8, 0).data(2048), "33 x 32"},
        {"type_iq1_s", one().tensor("t", {256}, 19, 0).data(50), "expected a known type"},
        {"type_withdrawn", one().tensor("t", {32}, 31, 0).data(32), "found type 31"},
        {"q4_k_row_of_32", one().tensor("t", {32, 8}, 12, 0).data(144), "size is whole"},
        {"type_2_32", one().tensor("t", {32}, ~std::uint32_t{0}, 0).data(32),
         "found type 4294967295"},
        {"offset_unaligned", one().tensor("t", {1}, 0, 4).data(64), "multiple of 32, found 4"},
        {"offset_beyond", one().tensor("t", {1}, 0, 64).data(32),
         "4 bytes at offset 64 of the data, found 32"},
        {"offset_wraps", one().tensor("t", {16}, 0, kHuge - 31).data(64), "found 64 bytes of data"},
        {"shape_beyond_file", one().tensor("t", {1'000'000}, 0, 0).data(32),
         "expected 4000000 bytes"},
        {"data_absent", one().tensor("t", {1}, 0, 0), "found 0 bytes of data"},
        {"sum_too_large",
         Bytes().header(2, 0).tensor("a", {half}, 1, 0).tensor("b", {half}, 1, half * 2).data(64),
         "found 64 bytes of data"},
        {"two_sizes_wrap_to_small",  // each just below 2^63; padded and summed they pass 2^64
         Bytes()
             .header(2, 0)
             .tensor("a", {0x7FFF'FFFF'FFFF'FFC0}, 24, 0)
             .tensor("b", {0x7FFF'FFFF'FFFF'FFC0}, 24, 0x7FFF'FFFF'FFFF'FFC0)
             .data(64),
         "found I8"},
        {"two_sizes_of_f16_wrap",
         Bytes()
             .header(2, 0)
             .tensor("a", {0x0FFF'FFFF'FFFF'FFE0}, 1, 0)
             .tensor("b", {0x0FFF'FFFF'FFFF'FFE0}, 1, 0x1FFF'FFFF'FFFF'FFC0)
             .data(64),
         "found 64 bytes of data"},
        {"overlap", Bytes().header(2, 0).tensor("a", {16}, 0, 0).tensor("b", {16}, 0, 32).data(128),
         "found 'b' over 'a'"},
        {"info_cut", one().text("t").put(std::uint32_t{2}).put(std::uint64_t{1}), "more bytes"},
    };
}

TEST(GgufHostile, EachCaseHasItsError) {
    for (const auto& cases : {header_cases(), metadata_cases(), tensor_cases()}) {
        for (const Case& hostile : cases) {
            const std::string error = error_of(hostile.bytes.bytes());
            EXPECT_NE(error.find(hostile.message), std::string::npos)
                << hostile.name << ": " << error;
        }
    }
}

std::string small_model() {
    static const std::vector<float> values(24, 1.0F);
    GgufWriter writer;
    writer.set("general.architecture", "llama");
    writer.set("list", std::vector<std::string>{"a", "bc"});
    writer.set("numbers", std::vector<std::int32_t>{1, 2});
    EXPECT_TRUE(writer.add_tensor("t", TensorType::kF32, {8, 3}, std::as_bytes(std::span(values))));
    EXPECT_TRUE(writer.add_tensor("u", TensorType::kF32, {24}, std::as_bytes(std::span(values))));
    return writer.to_bytes();
}

TEST(GgufHostile, TruncationAtEveryByteIsAnError) {
    const std::string good = small_model();
    ASSERT_EQ(error_of(good), "no error");
    const std::size_t data_end = good.size() - 24 * 4 % 32;
    for (std::size_t length = 0; length < data_end; ++length) {
        EXPECT_NE(error_of(good.substr(0, length)), "no error") << length;
    }
}

TEST(GgufHostile, EveryChangedByteIsReadOrRefusedInBounds) {
    const std::string good = small_model();
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const char change : {'\x01', '\x80', '\xFF'}) {
            std::string bad = good;
            bad[i] = static_cast<char>(bad[i] ^ change);
            const auto file = GgufFile::parse(std::as_bytes(std::span(bad)));
            if (!file) continue;
            for (const GgufTensor& tensor :
                 file->tensors()) {  // the sanitizers see any read outside
                const auto* begin = reinterpret_cast<const char*>(tensor.bytes.data());
                ASSERT_GE(begin, bad.data());
                ASSERT_LE(begin + tensor.bytes.size(), bad.data() + bad.size());
            }
        }
    }
}

std::string tokenizer_error(const std::function<void(GgufWriter&)>& change) {
    GgufWriter writer;
    writer.set("tokenizer.ggml.model", "llama");
    writer.set("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "a", "<0x0A>"});
    writer.set("tokenizer.ggml.scores", std::vector<float>{0, -1, -2});
    writer.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 1, 6});
    change(writer);
    const std::string bytes = writer.to_bytes();
    const GgufFile file = GgufFile::parse(std::as_bytes(std::span(bytes))).value();
    const auto tokenizer = tokenizer_from_gguf(file);
    return tokenizer ? "no error" : tokenizer.error().message;
}

TEST(GgufHostile, TokenizersThatDoNotFitAreRefused) {
    using Ints = std::vector<std::int32_t>;
    const auto with = [](const char* key, const GgufValue& value) {
        return tokenizer_error([&](GgufWriter& writer) { writer.set(key, value); });
    };
    EXPECT_EQ(with("general.name", "x"), "no error");
    const auto has = [](const std::string& error, const char* part) {
        return error.find(part) != std::string::npos ? "" : error;
    };
    EXPECT_EQ(has(with("tokenizer.ggml.token_type", Ints{2, 1}), "3 token types, found 2"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.token_type", Ints{2, 1, -6}), "token types 0 to 6"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.scores", std::vector<float>{0}), "3 scores, found 1"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.bos_token_id", std::uint32_t{3}), "bos id below 3"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.eos_token_id", std::int32_t{-2}), "eos id"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.model", "rwkv"), "found 'rwkv'"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.model", "gpt2"), "found '(none)'"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.tokens", Ints{1}), "array of strings"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.tokens", std::vector<std::string>{}), "found 0"), "");
    EXPECT_EQ(has(with("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "a", "<0x-1>"}),
                  "byte token"),
              "");
}

}  // namespace
}  // namespace cairn::format
