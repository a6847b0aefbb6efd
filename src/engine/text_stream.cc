// SPDX-License-Identifier: Apache-2.0
// Holds back the shortest tail that could still become a stop string or a whole code point.
#include "cairn/engine/text_stream.h"

#include <algorithm>

#include "cairn/text/utf8.h"

namespace cairn::engine {

TextStream::TextStream(const text::Tokenizer& tokenizer, std::vector<std::string> stops,
                       std::vector<text::TokenId> shown)
    : tokenizer_(tokenizer), stops_(std::move(stops)), shown_(std::move(shown)) {
    std::erase(stops_, "");
}

namespace {

/// Bytes at the end of `text` that are a proper beginning of `stop`.
std::size_t open_stop(std::string_view text, std::string_view stop) {
    for (std::size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
        if (text.substr(text.size() - length) == stop.substr(0, length)) return length;
    }
    return 0;
}

}  // namespace

std::string TextStream::take(std::size_t bytes) {
    std::string shown = text::repair_utf8(std::string_view(held_).substr(0, bytes)).text;
    held_.erase(0, bytes);
    return shown;
}

std::string TextStream::push(text::TokenId token) {
    if (stopped_) return {};
    if (std::find(shown_.begin(), shown_.end(), token) != shown_.end()) {
        held_ += tokenizer_.parts().tokens[static_cast<std::size_t>(token)];
    } else {
        held_ += tokenizer_.token_bytes(token);
    }
    std::size_t stop_at = std::string::npos;
    for (const std::string& stop : stops_)
        stop_at = std::min(stop_at, held_.find(stop));
    if (stop_at != std::string::npos) {
        stopped_ = true;
        std::string shown = take(stop_at);
        held_.clear();
        return shown;
    }
    std::size_t hold = 0;
    for (const std::string& stop : stops_)
        hold = std::max(hold, open_stop(held_, stop));
    const std::string_view free = std::string_view(held_).substr(0, held_.size() - hold);
    return take(text::complete_utf8_prefix(free));
}

std::string TextStream::finish() {
    return take(held_.size());
}

}  // namespace cairn::engine
