// SPDX-License-Identifier: Apache-2.0
// cairn.toml as owners write it: defaults, exact money, and refusals that name the line and the
// likely intention.
#include "cairn/base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cairn/base/files.h"

namespace cairn {
namespace {

using testing::HasSubstr;

Result<WorkspaceConfig> load(const std::string& text) {
    const ScopedFolder folder("config");
    CAIRN_TRY(write_file_atomic(folder.path() / "cairn.toml", text));
    return load_workspace_config(folder.path());
}

constexpr const char* kFull = R"toml(
[workspace]
name = "Harbour & Finch"
languages = ["en", "de", "zh"]
currency = "EUR"
[model]
base = "file:models/x.gguf"
[[source]]
name = "documents"
path = "documents"
[[scenario]]
name = "handbook"
kind = "qa"
sources = ["documents"]
test = "tests/handbook.jsonl"
gate = { wrong_max = 0.1, recall_min = 0.85 }
[[scenario]]
name = "replies"
kind = "style"
examples = "examples/replies.jsonl"
gate = { improvement_min = 0.02 }
[hardware]
price = 2400.0
life_years = 4
power_idle_w = 40
power_busy_w = 90
tariff_per_kwh = "0.25"
utilisation = 0.10
[prices]
input_per_mtok = 0.20
output_per_mtok = 0.60
[clean]
keep = ["press@harbour.example", "@harbour.example", "+44 20 7946"]
mask_names = true
[tune]
rank = 4
seed = 7
)toml";

TEST(Config, ReadsEveryTable) {
    const auto config = load(kFull);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->name, "Harbour & Finch");
    EXPECT_EQ(config->languages.size(), 3U);
    EXPECT_EQ(config->base_model, "file:" + (config->root / "models/x.gguf").string());
    ASSERT_EQ(config->scenarios.size(), 2U);
    EXPECT_EQ(config->scenarios[0].test, config->root / "tests/handbook.jsonl");
    EXPECT_EQ(config->scenarios[0].gate.wrong_max, 0.1);
    EXPECT_EQ(config->scenarios[1].kind, ScenarioKind::kStyle);
    EXPECT_EQ(config->scenarios[1].gate.improvement_min, 0.02);
    EXPECT_EQ(config->hardware.price, 2400 * kPicosPerUnit);
    EXPECT_EQ(config->hardware.tariff_per_kwh, kPicosPerUnit / 4);
    EXPECT_EQ(config->prices.input_per_token, 200'000);
    EXPECT_EQ(config->prices.cached_input_per_token, 200'000) << "missing: as any input";
    EXPECT_EQ(config->prices.output_per_token, 600'000);
    EXPECT_EQ(config->clean.keep.size(), 3U);
    EXPECT_TRUE(config->clean.mask_names);
    EXPECT_FALSE(config->clean.mask_role_addresses) << "the default";
    EXPECT_EQ(config->tune.rank, 4);
    EXPECT_EQ(config->tune.epochs, 3) << "the default";
}

TEST(Config, SmallestWorkspaceIsAName) {
    const auto config = load("[workspace]\nname = \"x\"\n");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->base_model, "pebble");
    EXPECT_EQ(config->currency, "EUR");
}

TEST(Config, PrefixesOfAnEmbedderKeepTheirSpaces) {
    const auto config = load(
        "[workspace]\nname = \"x\"\n[retrieval]\nembedder = \"file:e5\"\n"
        "query_prefix = \"query: \"\npassage_prefix = \"passage: \"\n");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->retrieval.query_prefix, "query: ");
    EXPECT_EQ(config->retrieval.passage_prefix, "passage: ");
}

TEST(Config, AnExplicitZeroPriceStaysZero) {
    const auto config = load(
        "[workspace]\nname = \"x\"\n[prices]\ninput_per_mtok = 1\ncached_input_per_mtok = 0\n");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->prices.cached_input_per_token, 0);
    EXPECT_EQ(config->prices.input_per_token, 1'000'000);
}

struct Refusal {
    const char* text;
    const char* message;
    const char* hint;
};

TEST(Config, RefusesByNameWithLineAndSuggestion) {
    const Refusal refusals[] = {
        {"nmae = 1\n", "line 3: unknown key 'workspace.nmae'", "did you mean 'name'?"},
        {"[hardwear]\n", "unknown key 'hardwear'", "did you mean 'hardware'?"},
        {"[zzzzzzzzzz]\n", "unknown key", "known here: workspace, model"},
        {"[prices]\ninput_per_mtok = 0.0000001\n", "prices.input_per_mtok", ""},
        {"[prices]\ninput_per_mtok = -1\n", "not negative", ""},
        {"[prices]\ninput_per_mtok = nan\n", "expected an amount", ""},
        {"[retrieval]\nembedder = \"minilm\"\n", "retrieval.embedder: expected 'file:PATH'", ""},
        {"[retrieval]\nreranker = \"hf:\"\n", "retrieval.reranker: expected 'file:PATH'", ""},
        {"[hardware]\nutilisation = 10\n", "line 4: hardware.utilisation: expected a number", ""},
        {"[tune]\nrank = 2.5\n", "tune.rank: expected a whole number", ""},
        {"[tune]\nlearning_rate = nan\n", "tune.learning_rate", ""},
        {"[model]\nbase = \"hf:\"\n", "'hf:ORG/NAME' or 'model:NAME', found 'hf:'", ""},
        {"[models]\nhub = \"ftp://x\"\n", "an address like https://", ""},
        {"[[source]]\nname = \"A b\"\npath = \"d\"\n", "source.name", ""},
        {"[[source]]\nname = \"a\"\n", "source.path", ""},
        {"[source]\nname = \"a\"\n", "expected tables [[source]]", ""},
        {"[[scenario]]\nname = \"a\"\nkind = \"styel\"\n", "found 'styel'", "'style'?"},
        {"[[scenario]]\nname = \"a\"\nkind = \"style\"\n", "needs a JSONL file", ""},
        {"[[scenario]]\nname = \"a\"\nkind = \"qa\"\nsources = [\"b\"]\n", "names the source 'b'",
         ""},
        {"[[scenario]]\nname = \"a\"\nkind = \"qa\"\ngate = { wrong_mx = 1.0 }\n",
         "line 6: unknown key 'scenario.gate.wrong_mx'", "wrong_max"},
        {"currency = \"euro\"\n", "ISO 4217", ""},
        {"languages = \"en\"\n", "workspace.languages: expected a list", ""},
        {"languages = [\"english\"]\n", "codes like en, found 'english'", ""},
        {"[clean]\nkeep = [\"\"]\n", "line 3: clean.keep: expected an address", ""},
        {"[clean]\nkeep = [\"+4\"]\n", "found '+4'", ""},
        {"[clean]\nmask_names = \"yes\"\n", "clean.mask_names: expected true or false", ""},
        {"broken = = 1\n", "line 3", ""},
    };
    for (const Refusal& refusal : refusals) {
        const auto config = load(std::string("[workspace]\nname = \"x\"\n") + refusal.text);
        ASSERT_FALSE(config) << refusal.text;
        EXPECT_EQ(config.error().code, Code::kInvalid);
        EXPECT_THAT(config.error().message, HasSubstr(refusal.message)) << refusal.text;
        EXPECT_THAT(config.error().hint, HasSubstr(refusal.hint)) << refusal.text;
    }
}

TEST(Config, NamesAModelOfTheStore) {
    const WorkspaceConfig config =
        load(
            "[workspace]\nname = \"x\"\n[model]\nbase = \"hf:Org/Name:Q4_K_M\"\n"
            "[models]\nhub = \"https://hub.example.com\"\nstore = \"models\"\n")
            .value();
    EXPECT_EQ(config.base_model, "hf:Org/Name:Q4_K_M");
    EXPECT_EQ(config.model_hub, "https://hub.example.com");
    EXPECT_EQ(config.model_store, config.root / "models");
}

TEST(Config, IsFoundFromAFolderBelow) {
    const ScopedFolder folder("config");
    ASSERT_TRUE(make_folders(folder.path() / "a/b"));
    ASSERT_TRUE(write_file_atomic(folder.path() / "cairn.toml", "[workspace]\nname = \"x\"\n"));
    EXPECT_EQ(find_workspace(folder.path() / "a/b").value(), folder.path());
    const auto none = load_workspace_config(folder.path() / "a");
    EXPECT_EQ(none.error().code, Code::kNotFound);
    EXPECT_THAT(none.error().hint, HasSubstr("cairn init"));
}

}  // namespace
}  // namespace cairn
