// SPDX-License-Identifier: Apache-2.0
// cairn documents: every file of the sources, what became of it, and why.
#include <fmt/format.h>

#include "cairn/data/ingest.h"
#include "command.h"
#include "session.h"

namespace cairn::cli {

namespace {

Status list(const Globals& globals, const std::string& state) {
    Session session = CAIRN_TRY(Session::open(globals));
    nlohmann::json json = nlohmann::json::array();
    std::vector<std::vector<std::string>> rows = {{"STATE", "FILE", "LANGUAGE", "WORDS", "REASON"}};
    for (const data::DocumentRow& row : CAIRN_TRY(data::list_documents(session.store))) {
        if (!state.empty() && row.state != state) continue;
        json.push_back({{"id", row.id},
                        {"source", row.source},
                        {"path", row.path},
                        {"state", row.state},
                        {"reason", row.reason},
                        {"media_type", row.media_type},
                        {"language", row.language},
                        {"bytes", row.size},
                        {"words", row.words}});
        rows.push_back({row.state, row.path, row.language, std::to_string(row.words), row.reason});
    }
    print_result(globals, json, table(rows));
    return {};
}

}  // namespace

void add_documents(CLI::App& root, const Globals& globals, Action& action) {
    add_command<std::string>(
        root, action, "documents", "List every file with its state and reason",
        [](CLI::App& app, std::string& state) {
            app.add_option("--state", state, "only these: done, skipped, failed or removed")
                ->check(CLI::IsMember({"done", "skipped", "failed", "removed"}));
        },
        [&globals](const std::string& state) { return list(globals, state); });
}

}  // namespace cairn::cli
