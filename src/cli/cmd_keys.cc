// SPDX-License-Identifier: Apache-2.0
// cairn keys: who may call the server.
#include "cairn/base/clock.h"
#include "cairn/serve/keys.h"
#include "command.h"
#include "session.h"

namespace cairn::cli {

namespace {

struct AddOptions {
    std::string tenant;
    bool admin = false;
};

Status add_key(const Globals& globals, const AddOptions& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    serve::Keys keys = CAIRN_TRY(serve::Keys::open(session.store.database()));
    const serve::NewKey key = CAIRN_TRY(keys.add(options.tenant, options.admin));
    print_result(globals,
                 {{"id", key.info.id},
                  {"tenant", key.info.tenant},
                  {"admin", key.info.admin},
                  {"key", key.secret}},
                 key.secret + "\n");
    if (!globals.json) {
        std::fprintf(stderr, "Key %s for tenant %s. It is shown only now: keep it.\n",
                     key.info.id.c_str(), key.info.tenant.c_str());
    }
    return {};
}

Status list_keys(const Globals& globals) {
    Session session = CAIRN_TRY(Session::open(globals));
    serve::Keys keys = CAIRN_TRY(serve::Keys::open(session.store.database()));
    nlohmann::json json = nlohmann::json::array();
    std::vector<std::vector<std::string>> rows = {{"ID", "TENANT", "ROLE", "CREATED", "STATE"}};
    for (const serve::KeyInfo& key : CAIRN_TRY(keys.list())) {
        const std::string state = key.revoked_ms == 0 ? "valid" : "revoked";
        rows.push_back(
            {key.id, key.tenant, key.admin ? "admin" : "user", iso_time(key.created_ms), state});
        json.push_back({{"id", key.id},
                        {"tenant", key.tenant},
                        {"admin", key.admin},
                        {"created_ms", key.created_ms},
                        {"revoked_ms", key.revoked_ms}});
    }
    print_result(globals, json, table(rows));
    return {};
}

Status revoke_key(const Globals& globals, const std::string& id) {
    Session session = CAIRN_TRY(Session::open(globals));
    serve::Keys keys = CAIRN_TRY(serve::Keys::open(session.store.database()));
    CAIRN_TRY(keys.revoke(id));
    print_result(globals, {{"revoked", id}}, "revoked " + id);
    return {};
}

}  // namespace

void add_keys(CLI::App& root, const Globals& globals, Action& action) {
    CLI::App* keys = root.add_subcommand("keys", "Make, list and revoke the keys of the server");
    keys->require_subcommand(1);
    add_command<AddOptions>(
        *keys, action, "add", "Make a key for a tenant; it is printed once",
        [](CLI::App& app, AddOptions& options) {
            app.add_option("--tenant", options.tenant, "who pays: a customer or a department")
                ->required();
            app.add_flag("--admin", options.admin, "may also read the ledger and the metrics");
        },
        [&globals](const AddOptions& options) { return add_key(globals, options); });
    struct None {};
    add_command<None>(
        *keys, action, "list", "Show all keys (never their secrets)", [](CLI::App&, None&) {},
        [&globals](const None&) { return list_keys(globals); });
    add_command<std::string>(
        *keys, action, "revoke", "Make a key invalid at once",
        [](CLI::App& app, std::string& id) { app.add_option("id", id, "k_...")->required(); },
        [&globals](const std::string& id) { return revoke_key(globals, id); });
}

}  // namespace cairn::cli
