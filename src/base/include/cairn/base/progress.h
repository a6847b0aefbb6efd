// SPDX-License-Identifier: Apache-2.0
// Progress of long work: done/total, rate, honest ETA (from the rate of the last half of the work).
// One sink for all: the terminal bar, the console's event stream and tests subscribe to the same
// records.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace cairn {

struct ProgressRecord {
    std::string step;    ///< "ingest", "tune", ...
    std::string detail;  ///< file or phase in hand
    std::int64_t done = 0;
    std::int64_t total = 0;   ///< 0: not known
    std::int64_t before = 0;  ///< part of `done` that an earlier run did: the rate leaves it out
    std::string unit;         ///< "files", "tokens", ...
    double seconds = 0;       ///< since the step began
    double eta_seconds = -1;  ///< < 0: not known yet
    bool finished = false;
};

using ProgressSink = std::function<void(const ProgressRecord&)>;

/// Draws one line on a terminal, at most 10 times a second; on a pipe, one line per 10 s and at the
/// end.
ProgressSink terminal_progress();
/// Discards.
ProgressSink silent_progress();

/// One step's progress; calls the sink at most every 100 ms and at the end. Thread-safe.
class Progress {
  public:
    Progress(ProgressSink sink, std::string step, std::int64_t total, std::string unit);
    ~Progress();
    /// Call first when work is resumed: what earlier runs did counts as done, not as fast.
    void resume(std::int64_t done);
    void advance(std::int64_t amount, const std::string& detail = {});
    void set(std::int64_t done, const std::string& detail = {});
    void finish();

  private:
    struct State;
    State* state_;
};

/// "2 m 05 s", "850 ms".
std::string human_seconds(double seconds);
/// "12.3 MB".
std::string human_bytes(double bytes);

/// Set by Ctrl-C; long loops ask it at safe points and return kCancelled.
bool interrupted();
void set_interrupted(bool value);
/// Installs SIGINT/SIGTERM handlers that set `interrupted`; a second signal ends the process.
void install_interrupt_handlers();

}  // namespace cairn
