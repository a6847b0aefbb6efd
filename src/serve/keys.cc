// SPDX-License-Identifier: Apache-2.0
// The key table: see keys.h. A secret has 192 random bits, so one SHA-256 is a sufficient hash.
#include "cairn/serve/keys.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"

namespace cairn::serve {

namespace {

constexpr std::array<store::Migration, 1> kMigrations = {{
    {1, R"(
        CREATE TABLE keys(
            id TEXT PRIMARY KEY, hash TEXT NOT NULL, tenant TEXT NOT NULL, admin INTEGER NOT NULL,
            created_ms INTEGER NOT NULL, revoked_ms INTEGER NOT NULL DEFAULT 0) STRICT;
    )"},
}};

constexpr std::string_view kPrefix = "ck_";
constexpr std::size_t kIdHex = 8;
constexpr std::size_t kTenantBytesMax = 64;

bool tenant_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

Error refused() {
    return make_error(Code::kDenied, "the key is missing, not known or revoked",
                      "send 'Authorization: Bearer KEY' with a key made by `cairn keys add`");
}

}  // namespace

Result<Keys> Keys::open(store::Database& database) {
    CAIRN_TRY(store::migrate(database, "keys", kMigrations));
    return Keys(database);
}

Result<NewKey> Keys::add(std::string_view tenant, bool admin) {
    if (tenant.empty() || tenant.size() > kTenantBytesMax ||
        !std::all_of(tenant.begin(), tenant.end(), tenant_character)) {
        return make_error(
            Code::kInvalid,
            "expected a tenant name of 1 to 64 letters, digits, '-', '_' or '.', found '" +
                std::string(tenant) + "'");
    }
    const std::string hex = random_hex(kIdHex / 2);
    NewKey key;
    key.info = {"k_" + hex, std::string(tenant), admin, utc_ms(), 0};
    key.secret = std::string(kPrefix) + hex + "_" + random_hex(24);
    CAIRN_TRY(database_->exec(
        "INSERT INTO keys(id, hash, tenant, admin, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        key.info.id, sha256_hex(key.secret), tenant, admin, key.info.created_ms));
    return key;
}

Status Keys::revoke(std::string_view id) {
    CAIRN_TRY(database_->exec("UPDATE keys SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms = 0",
                              id, utc_ms()));
    if (database_->changed_rows() == 0) {
        return make_error(Code::kNotFound, "no valid key has the id '" + std::string(id) + "'",
                          "see `cairn keys list`");
    }
    return {};
}

Result<std::vector<KeyInfo>> Keys::list() {
    auto rows = CAIRN_TRY(database_->query(
        "SELECT id, tenant, admin, created_ms, revoked_ms FROM keys ORDER BY created_ms, id"));
    std::vector<KeyInfo> keys;
    while (CAIRN_TRY(rows.step())) {
        keys.push_back(
            {rows.text(0), rows.text(1), rows.integer(2) != 0, rows.integer(3), rows.integer(4)});
    }
    return keys;
}

Result<Caller> Keys::check(std::string_view secret) {
    if (!secret.starts_with(kPrefix) || secret.size() < kPrefix.size() + kIdHex) return refused();
    const std::string id = "k_" + std::string(secret.substr(kPrefix.size(), kIdHex));
    auto rows = CAIRN_TRY(database_->query(
        "SELECT hash, tenant, admin FROM keys WHERE id = ?1 AND revoked_ms = 0", id));
    if (!CAIRN_TRY(rows.step())) return refused();
    const std::string stored = rows.text(0);
    const std::string given = sha256_hex(secret);
    if (stored.size() != given.size() ||
        sodium_memcmp(stored.data(), given.data(), given.size()) != 0) {
        return refused();
    }
    return Caller{id, rows.text(1), rows.integer(2) != 0};
}

}  // namespace cairn::serve
