// SPDX-License-Identifier: Apache-2.0
// The set of places where the answer may be: in a fixed answer, in the opening mark, in a quote (at
// a position of a source) or in the closing mark. Each place knows the bytes that may follow; a
// place is kept only if some end can still be reached, so generation never runs into a dead end.
#include "cairn/engine/quote_constraint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::engine {
namespace {

constexpr std::uint32_t kNoEnd = std::numeric_limits<std::uint32_t>::max();
// Keeps the logarithm of a weight finite.
constexpr double kWeightMin = 1e-300;

enum class Part : std::uint8_t { kFixed, kOpen, kQuote, kClose };

struct Place {
    Part part = Part::kFixed;
    std::uint32_t index = 0;  ///< fixed answer, or start
    std::uint32_t position =
        0;                     ///< kQuote, kClose: behind the quote's last byte, in the joined text
    std::uint32_t offset = 0;  ///< bytes done of the fixed answer or the mark
};

struct Start {
    std::uint32_t begin = 0;       ///< in the joined text
    std::uint32_t source_end = 0;  ///< in the joined text
    std::uint32_t source = 0;
    double weight = 1;
};

}  // namespace

struct QuoteConstraint::State {
    std::shared_ptr<const TokenTrie> trie;
    QuoteOptions options;
    std::string text;                         ///< all sources, a zero byte behind each
    std::vector<std::uint32_t> source_begin;  ///< and one past the last
    std::vector<std::uint32_t> next_end;      ///< by position: the nearest allowed end, or kNoEnd
    std::vector<Start> starts;
    double fixed_weight = 1;
    double starts_weight = 0;
    std::vector<Place> live;
    bool ended = false;
    std::vector<double> weights;  ///< scratch, by token

    Status add_sources(std::span<const std::string> sources);
    Status add_ends(std::span<const std::string> sources);
    Status add_starts(std::span<const std::string> sources);
    void add_start(std::size_t source, std::size_t offset, double weight);
    Status check_bytes() const;

    bool may_end(const Place& place) const;
    bool may_continue(const Start& start, std::uint32_t position) const;
    bool complete(const Place& place) const;
    double weight(const Place& place) const;
    /// Calls next(byte, place) for each byte that may follow.
    template <typename Next>
    void follow(const Place& place, Next&& next) const;
    void mark_tokens(const Place& from, TokenMask& mask);
};

Status QuoteConstraint::State::add_sources(std::span<const std::string> sources) {
    std::size_t total = 0;
    for (const std::string& source : sources)
        total += source.size() + 1;
    if (total > kSourceBytesMax) {
        return make_error(
            Code::kTooLarge,
            fmt::format("sources to quote have {} bytes, the limit is {}", total, kSourceBytesMax));
    }
    for (const std::string& source : sources) {
        if (!text::is_valid_utf8(source)) {
            return make_error(Code::kInvalid, fmt::format("source {} to quote is not valid UTF-8",
                                                          source_begin.size()));
        }
        source_begin.push_back(static_cast<std::uint32_t>(text.size()));
        text += source;
        text += '\0';
    }
    source_begin.push_back(static_cast<std::uint32_t>(text.size()));
    return {};
}

namespace {

Status check_place(std::span<const std::string> sources, std::size_t source, std::size_t offset) {
    if (source >= sources.size() || offset > sources[source].size()) {
        return make_error(
            Code::kInvalid,
            fmt::format("quote limit at byte {} of source {} is outside of it", offset, source));
    }
    const std::string& text = sources[source];
    if (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0U) == 0x80U) {
        return make_error(Code::kInvalid,
                          fmt::format("quote limit at byte {} of source {} is inside a character",
                                      offset, source));
    }
    return {};
}

}  // namespace

Status QuoteConstraint::State::add_ends(std::span<const std::string> sources) {
    next_end.assign(text.size() + 1, kNoEnd);
    const auto mark = [&](std::size_t source, std::size_t offset) {
        const std::size_t at = source_begin[source] + offset;
        next_end[at] = static_cast<std::uint32_t>(at);
    };
    for (const QuoteEnd& end : options.ends) {
        CAIRN_TRY(check_place(sources, end.source, end.offset));
        mark(end.source, end.offset);
    }
    for (std::size_t source = 0; options.ends.empty() && source < sources.size(); ++source) {
        for (std::size_t offset = 0; offset < sources[source].size();) {
            const text::CodePoint c = text::code_point_at(sources[source], offset);
            offset += c.bytes;
            if (!text::is_space(c.value)) mark(source, offset);
        }
    }
    for (std::size_t source = 0; source < sources.size(); ++source) {
        for (std::size_t at = source_begin[source] + sources[source].size();
             at > source_begin[source]; --at) {
            if (next_end[at - 1] == kNoEnd) next_end[at - 1] = next_end[at];
        }
    }
    return {};
}

void QuoteConstraint::State::add_start(std::size_t source, std::size_t offset, double weight) {
    Start start;
    start.begin = static_cast<std::uint32_t>(source_begin[source] + offset);
    start.source_end = source_begin[source + 1] - 1;
    start.source = static_cast<std::uint32_t>(source);
    start.weight = weight;
    if (!may_continue(start, start.begin)) return;
    starts.push_back(start);
    starts_weight += weight;
}

Status QuoteConstraint::State::add_starts(std::span<const std::string> sources) {
    double top =
        options.fixed.empty() ? -std::numeric_limits<double>::infinity() : options.fixed_log_prior;
    for (const QuoteStart& start : options.starts)
        top = std::max<double>(top, start.log_prior);
    if (options.starts.empty()) top = std::max(top, 0.0);
    const auto weight_of = [&](double log_prior) {
        return std::max(std::exp(log_prior - top), kWeightMin);
    };
    fixed_weight = weight_of(options.fixed_log_prior);
    for (const QuoteStart& start : options.starts) {
        CAIRN_TRY(check_place(sources, start.source, start.offset));
        add_start(start.source, start.offset, weight_of(start.log_prior));
    }
    for (std::size_t source = 0; options.starts.empty() && source < sources.size(); ++source) {
        for (std::size_t offset = 0; offset < sources[source].size();) {
            const text::CodePoint c = text::code_point_at(sources[source], offset);
            if (!text::is_space(c.value)) add_start(source, offset, weight_of(0));
            offset += c.bytes;
        }
    }
    std::stable_sort(starts.begin(), starts.end(),
                     [](const Start& a, const Start& b) { return a.begin < b.begin; });
    return {};
}

/// With a token for every single byte that can occur, every place has a token that goes on.
Status QuoteConstraint::State::check_bytes() const {
    std::string all = text + options.open + options.close;
    for (const std::string& fixed : options.fixed)
        all += fixed;
    std::array<bool, 256> seen{};
    for (const char c : all)
        seen[static_cast<unsigned char>(c)] = true;
    seen[0] = false;  // between sources; a zero byte inside of one is refused below
    for (std::size_t byte = 0; byte < seen.size(); ++byte) {
        if (!seen[byte]) continue;
        const std::int32_t node = trie->child(0, static_cast<std::uint8_t>(byte));
        if (node >= 0 && !trie->tokens(node).empty()) continue;
        return make_error(Code::kUnsupported,
                          fmt::format("the vocabulary has no token for the byte {:#04x}", byte));
    }
    return {};
}

Result<std::shared_ptr<QuoteConstraint>> QuoteConstraint::create(
    std::shared_ptr<const TokenTrie> trie, std::span<const std::string> sources,
    QuoteOptions options) {
    auto state = std::make_unique<State>();
    state->trie = std::move(trie);
    state->options = std::move(options);
    State& s = *state;
    if (s.options.quote_bytes_min == 0 || s.options.quote_bytes_min > s.options.quote_bytes_max) {
        return make_error(
            Code::kInvalid,
            fmt::format("quote bytes: expected 1 <= minimum <= maximum, found {} and {}",
                        s.options.quote_bytes_min, s.options.quote_bytes_max));
    }
    for (const std::string& fixed : s.options.fixed) {
        if (fixed.empty()) return make_error(Code::kInvalid, "a fixed answer is empty");
    }
    for (const std::string& source : sources) {
        if (source.find('\0') != std::string::npos) {
            return make_error(Code::kInvalid, "a source to quote holds a zero byte");
        }
    }
    // No source is longer, so a longer quote is the same as this one.
    s.options.quote_bytes_max = std::min(s.options.quote_bytes_max, kSourceBytesMax);
    s.options.quote_bytes_min = std::min(s.options.quote_bytes_min, kSourceBytesMax);
    CAIRN_TRY(s.add_sources(sources));
    CAIRN_TRY(s.add_ends(sources));
    CAIRN_TRY(s.add_starts(sources));
    CAIRN_TRY(s.check_bytes());
    if (s.starts.empty() && s.options.fixed.empty()) {
        return make_error(Code::kInvalid,
                          "no quote of the sources fits the limits and there is no fixed answer");
    }
    for (std::uint32_t i = 0; i < s.options.fixed.size(); ++i)
        s.live.push_back({Part::kFixed, i, 0, 0});
    if (!s.starts.empty() && !s.options.open.empty()) {
        s.live.push_back({Part::kOpen, 0, 0, 0});
    } else {
        for (std::uint32_t i = 0; i < s.starts.size(); ++i)
            s.live.push_back({Part::kQuote, i, s.starts[i].begin, 0});
    }
    return std::shared_ptr<QuoteConstraint>(new QuoteConstraint(std::move(state)));
}

QuoteConstraint::QuoteConstraint(std::unique_ptr<State> state) : state_(std::move(state)) {}
QuoteConstraint::~QuoteConstraint() = default;

bool QuoteConstraint::State::may_end(const Place& place) const {
    const std::size_t length = place.position - starts[place.index].begin;
    return next_end[place.position] == place.position && length >= options.quote_bytes_min &&
           length <= options.quote_bytes_max;
}

bool QuoteConstraint::State::may_continue(const Start& start, std::uint32_t position) const {
    const std::size_t target =
        std::max<std::size_t>(position + 1, start.begin + options.quote_bytes_min);
    if (target > start.source_end) return false;
    const std::uint32_t end = next_end[target];
    return end != kNoEnd && end <= start.begin + options.quote_bytes_max;
}

bool QuoteConstraint::State::complete(const Place& place) const {
    switch (place.part) {
        case Part::kFixed:
            return place.offset == options.fixed[place.index].size();
        case Part::kOpen:
            return false;
        case Part::kQuote:
            return options.close.empty() && may_end(place);
        case Part::kClose:
            return place.offset == options.close.size();
    }
    return false;
}

double QuoteConstraint::State::weight(const Place& place) const {
    if (place.part == Part::kFixed) return fixed_weight;
    return place.part == Part::kOpen ? starts_weight : starts[place.index].weight;
}

template <typename Next>
void QuoteConstraint::State::follow(const Place& place, Next&& next) const {
    Place then = place;
    ++then.offset;
    switch (place.part) {
        case Part::kFixed: {
            const std::string& fixed = options.fixed[place.index];
            if (place.offset < fixed.size()) next(fixed[place.offset], then);
            return;
        }
        case Part::kOpen:
            if (then.offset < options.open.size()) {
                next(options.open[place.offset], then);
                return;
            }
            for (std::uint32_t i = 0; i < starts.size(); ++i) {
                next(options.open[place.offset], {Part::kQuote, i, starts[i].begin, 0});
            }
            return;
        case Part::kQuote:
            if (!options.close.empty() && may_end(place)) {
                next(options.close[0], {Part::kClose, place.index, place.position, 1});
            }
            if (may_continue(starts[place.index], place.position)) {
                next(text[place.position], {Part::kQuote, place.index, place.position + 1, 0});
            }
            return;
        case Part::kClose:
            if (place.offset < options.close.size()) next(options.close[place.offset], then);
            return;
    }
}

/// Walks the trie along all bytes that may follow, on an explicit stack: tokens may be long.
void QuoteConstraint::State::mark_tokens(const Place& from, TokenMask& mask) {
    struct Step {
        Place place;
        std::int32_t node;
    };
    std::vector<Step> stack = {{from, 0}};
    while (!stack.empty()) {
        const Step step = stack.back();
        stack.pop_back();
        follow(step.place, [&](char byte, const Place& place) {
            const std::int32_t node = trie->child(step.node, static_cast<std::uint8_t>(byte));
            if (node < 0) return;
            for (const TokenId token : trie->tokens(node)) {
                mask.allow(token);
                if (options.use_priors) weights[static_cast<std::size_t>(token)] += weight(place);
            }
            stack.push_back({place, node});
        });
    }
}

void QuoteConstraint::fill(TokenMask& mask) {
    State& s = *state_;
    double total = 0;
    if (s.options.use_priors) s.weights.assign(static_cast<std::size_t>(s.trie->vocabulary()), 0.0);
    for (const Place& place : s.live) {
        total += s.weight(place);
        if (!s.ended) s.mark_tokens(place, mask);
        if (!s.complete(place)) continue;
        for (const TokenId token : s.trie->end_tokens()) {
            mask.allow(token);
            if (s.options.use_priors) s.weights[static_cast<std::size_t>(token)] += s.weight(place);
        }
    }
    if (!s.options.use_priors) return;
    for (TokenId token = 0; token < s.trie->vocabulary(); ++token) {
        if (!mask.test(token)) continue;
        const double share = s.weights[static_cast<std::size_t>(token)] / total;
        mask.set_bias(token, static_cast<float>(std::log(share)));
    }
}

bool QuoteConstraint::accept(TokenId token) {
    State& s = *state_;
    if (token < 0 || token >= s.trie->vocabulary()) return false;
    const auto ends = s.trie->end_tokens();
    const bool is_end = std::find(ends.begin(), ends.end(), token) != ends.end();
    std::vector<Place> live;
    if (is_end) {
        std::copy_if(s.live.begin(), s.live.end(), std::back_inserter(live),
                     [&](const Place& place) { return s.complete(place); });
    } else if (!s.ended && !s.trie->bytes(token).empty()) {
        live = s.live;
        std::vector<Place> next;
        for (const char byte : s.trie->bytes(token)) {
            next.clear();
            for (const Place& place : live) {
                s.follow(place, [&](char expected, const Place& then) {
                    if (expected == byte) next.push_back(then);
                });
            }
            live.swap(next);
        }
    }
    if (live.empty()) return false;
    s.live = std::move(live);
    s.ended = s.ended || is_end;
    return true;
}

bool QuoteConstraint::finished() const {
    const State& s = *state_;
    if (s.ended) return true;
    return std::all_of(s.live.begin(), s.live.end(), [&](const Place& place) {
        bool goes_on = false;
        s.follow(place, [&](char, const Place&) { goes_on = true; });
        return s.complete(place) && !goes_on;
    });
}

std::optional<QuoteMatch> QuoteConstraint::match() const {
    const State& s = *state_;
    for (const Place& place : s.live) {
        if (!s.complete(place)) continue;
        QuoteMatch match;
        match.is_quote = place.part != Part::kFixed;
        if (!match.is_quote) {
            match.fixed = place.index;
            return match;
        }
        const Start& start = s.starts[place.index];
        match.source = start.source;
        match.begin = start.begin - s.source_begin[start.source];
        match.end = place.position - s.source_begin[start.source];
        return match;
    }
    return std::nullopt;
}

}  // namespace cairn::engine
