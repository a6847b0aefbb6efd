// SPDX-License-Identifier: Apache-2.0
// Progress records, the terminal bar, and the interrupt flag that long loops ask.
#include "cairn/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

#include "cairn/base/clock.h"

namespace cairn {
namespace {

constexpr double kSinkIntervalSeconds = 0.1;
constexpr double kPipeIntervalSeconds = 10;
constexpr std::size_t kSamplesMax = 1024;
constexpr std::size_t kDetailMax = 32;

std::atomic<bool> interrupt_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

extern "C" void on_interrupt(int signal_number) {
    if (interrupt_flag.exchange(true)) ::_exit(128 + signal_number);
}

/// The end of a detail (a file's name says more than its folder), cut between UTF-8 characters.
std::string short_detail(const std::string& detail) {
    if (detail.size() <= kDetailMax) return detail;
    std::size_t from = detail.size() - kDetailMax;
    while (from < detail.size() && (detail[from] & 0xC0) == 0x80)
        ++from;
    return "…" + detail.substr(from);
}

std::string bar(double share) {
    constexpr int kWidth = 20;
    const int filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * kWidth);
    std::string text;
    for (int i = 0; i < kWidth; ++i)
        text += i < filled ? "█" : "░";
    return text;
}

bool is_bytes(const ProgressRecord& record) {
    return record.unit == "bytes";
}

/// Bytes as people read them, everything else as a count.
std::string amount(const ProgressRecord& record, double value) {
    return is_bytes(record) ? human_bytes(value) : fmt::format("{:.0f}", value);
}

std::string progress_line(const ProgressRecord& record) {
    std::string line = fmt::format("{:<10}", record.step);
    if (record.total > 0) {
        const double share = static_cast<double>(record.done) / static_cast<double>(record.total);
        line += fmt::format(" {} {:3.0f} %  {}/{}", bar(share), 100 * share,
                            amount(record, static_cast<double>(record.done)),
                            amount(record, static_cast<double>(record.total)));
    } else {
        line += " " + amount(record, static_cast<double>(record.done));
    }
    if (!is_bytes(record)) line += " " + record.unit;
    if (record.seconds > 0.5 && record.done > record.before) {
        const double rate = static_cast<double>(record.done - record.before) / record.seconds;
        line += is_bytes(record) ? "  " + amount(record, rate) + "/s"
                                 : fmt::format("  {:.{}f}/s", rate, rate < 10 ? 1 : 0);
    }
    if (record.finished) {
        line += "  in " + human_seconds(record.seconds);
    } else {
        if (record.eta_seconds >= 0) line += "  " + human_seconds(record.eta_seconds) + " left";
        if (!record.detail.empty()) line += "  " + short_detail(record.detail);
    }
    return line;
}

void write_error(const std::string& text) {
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
}

}  // namespace

ProgressSink terminal_progress() {
    if (::isatty(STDERR_FILENO) != 0) {
        return [](const ProgressRecord& record) {
            write_error("\r\x1b[2K" + progress_line(record) + (record.finished ? "\n" : ""));
        };
    }
    // The sink is copied with std::function; the copies share when they last spoke.
    auto spoke_at = std::make_shared<double>(now_seconds());
    return [spoke_at](const ProgressRecord& record) {
        if (!record.finished && now_seconds() - *spoke_at < kPipeIntervalSeconds) return;
        *spoke_at = now_seconds();
        write_error(progress_line(record) + "\n");
    };
}

ProgressSink silent_progress() {
    return [](const ProgressRecord&) {};
}

struct Progress::State {
    struct Sample {
        double seconds;
        std::int64_t done;
    };

    std::mutex lock;
    ProgressSink sink;
    ProgressRecord record;
    double began = now_seconds();
    double told = 0;                      ///< when the sink was last called
    std::vector<Sample> samples{{0, 0}};  ///< grows in time; thinned by half when full

    void update(std::int64_t done, const std::string& detail) {
        record.done = done;
        if (!detail.empty()) record.detail = detail;
        const double now = now_seconds();
        if (now - told < kSinkIntervalSeconds) return;
        told = now;
        remember(now - began);
        record.eta_seconds = eta(now - began);
        tell(now);
    }

    void remember(double seconds) {
        if (samples.size() == kSamplesMax) {
            std::size_t kept = 0;
            for (std::size_t i = 0; i < samples.size(); i += 2)
                samples[kept++] = samples[i];
            samples.resize(kept);
        }
        samples.push_back({seconds, record.done});
    }

    /// From the rate of the last half of the work: a slow start or an easy beginning is forgotten.
    double eta(double seconds) const {
        if (record.total <= 0 || record.done <= record.before) return -1;
        const std::int64_t middle = record.before + (record.done - record.before) / 2;
        const auto half = std::find_if(samples.rbegin(), samples.rend(),
                                       [&](const Sample& sample) { return sample.done <= middle; });
        if (half == samples.rend() || seconds <= half->seconds) return -1;
        const double rate =
            static_cast<double>(record.done - half->done) / (seconds - half->seconds);
        return static_cast<double>(std::max<std::int64_t>(0, record.total - record.done)) / rate;
    }

    void tell(double now) {
        record.seconds = now - began;
        if (sink) sink(record);
    }
};

Progress::Progress(ProgressSink sink, std::string step, std::int64_t total, std::string unit)
    : state_(new State) {
    state_->sink = std::move(sink);
    state_->record.step = std::move(step);
    state_->record.total = total;
    state_->record.unit = std::move(unit);
}

Progress::~Progress() {
    finish();
    delete state_;
}

void Progress::resume(std::int64_t done) {
    const std::lock_guard lock(state_->lock);
    state_->record.before = state_->record.done = done;
    state_->samples = {{now_seconds() - state_->began, done}};
}

void Progress::advance(std::int64_t amount, const std::string& detail) {
    const std::lock_guard lock(state_->lock);
    state_->update(state_->record.done + amount, detail);
}

void Progress::set(std::int64_t done, const std::string& detail) {
    const std::lock_guard lock(state_->lock);
    state_->update(done, detail);
}

void Progress::finish() {
    const std::lock_guard lock(state_->lock);
    if (state_->record.finished) return;
    state_->record.finished = true;
    state_->record.eta_seconds = 0;
    state_->tell(now_seconds());
}

std::string human_seconds(double seconds) {
    if (seconds < 0.9995) return fmt::format("{:.0f} ms", std::max(0.0, seconds) * 1000);
    if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} m {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} m", whole / 3600, whole / 60 % 60);
}

std::string human_bytes(double bytes) {
    static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    std::size_t unit = 0;
    for (; bytes >= 999.5 && unit + 1 < std::size(kUnits); ++unit)
        bytes /= 1000;
    return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 99.95 ? 0 : 1, kUnits[unit]);
}

bool interrupted() {
    return interrupt_flag.load(std::memory_order_relaxed);
}
void set_interrupted(bool value) {
    interrupt_flag.store(value);
}

void install_interrupt_handlers() {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace cairn
