// SPDX-License-Identifier: Apache-2.0
// Seeds are counted length by length: a substring can only be frequent if its prefix is. The
// expectation step sums over all ways to cut each different word once, weighed by its count.
#include "cairn/text/unigram_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "byte_trie.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "pre_tokenizer.h"
#include "split_program.h"

namespace cairn::text {
namespace {

constexpr std::size_t kSeedsPerToken = 20;  // first guess against the final size
constexpr double kKeptPerPruning = 0.75;    // SentencePiece's pace
constexpr double kSlack = 1.1;              // pruning stops here; the best are taken of these
constexpr double kRareCount = 0.5;          // expected counts below vanish
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

struct WordHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return hash64(word); }
};
using Counts = std::unordered_map<std::string, std::int64_t, WordHash, std::equal_to<>>;

struct Word {
    std::string_view text;
    std::int64_t count = 0;
};

struct Piece {
    std::string text;
    double score = 0;        // log probability
    bool character = false;  // a single character: never pruned
};

/// Bytes of each character, one after the other.
std::vector<std::size_t> character_ends(std::string_view text) {
    std::vector<std::size_t> ends;
    for (std::size_t at = 0; at < text.size();) {
        char32_t c = 0;
        at += decode_utf8(text, at, c);
        ends.push_back(at);
    }
    return ends;
}

double log_add(double a, double b) {
    if (a < b) std::swap(a, b);
    return b == kMinusInfinity ? a : a + std::log1p(std::exp(b - a));
}

/// Derivative of log Gamma; its use makes rare pieces rarer (variational Bayes).
double digamma(double x) {
    double result = 0;
    for (; x < 7; ++x) {
        result -= 1 / x;
    }
    x -= 0.5;
    const double square = 1 / (x * x);
    result += std::log(x) + square * (1.0 / 24 - square * (7.0 / 960 - square * 31.0 / 8064));
    return result;
}

class Unigram {
  public:
    Unigram(const Counts& counts, const UnigramTrainOptions& options) : options_(options) {
        for (const auto& [text, count] : counts) {
            words_.push_back({text, count});
        }
        std::ranges::sort(words_, {}, &Word::text);
    }

    std::vector<Piece> run(std::size_t size) {
        choose_characters();
        cut_words();
        seed(size);
        const auto wanted = static_cast<std::size_t>(static_cast<double>(size) * kSlack);
        while (true) {
            for (int round = 0; round < options_.rounds; ++round) {
                maximise(expect());
            }
            if (pieces_.size() <= std::max(wanted, characters_.size())) break;
            const std::size_t before = pieces_.size();
            prune(wanted);
            if (pieces_.size() == before) break;
        }
        return take(size);
    }

  private:
    /// The most frequent characters that cover the texts as asked.
    void choose_characters() {
        std::map<std::string_view, std::int64_t> counts;
        std::int64_t total = 0;
        for (const Word& word : words_) {
            std::size_t begin = 0;
            for (const std::size_t end : character_ends(word.text)) {
                counts[word.text.substr(begin, end - begin)] += word.count;
                total += word.count;
                begin = end;
            }
        }
        std::vector<std::pair<std::string_view, std::int64_t>> sorted(counts.begin(), counts.end());
        std::ranges::stable_sort(sorted, std::greater<>(), [](const auto& c) { return c.second; });
        std::int64_t covered = 0;
        for (const auto& [character, count] : sorted) {
            const double share = static_cast<double>(covered) / static_cast<double>(total);
            if (share >= options_.character_coverage) break;
            covered += count;
            characters_.insert(character);
            frequency_.emplace(character, count);
        }
    }

    /// Words without the characters that are left out, which go by bytes: the parts between them.
    void cut_words() {
        std::map<std::string_view, std::int64_t> parts;
        for (const Word& word : words_) {
            std::size_t begin = 0;
            std::size_t last = 0;
            for (const std::size_t end : character_ends(word.text)) {
                if (!characters_.contains(word.text.substr(last, end - last))) {
                    if (last > begin) parts[word.text.substr(begin, last - begin)] += word.count;
                    begin = end;
                }
                last = end;
            }
            if (last > begin) parts[word.text.substr(begin, last - begin)] += word.count;
        }
        words_.clear();
        for (const auto& [text, count] : parts) {
            words_.push_back({text, count});
        }
    }

    /// Frequent substrings, those that cover most text first; and all characters.
    void seed(std::size_t size) {
        std::unordered_map<std::string_view, std::int64_t> level(frequency_.begin(),
                                                                 frequency_.end());
        std::vector<std::pair<std::string_view, double>> found;
        for (int length = 2; length <= options_.piece_characters_max && !level.empty(); ++length) {
            std::unordered_map<std::string_view, std::int64_t> next;
            for (const Word& word : words_) {
                count_substrings(word, static_cast<std::size_t>(length), level, next);
            }
            std::erase_if(next, [](const auto& entry) { return entry.second < 2; });
            for (const auto& [text, count] : next) {
                found.emplace_back(text, static_cast<double>(count) * length);
            }
            level = std::move(next);
        }
        std::ranges::sort(found, [](const auto& a, const auto& b) {
            return a.second != b.second ? a.second > b.second : a.first < b.first;
        });
        found.resize(std::min(found.size(), size * kSeedsPerToken));
        for (const auto& [character, count] : frequency_) {
            pieces_.push_back({std::string(character), static_cast<double>(count), true});
        }
        std::ranges::sort(pieces_, {}, &Piece::text);
        for (const auto& [text, score] : found) {
            pieces_.push_back({std::string(text), score, false});
        }
        double total = 0;
        for (const Piece& piece : pieces_) {
            total += piece.score;
        }
        for (Piece& piece : pieces_) {
            piece.score = std::log(piece.score) - std::log(total);
        }
    }

    static void count_substrings(const Word& word, std::size_t length,
                                 const std::unordered_map<std::string_view, std::int64_t>& prefixes,
                                 std::unordered_map<std::string_view, std::int64_t>& counts) {
        const std::vector<std::size_t> ends = character_ends(word.text);
        for (std::size_t first = 0; first + length <= ends.size(); ++first) {
            const std::size_t begin = first == 0 ? 0 : ends[first - 1];
            const std::size_t prefix = ends[first + length - 2] - begin;
            if (!prefixes.contains(word.text.substr(begin, prefix))) continue;
            counts[word.text.substr(begin, ends[first + length - 1] - begin)] += word.count;
        }
    }

    ByteTrie make_trie() const {
        std::vector<std::pair<std::string_view, std::int32_t>> entries;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            entries.emplace_back(pieces_[i].text, static_cast<std::int32_t>(i));
        }
        return ByteTrie(std::move(entries));
    }

    /// Calls use(end, piece) for each piece that begins at `begin`.
    template <typename Use>
    static void at(const ByteTrie& trie, std::string_view text, std::size_t begin, Use&& use) {
        std::uint32_t node = ByteTrie::kRoot;
        for (std::size_t end = begin; end < text.size();) {
            node = trie.child(node, static_cast<std::uint8_t>(text[end++]));
            if (node == ByteTrie::kNoNode) return;
            if (trie.value(node) != ByteTrie::kNone) {
                use(end, static_cast<std::size_t>(trie.value(node)));
            }
        }
    }

    /// Expected count of each piece over all ways to cut the words.
    std::vector<double> expect() const {
        const ByteTrie trie = make_trie();
        std::vector<double> expected(pieces_.size(), 0);
        std::vector<double> forward;
        std::vector<double> backward;
        for (const Word& word : words_) {
            const std::size_t size = word.text.size();
            forward.assign(size + 1, kMinusInfinity);
            backward.assign(size + 1, kMinusInfinity);
            forward[0] = 0;
            backward[size] = 0;
            for (std::size_t begin = 0; begin < size; ++begin) {
                if (forward[begin] == kMinusInfinity) continue;
                at(trie, word.text, begin, [&](std::size_t end, std::size_t piece) {
                    forward[end] = log_add(forward[end], forward[begin] + pieces_[piece].score);
                });
            }
            for (std::size_t begin = size; begin-- > 0;) {
                if (forward[begin] == kMinusInfinity) continue;
                at(trie, word.text, begin, [&](std::size_t end, std::size_t piece) {
                    backward[begin] =
                        log_add(backward[begin], backward[end] + pieces_[piece].score);
                });
            }
            for (std::size_t begin = 0; begin < size; ++begin) {
                if (forward[begin] == kMinusInfinity) continue;
                at(trie, word.text, begin, [&](std::size_t end, std::size_t piece) {
                    const double share = forward[begin] + pieces_[piece].score + backward[end];
                    expected[piece] +=
                        static_cast<double>(word.count) * std::exp(share - forward[size]);
                });
            }
        }
        return expected;
    }

    void maximise(const std::vector<double>& expected) {
        std::vector<Piece> kept;
        double total = 0;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            Piece& piece = pieces_[i];
            if (expected[i] < kRareCount && !piece.character) continue;
            piece.score = std::max(expected[i], kRareCount);
            total += piece.score;
            kept.push_back(std::move(piece));
        }
        pieces_ = std::move(kept);
        for (Piece& piece : pieces_) {
            piece.score = digamma(piece.score) - digamma(total);
        }
    }

    /// Score of the best way to cut a text, and how often each piece is in it. `without`: that
    /// piece may not be used.
    double best_cut(const ByteTrie& trie, std::string_view text, std::size_t without,
                    std::vector<std::size_t>& path) const {
        std::vector<double> best(text.size() + 1, kMinusInfinity);
        std::vector<std::pair<std::size_t, std::size_t>> from(text.size() + 1);
        best[0] = 0;
        for (std::size_t begin = 0; begin < text.size(); ++begin) {
            if (best[begin] == kMinusInfinity) continue;
            at(trie, text, begin, [&](std::size_t end, std::size_t piece) {
                const double score = best[begin] + pieces_[piece].score;
                if (piece == without || score <= best[end]) return;
                best[end] = score;
                from[end] = {begin, piece};
            });
        }
        path.clear();
        for (std::size_t end = text.size(); end > 0 && best[text.size()] != kMinusInfinity;) {
            path.push_back(from[end].second);
            end = from[end].first;
        }
        return best[text.size()];
    }

    /// Drops the pieces without which the texts lose least likelihood.
    void prune(std::size_t wanted) {
        const ByteTrie trie = make_trie();
        std::vector<double> used(pieces_.size(), 0);
        double total = 0;
        std::vector<std::size_t> path;
        for (const Word& word : words_) {
            best_cut(trie, word.text, pieces_.size(), path);
            for (const std::size_t piece : path) {
                used[piece] += static_cast<double>(word.count);
                total += static_cast<double>(word.count);
            }
        }
        std::vector<std::pair<double, std::size_t>> losses;  // of pieces that may go
        std::vector<bool> keep(pieces_.size(), false);
        std::size_t characters = 0;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            if (pieces_[i].character) {
                keep[i] = true;
                ++characters;
            } else if (used[i] > 0) {
                best_cut(trie, pieces_[i].text, i, path);
                losses.emplace_back(loss_without(i, path, used, total), i);
            }
        }
        std::ranges::sort(losses, [](const auto& a, const auto& b) {
            return a.first != b.first ? a.first > b.first : a.second < b.second;
        });
        const auto slower =
            static_cast<std::size_t>(static_cast<double>(pieces_.size()) * kKeptPerPruning);
        const std::size_t target = std::max(wanted, slower);
        const std::size_t room = target > characters ? target - characters : 0;
        for (std::size_t i = 0; i < std::min(room, losses.size()); ++i) {
            keep[losses[i].second] = true;
        }
        std::vector<Piece> kept;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            if (keep[i]) kept.push_back(std::move(pieces_[i]));
        }
        pieces_ = std::move(kept);
    }

    /// Log likelihood that the texts lose when piece i is cut as `path` instead.
    static double loss_without(std::size_t i, const std::vector<std::size_t>& path,
                               const std::vector<double>& used, double total) {
        const double log_before = std::log(used[i]) - std::log(total);
        const double total_after = total + used[i] * (static_cast<double>(path.size()) - 1);
        double log_after = 0;
        for (const std::size_t other : path) {
            log_after += std::log(used[other] + used[i]) - std::log(total_after);
        }
        return used[i] / total * (log_before - log_after);
    }

    /// All characters and the best-scored others.
    std::vector<Piece> take(std::size_t size) {
        std::ranges::sort(pieces_, [](const Piece& a, const Piece& b) {
            return a.score != b.score ? a.score > b.score : a.text < b.text;
        });
        std::size_t room = size > characters_.size() ? size - characters_.size() : 0;
        std::erase_if(pieces_, [&](const Piece& piece) {
            if (piece.character) return false;
            if (room == 0) return true;
            --room;
            return false;
        });
        return std::move(pieces_);
    }

    const UnigramTrainOptions& options_;
    std::vector<Word> words_;
    std::unordered_set<std::string_view> characters_;
    std::map<std::string_view, std::int64_t> frequency_;
    std::vector<Piece> pieces_;
};

TokenId special_id(const UnigramTrainOptions& options, const std::string& name) {
    const auto found = std::ranges::find(options.special_tokens, name);
    if (name.empty() || found == options.special_tokens.end()) return kNoToken;
    return 1 + static_cast<TokenId>(found - options.special_tokens.begin());
}

}  // namespace

struct UnigramTrainer::State {
    UnigramTrainOptions options;
    PreTokenizer pre;
    Counts counts;
};

UnigramTrainer::UnigramTrainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
UnigramTrainer::UnigramTrainer(UnigramTrainer&&) noexcept = default;
UnigramTrainer& UnigramTrainer::operator=(UnigramTrainer&&) noexcept = default;
UnigramTrainer::~UnigramTrainer() = default;

Result<UnigramTrainer> UnigramTrainer::create(UnigramTrainOptions options) {
    const std::size_t fixed = 1 + options.special_tokens.size() + 256;
    if (options.vocabulary_size > limits::kVocabularyMax ||
        options.vocabulary_size <= static_cast<std::int64_t>(fixed)) {
        return make_error(Code::kInvalid,
                          fmt::format("expected a vocabulary of {} to {} tokens, found {}",
                                      fixed + 1, limits::kVocabularyMax, options.vocabulary_size));
    }
    if (options.piece_characters_max < 1 || options.piece_characters_max > 64 ||
        options.rounds < 1 || !(options.character_coverage > 0)) {
        return make_error(Code::kInvalid,
                          "expected pieces of 1 to 64 characters, at least one round and a "
                          "coverage above 0");
    }
    auto state = std::make_unique<State>();
    state->pre = CAIRN_TRY(PreTokenizer::compile({{.kind = CutStep::Kind::kMetaspace}}));
    state->options = std::move(options);
    return UnigramTrainer(std::move(state));
}

void UnigramTrainer::add(std::string_view text) {
    // Lines are texts of their own, as SentencePiece has it: no piece holds a line end.
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of("\n\r\t"), text.size());
        state_->pre.for_each_word(text.substr(0, end), true, [&](std::string_view word) {
            const auto found = state_->counts.find(word);
            if (found != state_->counts.end()) {
                ++found->second;
            } else {
                state_->counts.emplace(word, 1);
            }
        });
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

Result<TokenizerParts> UnigramTrainer::train() const {
    const UnigramTrainOptions& options = state_->options;
    if (state_->counts.empty())
        return make_error(Code::kInvalid, "expected texts to train on, found none");
    TokenizerParts parts;
    parts.kind = "t5";
    const auto put = [&](std::string token, TokenType type, double score) {
        parts.tokens.push_back(std::move(token));
        parts.types.push_back(type);
        parts.scores.push_back(static_cast<float>(score));
    };
    put("<unk>", TokenType::kUnknown, 0);
    for (const std::string& token : options.special_tokens) {
        put(token, TokenType::kControl, 0);
    }
    for (int byte = 0; byte < 256; ++byte) {
        put(fmt::format("<0x{:02X}>", byte), TokenType::kByte, 0);
    }
    Unigram trainer(state_->counts, options);
    const std::size_t room =
        static_cast<std::size_t>(options.vocabulary_size) - parts.tokens.size();
    for (Piece& piece : trainer.run(room)) {
        put(std::move(piece.text), TokenType::kNormal, piece.score);
    }
    parts.unknown = 0;
    parts.bos = special_id(options, options.bos);
    parts.eos = special_id(options, options.eos);
    parts.padding = special_id(options, options.padding);
    parts.add_bos = parts.bos != kNoToken;
    parts.add_space_prefix = true;
    return parts;
}

}  // namespace cairn::text
