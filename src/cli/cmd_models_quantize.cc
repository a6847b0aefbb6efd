// SPDX-License-Identifier: Apache-2.0
// cairn models quantize, compare, convert: a model in fewer bits, and what that costs on a text.
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "cairn/base/files.h"
#include "cairn/base/html_report.h"
#include "cairn/base/limits.h"
#include "cairn/data/reader.h"
#include "cairn/engine/convert.h"
#include "cairn/engine/quality.h"
#include "cairn/engine/quantise_model.h"
#include "cairn/text/json.h"
#include "models_quantize.h"
#include "models_store.h"

namespace cairn::cli {

namespace {

namespace fs = std::filesystem;
using ModelPtr = std::shared_ptr<const engine::Model>;

struct TextOptions {
    std::string text;              ///< file or folder; empty: no comparison
    std::int64_t chunk = 512;      ///< tokens
    std::int64_t tokens = 40'000;  ///< of each text, at most
    std::string report;            ///< HTML file
};

struct QuantizeOptions {
    std::string input;
    std::string output;
    std::string type = "Q4_K";
    bool pure = false;
    std::string imatrix;  ///< file or folder
    TextOptions compare;
};

struct CompareOptions {
    std::string original;
    std::string changed;
    TextOptions text;
};

/// The text of every readable file at `path`, in byte order of their names. In a folder, what has
/// no text or is damaged is left out.
Result<std::string> read_text(const fs::path& path) {
    std::vector<FileEntry> files;
    if (fs::is_directory(path)) {
        files = CAIRN_TRY(list_files(path));
    } else {
        files.push_back({path, path.filename().string(), 0, 0, {}});
    }
    std::string text;
    for (const FileEntry& file : files) {
        if (!file.problem.empty()) continue;
        const std::string bytes = CAIRN_TRY(read_file(file.path, limits::kDocumentFileBytesMax));
        const auto read = data::read_document({"text", file.relative, bytes});
        if (!read && files.size() > 1) continue;
        if (!read) return read.error().with_context(file.path.string());
        text += read->document.text + "\n\n";
    }
    if (text.empty()) {
        return make_error(Code::kInvalid, "expected text in " + path.string() + ", found none");
    }
    return text;
}

Result<std::vector<engine::TokenId>> read_tokens(const engine::Model& model, const fs::path& path,
                                                 std::int64_t tokens_max) {
    const std::string text = CAIRN_TRY(read_text(path));
    std::vector<engine::TokenId> tokens = model.tokenizer().encode(text, {.add_bos = true});
    if (std::ssize(tokens) > tokens_max) tokens.resize(static_cast<std::size_t>(tokens_max));
    return tokens;
}

nlohmann::json to_json(const engine::ModelQuality& quality) {
    return {{"positions", quality.positions},
            {"perplexity_original", quality.perplexity_original},
            {"perplexity", quality.perplexity},
            {"log_ratio", quality.log_ratio},
            {"log_ratio_error", quality.log_ratio_error},
            {"mean_kl", quality.mean_kl},
            {"mean_kl_error", quality.mean_kl_error},
            {"kl_p99_9", quality.kl_p99_9},
            {"kl_max", quality.kl_max},
            {"rms_delta_p", quality.rms_delta_p},
            {"same_top_1", quality.same_top_1}};
}

std::vector<std::vector<std::string>> quality_rows(const engine::ModelQuality& quality) {
    const double change = 100 * (std::exp(quality.log_ratio) - 1);
    return {{"perplexity of the original", fmt::format("{:.3f}", quality.perplexity_original)},
            {"perplexity", fmt::format("{:.3f} ({:+.2f} % +- {:.2f})", quality.perplexity, change,
                                       100 * quality.log_ratio_error)},
            {"mean KL", fmt::format("{:.5f} +- {:.5f}", quality.mean_kl, quality.mean_kl_error)},
            {"99.9 % KL", fmt::format("{:.4f}", quality.kl_p99_9)},
            {"largest KL", fmt::format("{:.4f}", quality.kl_max)},
            {"RMS change of the right token's probability",
             fmt::format("{:.2f} %", 100 * quality.rms_delta_p)},
            {"same most likely token", fmt::format("{:.2f} %", 100 * quality.same_top_1)},
            {"positions", fmt::format("{}", quality.positions)}};
}

Status write_report(const std::string& path, const std::string& title, const std::string& subtitle,
                    const engine::ModelQuality& quality) {
    HtmlReport report(title, subtitle);
    report.paragraph(
        "Both models predict the same text. KL is the divergence of their next-token distributions "
        "in nats (0: identical); the perplexity's change has the standard error of the paired "
        "difference.");
    const std::vector<std::string> columns = {"measure", "value"};
    report.table(columns, quality_rows(quality));
    return write_file_atomic(path, report.html());
}

Result<engine::ModelQuality> measure(const ModelPtr& original, const ModelPtr& changed,
                                     const TextOptions& options, ThreadPool& pool,
                                     const Globals& globals) {
    const auto tokens = CAIRN_TRY(read_tokens(*original, options.text, options.tokens));
    return engine::compare_models(original, changed, tokens, options.chunk, pool,
                                  globals.progress());
}

Status compare(const Globals& globals, const CompareOptions& options) {
    const auto original =
        CAIRN_TRY(engine::Model::load(CAIRN_TRY(find_model_path(globals, "", options.original))));
    const auto changed =
        CAIRN_TRY(engine::Model::load(CAIRN_TRY(find_model_path(globals, "", options.changed))));
    ThreadPool pool(globals.threads);
    const auto quality = CAIRN_TRY(measure(original, changed, options.text, pool, globals));
    if (!options.text.report.empty()) {
        CAIRN_TRY(write_report(options.text.report, "Two models on one text",
                               options.original + " and " + options.changed, quality));
    }
    print_result(globals, to_json(quality), table(quality_rows(quality)));
    return {};
}

std::string known_types() {
    std::string names;
    for (const TensorTypeInfo& info : kTensorTypes)
        names += (names.empty() ? "" : ", ") + std::string(info.name);
    return names;
}

std::string size_line(const engine::QuantisedModel& made) {
    std::string counts;
    for (const auto& [type, count] : made.tensors)
        counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, type);
    return fmt::format("{} -> {}, {:.2f} bits per weight; tensors: {}\n",
                       human_bytes(static_cast<double>(made.bytes_before)),
                       human_bytes(static_cast<double>(made.bytes_after)), made.bits_per_weight,
                       counts);
}

nlohmann::json size_json(const engine::QuantisedModel& made, const std::string& output) {
    return {{"output", output},
            {"bytes_before", made.bytes_before},
            {"bytes_after", made.bytes_after},
            {"bits_per_weight", made.bits_per_weight},
            {"tensors", made.tensors}};
}

Status refuse_overwrite(const std::string& input, const std::string& output) {
    std::error_code ignored;
    if (!fs::equivalent(input, output, ignored)) return {};
    return make_error(Code::kInvalid,
                      "expected another file for the result, found the model itself",
                      "name a new file");
}

/// A folder is written as a GGUF file beside the output first, so that rows have GGUF's order.
class Source {
  public:
    static Result<Source> open(const std::string& input, const std::string& output) {
        Source source;
        if (!fs::is_directory(input)) {
            source.model_ = CAIRN_TRY(engine::Model::load(input));
            return source;
        }
        source.converted_ = output + ".converted.gguf";
        CAIRN_TRY(engine::convert_directory(input, source.converted_));
        source.model_ = CAIRN_TRY(engine::Model::load(source.converted_));
        return source;
    }
    Source(Source&& other) noexcept
        : model_(std::move(other.model_)), converted_(std::exchange(other.converted_, {})) {}
    Source& operator=(Source&&) = delete;
    ~Source() {
        std::error_code ignored;
        if (!converted_.empty()) fs::remove(converted_, ignored);
    }
    const ModelPtr& model() const { return model_; }

  private:
    Source() = default;
    ModelPtr model_;
    std::string converted_;
};

Status quantize(const Globals& globals, const QuantizeOptions& options) {
    const TensorTypeInfo* type = find_tensor_type(std::string_view(options.type));
    if (type == nullptr) {
        return make_error(Code::kInvalid, fmt::format("expected a type of {}; found '{}'",
                                                      known_types(), options.type));
    }
    const std::string input = CAIRN_TRY(find_model_path(globals, "", options.input)).string();
    CAIRN_TRY(refuse_overwrite(input, options.output));
    const Source source = CAIRN_TRY(Source::open(input, options.output));
    const ModelPtr& original = source.model();
    ThreadPool pool(globals.threads);
    engine::QuantiseOptions how;
    how.type = type->type;
    how.pure = options.pure;
    engine::Importance importance;
    if (!options.imatrix.empty()) {
        const auto tokens =
            CAIRN_TRY(read_tokens(*original, options.imatrix, options.compare.tokens));
        const std::int64_t chunk = std::min(options.compare.chunk, original->config().context);
        importance = CAIRN_TRY(
            engine::measure_importance(original, tokens, chunk, pool, globals.progress()));
        how.importance = &importance;
    }
    const auto made =
        CAIRN_TRY(engine::quantise_model(*original, options.output, how, pool, globals.progress()));
    nlohmann::json json = size_json(made, options.output);
    std::string text = size_line(made);
    if (!options.compare.text.empty()) {
        const auto changed = CAIRN_TRY(engine::Model::load(options.output));
        const auto quality = CAIRN_TRY(measure(original, changed, options.compare, pool, globals));
        json["quality"] = to_json(quality);
        text += table(quality_rows(quality));
        if (!options.compare.report.empty()) {
            CAIRN_TRY(write_report(options.compare.report, "Quantised to " + options.type,
                                   options.input + ": " + size_line(made), quality));
        }
    }
    print_result(globals, json, text);
    return {};
}

Status convert(const Globals& globals, const QuantizeOptions& options) {
    const std::string input = CAIRN_TRY(find_model_path(globals, "", options.input)).string();
    CAIRN_TRY(refuse_overwrite(input, options.output));
    if (fs::is_directory(input)) {
        CAIRN_TRY(engine::convert_directory(input, options.output));
        const auto bytes = fs::file_size(options.output);
        print_result(
            globals, {{"output", options.output}, {"bytes", bytes}},
            fmt::format("{}: {}\n", options.output, human_bytes(static_cast<double>(bytes))));
        return {};
    }
    const auto model = CAIRN_TRY(engine::Model::load(input));
    ThreadPool pool(globals.threads);
    const auto made =
        CAIRN_TRY(engine::quantise_model(*model, options.output, {}, pool, globals.progress()));
    print_result(globals, size_json(made, options.output), size_line(made));
    return {};
}

void declare_text(CLI::App& app, TextOptions& options, bool required) {
    auto* text = app.add_option("--text", options.text,
                                "compare with the original on this text (file or folder)");
    if (required) text->required();
    app.add_option("--chunk", options.chunk, "tokens of context (default 512)")
        ->check(CLI::Range(8, limits::kContextMax));
    app.add_option("--tokens", options.tokens, "tokens of each text at most (default 40000)")
        ->check(CLI::PositiveNumber);
    app.add_option("--report", options.report, "write the comparison as an HTML page");
}

}  // namespace

void add_models_quantize(CLI::App& models, const Globals& globals, Action& action) {
    add_command<QuantizeOptions>(
        models, action, "quantize", "Write a model in fewer bits and measure what that costs",
        [](CLI::App& app, QuantizeOptions& options) {
            app.add_option("model", options.input, "GGUF file, folder, or a stored model")
                ->required();
            app.add_option("output", options.output, "the new GGUF file")->required();
            app.add_option("--type", options.type, "one of " + known_types() + " (default Q4_K)");
            app.add_flag(
                "--pure", options.pure,
                "all matrices in this type; otherwise the output matrix and some of attn_v "
                "and ffn_down get more bits");
            app.add_option("--imatrix", options.imatrix,
                           "text (file or folder) that says which columns matter");
            declare_text(app, options.compare, false);
        },
        [&globals](const QuantizeOptions& options) { return quantize(globals, options); });
    add_command<CompareOptions>(
        models, action, "compare", "How far a model is from another one on a text",
        [](CLI::App& app, CompareOptions& options) {
            app.add_option("original", options.original, "GGUF file, folder, or a stored model")
                ->required();
            app.add_option("changed", options.changed, "GGUF file, folder, or a stored model")
                ->required();
            declare_text(app, options.text, true);
        },
        [&globals](const CompareOptions& options) { return compare(globals, options); });
    add_command<QuantizeOptions>(
        models, action, "convert",
        "Write a model folder or shards as one GGUF file, types unchanged",
        [](CLI::App& app, QuantizeOptions& options) {
            app.add_option("model", options.input,
                           "folder of a model, GGUF file, or a stored model")
                ->required();
            app.add_option("output", options.output, "the new GGUF file")->required();
        },
        [&globals](const QuantizeOptions& options) { return convert(globals, options); });
}

}  // namespace cairn::cli
