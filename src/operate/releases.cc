// SPDX-License-Identifier: Apache-2.0
// The release table and the pointer history: see releases.h. `live_history` is append-only; its
// last row of a scenario is the live release.
#include "cairn/operate/releases.h"

#include <array>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"

namespace cairn::operate {

namespace {

constexpr std::array<store::Migration, 1> kMigrations = {{
    {1, R"(
        CREATE TABLE releases(
            id TEXT PRIMARY KEY, scenario TEXT NOT NULL, kind TEXT NOT NULL,
            base_model TEXT NOT NULL,
            base_digest TEXT NOT NULL, adapter_digest TEXT NOT NULL, index_digest TEXT NOT NULL,
            settings TEXT NOT NULL, report_digest TEXT NOT NULL, gate TEXT NOT NULL,
            override_reason TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;
        CREATE TABLE live_history(
            sequence INTEGER PRIMARY KEY AUTOINCREMENT, scenario TEXT NOT NULL,
            release_id TEXT NOT NULL REFERENCES releases(id), since_ms INTEGER NOT NULL) STRICT;
        CREATE INDEX live_history_scenario ON live_history(scenario, sequence);
    )"},
}};

constexpr const char* kColumns =
    "r.id, r.scenario, r.kind, r.base_model, r.base_digest, r.adapter_digest, r.index_digest, "
    "r.settings, r.report_digest, r.gate, r.override_reason, r.created_ms, "
    "coalesce((SELECT since_ms FROM live_history h WHERE h.scenario = r.scenario AND h.release_id "
    "= r.id "
    "AND h.sequence = (SELECT max(sequence) FROM live_history l WHERE l.scenario = r.scenario)), "
    "0)";

std::string release_id(const Manifest& manifest) {
    Sha256 hash;
    hash.field("release 1")
        .field(manifest.scenario)
        .field(manifest.kind)
        .field(manifest.base_model);
    hash.field(manifest.base_digest).field(manifest.adapter_digest).field(manifest.index_digest);
    hash.field(manifest.settings).field(manifest.report_digest);
    hash.field(gate_verdict_name(manifest.gate));
    return "rel_" + hash.hex().substr(0, 16);
}

Result<Release> read_release(const store::Statement& row) {
    Release release;
    release.id = row.text(0);
    Manifest& manifest = release.manifest;
    manifest.scenario = row.text(1);
    manifest.kind = row.text(2);
    manifest.base_model = row.text(3);
    manifest.base_digest = row.text(4);
    manifest.adapter_digest = row.text(5);
    manifest.index_digest = row.text(6);
    manifest.settings = row.text(7);
    manifest.report_digest = row.text(8);
    manifest.gate = CAIRN_TRY(parse_gate_verdict(row.view(9)));
    release.override_reason = row.text(10);
    release.created_ms = row.integer(11);
    release.live_since_ms = row.integer(12);
    return release;
}

}  // namespace

std::string_view gate_verdict_name(GateVerdict verdict) {
    switch (verdict) {
        case GateVerdict::kPass:
            return "pass";
        case GateVerdict::kFail:
            return "fail";
        case GateVerdict::kNotEnoughEvidence:
            return "not_enough_evidence";
    }
    return "not_enough_evidence";
}

Result<GateVerdict> parse_gate_verdict(std::string_view name) {
    for (const auto verdict :
         {GateVerdict::kPass, GateVerdict::kFail, GateVerdict::kNotEnoughEvidence}) {
        if (gate_verdict_name(verdict) == name) return verdict;
    }
    return make_error(Code::kInvalid, "expected pass, fail or not_enough_evidence, found '" +
                                          std::string(name) + "'");
}

Result<Releases> Releases::open(store::Database& database) {
    CAIRN_TRY(store::migrate(database, "operate", kMigrations));
    return Releases(database);
}

Result<std::optional<Release>> Releases::find(std::string_view id) {
    auto rows = CAIRN_TRY(database_->query(
        std::string("SELECT ") + kColumns + " FROM releases r WHERE r.id = ?1", id));
    if (!CAIRN_TRY(rows.step())) return std::optional<Release>();
    return std::optional<Release>(CAIRN_TRY(read_release(rows)));
}

Result<Release> Releases::publish(const Manifest& manifest, std::string_view override_reason) {
    if (manifest.gate == GateVerdict::kFail && override_reason.empty()) {
        return make_error(
            Code::kGateRefused,
            "scenario '" + manifest.scenario + "' did not pass its gate; the live release stays",
            "read the evaluation report; to release all the same, give --override \"reason\"");
    }
    const std::string id = release_id(manifest);
    auto transaction = CAIRN_TRY(store::Transaction::begin(*database_));
    CAIRN_TRY(database_->exec(
        "INSERT OR IGNORE INTO releases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        id, manifest.scenario, manifest.kind, manifest.base_model, manifest.base_digest,
        manifest.adapter_digest, manifest.index_digest, manifest.settings, manifest.report_digest,
        gate_verdict_name(manifest.gate), override_reason, utc_ms()));
    const auto current = CAIRN_TRY(live(manifest.scenario));
    if (!current || current->id != id) {
        CAIRN_TRY(database_->exec(
            "INSERT INTO live_history(scenario, release_id, since_ms) VALUES (?1, ?2, ?3)",
            manifest.scenario, id, utc_ms()));
    }
    CAIRN_TRY(transaction.commit());
    auto stored = CAIRN_TRY(find(id));
    CAIRN_ASSERT(stored.has_value());
    return *std::move(stored);
}

Result<std::optional<Release>> Releases::live(std::string_view scenario) {
    auto rows = CAIRN_TRY(database_->query(
        "SELECT release_id FROM live_history WHERE scenario = ?1 ORDER BY sequence DESC LIMIT 1",
        scenario));
    if (!CAIRN_TRY(rows.step())) return std::optional<Release>();
    const std::string id = rows.text(0);
    rows.reset();
    return find(id);
}

Result<Release> Releases::roll_back(std::string_view scenario) {
    auto transaction = CAIRN_TRY(store::Transaction::begin(*database_));
    const auto current = CAIRN_TRY(live(scenario));
    std::string before;
    if (current) {
        // The newest release that went live before the current one first did: repeated roll-backs
        // walk back in time.
        auto rows = CAIRN_TRY(database_->query(
            "SELECT release_id FROM live_history WHERE scenario = ?1 AND sequence < "
            "(SELECT min(sequence) FROM live_history WHERE scenario = ?1 AND release_id = ?2) "
            "ORDER BY sequence DESC LIMIT 1",
            scenario, current->id));
        if (CAIRN_TRY(rows.step())) before = rows.text(0);
    }
    if (before.empty()) {
        return make_error(Code::kNotFound, "scenario '" + std::string(scenario) +
                                               "' has no earlier release to go back to");
    }
    CAIRN_TRY(database_->exec(
        "INSERT INTO live_history(scenario, release_id, since_ms) VALUES (?1, ?2, ?3)", scenario,
        before, utc_ms()));
    CAIRN_TRY(transaction.commit());
    auto stored = CAIRN_TRY(find(before));
    CAIRN_ASSERT(stored.has_value());
    return *std::move(stored);
}

Result<std::vector<Release>> Releases::list(std::string_view scenario) {
    auto rows = CAIRN_TRY(database_->query(
        std::string("SELECT ") + kColumns +
            " FROM releases r WHERE ?1 = '' OR r.scenario = ?1 ORDER BY r.created_ms DESC, r.id",
        scenario));
    std::vector<Release> releases;
    while (CAIRN_TRY(rows.step()))
        releases.push_back(CAIRN_TRY(read_release(rows)));
    return releases;
}

}  // namespace cairn::operate
