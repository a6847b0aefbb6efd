// SPDX-License-Identifier: Apache-2.0
// Steps run in another process, so progress comes through a file (.cairn/progress.json, replaced
// whole about twice a second) and ends of steps through the table of runs.
#include "event_stream.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/text/json.h"

namespace cairn::serve {

namespace {

constexpr auto kTick = std::chrono::milliseconds(250);
constexpr double kHeartbeatSeconds = 15;
/// A step that was killed leaves its last record behind: after this time it counts as ended.
constexpr auto kStale = std::chrono::seconds(90);
constexpr std::uint64_t kProgressBytesMax = 64 * limits::kKiB;

class EventFollower {
  public:
    EventFollower(Service::State& state, Responder& responder)
        : state_(state), responder_(responder), progress_(progress_path(state)) {}

    Status run() {
        CAIRN_TRY(responder_.begin("text/event-stream; charset=utf-8"));
        CAIRN_TRY(responder_.write(": cairn\n\n"));
        while (!responder_.client_gone()) {
            CAIRN_TRY(tell_progress());
            CAIRN_TRY(tell_runs());
            if (now_seconds() - last_write_s_ > kHeartbeatSeconds) CAIRN_TRY(send(": alive\n\n"));
            std::this_thread::sleep_for(kTick);
        }
        return responder_.end();
    }

  private:
    static std::filesystem::path progress_path(const Service::State& state) {
        return state.parts.workspace.root / ".cairn" / "progress.json";
    }

    Status send(const std::string& text) {
        last_write_s_ = now_seconds();
        return responder_.write(text);
    }

    Status tell_progress() {
        std::error_code failure;
        const auto written = std::filesystem::last_write_time(progress_, failure);
        if (failure) return {};
        const bool stale = std::filesystem::file_time_type::clock::now() - written > kStale;
        if (written == told_ && (!stale || !open_)) return {};
        if (stale && !open_) return {};
        const auto text = read_file(progress_, kProgressBytesMax);
        if (!text) return {};  // replaced or removed in this moment: the next tick sees it
        auto record = text::parse_json(*text);
        if (!record || !record->is_object()) return {};
        if (stale) (*record)["finished"] = true;
        told_ = written;
        open_ = !record->value("finished", false);
        return send("event: progress\ndata: " + text::dump_json(*record) + "\n\n");
    }

    Status tell_runs() {
        auto lease = state_.stores.lease();
        if (!lease) return {};
        const auto newest = store::list_runs((*lease)->database(), 1);
        if (!newest || newest->empty()) return {};
        const store::Run& run = newest->front();
        const std::string mark =
            std::to_string(run.id) + " " + std::string(store::run_state_name(run.state));
        if (mark == run_mark_) return {};
        const bool first = run_mark_.empty();
        run_mark_ = mark;
        if (first) return {};
        return send("event: status\ndata: " +
                    text::dump_json({{"step", run.step},
                                     {"scenario", run.scenario},
                                     {"state", store::run_state_name(run.state)}}) +
                    "\n\n");
    }

    Service::State& state_;
    Responder& responder_;
    std::filesystem::path progress_;
    std::filesystem::file_time_type told_{};
    bool open_ = false;  ///< the last record told of work that goes on
    std::string run_mark_;
    double last_write_s_ = now_seconds();
};

/// Holds one of the places for event streams.
class Place {
  public:
    explicit Place(std::atomic<int>& taken) : taken_(taken), free_(++taken <= kEventStreamsMax) {}
    ~Place() { --taken_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    bool free() const { return free_; }

  private:
    std::atomic<int>& taken_;
    bool free_;
};

}  // namespace

Reply follow_events(Service::State& state, Responder& responder) {
    const Place place(state.event_streams);
    if (!place.free()) {
        return error_reply(
            make_error(Code::kUnavailable,
                       "more than " + std::to_string(kEventStreamsMax) + " consoles follow already",
                       "close one, or poll GET /api/status"));
    }
    (void)EventFollower(state, responder).run();  // ends when the client has gone
    Reply reply;
    reply.streamed = true;
    return reply;
}

}  // namespace cairn::serve
