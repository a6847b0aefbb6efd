// SPDX-License-Identifier: Apache-2.0
// The constraint behind grounded answers: the model may say one of a few fixed sentences, or quote
// a passage of the given sources byte for byte. Any way to cut a quote into tokens is allowed.
//
// The state is the set of places in the sources where the quote may be so far; a step walks the
// trie of the vocabulary along the bytes that follow these places.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/engine/constraint.h"
#include "cairn/text/tokenizer.h"

namespace cairn::engine {

/// A vocabulary as a byte trie, built once per tokenizer and shared by all requests.
class TokenTrie {
  public:
    explicit TokenTrie(const text::Tokenizer& tokenizer);
    ~TokenTrie();
    /// The node behind `byte`, or -1. Node 0 is the root.
    std::int32_t child(std::int32_t node, std::uint8_t byte) const;
    /// Tokens whose bytes end at this node (several tokens may have the same bytes).
    std::span<const TokenId> tokens(std::int32_t node) const;
    std::span<const TokenId> end_tokens() const;
    std::int64_t vocabulary() const;
    /// The bytes of a token; empty for special tokens.
    std::string_view bytes(TokenId token) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// A place where a quote may begin, with the log of its prior weight.
struct QuoteStart {
    std::size_t source = 0;
    std::size_t offset = 0;
    float log_prior = 0;
};

/// A place behind the last byte of a quote.
struct QuoteEnd {
    std::size_t source = 0;
    std::size_t offset = 0;
};

struct QuoteOptions {
    std::string open = "\"";         ///< in front of the quote
    std::string close = "\"";        ///< behind it
    std::vector<std::string> fixed;  ///< whole answers without a quote: the refusal
    float fixed_log_prior = 0;       ///< weight of each fixed answer beside the starts' priors
    std::size_t quote_bytes_min = 1;
    std::size_t quote_bytes_max = 600;
    /// Empty: every UTF-8 boundary that is not white space.
    std::vector<QuoteStart> starts;
    /// Empty: every UTF-8 boundary behind something that is not white space.
    std::vector<QuoteEnd> ends;
    /// Adds to each logit the log of the share of prior weight whose places stay possible with that
    /// token: over a whole quote this sums to the log prior of its start. Off: priors are not used.
    bool use_priors = false;
};

/// Where the finished quote stands: the first place in the sources that fits.
struct QuoteMatch {
    bool is_quote = false;
    std::size_t fixed = 0;   ///< index of the fixed answer when it is not a quote
    std::size_t source = 0;  ///< index of the source
    std::size_t begin = 0;   ///< bytes in the source
    std::size_t end = 0;
};

class QuoteConstraint final : public Constraint {
  public:
    /// Sources are copied. Errors: kInvalid when nothing can be said (no fixed answer, and no quote
    /// fits the limits), for sources that are no UTF-8 or hold zero bytes, for starts and ends
    /// outside of the sources or inside a UTF-8 sequence; kTooLarge for more than kSourceBytesMax;
    /// kUnsupported for a byte that no token can say.
    static Result<std::shared_ptr<QuoteConstraint>> create(std::shared_ptr<const TokenTrie> trie,
                                                           std::span<const std::string> sources,
                                                           QuoteOptions options);
    static constexpr std::size_t kSourceBytesMax = 256 * 1024;

    ~QuoteConstraint() override;
    void fill(TokenMask& mask) override;
    bool accept(TokenId token) override;
    bool finished() const override;
    /// Set once the answer is complete (also when the end token is still to come).
    std::optional<QuoteMatch> match() const;

  private:
    struct State;
    explicit QuoteConstraint(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cairn::engine
