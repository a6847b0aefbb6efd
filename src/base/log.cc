// SPDX-License-Identifier: Apache-2.0
// One spdlog logger on standard error; standard output stays free for --json.
#include "cairn/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdlib>
#include <string>

namespace cairn {

void init_logging() {
    auto logger = spdlog::get("cairn");
    if (!logger) logger = spdlog::stderr_color_mt("cairn");
    spdlog::set_default_logger(logger);
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    const char* wanted = std::getenv("CAIRN_LOG");
    const std::string level = wanted == nullptr ? "warn" : wanted;
    const auto parsed = spdlog::level::from_str(level);
    // spdlog answers "off" to a word it does not know; silence must be asked for by name.
    const bool known = parsed != spdlog::level::off || level == "off";
    spdlog::set_level(known ? parsed : spdlog::level::warn);
    if (!known)
        spdlog::warn("CAIRN_LOG: expected debug, info, warn, error or off, found '{}'", level);
}

}  // namespace cairn
