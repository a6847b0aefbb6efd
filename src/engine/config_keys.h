// SPDX-License-Identifier: Apache-2.0
// Reads the metadata of one architecture and remembers what it has read: a key that nobody asked
// for is a property of the model that the graph would leave out, and is refused by name.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/engine/model_config.h"
#include "cairn/format/gguf.h"

namespace cairn::engine {

class KeyReader {
  public:
    KeyReader(const format::GgufFile& file, std::string_view architecture)
        : file_(file), prefix_(std::string(architecture) + ".") {}

    const format::GgufFile& file() const { return file_; }
    std::string key(std::string_view name) const { return prefix_ + std::string(name); }
    bool has(std::string_view name);

    Result<std::int64_t> integer(std::string_view name);
    Result<std::int64_t> integer_or(std::string_view name, std::int64_t other);
    Result<float> number(std::string_view name);
    Result<float> number_or(std::string_view name, float other);
    Result<bool> flag_or(std::string_view name, bool other);
    Result<std::string> text_or(std::string_view name, std::string_view other);
    /// One value for all layers, or an array with one value each.
    Result<std::vector<std::int64_t>> per_layer(std::string_view name, std::int64_t layers);
    /// The key may be there and changes nothing.
    void ignore(std::string_view name) { read_.insert(key(name)); }
    /// kUnsupported names a key of the architecture that was neither read nor ignored.
    Status refuse_unread() const;

  private:
    std::string used(std::string_view name);

    const format::GgufFile& file_;
    std::string prefix_;
    std::set<std::string, std::less<>> read_;
};

/// What most decoders state: sizes, heads, RoPE with its scaling. Fills layer_shapes. The widths of
/// keys and values are the caller's affair when they are latent.
enum class HeadWidths : std::uint8_t { kEqual, kLatent };
Result<ModelConfig> read_decoder_keys(KeyReader& keys, HeadWidths widths = HeadWidths::kEqual);

/// Experts, when the file has any: all layers from `first_layer` on.
Status read_expert_keys(KeyReader& keys, ModelConfig& config, std::int64_t first_layer,
                        const ExpertConfig& defaults);

/// attention.sliding_window for the layers that `is_local` (or sliding_window_pattern) names.
Status read_window(KeyReader& keys, ModelConfig& config, std::int64_t window_default,
                   bool (*is_local)(std::int64_t layer));

}  // namespace cairn::engine
