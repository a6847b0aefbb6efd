// SPDX-License-Identifier: Apache-2.0
// Reads cairn.toml: a Table view that hands out each key once, checks its type and range, and
// refuses by name whatever was not asked for.
#include "cairn/base/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <set>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"

namespace cairn {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFileName = "cairn.toml";
constexpr std::uint64_t kFileBytesMax = limits::kMiB;
constexpr std::size_t kNameBytesMax = 64;
constexpr int kSuggestDistanceMax = 3;
constexpr int kKeptDigitsMin = 4;  // fewer would keep whole countries

/// Levenshtein distance.
int distance(std::string_view a, std::string_view b) {
    std::vector<int> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        int diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const int replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
    const auto nearest = std::min_element(known.begin(), known.end(),
                                          [&](const std::string& a, const std::string& b) {
                                              return distance(word, a) < distance(word, b);
                                          });
    if (nearest != known.end() && distance(word, *nearest) <= kSuggestDistanceMax) {
        return fmt::format("did you mean '{}'?", *nearest);
    }
    return fmt::format("known here: {}", fmt::join(known, ", "));
}

Error error_at(const toml::node& node, std::string_view message, std::string hint = {}) {
    return make_error(Code::kInvalid,
                      fmt::format("{} line {}: {}", kFileName, node.source().begin.line, message),
                      std::move(hint));
}

/// One TOML table under its name; every getter leaves the default when the key is absent.
class Table {
  public:
    Table(const toml::table& table, std::string name) : table_(table), name_(std::move(name)) {}

    const toml::node* find(const std::string& key) {
        asked_.push_back(key);
        return table_.get(key);
    }

    Status text(const std::string& key, std::string& value) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const auto found = node->value_exact<std::string>();
        if (!found) return wrong(*node, key, "a text in quotes");
        value = *found;
        return {};
    }

    Status texts(const std::string& key, std::vector<std::string>& values) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        if (!node->is_array()) return wrong(*node, key, "a list of texts");
        for (const toml::node& item : *node->as_array()) {
            const auto found = item.value_exact<std::string>();
            if (!found) return wrong(item, key, "a list of texts");
            values.push_back(*found);
        }
        return {};
    }

    Status number(const std::string& key, double& value, double least, double most) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const auto found = node->is_number() ? node->value<double>() : std::nullopt;
        if (!found || !(*found >= least && *found <= most)) {
            return wrong(*node, key, fmt::format("a number from {} to {}", least, most));
        }
        value = *found;
        return {};
    }

    Status whole(const std::string& key, std::int64_t& value, std::int64_t least,
                 std::int64_t most) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const auto found = node->value_exact<std::int64_t>();
        if (!found || *found < least || *found > most) {
            return wrong(*node, key, fmt::format("a whole number from {} to {}", least, most));
        }
        value = *found;
        return {};
    }

    Status yes_or_no(const std::string& key, bool& value) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const auto found = node->value_exact<bool>();
        if (!found) return wrong(*node, key, "true or false");
        value = *found;
        return {};
    }

    /// The decimal text of an amount: as quoted, or the shortest decimal that reads back as the
    /// same number.
    Result<std::string> amount_text(const toml::node& node, const std::string& key) const {
        if (const auto quoted = node.value_exact<std::string>()) return *quoted;
        if (const auto integer = node.value_exact<std::int64_t>()) return fmt::to_string(*integer);
        const auto real = node.value_exact<double>();
        if (!real || !std::isfinite(*real)) return wrong(node, key, "an amount like 0.20");
        char digits[400];
        const auto end =
            std::to_chars(std::begin(digits), std::end(digits), *real, std::chars_format::fixed);
        return std::string(digits, end.ptr);
    }

    Status money(const std::string& key, Picos& value, Result<Picos> (*parse)(std::string_view)) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const auto parsed = parse(CAIRN_TRY(amount_text(*node, key)));
        if (!parsed) return error_at(*node, label(key) + ": " + parsed.error().message);
        if (*parsed < 0) return wrong(*node, key, "an amount that is not negative");
        value = *parsed;
        return {};
    }

    /// Call last: names the first key that no getter asked for.
    Status refuse_unknown() const {
        for (const auto& [key, node] : table_) {
            const std::string word(key.str());
            if (std::find(asked_.begin(), asked_.end(), word) != asked_.end()) continue;
            return error_at(node, "unknown key '" + label(word) + "'", suggestion(word, asked_));
        }
        return {};
    }

    Error wrong(const toml::node& node, const std::string& key, std::string_view expected) const {
        return error_at(node,
                        fmt::format("{}: expected {}, found another value", label(key), expected));
    }

    std::string label(const std::string& key) const {
        return name_.empty() ? key : name_ + "." + key;
    }

  private:
    const toml::table& table_;
    std::string name_;
    std::vector<std::string> asked_;
};

/// Names become parts of file names, URLs and metrics.
Status check_name(const std::string& name, const toml::node& at, std::string_view of) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!name.empty() && name.size() <= kNameBytesMax && plain) return {};
    return error_at(
        at, fmt::format("{}: expected a name of 1 to {} characters a-z 0-9 - _, found '{}'", of,
                        kNameBytesMax, name));
}

fs::path below(const fs::path& root, const std::string& path) {
    return path.empty() ? fs::path() : (root / path).lexically_normal();
}

/// Calls `read` with the table [name], or with nothing when the file has none.
template <typename Read>
Status each_table(const toml::table& file, const std::string& name, bool is_array,
                  const Read& read) {
    const toml::node* node = file.get(name);
    if (node == nullptr) return {};
    const std::string header = is_array ? "[[" + name + "]]" : "[" + name + "]";
    if (!is_array) {
        if (!node->is_table()) return error_at(*node, "expected a table " + header);
        Table table(*node->as_table(), name);
        CAIRN_TRY(read(table, *node));
        return table.refuse_unknown();
    }
    if (!node->is_array()) return error_at(*node, "expected tables " + header);
    for (const toml::node& item : *node->as_array()) {
        if (!item.is_table()) return error_at(item, "expected tables " + header);
        Table table(*item.as_table(), name);
        CAIRN_TRY(read(table, item));
        CAIRN_TRY(table.refuse_unknown());
    }
    return {};
}

/// Codes as documents get them: "en", "zh", "haw".
Status check_language(const std::string& code, const toml::node& at) {
    const bool letters =
        std::all_of(code.begin(), code.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (letters && (code.size() == 2 || code.size() == 3)) return {};
    return error_at(at,
                    "workspace.languages: expected ISO 639 codes like en, found '" + code + "'");
}

Status read_workspace(Table& table, const toml::node& node, WorkspaceConfig& config) {
    CAIRN_TRY(table.text("name", config.name));
    CAIRN_TRY(table.texts("languages", config.languages));
    CAIRN_TRY(table.text("currency", config.currency));
    for (const std::string& code : config.languages) {
        CAIRN_TRY(check_language(code, node));
    }
    if (config.name.empty()) return error_at(node, "workspace.name: expected a name, found none");
    const bool three_capitals =
        config.currency.size() == 3 && std::all_of(config.currency.begin(), config.currency.end(),
                                                   [](char c) { return c >= 'A' && c <= 'Z'; });
    if (three_capitals) return {};
    return error_at(node, "workspace.currency: expected an ISO 4217 code like EUR, found '" +
                              config.currency + "'");
}

/// True for a reference to a model outside of the binary; the path of a file becomes absolute.
bool resolve_reference(const fs::path& root, std::string& reference) {
    for (const std::string_view stored : {"hf:", "model:"}) {
        if (reference.starts_with(stored) && reference.size() > stored.size()) return true;
    }
    constexpr std::string_view kFile = "file:";
    if (!reference.starts_with(kFile) || reference.size() == kFile.size()) return false;
    reference = std::string(kFile) + below(root, reference.substr(kFile.size())).string();
    return true;
}

Status read_model(Table& table, const toml::node& node, WorkspaceConfig& config) {
    CAIRN_TRY(table.text("base", config.base_model));
    if (config.base_model == "pebble") return {};
    if (resolve_reference(config.root, config.base_model)) return {};
    return error_at(node,
                    "model.base: expected 'pebble', 'file:PATH', 'hf:ORG/NAME' or 'model:NAME', "
                    "found '" +
                        config.base_model + "'");
}

Status read_retrieval(Table& table, const toml::node& node, WorkspaceConfig& config) {
    RetrievalConfig& retrieval = config.retrieval;
    CAIRN_TRY(table.text("embedder", retrieval.embedder));
    CAIRN_TRY(table.text("reranker", retrieval.reranker));
    CAIRN_TRY(table.text("query_prefix", retrieval.query_prefix));
    CAIRN_TRY(table.text("passage_prefix", retrieval.passage_prefix));
    for (std::string* reference : {&retrieval.embedder, &retrieval.reranker}) {
        if (reference->empty() || resolve_reference(config.root, *reference)) continue;
        return error_at(
            node,
            fmt::format("retrieval.{}: expected 'file:PATH', 'hf:ORG/NAME' or "
                        "'model:NAME', found '{}'",
                        reference == &retrieval.embedder ? "embedder" : "reranker", *reference));
    }
    return {};
}

Status read_models(Table& table, const toml::node& node, WorkspaceConfig& config) {
    std::string store;
    CAIRN_TRY(table.text("hub", config.model_hub));
    CAIRN_TRY(table.text("store", store));
    if (!store.empty()) config.model_store = below(config.root, store);
    const std::string& hub = config.model_hub;
    if (hub.empty() || hub.starts_with("https://") || hub.starts_with("http://")) return {};
    return error_at(
        node, "models.hub: expected an address like https://hub.example.com, found '" + hub + "'");
}

Status read_source(Table& table, const toml::node& node, WorkspaceConfig& config) {
    SourceConfig source;
    std::string path;
    CAIRN_TRY(table.text("name", source.name));
    CAIRN_TRY(table.text("path", path));
    CAIRN_TRY(check_name(source.name, node, "source.name"));
    if (path.empty()) return error_at(node, "source.path: expected a folder or file, found none");
    source.path = below(config.root, path);
    for (const SourceConfig& other : config.sources) {
        if (other.name == source.name) return error_at(node, "two sources named " + source.name);
    }
    config.sources.push_back(std::move(source));
    return {};
}

Status read_gate(const toml::node* node, GateConfig& gate) {
    if (node == nullptr) return {};
    if (!node->is_table()) return error_at(*node, "scenario.gate: expected { name = number, ... }");
    Table table(*node->as_table(), "scenario.gate");
    CAIRN_TRY(table.number("wrong_max", gate.wrong_max, 0, 1));
    CAIRN_TRY(table.number("recall_min", gate.recall_min, 0, 1));
    CAIRN_TRY(table.number("improvement_min", gate.improvement_min, -100, 100));
    return table.refuse_unknown();
}

Status read_kind(Table& table, const toml::node& node, ScenarioKind& kind) {
    std::string word;
    CAIRN_TRY(table.text("kind", word));
    if (word == "qa") kind = ScenarioKind::kQa;
    if (word == "style") kind = ScenarioKind::kStyle;
    if (word == "qa" || word == "style") return {};
    return error_at(node, "scenario.kind: expected 'qa' or 'style', found '" + word + "'",
                    suggestion(word, {"qa", "style"}));
}

Status read_scenario(Table& table, const toml::node& node, WorkspaceConfig& config) {
    ScenarioConfig scenario;
    std::string test;
    std::string examples;
    CAIRN_TRY(table.text("name", scenario.name));
    CAIRN_TRY(check_name(scenario.name, node, "scenario.name"));
    CAIRN_TRY(read_kind(table, node, scenario.kind));
    CAIRN_TRY(table.texts("sources", scenario.sources));
    CAIRN_TRY(table.text("test", test));
    CAIRN_TRY(table.text("examples", examples));
    CAIRN_TRY(read_gate(table.find("gate"), scenario.gate));
    scenario.test = below(config.root, test);
    scenario.examples = below(config.root, examples);
    if (scenario.kind == ScenarioKind::kStyle && examples.empty()) {
        return error_at(node, "scenario.examples: a style scenario needs a JSONL file of examples");
    }
    for (const ScenarioConfig& other : config.scenarios) {
        if (other.name == scenario.name) {
            return error_at(node, "two scenarios named " + scenario.name);
        }
    }
    config.scenarios.push_back(std::move(scenario));
    return {};
}

Status read_hardware(Table& table, HardwareConfig& hardware) {
    CAIRN_TRY(table.money("price", hardware.price, parse_money));
    CAIRN_TRY(table.number("life_years", hardware.life_years, 0.1, 30));
    CAIRN_TRY(table.number("power_idle_w", hardware.power_idle_w, 0, 1e6));
    CAIRN_TRY(table.number("power_busy_w", hardware.power_busy_w, 0, 1e6));
    CAIRN_TRY(table.money("tariff_per_kwh", hardware.tariff_per_kwh, parse_money));
    return table.number("utilisation", hardware.utilisation, 0.001, 1);
}

Status read_prices(Table& table, PricesConfig& prices) {
    CAIRN_TRY(table.money("input_per_mtok", prices.input_per_token, picos_per_token));
    // Without a price of its own a cached token costs what any input costs; an explicit 0 stays 0.
    prices.cached_input_per_token = prices.input_per_token;
    CAIRN_TRY(table.money("cached_input_per_mtok", prices.cached_input_per_token, picos_per_token));
    return table.money("output_per_mtok", prices.output_per_token, picos_per_token);
}

/// An empty rule would keep everything, or nothing; neither was meant.
Status read_clean(Table& table, const toml::node& node, CleanConfig& clean) {
    CAIRN_TRY(table.texts("keep", clean.keep));
    CAIRN_TRY(table.yes_or_no("mask_role_addresses", clean.mask_role_addresses));
    CAIRN_TRY(table.yes_or_no("mask_names", clean.mask_names));
    for (const std::string& rule : clean.keep) {
        const auto digits =
            std::count_if(rule.begin(), rule.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (rule.find('@') != std::string::npos ? rule.size() > 1 : digits >= kKeptDigitsMin) {
            continue;
        }
        return error_at(node, fmt::format("clean.keep: expected an address, '@domain' or a phone "
                                          "number's first {} or more digits, found '{}'",
                                          kKeptDigitsMin, rule));
    }
    return {};
}

Status read_tune(Table& table, TuneConfig& tune) {
    std::int64_t rank = tune.rank;
    std::int64_t epochs = tune.epochs;
    std::int64_t seed = static_cast<std::int64_t>(tune.seed);
    CAIRN_TRY(table.whole("rank", rank, 1, 1024));
    CAIRN_TRY(table.number("alpha", tune.alpha, 0.01, 1e5));
    CAIRN_TRY(table.number("learning_rate", tune.learning_rate, 1e-9, 1));
    CAIRN_TRY(table.whole("epochs", epochs, 1, 1000));
    CAIRN_TRY(table.whole("seed", seed, 0, INT64_MAX));
    tune.rank = static_cast<int>(rank);
    tune.epochs = static_cast<int>(epochs);
    tune.seed = static_cast<std::uint64_t>(seed);
    return {};
}

Status check_references(const WorkspaceConfig& config) {
    std::vector<std::string> names;
    for (const SourceConfig& source : config.sources)
        names.push_back(source.name);
    for (const ScenarioConfig& scenario : config.scenarios) {
        for (const std::string& wanted : scenario.sources) {
            if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
            return make_error(
                Code::kInvalid,
                fmt::format("{}: scenario '{}' names the source '{}', which is not there",
                            kFileName, scenario.name, wanted),
                suggestion(wanted, names));
        }
    }
    return {};
}

Status read_tables(const toml::table& file, WorkspaceConfig& config) {
    const auto with = [&config](auto read) {
        return [&config, read](Table& t, const toml::node& node) { return read(t, node, config); };
    };
    Table top(file, "");
    const toml::node* workspace = top.find("workspace");
    for (const char* name : {"model", "models", "retrieval", "source", "scenario", "hardware",
                             "prices", "clean", "tune"}) {
        top.find(name);
    }
    CAIRN_TRY(top.refuse_unknown());
    if (workspace == nullptr) {
        return make_error(Code::kInvalid, "cairn.toml: expected a table [workspace] with a name");
    }
    CAIRN_TRY(each_table(file, "workspace", false, with(read_workspace)));
    CAIRN_TRY(each_table(file, "model", false, with(read_model)));
    CAIRN_TRY(each_table(file, "models", false, with(read_models)));
    CAIRN_TRY(each_table(file, "retrieval", false, with(read_retrieval)));
    CAIRN_TRY(each_table(file, "source", true, with(read_source)));
    CAIRN_TRY(each_table(file, "scenario", true, with(read_scenario)));
    CAIRN_TRY(each_table(file, "hardware", false, [&](Table& table, const toml::node&) {
        return read_hardware(table, config.hardware);
    }));
    CAIRN_TRY(each_table(file, "prices", false, [&](Table& table, const toml::node&) {
        return read_prices(table, config.prices);
    }));
    CAIRN_TRY(each_table(file, "clean", false, [&](Table& table, const toml::node& node) {
        return read_clean(table, node, config.clean);
    }));
    CAIRN_TRY(each_table(file, "tune", false, [&](Table& table, const toml::node&) {
        return read_tune(table, config.tune);
    }));
    return check_references(config);
}

}  // namespace

Result<WorkspaceConfig> parse_workspace_config(std::string_view text, const fs::path& root) {
    std::error_code failed;
    WorkspaceConfig config;
    config.root = fs::absolute(root, failed).lexically_normal();
    try {
        const toml::table file = toml::parse(text, std::string_view(kFileName));
        CAIRN_TRY(read_tables(file, config));
    } catch (const toml::parse_error& problem) {
        return make_error(Code::kInvalid,
                          fmt::format("{} line {}: {}", kFileName, problem.source().begin.line,
                                      problem.description()));
    }
    return config;
}

Result<WorkspaceConfig> load_workspace_config(const fs::path& root) {
    const auto text = read_file(root / kFileName, kFileBytesMax);
    if (!text && text.error().code == Code::kNotFound) {
        std::error_code failed;
        return make_error(Code::kNotFound,
                          fs::absolute(root, failed).lexically_normal().string() +
                              ": expected a file cairn.toml, found none",
                          "run `cairn init` to make a workspace here");
    }
    if (!text) return text.error();
    return parse_workspace_config(*text, root);
}

Result<fs::path> find_workspace(const fs::path& start) {
    std::error_code failed;
    const fs::path first = fs::absolute(start, failed).lexically_normal();
    for (fs::path folder = first;; folder = folder.parent_path()) {
        if (fs::exists(folder / kFileName, failed)) return folder;
        if (folder == folder.parent_path()) break;
    }
    return make_error(Code::kNotFound,
                      first.string() + ": expected a cairn.toml here or above, found none",
                      "run `cairn init` to make a workspace here");
}

}  // namespace cairn
