// SPDX-License-Identifier: Apache-2.0
// A served workspace for looking at the console: the real server, store and ledger over the sample
// company's Markdown files, with a word-matching stand-in for the assistant and a random model.
// Usage: console_server DOCUMENTS_FOLDER    prints "URL ADMIN_KEY USER_KEY" and serves until killed
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "cairn/apps/assistant.h"
#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/html_report.h"
#include "cairn/base/limits.h"
#include "cairn/base/progress.h"
#include "cairn/ledger/meter.h"
#include "cairn/serve/keys.h"
#include "cairn/serve/service.h"
#include "embedded/console.h"
#include "test_model.h"

namespace cairn {
namespace {

/// A chat template with tools, so that OpenAI's client can send some.
constexpr const char* kToolTemplate =
    "{% if tools %}<|im_start|>system\n{{ tools|tojson }} Call in <tool_call></tool_call>."
    "<|im_end|>\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function|tojson }}</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

using Documents = std::map<std::string, text::Document>;

Documents read_documents(const std::filesystem::path& folder) {
    Documents documents;
    const auto files = list_files(folder);
    if (!files) return documents;
    for (const FileEntry& file : *files) {
        if (!file.relative.ends_with(".md")) continue;
        text::Document document;
        document.id = "d_" + sha256_hex(file.relative).substr(0, 16);
        document.source = "documents";
        document.path = file.relative;
        document.media_type = "text/markdown";
        document.language = "en";
        document.text = read_file(file.path, limits::kMiB).value_or("");
        document.file_bytes = static_cast<std::int64_t>(file.size);
        const std::size_t title = document.text.find("# ");
        document.title =
            title == std::string::npos
                ? file.relative
                : document.text.substr(title + 2, document.text.find('\n', title) - title - 2);
        documents[document.id] = std::move(document);
    }
    return documents;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            words.back() += static_cast<char>(std::tolower(c));
        } else if (!words.back().empty()) {
            words.emplace_back();
        }
    }
    std::erase_if(words, [](const std::string& word) { return word.size() < 4; });
    return words;
}

/// The line that shares most words with the question.
Result<apps::Answer> match_words(const Documents& documents, const std::string& question) {
    apps::Answer answer;
    answer.threshold = 0.41;
    answer.usage = {412, 300, 0, 38};
    const auto wanted = words_of(question);
    std::size_t best = 1;
    for (const auto& [id, document] : documents) {
        for (std::size_t at = 0; at < document.text.size();) {
            const std::size_t end = std::min(document.text.find('\n', at), document.text.size());
            const std::string line = document.text.substr(at, end - at);
            const auto found = words_of(line);
            const auto shared = static_cast<std::size_t>(
                std::count_if(wanted.begin(), wanted.end(), [&](const std::string& word) {
                    return std::find(found.begin(), found.end(), word) != found.end();
                }));
            if (shared > best && !line.starts_with('#')) {
                best = shared;
                answer.quotes = {{id, document.path, document.title, {}, 0, {}, line}};
                answer.quotes[0].span = {static_cast<std::int64_t>(at),
                                         static_cast<std::int64_t>(end)};
            }
            at = end + 1;
        }
    }
    answer.refused = answer.quotes.empty();
    if (answer.refused) {
        const auto& [id, document] = *documents.begin();
        const std::size_t end = std::min(document.text.find('\n'), document.text.size());
        answer.nearest = {
            {id, document.path, document.title, {}, 0, {}, document.text.substr(0, end)}};
        answer.nearest[0].span = {0, static_cast<std::int64_t>(end)};
    }
    answer.support = answer.refused ? 0.12 : 0.83;
    answer.text = answer.refused ? "I found no sure answer. The nearest passages:\n[1] \"" +
                                       answer.nearest[0].quote + "\""
                                 : "The documents say: \"" + answer.quotes[0].quote + "\" [1]";
    return answer;
}

std::string sample_report() {
    HtmlReport report("Evaluation of handbook", "Harbour & Finch");
    report.verdict(Tone::kGood, "pass", "The answers are good enough to be served.");
    const std::vector<ReportBar> bars = {
        {"recall@5", 0.92, "92 %", Tone::kGood, {{0.84, 0.97}}},
        {"wrong answers", 0.03, "3 %", Tone::kGood, {{0.0, 0.08}}}};
    report.bars("Against the gate", bars, {0.85, 1});
    return report.html();
}

serve::ConsoleSources sources_of(const Documents& documents, std::int64_t run) {
    serve::ConsoleSources sources;
    sources.status = [=](store::Store& store) -> Result<serve::WorkspaceStatus> {
        serve::WorkspaceStatus status;
        status.name = "Harbour & Finch";
        status.root = store.folder().parent_path().string();
        const std::int64_t now = utc_ms();
        const auto step = [&](const char* name, const char* scenario, const char* state,
                              std::int64_t ms, const char* summary, const char* error) {
            status.steps.push_back(
                {name, scenario, state, now - ms, now, summary, run, error[0] == 0, error});
        };
        step("ingest", "", "done", 2100, "36 files: 33 done, 2 skipped, 1 failed", "");
        step("clean", "", "done", 900, "3 near duplicates, 14 names masked", "");
        step("assess", "handbook", "done", 1500, "retrieve: tuning would not help", "");
        step("tune", "replies", "running", 61'000, "loss 1.23 after 240 of 600 steps", "");
        step("evaluate", "handbook", "failed", 4000, "",
             "expected a test file at tests/handbook.jsonl, found none (write one)");
        status.steps.push_back({"release", "handbook"});
        status.scenarios = {{"handbook", "qa", "retrieve", "pass", "rel_0f3a99c1d2e4b5a6", now},
                            {"replies", "style", "tune", "not_enough_evidence", "", 0}};
        status.documents = {33, 2, 1};
        return status;
    };
    sources.documents = [=](store::Store&) -> Result<std::vector<serve::DocumentRow>> {
        std::vector<serve::DocumentRow> rows;
        for (const auto& [id, d] : documents) {
            rows.push_back({id, d.source, d.path, d.title, d.media_type, d.language, "done", "",
                            d.file_bytes, static_cast<std::int64_t>(d.text.size())});
        }
        rows.push_back({"d_x", "documents", "archive/new-file.txt", "", "", "", "skipped",
                        "the file is empty", 0, 0});
        rows.push_back({"d_y", "documents", "archive/scan-insurance-2019.pdf", "",
                        "application/pdf", "", "failed",
                        "the PDF is damaged: no cross-reference table", 81'203, 0});
        return rows;
    };
    sources.document = [=](store::Store&, std::string_view id,
                           std::string_view) -> Result<text::Document> {
        const auto it = documents.find(std::string(id));
        if (it == documents.end()) return make_error(Code::kNotFound, "no such document");
        return it->second;
    };
    sources.report = [](store::Store&, const store::Run&, serve::ReportFormat) {
        return Result<std::string>(sample_report());
    };
    return sources;
}

/// Some days of two tenants' work.
void fill_ledger(store::Database& database) {
    constexpr std::int64_t kDay = 86'400'000;
    for (int i = 0; i < 60; ++i) {
        ledger::UsageEvent event;
        event.tenant = i % 3 == 0 ? "finch" : "harbour";
        event.request_id = fmt::format("req_{}", i);
        event.key_id = "k_1";
        event.scenario = i % 2 == 0 ? "handbook" : "replies";
        event.model_digest = "m";
        event.finish_reason = "stop";
        event.ended_ms = std::max(ledger::month_of(utc_ms()).start_ms, utc_ms() - i % 9 * kDay);
        event.input_uncached = 400'000 + 9000 * i;
        event.input_cached = 300'000;
        event.output = 20'000 + 700 * i;
        event.engine_ms = 40'000;
        CAIRN_ASSERT(ledger::record_usage(database, event).has_value());
        CAIRN_ASSERT(
            ledger::log_request(database, {event.tenant, event.request_id, event.scenario, 200,
                                           event.input_uncached + event.input_cached,
                                           event.input_cached, event.output, event.ended_ms})
                .has_value());
    }
}

WorkspaceConfig workspace_at(const std::filesystem::path& root) {
    WorkspaceConfig config;
    config.root = root;
    config.name = "Harbour & Finch";
    config.prices = {200'000, 100'000, 600'000};
    config.hardware = {2400 * kPicosPerUnit, 4, 40, 90, kPicosPerUnit / 4, 0.1};
    return config;
}

/// The engine's tiny random BERT, for the shapes of the embeddings API.
Result<serve::ServedModel> tiny_embedder() {
    serve::ServedModel model{"tiny-bert", "tiny-bert", serve::ModelKind::kEncoder};
    model.embedder = CAIRN_TRY(engine::Embedder::load(CAIRN_TINY_BERT, 1));
    return model;
}

Status serve_until_killed(const char* folder) {
    const ScopedFolder root("console_server");
    store::Store store = CAIRN_TRY(store::Store::open(root.path()));
    const std::int64_t run =
        CAIRN_TRY(store::begin_run(store.database(), {"evaluate", "handbook"}));
    CAIRN_TRY(store::finish_run(store.database(), run, "o", "r"));
    const Documents documents = read_documents(folder);
    serve::ServiceParts parts;
    parts.version = "0.1.0";
    parts.workspace = workspace_at(root.path());
    parts.scheduler = std::make_shared<engine::Scheduler>(
        engine::testing::test_model({.context = 2048, .chat_template = kToolTemplate}));
    serve::ServedModel handbook{"handbook", "handbook", serve::ModelKind::kQa};
    handbook.answer = [&](const apps::AssistantRequest& request) {
        return match_words(documents, request.question);
    };
    parts.models = {handbook, {"pebble", "pebble"}, CAIRN_TRY(tiny_embedder())};
    parts.console = sources_of(documents, run);
    parts.assets = embedded::console();
    const auto service = CAIRN_TRY(serve::Service::create(std::move(parts)));
    fill_ledger(store.database());
    auto keys = CAIRN_TRY(serve::Keys::open(store.database()));
    const std::string admin = CAIRN_TRY(keys.add("harbour", true)).secret;
    const std::string user = CAIRN_TRY(keys.add("finch", false)).secret;
    serve::ServerOptions options;
    options.port = 0;
    const auto server = CAIRN_TRY(service->start(options));
    fmt::print("http://127.0.0.1:{} {} {}\n", server->port(), admin, user);
    std::fflush(stdout);
    install_interrupt_handlers();
    for (int tick = 0; !interrupted(); ++tick) {
        const std::string record =
            fmt::format(R"({{"step":"tune","detail":"replies, epoch 2 of 3","done":{},"total":600,)"
                        R"("unit":"steps","seconds":{},"eta_seconds":{},"finished":false}})",
                        240 + tick, 61 + tick / 2, 90 - tick / 4);
        CAIRN_TRY(write_file_atomic(root.path() / ".cairn" / "progress.json", record));
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    return {};
}

}  // namespace
}  // namespace cairn

int main(int count, char** arguments) {
    if (count != 2) return 2;
    const cairn::Status status = cairn::serve_until_killed(arguments[1]);
    if (!status) fmt::print(stderr, "console_server: {}\n", status.error().to_string());
    return status ? 0 : 1;
}
