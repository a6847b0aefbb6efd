// SPDX-License-Identifier: Apache-2.0
// TOML to a Recipe; unknown keys are refused by name, so that a typing error is no silent default.
#include "cairn/train/recipe.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <set>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"

namespace cairn::train {
namespace {

template <typename T>
inline constexpr bool kWide = std::is_integral_v<T> && !std::is_same_v<T, bool>;

/// Reads one table key by key; keys that nobody asked for are refused at the end.
class Table {
  public:
    Table(const toml::table* table, std::string name) : table_(table), name_(std::move(name)) {}

    template <typename T>
    Status get(const char* key, T& to, bool required = true) {
        known_.insert(key);
        const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
        if (node == nullptr) {
            if (!required) return {};
            return make_error(Code::kInvalid,
                              fmt::format("expected {}.{}, found nothing", name_, key));
        }
        const auto value = node->value<std::conditional_t<kWide<T>, std::int64_t, T>>();
        if (!value) {
            return make_error(Code::kInvalid, fmt::format("expected another type for {}.{} (line "
                                                          "{})",
                                                          name_, key, node->source().begin.line));
        }
        to = static_cast<T>(*value);
        return {};
    }

    Status refuse_others() const {
        if (table_ == nullptr) return {};
        for (const auto& [key, node] : *table_) {
            if (node.is_table() || known_.contains(std::string(key.str()))) continue;
            return make_error(Code::kInvalid,
                              fmt::format("unknown key {}.{} (line {})", name_,
                                          std::string(key.str()), node.source().begin.line));
        }
        return {};
    }

  private:
    const toml::table* table_;
    std::string name_;
    std::set<std::string> known_;
};

Status read_shape(const toml::table& root, Shape& shape) {
    Table table(root["model"].as_table(), "model");
    CAIRN_TRY(table.get("layers", shape.layers));
    CAIRN_TRY(table.get("width", shape.width));
    CAIRN_TRY(table.get("heads", shape.heads));
    CAIRN_TRY(table.get("kv_heads", shape.kv_heads));
    CAIRN_TRY(table.get("head_width", shape.head_width));
    CAIRN_TRY(table.get("ff_width", shape.ff_width));
    CAIRN_TRY(table.get("context", shape.context));
    CAIRN_TRY(table.get("rope_base", shape.rope_base, false));
    return table.refuse_others();
}

Status read_stage(const toml::table& root, const std::string& name, StageRecipe& stage) {
    Table table(root[name].as_table(), name);
    CAIRN_TRY(table.get("tokens", stage.tokens));
    CAIRN_TRY(table.get("row_tokens", stage.row_tokens));
    CAIRN_TRY(table.get("batch_tokens", stage.batch_tokens));
    stage.batch_tokens_first = stage.batch_tokens;
    CAIRN_TRY(table.get("batch_tokens_first", stage.batch_tokens_first, false));
    CAIRN_TRY(table.get("ramp_tokens", stage.ramp_tokens, false));
    CAIRN_TRY(table.get("rate", stage.optimiser.rate_peak));
    CAIRN_TRY(table.get("rate_floor", stage.optimiser.rate_floor, false));
    CAIRN_TRY(table.get("warmup_steps", stage.optimiser.warmup_steps));
    CAIRN_TRY(table.get("decay", stage.optimiser.decay));
    CAIRN_TRY(table.get("muon", stage.optimiser.muon, false));
    CAIRN_TRY(table.get("cooldown", stage.optimiser.cooldown, false));
    CAIRN_TRY(table.get("plain_share", stage.plain_share, false));
    CAIRN_TRY(table.get("short_share", stage.short_share, false));
    if (stage.tokens < 1 || stage.batch_tokens < 1 || stage.batch_tokens_first < 1 ||
        stage.row_tokens < 2) {
        return make_error(Code::kInvalid, fmt::format("expected positive numbers in [{}]", name));
    }
    return table.refuse_others();
}

}  // namespace

Result<Recipe> parse_recipe(std::string text) {
    Recipe recipe;
    toml::table root;
    try {
        root = toml::parse(text);
    } catch (const toml::parse_error& error) {
        return make_error(Code::kInvalid,
                          fmt::format("expected TOML, found a mistake in line {}: {}",
                                      error.source().begin.line, std::string(error.description())));
    }
    Table top(&root, "recipe");
    CAIRN_TRY(top.get("name", recipe.name));
    CAIRN_TRY(top.get("seed", recipe.seed));
    std::string precision = "bf16";
    CAIRN_TRY(top.get("precision", precision, false));
    if (precision != "bf16" && precision != "f32") {
        return make_error(Code::kInvalid, "expected precision bf16 or f32, found " + precision);
    }
    recipe.precision = precision == "bf16" ? Precision::kBf16 : Precision::kF32;
    CAIRN_TRY(top.refuse_others());
    CAIRN_TRY(read_shape(root, recipe.shape));
    Table tokenizer(root["tokenizer"].as_table(), "tokenizer");
    CAIRN_TRY(tokenizer.get("vocabulary", recipe.vocabulary));
    CAIRN_TRY(tokenizer.get("sample_characters", recipe.sample_characters));
    CAIRN_TRY(tokenizer.refuse_others());
    if (const toml::table* corpus = root["corpus"].as_table()) {
        for (const auto& [group, share] : *corpus) {
            recipe.corpus[std::string(group.str())] = share.value_or(0.0);
        }
    }
    if (recipe.corpus.empty()) {
        return make_error(Code::kInvalid, "expected groups in [corpus], found none");
    }
    CAIRN_TRY(read_stage(root, "stage1", recipe.stage1));
    for (int number = 2; number == 2 || root.contains(fmt::format("stage{}", number)); ++number) {
        recipe.chats.emplace_back();
        CAIRN_TRY(read_stage(root, fmt::format("stage{}", number), recipe.chats.back()));
    }
    recipe.shape.vocabulary = recipe.vocabulary;
    CAIRN_TRY(check_shape(recipe.shape));
    recipe.text = std::move(text);
    return recipe;
}

Result<Recipe> load_recipe(const std::filesystem::path& path) {
    Result<Recipe> recipe = parse_recipe(CAIRN_TRY(read_file(path, limits::kMiB)));
    if (!recipe) return recipe.error().with_context("while reading " + path.string());
    return recipe;
}

}  // namespace cairn::train
