// SPDX-License-Identifier: Apache-2.0
// Which files of a repository are one model: a GGUF file with its shards, or the safetensors with
// what describes them. Code and pickles are never among them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "cairn/operate/hub.h"

namespace cairn::operate {

namespace {

/// What an engine or a person needs beside the weights.
constexpr std::array<std::string_view, 24> kDescriptions = {"config.json",
                                                            "generation_config.json",
                                                            "tokenizer.json",
                                                            "tokenizer_config.json",
                                                            "tokenizer.model",
                                                            "tiktoken.model",
                                                            "special_tokens_map.json",
                                                            "added_tokens.json",
                                                            "vocab.json",
                                                            "vocab.txt",
                                                            "merges.txt",
                                                            "chat_template.jinja",
                                                            "chat_template.json",
                                                            "model.safetensors.index.json",
                                                            "quantize_config.json",
                                                            "quant_config.json",
                                                            "adapter_config.json",
                                                            "modules.json",
                                                            "sentence_bert_config.json",
                                                            "config_sentence_transformers.json",
                                                            "1_Pooling/config.json",
                                                            "2_Normalize/config.json",
                                                            "LICENSE",
                                                            "LICENSE.txt"};

constexpr std::array<std::string_view, 8> kPickles = {".bin", ".pt",     ".pth", ".ckpt",
                                                      ".pkl", ".pickle", ".npy", ".h5"};

std::string upper(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

bool is_pickle(std::string_view path) {
    return std::ranges::any_of(kPickles,
                               [&](std::string_view ending) { return path.ends_with(ending); });
}

/// "a-00001-of-00003.gguf" -> "a.gguf"; other names stay.
std::string without_shard(const std::string& path) {
    constexpr std::string_view kForm = "-00001-of-00003";
    const std::size_t dot = path.rfind('.');
    if (dot == std::string::npos || dot < kForm.size()) return path;
    const std::string_view part = std::string_view(path).substr(dot - kForm.size(), kForm.size());
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        const bool digit = std::isdigit(static_cast<unsigned char>(kForm[i])) != 0;
        if (digit ? std::isdigit(static_cast<unsigned char>(part[i])) == 0 : part[i] != kForm[i])
            return path;
    }
    return path.substr(0, dot - kForm.size()) + path.substr(dot);
}

/// The quantisation in a file's name: "m-UD-Q4_K_M.gguf" -> "UD-Q4_K_M"; empty: none is named.
std::string quantisation(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    std::string name = upper(path.substr(slash == std::string::npos ? 0 : slash + 1));
    name = name.substr(0, name.rfind('.'));
    std::size_t begin = name.size();
    while (begin > 0) {
        const std::size_t cut = name.find_last_of("-.", begin - 1);
        const std::size_t from = cut == std::string::npos ? 0 : cut + 1;
        const std::string word = name.substr(from, begin - from);
        const auto digit = [&](std::size_t at) {
            return word.size() > at && std::isdigit(static_cast<unsigned char>(word[at])) != 0;
        };
        const bool known = (word[0] == 'Q' && digit(1)) || (word.starts_with("IQ") && digit(2)) ||
                           (word.starts_with("TQ") && digit(2)) || word.starts_with("MXFP4") ||
                           word == "F16" || word == "BF16" || word == "F32" || word == "FP16";
        if (known) return name.substr(0, from).ends_with("UD-") ? "UD-" + word : word;
        if (cut == std::string::npos) break;
        begin = cut;
    }
    return {};
}

std::string top_name(const std::string& path) {
    return path.find('/') == std::string::npos ? path : std::string();
}

/// The weights among the safetensors at the top: the usual names before any other.
std::vector<HubFile> safetensors_of(const HubModel& model) {
    std::vector<HubFile> shards;
    std::vector<HubFile> whole;
    std::vector<HubFile> other;
    bool indexed = false;
    for (const HubFile& file : model.files) {
        const std::string name = top_name(file.path);
        indexed = indexed || name == "model.safetensors.index.json";
        if (!name.ends_with(".safetensors")) continue;
        if (name == "model.safetensors" || name == "adapter_model.safetensors") {
            whole.push_back(file);
        } else if (name.starts_with("model-") && without_shard(name) == "model.safetensors") {
            shards.push_back(file);
        } else if (!name.starts_with("consolidated")) {  // the same weights in another layout
            other.push_back(file);
        }
    }
    if (indexed && !shards.empty()) return shards;
    if (!whole.empty()) return whole;
    return shards.empty() ? other : shards;
}

void add_safetensors(const HubModel& model, std::vector<HubChoice>& choices) {
    HubChoice choice{"safetensors", ".", safetensors_of(model), 0};
    if (choice.files.empty()) return;
    for (const HubFile& file : model.files) {
        if (std::ranges::find(kDescriptions, file.path) != kDescriptions.end())
            choice.files.push_back(file);
    }
    choices.push_back(std::move(choice));
}

void add_gguf(const HubModel& model, std::vector<HubChoice>& choices) {
    std::map<std::string, HubChoice> groups;
    for (const HubFile& file : model.files) {
        const std::string name = file.path.substr(file.path.rfind('/') + 1);
        if (!name.ends_with(".gguf") || name.starts_with("mmproj") || name.starts_with("imatrix"))
            continue;
        HubChoice& choice = groups[without_shard(file.path)];
        if (choice.files.empty()) choice.entry = file.path;  // the listing is sorted: shard 1
        choice.files.push_back(file);
    }
    for (auto& [path, choice] : groups) {
        choice.name = quantisation(path);
        const auto same = std::ranges::count_if(groups, [&name = choice.name](const auto& other) {
            return quantisation(other.first) == name;
        });
        if (choice.name.empty() || same > 1) choice.name = path;
        choices.push_back(choice);
    }
}

Error nothing_usable(const HubModel& model) {
    std::string pickles;
    for (const HubFile& file : model.files) {
        if (is_pickle(file.path) && pickles.size() < 100)
            pickles += (pickles.empty() ? "" : ", ") + file.path;
    }
    const std::string& name = model.reference.repository;
    if (pickles.empty()) {
        return make_error(Code::kUnsupported,
                          name + ": expected GGUF or safetensors files, found none of them");
    }
    return make_error(Code::kUnsupported,
                      fmt::format("{} has only weights that can run code when they are opened "
                                  "({}); these are refused",
                                  name, pickles),
                      "look for the model as safetensors or GGUF, often under another name");
}

std::string list_of(const std::vector<HubChoice>& choices) {
    std::string text;
    for (const HubChoice& choice : choices) {
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", choice.name,
                            human_bytes(static_cast<double>(choice.bytes)));
    }
    return text;
}

}  // namespace

Result<std::vector<HubChoice>> hub_choices(const HubModel& model) {
    std::vector<HubChoice> choices;
    add_safetensors(model, choices);
    add_gguf(model, choices);
    for (HubChoice& choice : choices) {
        for (const HubFile& file : choice.files)
            choice.bytes += file.bytes;
    }
    std::ranges::stable_sort(choices, {}, &HubChoice::bytes);
    if (choices.empty()) return nothing_usable(model);
    return choices;
}

Result<HubChoice> choose(const HubModel& model, const std::string& selection) {
    if (is_pickle(selection)) {
        return make_error(Code::kUnsupported,
                          selection + ": such a file can run code when it is opened; refused",
                          "choose safetensors or GGUF");
    }
    const std::vector<HubChoice> choices = CAIRN_TRY(hub_choices(model));
    if (selection.empty()) {
        if (choices.size() == 1) return choices.front();
        const auto whole = std::ranges::find(choices, ".", &HubChoice::entry);
        if (whole != choices.end()) return *whole;
        return make_error(Code::kInvalid,
                          fmt::format("{} has {} models: {}", model.reference.repository,
                                      choices.size(), list_of(choices)),
                          "choose one: " + model.reference.text() + ":" + choices.front().name);
    }
    for (const HubChoice& choice : choices) {
        const bool named = upper(choice.name) == upper(selection);
        const bool has = std::ranges::any_of(
            choice.files, [&](const HubFile& file) { return file.path == selection; });
        if (named || (has && choice.entry != ".")) return choice;
    }
    return make_error(Code::kNotFound,
                      fmt::format("{} has no '{}'; it has: {}", model.reference.repository,
                                  selection, list_of(choices)));
}

}  // namespace cairn::operate
