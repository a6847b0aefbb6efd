// SPDX-License-Identifier: Apache-2.0
// A Hugging Face model folder: config.json, generation_config.json and the weights of
// model.safetensors or of the shards that model.safetensors.index.json names.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/format/safetensors.h"

namespace cairn::format {

/// A JSON object read by dotted paths: "rope_scaling.factor", "text_config.hidden_size",
/// "architectures.0" (numbers are places in an array). Errors name the path: kNotFound when absent,
/// kInvalid for another type. The `_or` forms return `other` for an absent or null value.
class JsonConfig {
  public:
    JsonConfig();  ///< the empty object
    static Result<JsonConfig> parse(std::string_view json);
    JsonConfig(const JsonConfig&);
    JsonConfig& operator=(const JsonConfig&);
    JsonConfig(JsonConfig&&) noexcept;
    JsonConfig& operator=(JsonConfig&&) noexcept;
    ~JsonConfig();

    bool has(std::string_view path) const;      ///< present, may be null
    bool is_null(std::string_view path) const;  ///< null or absent
    bool is_object(std::string_view path) const;
    bool is_array(std::string_view path) const;
    bool is_string(std::string_view path) const;
    bool is_number(std::string_view path) const;
    bool is_bool(std::string_view path) const;
    std::vector<std::string> keys(std::string_view path = {}) const;  ///< of an object, else empty
    std::size_t size(std::string_view path) const;  ///< of an array or object, else 0

    /// Integers also where the file says 1e6 or 4096.0.
    Result<std::int64_t> get_integer(std::string_view path) const;
    Result<double> get_number(std::string_view path) const;
    Result<bool> get_bool(std::string_view path) const;
    Result<std::string> get_string(std::string_view path) const;
    /// One value counts as an array of one (eos_token_id is either).
    Result<std::vector<std::int64_t>> get_integers(std::string_view path) const;
    Result<std::vector<double>> get_numbers(std::string_view path) const;
    Result<std::vector<std::string>> get_strings(std::string_view path) const;

    Result<std::int64_t> get_integer_or(std::string_view path, std::int64_t other) const;
    Result<double> get_number_or(std::string_view path, double other) const;
    Result<bool> get_bool_or(std::string_view path, bool other) const;
    Result<std::string> get_string_or(std::string_view path, std::string_view other) const;

    /// The object at `path` on its own ("text_config"); the empty object when there is none.
    JsonConfig at(std::string_view path) const;
    std::string dump() const;  ///< compact JSON

  private:
    struct State;
    std::shared_ptr<const State> state_;
};

class HfDirectory {
  public:
    /// Maps all shards. Errors: kNotFound without config.json or weights, kInvalid for a shard name
    /// that leaves the folder, a tensor that its shard does not hold or that two shards hold.
    static Result<HfDirectory> open(const std::filesystem::path& folder);

    const std::filesystem::path& folder() const { return folder_; }
    const JsonConfig& config() const { return config_; }
    const JsonConfig& generation_config() const { return generation_config_; }  ///< may be empty
    /// `dtype` or `torch_dtype` of the config ("bfloat16"); empty when not given.
    std::string dtype() const;
    /// Bytes of another file of the folder ("tokenizer.json"); nullopt when absent.
    Result<std::optional<std::string>> read_text(std::string_view name,
                                                 std::uint64_t bytes_max) const;

    const std::vector<const SafetensorsTensor*>& tensors() const { return tensors_; }  ///< by name
    const SafetensorsTensor* find(std::string_view name) const;  ///< nullptr when absent
    /// Owns all mappings: what outlives the directory and points into it keeps this.
    std::shared_ptr<const void> keep_alive() const { return shards_; }

  private:
    std::filesystem::path folder_;
    JsonConfig config_;
    JsonConfig generation_config_;
    std::shared_ptr<const std::vector<SafetensorsFile>> shards_;
    std::vector<const SafetensorsTensor*> tensors_;
};

}  // namespace cairn::format
