// SPDX-License-Identifier: Apache-2.0
// The weights of a Hugging Face folder under their unquantised names, whatever quantization_config
// says: F32, F16 and BF16 in place; FP8, GPTQ, AWQ, compressed-tensors and MXFP4 converted at load.
//
//   stored as                                  becomes   exact
//   FP8 E4M3 with block or row scales          BF16      rounded once, as the makers' own
//   conversion GPTQ / compressed-tensors 4 bit, zero 8    Q4_0      yes (scales in F16) GPTQ 8 bit,
//   zero 128                       Q8_0      yes GPTQ / AWQ 4 bit, other zeros              Q4_1
//   scale * zero is rounded to F16 once GPTQ with act-order                        F16       as the
//   reference computes it in half MXFP4 blocks and scales (gpt-oss)          MXFP4     yes
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/tensor_type.h"
#include "cairn/format/hf_directory.h"

namespace cairn::engine {

struct HfWeight {
    TensorType type = TensorType::kF32;
    std::vector<std::uint64_t> shape;  ///< outermost first: [outputs, inputs], [experts, ...]
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;  ///< of `bytes`: the folder's mapping, or the converted copy
};

class HfWeights {
  public:
    /// `directory` must outlive this. Errors: kUnsupported for a quantization method, a number of
    /// bits or a packing that is not known (named).
    static Result<HfWeights> open(const format::HfDirectory& directory);

    /// Names as an unquantised model has them ("...q_proj.weight"), in byte order; what only
    /// belongs to a quantised weight (scales, zeros, g_idx) is not listed.
    const std::vector<std::string>& names() const { return names_; }
    bool has(std::string_view name) const;
    /// Errors: kNotFound, kInvalid for parts whose shapes do not fit, kUnsupported for types that
    /// are not weights.
    Result<HfWeight> read(std::string_view name) const;

  private:
    enum class Method { kNone, kFp8, kGptq, kAwq, kPacked, kMxfp4 };
    struct Settings {
        Method method = Method::kNone;
        std::int64_t bits = 4;
        std::int64_t group = 128;
        std::int64_t zero_offset = 0;  ///< added to stored zeros
        std::int64_t block_rows = 128;
        std::int64_t block_columns = 128;
    };
    static Result<Settings> read_settings(const format::JsonConfig& config);
    Result<HfWeight> read_fp8(const std::string& base,
                              const format::SafetensorsTensor& tensor) const;
    Result<HfWeight> read_grouped(const std::string& base) const;
    Result<HfWeight> read_packed(const std::string& base) const;
    Result<HfWeight> read_mxfp4(const std::string& base) const;
    const format::SafetensorsTensor* part(const std::string& base, std::string_view end) const;

    const format::HfDirectory* directory_ = nullptr;
    Settings settings_;
    std::vector<std::string> names_;
};

/// One FP8 E4M3 value (no infinities; 0x7F and 0xFF are NaN).
float f8_e4m3_to_f32(std::uint8_t bits);

}  // namespace cairn::engine
