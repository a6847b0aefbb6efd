// SPDX-License-Identifier: Apache-2.0
// Releases: everything that a served scenario consists of, named by digest, and which one is live.
// Publishing and rolling back move one pointer in one transaction; nothing released is ever
// changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/store/database.h"

namespace cairn::operate {

enum class GateVerdict { kPass, kFail, kNotEnoughEvidence };
std::string_view gate_verdict_name(GateVerdict verdict);
Result<GateVerdict> parse_gate_verdict(std::string_view name);

/// What is released; two equal manifests are the same release.
struct Manifest {
    std::string scenario;
    std::string kind;            ///< "qa", "style"
    std::string base_model;      ///< as the workspace names it: "pebble", "file:..."
    std::string base_digest;     ///< of the model file
    std::string adapter_digest;  ///< blob; empty: the base alone
    std::string index_digest;    ///< of the retrieval index; empty: no retrieval
    std::string settings;        ///< JSON of the app's settings (thresholds, weights)
    std::string report_digest;   ///< blob: the evaluation report (JSON)
    GateVerdict gate = GateVerdict::kNotEnoughEvidence;
};

struct Release {
    std::string id;  ///< "rel_" + first 16 hex of the manifest's SHA-256
    Manifest manifest;
    std::string override_reason;  ///< why a failed gate was overruled; empty: it was not
    std::int64_t created_ms = 0;
    std::int64_t live_since_ms = 0;  ///< 0: not live now
};

class Releases {
  public:
    static Result<Releases> open(store::Database& database);

    /// Stores the release and makes it live. A failed gate is kGateRefused unless `override_reason`
    /// says why it may pass. "Not enough evidence" goes live too and says so everywhere: a first
    /// release has to start somewhere.
    Result<Release> publish(const Manifest& manifest, std::string_view override_reason = {});
    Result<std::optional<Release>> live(std::string_view scenario);
    Result<std::optional<Release>> find(std::string_view id);
    /// Makes the release that was live before live again. Errors: kNotFound when there is none.
    Result<Release> roll_back(std::string_view scenario);
    /// Newest first; empty `scenario`: all.
    Result<std::vector<Release>> list(std::string_view scenario = {});

  private:
    explicit Releases(store::Database& database) : database_(&database) {}
    store::Database* database_;
};

}  // namespace cairn::operate
