// SPDX-License-Identifier: Apache-2.0
// API keys: shown once when made, stored as a hash, checked in constant time. A key belongs to a
// tenant; spend belongs to the tenant, so a key can be replaced without losing history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/serve/http.h"
#include "cairn/store/database.h"

namespace cairn::serve {

struct KeyInfo {
    std::string id;  ///< "k_" + 8 hex: public, appears in the ledger
    std::string tenant;
    bool admin = false;
    std::int64_t created_ms = 0;
    std::int64_t revoked_ms = 0;  ///< 0: valid
};

struct NewKey {
    KeyInfo info;
    std::string secret;  ///< "ck_" + id's hex + "_" + 48 hex; never stored
};

class Keys {
  public:
    static Result<Keys> open(store::Database& database);

    /// Tenant names: 1 to 64 of letters, digits, '-', '_', '.'. Errors: kInvalid.
    Result<NewKey> add(std::string_view tenant, bool admin);
    /// Errors: kNotFound.
    Status revoke(std::string_view id);
    Result<std::vector<KeyInfo>> list();
    /// kDenied for a key that is missing, unknown or revoked (one message for all three).
    Result<Caller> check(std::string_view secret);

  private:
    explicit Keys(store::Database& database) : database_(&database) {}
    store::Database* database_;
};

}  // namespace cairn::serve
