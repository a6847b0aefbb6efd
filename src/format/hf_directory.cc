// SPDX-License-Identifier: Apache-2.0
// Opens a Hugging Face model folder and reads its JSON by dotted paths.
#include "cairn/format/hf_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/text/json.h"

namespace cairn::format {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::uint64_t kConfigBytesMax = 4 * limits::kMiB;  // a config is a few KiB
// 100 bytes a tensor; a model of 671 B parameters in FP8 has 92,000 tensors in 163 shards.
constexpr std::uint64_t kIndexBytesMax = 64 * limits::kMiB;
constexpr std::size_t kShardsMax = 4096;

Error missing(std::string_view path) {
    return make_error(Code::kNotFound, fmt::format("config: expected '{}', found none", path));
}

Error wrong_type(std::string_view path, std::string_view expected, const json& found) {
    return make_error(Code::kInvalid, fmt::format("config: expected '{}' as {}, found {}", path,
                                                  expected, found.type_name()));
}

/// Integers, also those written as 1e6 or 4096.0.
std::optional<std::int64_t> to_integer(const json& value) {
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        if (!std::in_range<std::int64_t>(number)) return std::nullopt;
        return static_cast<std::int64_t>(number);
    }
    if (value.is_number_integer()) return value.get<std::int64_t>();
    if (!value.is_number_float()) return std::nullopt;
    const auto number = value.get<double>();
    if (std::trunc(number) != number || std::fabs(number) > 0x1p53) return std::nullopt;
    return static_cast<std::int64_t>(number);
}

std::optional<double> to_number(const json& value) {
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}
std::optional<std::string> to_text(const json& value) {
    return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}
std::optional<bool> to_bool(const json& value) {
    return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
}

const json* step_into(const json& value, std::string_view name) {
    if (value.is_object()) {
        const auto found = value.find(name);
        return found == value.end() ? nullptr : &*found;
    }
    if (!value.is_array()) return nullptr;
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool whole = error == std::errc() && end == name.data() + name.size();
    return whole && index < value.size() ? &value[index] : nullptr;
}

}  // namespace

struct JsonConfig::State {
    json root;

    const json* find(std::string_view path) const {
        const json* value = &root;
        while (value != nullptr && !path.empty()) {
            const std::size_t dot = path.find('.');
            value = step_into(*value, path.substr(0, dot));
            path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
        }
        return value;
    }

    template <typename T>
    Result<T> get(std::string_view path, std::optional<T> (*convert)(const json&),
                  std::string_view expected) const {
        const json* value = find(path);
        if (value == nullptr) return missing(path);
        std::optional<T> converted = convert(*value);
        if (!converted) return wrong_type(path, expected, *value);
        return std::move(*converted);
    }

    template <typename T>
    Result<std::vector<T>> get_all(std::string_view path, std::optional<T> (*convert)(const json&),
                                   std::string_view expected) const {
        const json* value = find(path);
        if (value == nullptr) return missing(path);
        std::vector<T> all;
        const auto add = [&](const json& element) {
            std::optional<T> converted = convert(element);
            if (converted) all.push_back(std::move(*converted));
            return converted.has_value();
        };
        if (!value->is_array()) {
            if (!add(*value)) return wrong_type(path, expected, *value);
            return all;
        }
        for (const json& element : *value) {
            if (!add(element)) return wrong_type(path, expected, element);
        }
        return all;
    }
};

JsonConfig::JsonConfig() : state_(std::make_shared<State>(State{json::object()})) {}
JsonConfig::JsonConfig(const JsonConfig&) = default;
JsonConfig& JsonConfig::operator=(const JsonConfig&) = default;
// Moved like copied: what was moved from stays readable.
JsonConfig::JsonConfig(JsonConfig&& other) noexcept : state_(other.state_) {}
JsonConfig& JsonConfig::operator=(JsonConfig&& other) noexcept {
    state_ = other.state_;
    return *this;
}
JsonConfig::~JsonConfig() = default;

Result<JsonConfig> JsonConfig::parse(std::string_view text) {
    JsonConfig config;
    json root = CAIRN_TRY(text::parse_json(text));
    if (!root.is_object()) {
        return make_error(Code::kInvalid, fmt::format("config: expected a JSON object, found {}",
                                                      root.type_name()));
    }
    config.state_ = std::make_shared<State>(State{std::move(root)});
    return config;
}

bool JsonConfig::has(std::string_view path) const {
    return state_->find(path) != nullptr;
}
bool JsonConfig::is_null(std::string_view path) const {
    const json* value = state_->find(path);
    return value == nullptr || value->is_null();
}
bool JsonConfig::is_object(std::string_view path) const {
    const json* value = state_->find(path);
    return value != nullptr && value->is_object();
}
bool JsonConfig::is_array(std::string_view path) const {
    const json* value = state_->find(path);
    return value != nullptr && value->is_array();
}
bool JsonConfig::is_string(std::string_view path) const {
    const json* value = state_->find(path);
    return value != nullptr && value->is_string();
}
bool JsonConfig::is_number(std::string_view path) const {
    const json* value = state_->find(path);
    return value != nullptr && value->is_number();
}
bool JsonConfig::is_bool(std::string_view path) const {
    const json* value = state_->find(path);
    return value != nullptr && value->is_boolean();
}

std::vector<std::string> JsonConfig::keys(std::string_view path) const {
    std::vector<std::string> names;
    if (!is_object(path)) return names;
    for (const auto& [key, value] : state_->find(path)->items())
        names.push_back(key);
    return names;
}

std::size_t JsonConfig::size(std::string_view path) const {
    return is_object(path) || is_array(path) ? state_->find(path)->size() : 0;
}

Result<std::int64_t> JsonConfig::get_integer(std::string_view path) const {
    return state_->get(path, to_integer, "an integer");
}
Result<double> JsonConfig::get_number(std::string_view path) const {
    return state_->get(path, to_number, "a number");
}
Result<bool> JsonConfig::get_bool(std::string_view path) const {
    return state_->get(path, to_bool, "true or false");
}
Result<std::string> JsonConfig::get_string(std::string_view path) const {
    return state_->get(path, to_text, "a string");
}
Result<std::vector<std::int64_t>> JsonConfig::get_integers(std::string_view path) const {
    return state_->get_all(path, to_integer, "integers");
}
Result<std::vector<double>> JsonConfig::get_numbers(std::string_view path) const {
    return state_->get_all(path, to_number, "numbers");
}
Result<std::vector<std::string>> JsonConfig::get_strings(std::string_view path) const {
    return state_->get_all(path, to_text, "strings");
}

Result<std::int64_t> JsonConfig::get_integer_or(std::string_view path, std::int64_t other) const {
    return is_null(path) ? Result<std::int64_t>(other) : get_integer(path);
}
Result<double> JsonConfig::get_number_or(std::string_view path, double other) const {
    return is_null(path) ? Result<double>(other) : get_number(path);
}
Result<bool> JsonConfig::get_bool_or(std::string_view path, bool other) const {
    return is_null(path) ? Result<bool>(other) : get_bool(path);
}
Result<std::string> JsonConfig::get_string_or(std::string_view path, std::string_view other) const {
    return is_null(path) ? Result<std::string>(std::string(other)) : get_string(path);
}

JsonConfig JsonConfig::at(std::string_view path) const {
    JsonConfig config;
    if (is_object(path)) config.state_ = std::make_shared<State>(State{*state_->find(path)});
    return config;
}

std::string JsonConfig::dump() const {
    return text::dump_json(state_->root);
}

namespace {

Result<JsonConfig> read_config(const fs::path& path) {
    const std::string text = CAIRN_TRY(read_file(path, kConfigBytesMax));
    auto config = JsonConfig::parse(text);
    if (!config) return config.error().with_context(path.string());
    return config;
}

/// A shard is a file of the folder itself: a name with a slash could read any file of the machine.
Status check_shard_name(const std::string& name) {
    const bool plain = !name.empty() && name.size() <= 255 &&
                       name.find_first_of(std::string("/\\\0", 3)) == std::string::npos &&
                       name != "." && name != ".." && name.ends_with(".safetensors");
    if (plain) return {};
    return make_error(Code::kInvalid,
                      fmt::format("expected a shard NAME.safetensors in the model's folder, found "
                                  "'{}'",
                                  name));
}

/// Tensor names and their shards.
using WeightMap = std::map<std::string, std::string>;

Result<WeightMap> read_index(const fs::path& path) {
    const std::string text = CAIRN_TRY(read_file(path, kIndexBytesMax));
    const json root = CAIRN_TRY(text::parse_json(text, {.refuse_duplicate_keys = true}));
    const auto found = root.is_object() ? root.find("weight_map") : root.end();
    if (!root.is_object() || found == root.end() || !found->is_object())
        return make_error(Code::kInvalid, "expected an object 'weight_map'");
    WeightMap map;
    for (const auto& [name, shard] : found->items()) {
        if (!shard.is_string()) {
            return make_error(Code::kInvalid,
                              fmt::format("expected weight_map.{} as a string", name));
        }
        map[name] = shard.get<std::string>();
        CAIRN_TRY(check_shard_name(map[name]));
    }
    return map;
}

/// Every shard of the index, and each tensor in the shard that the index names.
Result<std::vector<SafetensorsFile>> open_shards(const fs::path& folder, const WeightMap& map) {
    std::set<std::string> names;
    for (const auto& [tensor, shard] : map)
        names.insert(shard);
    if (names.size() > kShardsMax) {
        return make_error(Code::kTooLarge, fmt::format("expected at most {} shards, found {}",
                                                       kShardsMax, names.size()));
    }
    std::vector<SafetensorsFile> shards;
    std::map<std::string, std::size_t> place;
    for (const std::string& name : names) {
        place[name] = shards.size();
        auto shard = SafetensorsFile::open(folder / name);
        if (!shard) return shard.error().with_context("shard " + name);
        shards.push_back(std::move(*shard));
    }
    for (const auto& [tensor, shard] : map) {
        if (shards[place[shard]].find(tensor) == nullptr) {
            return make_error(
                Code::kInvalid,
                fmt::format("expected tensor '{}' in shard {}, found none", tensor, shard),
                "the shards do not belong to this index: fetch the model again");
        }
    }
    return shards;
}

Result<std::vector<SafetensorsFile>> open_weights(const fs::path& folder) {
    std::error_code ignored;
    const fs::path index = folder / "model.safetensors.index.json";
    if (fs::exists(index, ignored)) {
        auto map = read_index(index);
        if (!map) return map.error().with_context(index.string());
        return open_shards(folder, *map);
    }
    const fs::path single = folder / "model.safetensors";
    if (!fs::exists(single, ignored)) {
        return make_error(Code::kNotFound,
                          fmt::format("expected model.safetensors or model.safetensors.index.json "
                                      "in {}, found neither",
                                      folder.string()),
                          "models in .bin files have to be converted to safetensors first");
    }
    std::vector<SafetensorsFile> shards;
    shards.push_back(CAIRN_TRY(SafetensorsFile::open(single)));
    return shards;
}

}  // namespace

Result<HfDirectory> HfDirectory::open(const fs::path& folder) {
    HfDirectory directory;
    directory.folder_ = folder;
    directory.config_ = CAIRN_TRY(read_config(folder / "config.json"));
    std::error_code ignored;
    if (fs::exists(folder / "generation_config.json", ignored)) {
        directory.generation_config_ = CAIRN_TRY(read_config(folder / "generation_config.json"));
    }
    directory.shards_ =
        std::make_shared<const std::vector<SafetensorsFile>>(CAIRN_TRY(open_weights(folder)));
    for (const SafetensorsFile& shard : *directory.shards_) {
        for (const SafetensorsTensor& tensor : shard.tensors())
            directory.tensors_.push_back(&tensor);
    }
    std::ranges::sort(directory.tensors_, {},
                      [](const auto* tensor) { return std::string_view(tensor->name); });
    for (std::size_t i = 1; i < directory.tensors_.size(); ++i) {
        if (directory.tensors_[i - 1]->name == directory.tensors_[i]->name) {
            return make_error(
                Code::kInvalid,
                fmt::format("{}: expected each tensor in one shard, found '{}' in two",
                            folder.string(), directory.tensors_[i]->name));
        }
    }
    return directory;
}

std::string HfDirectory::dtype() const {
    for (const char* key :
         {"dtype", "torch_dtype", "text_config.dtype", "text_config.torch_dtype"}) {
        if (config_.is_string(key)) return config_.get_string(key).value();
    }
    return "";
}

Result<std::optional<std::string>> HfDirectory::read_text(std::string_view name,
                                                          std::uint64_t bytes_max) const {
    const fs::path path = folder_ / name;
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return std::optional<std::string>();
    return std::optional(CAIRN_TRY(read_file(path, bytes_max)));
}

const SafetensorsTensor* HfDirectory::find(std::string_view name) const {
    const auto found = std::ranges::lower_bound(
        tensors_, name, {}, [](const auto* tensor) { return std::string_view(tensor->name); });
    return found != tensors_.end() && (*found)->name == name ? *found : nullptr;
}

}  // namespace cairn::format
