// SPDX-License-Identifier: Apache-2.0
// The workspace file cairn.toml as its owner wrote it, checked: unknown keys and kinds are refused
// by name with the line.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/money.h"
#include "cairn/base/result.h"

namespace cairn {

struct SourceConfig {
    std::string name;
    std::filesystem::path path;  ///< absolute
};

struct GateConfig {
    double wrong_max = 0.05;   ///< qa: share of wrong answers among all questions
    double recall_min = 0.80;  ///< qa: retrieval recall@5
    /// style: lower bound of (base loss - tuned loss), nats per token
    double improvement_min = 0.0;
};

enum class ScenarioKind { kQa, kStyle };

struct ScenarioConfig {
    std::string name;
    ScenarioKind kind = ScenarioKind::kQa;
    std::vector<std::string> sources;  ///< empty: all
    std::filesystem::path test;        ///< qa: questions; may be empty
    std::filesystem::path examples;    ///< style: chat JSONL
    GateConfig gate;
};

struct HardwareConfig {
    Picos price = 0;
    double life_years = 4;
    double power_idle_w = 0;
    double power_busy_w = 0;
    Picos tariff_per_kwh = 0;
    double utilisation = 0.10;  ///< share of hours that the machine works
};

struct PricesConfig {
    Picos input_per_token = 0;
    Picos cached_input_per_token = 0;
    Picos output_per_token = 0;
};

struct CleanConfig {
    /// Personal data that is public on purpose: an address, a whole domain ("@x.example"), the
    /// first digits of a phone number ("+44 20 7946").
    std::vector<std::string> keep;
    bool mask_role_addresses = false;  ///< info@, support@, press@ ... belong to no person
    bool mask_names = false;           ///< names of persons
};

/// Models that help retrieval; empty: none. "file:PATH" (resolved against root) or "hf:ORG/NAME".
struct RetrievalConfig {
    std::string embedder;
    std::string reranker;
    std::string query_prefix;    ///< what the embedder was trained to read before a question
    std::string passage_prefix;  ///< and before a text; both empty: what its files say
};

struct TuneConfig {
    int rank = 8;
    double alpha = 16;
    double learning_rate = 1e-3;
    int epochs = 3;
    std::uint64_t seed = 1;
};

struct WorkspaceConfig {
    std::filesystem::path root;  ///< absolute folder of cairn.toml
    std::string name;
    /// ISO 639-1 codes of the languages that documents are expected in; empty: any.
    std::vector<std::string> languages;
    std::string currency = "EUR";
    /// "pebble", "file:PATH" (resolved against root), "hf:ORG/NAME..." or "model:NAME" (the store)
    std::string base_model = "pebble";
    std::string model_hub;              ///< [models] hub: an address; empty: the public hub
    std::filesystem::path model_store;  ///< [models] store: a folder; empty: the user's own
    std::vector<SourceConfig> sources;
    std::vector<ScenarioConfig> scenarios;
    HardwareConfig hardware;
    PricesConfig prices;
    CleanConfig clean;
    TuneConfig tune;
    RetrievalConfig retrieval;
};

/// Checks the text of a cairn.toml that lies in `root`. Errors: kInvalid naming line and key.
Result<WorkspaceConfig> parse_workspace_config(std::string_view text,
                                               const std::filesystem::path& root);

/// Reads ROOT/cairn.toml. Errors: kNotFound with the hint to run `cairn init`, kInvalid naming line
/// and key.
Result<WorkspaceConfig> load_workspace_config(const std::filesystem::path& root);

/// The folder with cairn.toml: `start` or the nearest parent that has one.
Result<std::filesystem::path> find_workspace(const std::filesystem::path& start);

}  // namespace cairn
