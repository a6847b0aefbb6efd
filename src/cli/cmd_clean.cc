// SPDX-License-Identifier: Apache-2.0
// cairn clean: runs the step; lists its changes; takes one back.
#include <fmt/format.h>

#include "cairn/data/clean.h"
#include "command.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

struct CleanCommand {
    bool force = false;
    bool changes = false;
    std::string revert;
    std::string restore;
};

Status list_changes(Session& session, const Globals& globals) {
    nlohmann::json json = nlohmann::json::array();
    std::vector<std::vector<std::string>> rows = {{"CHANGE", "KIND", "DOCUMENT", "REASON", ""}};
    for (const data::ChangeRow& row : CAIRN_TRY(data::list_changes(session.store))) {
        const std::string kind(data::change_kind_name(row.change.kind));
        json.push_back({{"id", row.change.id},
                        {"kind", kind},
                        {"document", row.change.document},
                        {"path", row.path},
                        {"begin", row.change.span.begin},
                        {"end", row.change.span.end},
                        {"after", row.change.after},
                        {"reason", row.change.reason},
                        {"reverted", row.reverted}});
        rows.push_back(
            {row.change.id, kind, row.path, row.change.reason, row.reverted ? "taken back" : ""});
    }
    print_result(globals, json, table(rows));
    return {};
}

Status run(const Globals& globals, const CleanCommand& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    session.force = options.force;
    if (options.changes) return list_changes(session, globals);
    if (!options.revert.empty()) {
        CAIRN_TRY(data::set_reverted(session.store, options.revert, true));
    }
    if (!options.restore.empty()) {
        CAIRN_TRY(data::set_reverted(session.store, options.restore, false));
    }
    return walk(session, globals, "clean");
}

}  // namespace

void add_clean(CLI::App& root, const Globals& globals, Action& action) {
    add_command<CleanCommand>(
        root, action, "clean",
        "Repair texts, drop duplicates, mask personal data; list and undo it",
        [](CLI::App& app, CleanCommand& options) {
            app.add_flag("--force", options.force, "do it again even when nothing changed");
            app.add_flag("--changes", options.changes, "list what cleaning changed, and why");
            app.add_option("--revert", options.revert, "take this change back");
            app.add_option("--restore", options.restore, "make a change again that was taken back");
        },
        [&globals](const CleanCommand& options) { return run(globals, options); });
}

}  // namespace cairn::cli
