// SPDX-License-Identifier: Apache-2.0
// What a model is for, from what its files say about themselves: metadata, the name of its class,
// the shape of its head.
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/format/gguf.h"
#include "cairn/operate/model_store.h"
#include "cairn/text/json.h"

namespace cairn::operate {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kConfigBytesMax = 64 * limits::kMiB;  // tokenizer_config.json may be long

/// A head with one value ranks, one with several sorts into classes; without one the vectors count.
std::string encoder_kind(bool has_head, std::uint64_t labels) {
    return !has_head ? "embedder" : labels == 1 ? "reranker" : "classifier";
}

Result<std::string> kind_of_gguf(const fs::path& path) {
    const auto file = CAIRN_TRY(format::GgufFile::open(path));
    if (CAIRN_TRY(file.get_string_or("general.type", "model")) == "adapter")
        return std::string("adapter");
    const std::string architecture = CAIRN_TRY(file.get_string("general.architecture"));
    if (architecture.ends_with("bert") || file.has(architecture + ".pooling_type")) {
        const format::GgufTensor* head = file.find_tensor("cls.output.weight");
        const bool several = head != nullptr && head->dims.size() == 2;
        return encoder_kind(head != nullptr, several ? head->dims[1] : 1);
    }
    return std::string(file.has("tokenizer.chat_template") ? "chat" : "base");
}

Result<nlohmann::json> read_json(const fs::path& path) {
    const std::string text = CAIRN_TRY(read_file(path, kConfigBytesMax));
    auto json = text::parse_json(text);
    if (!json) return json.error().with_context(path.string());
    return json->is_object() ? *std::move(json) : nlohmann::json::object();
}

std::uint64_t labels_of(const nlohmann::json& config) {
    const auto names = config.find("id2label");
    if (names != config.end() && names->is_object()) return names->size();
    const auto count = config.find("num_labels");
    return count != config.end() && count->is_number_unsigned() ? count->get<std::uint64_t>() : 2;
}

bool has_template(const fs::path& folder) {
    std::error_code ignored;
    if (fs::exists(folder / "chat_template.jinja", ignored)) return true;
    const auto config = read_json(folder / "tokenizer_config.json");
    return config && config->contains("chat_template") && !(*config)["chat_template"].is_null();
}

Result<std::string> kind_of_folder(const fs::path& folder) {
    std::error_code ignored;
    if (fs::exists(folder / "adapter_config.json", ignored)) return std::string("adapter");
    const nlohmann::json config = CAIRN_TRY(read_json(folder / "config.json"));
    const nlohmann::json classes = config.value("architectures", nlohmann::json::array());
    const std::string name =
        classes.is_array() && !classes.empty() && classes[0].is_string() ? classes[0] : "";
    const auto is = [&](std::string_view task) { return name.find(task) != std::string::npos; };
    if (is("ForSequenceClassification")) return encoder_kind(true, labels_of(config));
    if (is("ForCausalLM") || is("ForConditionalGeneration")) {
        return std::string(has_template(folder) ? "chat" : "base");
    }
    return std::string("embedder");
}

}  // namespace

Result<std::string> model_kind(const fs::path& path) {
    std::error_code ignored;
    return fs::is_directory(path, ignored) ? kind_of_folder(path) : kind_of_gguf(path);
}

}  // namespace cairn::operate
