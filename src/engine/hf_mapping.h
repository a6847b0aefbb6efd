// SPDX-License-Identifier: Apache-2.0
// How an architecture is named in Hugging Face directories: tables that turn config.json and tensor
// names into GGUF's. hf_model.cc applies them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/format/gguf.h"
#include "cairn/format/hf_directory.h"
#include "hf_weights.h"

namespace cairn::engine {

/// A config key or a tensor name without its layer and ending; "#" stands for the expert.
struct HfName {
    std::string_view hf;
    std::string_view gguf;  ///< config: without the architecture; empty: known, changes nothing
};

/// What is being built out of a directory.
class HfParts {
  public:
    HfParts(std::string_view architecture, const format::JsonConfig& config)
        : config(config), architecture_(architecture) {}

    void set(std::string_view name, format::GgufValue value) {
        metadata.insert_or_assign(architecture_ + "." + std::string(name), std::move(value));
    }
    void set_integer(std::string_view name, std::int64_t value) {
        set(name, static_cast<std::uint32_t>(value));
    }
    /// A vector that the directory does not hold, in memory that lives as long as the model.
    void add_vector(std::string name, std::vector<float> values);
    /// The same for a tensor of any type that the directory holds in another order.
    void add_copy(std::string name, TensorType type, std::vector<std::uint64_t> dims,
                  std::vector<std::byte> bytes);
    /// A tensor of the directory as it is.
    void add_in_place(std::string name, std::vector<std::uint64_t> dims, const HfWeight& weight);

    const format::JsonConfig& config;  ///< of the text model
    std::map<std::string, format::GgufValue, std::less<>> metadata;
    std::vector<format::GgufTensor> tensors;
    std::vector<std::shared_ptr<const void>> memory;

  private:
    std::string architecture_;
};

struct HfTensorName {
    std::string place;   ///< "self_attn.q_proj", with "#" for the expert
    std::string ending;  ///< "weight", "bias" or empty
    std::int64_t layer = -1;
    std::int64_t expert = -1;
};
HfTensorName parse_tensor_name(std::string_view name);

struct HfMapping {
    std::span<const std::string_view> classes;  ///< `architectures` of config.json
    std::span<const HfName> keys;               ///< beside the common ones
    std::span<const HfName> tensors;            ///< likewise; these are looked at first
    std::string_view activation = "silu";       ///< the only one that the graph computes
    bool norms_plus_one = false;                ///< norms are stored minus one
    bool rows_interleaved = false;  ///< rows are in the order of interleaved RoPE already
    /// What tables can not say.
    Status (*adjust)(HfParts& parts) = nullptr;
    /// Takes a tensor that needs more than another name; false: it is not such a one.
    Result<bool> (*take_tensor)(HfParts& parts, std::string_view name,
                                const HfWeight& weight) = nullptr;
};

}  // namespace cairn::engine
