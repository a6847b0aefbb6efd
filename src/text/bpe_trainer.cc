// SPDX-License-Identifier: Apache-2.0
// Counting happens per text, merging once per different word: each merge visits only the words that
// hold the pair, and a heap with outdated entries gives the next pair.
#include "cairn/text/bpe_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "byte_alphabet.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/text/chat_template.h"
#include "merge_table.h"
#include "pre_tokenizer.h"

namespace cairn::text {
namespace {

struct WordHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return hash64(word); }
};
using WordCounts = std::unordered_map<std::string, std::int64_t, WordHash, std::equal_to<>>;

struct Word {
    std::vector<TokenId> ids;
    std::int64_t count = 0;
};

struct Pair {
    TokenId left = kNoToken;
    TokenId right = kNoToken;
    std::uint64_t key() const { return MergeTable::key_of(left, right); }
};

Pair pair_of(std::uint64_t key) {
    return {static_cast<TokenId>(key >> 32), static_cast<TokenId>(key & 0xFFFF'FFFF)};
}

/// The state of one training: words as ids, counts of neighbours, the vocabulary so far.
class Merger {
  public:
    Merger(const WordCounts& counts, std::vector<std::string> tokens, TokenId first_byte)
        : tokens_(std::move(tokens)), first_byte_(first_byte) {
        for (std::size_t id = 0; id < tokens_.size(); ++id) {
            ids_.emplace(tokens_[id], static_cast<TokenId>(id));
        }
        std::vector<const WordCounts::value_type*> sorted;
        for (const auto& entry : counts) {
            sorted.push_back(&entry);
        }
        std::ranges::sort(sorted, {},
                          [](const auto* entry) -> const std::string& { return entry->first; });
        for (const auto* entry : sorted) {
            Word word{{}, entry->second};
            for (const char byte : entry->first) {
                word.ids.push_back(first_byte + static_cast<std::uint8_t>(byte));
            }
            words_.push_back(std::move(word));
        }
    }

    void run(std::size_t vocabulary_size, std::int64_t min_frequency) {
        for (std::uint32_t index = 0; index < words_.size(); ++index) {
            count_pairs(index, 1, kNoToken);
        }
        for (const auto& [key, place] : pairs_) {
            heap_.push({place.count, key});
        }
        while (tokens_.size() < vocabulary_size && !heap_.empty()) {
            const Candidate best = heap_.top();
            heap_.pop();
            const std::int64_t count = pairs_[best.key].count;
            if (count < min_frequency) continue;
            if (count != best.count) {
                heap_.push({count, best.key});
                continue;
            }
            merge(best.key);
        }
    }

    std::vector<std::string> take_tokens() { return std::move(tokens_); }
    std::vector<std::string> take_merges() { return std::move(merges_); }

  private:
    struct Place {
        std::int64_t count = 0;
        std::vector<std::uint32_t> words;  // may hold words that lost the pair since
    };
    struct Candidate {
        std::int64_t count = 0;
        std::uint64_t key = 0;
        bool operator<(const Candidate& other) const {
            return count != other.count ? count < other.count : key > other.key;
        }
    };

    /// Adds (sign 1) or takes away (-1) the pairs of a word. Words are listed under new pairs only:
    /// all pairs at the start (`made` = kNoToken), later those with the token just made.
    void count_pairs(std::uint32_t index, std::int64_t sign, TokenId made) {
        const Word& word = words_[index];
        for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) {
            const Pair pair{word.ids[i], word.ids[i + 1]};
            Place& place = pairs_[pair.key()];
            place.count += sign * word.count;
            const bool fresh = made == kNoToken || pair.left == made || pair.right == made;
            if (sign < 0 || !fresh) continue;
            if (place.words.empty() || place.words.back() != index) place.words.push_back(index);
            if (made != kNoToken) changed_.push_back(pair.key());
        }
    }

    void merge(std::uint64_t key) {
        const Pair pair = pair_of(key);
        const std::string& left = tokens_[static_cast<std::size_t>(pair.left)];
        const std::string& right = tokens_[static_cast<std::size_t>(pair.right)];
        const std::string text = left + right;
        const auto known = ids_.find(text);
        if (known != ids_.end() &&
            known->second < first_byte_) {  // the text of a special token: never made
            pairs_.erase(key);
            return;
        }
        merges_.push_back(left + " " + right);
        // Two ways to the same text share one token.
        const TokenId made =
            known != ids_.end() ? known->second : static_cast<TokenId>(tokens_.size());
        if (known == ids_.end()) {
            tokens_.push_back(text);
            ids_.emplace(text, made);
        }
        const std::vector<std::uint32_t> indices = std::move(pairs_[key].words);
        changed_.clear();
        for (const std::uint32_t index : indices) {
            count_pairs(index, -1, made);
            replace(words_[index].ids, pair, made);
            count_pairs(index, 1, made);
        }
        pairs_.erase(key);
        std::ranges::sort(changed_);
        changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
        for (const std::uint64_t other : changed_) {
            heap_.push({pairs_[other].count, other});
        }
    }

    static void replace(std::vector<TokenId>& ids, Pair pair, TokenId made) {
        std::size_t to = 0;
        for (std::size_t from = 0; from < ids.size(); ++from, ++to) {
            const bool both =
                from + 1 < ids.size() && ids[from] == pair.left && ids[from + 1] == pair.right;
            ids[to] = both ? made : ids[from];
            if (both) ++from;
        }
        ids.resize(to);
    }

    std::vector<std::string> tokens_;
    std::vector<std::string> merges_;
    TokenId first_byte_;
    std::unordered_map<std::string, TokenId> ids_;
    std::vector<Word> words_;
    std::unordered_map<std::uint64_t, Place> pairs_;
    std::priority_queue<Candidate> heap_;
    std::vector<std::uint64_t> changed_;
};

Status check_special(const BpeTrainOptions& options) {
    std::vector<std::string> sorted = options.special_tokens;
    std::ranges::sort(sorted);
    if (std::ranges::adjacent_find(sorted) != sorted.end()) {
        return make_error(Code::kInvalid, "expected each special token once, found one twice");
    }
    for (const std::string& token : sorted) {
        if (token.size() < 3) {
            return make_error(
                Code::kInvalid,
                fmt::format("expected special tokens of 3 bytes or more, found '{}'", token));
        }
    }
    for (const std::string* name : {&options.bos, &options.eos, &options.eot, &options.padding}) {
        if (!name->empty() && !std::ranges::binary_search(sorted, *name)) {
            return make_error(
                Code::kInvalid,
                fmt::format("expected '{}' among the special tokens, found it not there", *name));
        }
    }
    return {};
}

TokenId special_id(const BpeTrainOptions& options, const std::string& name) {
    const auto found = std::ranges::find(options.special_tokens, name);
    if (found == options.special_tokens.end()) return kNoToken;
    return static_cast<TokenId>(found - options.special_tokens.begin());
}

}  // namespace

struct BpeTrainer::State {
    BpeTrainOptions options;
    PreTokenizer pre;
    WordCounts counts;
};

BpeTrainer::BpeTrainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
BpeTrainer::BpeTrainer(BpeTrainer&&) noexcept = default;
BpeTrainer& BpeTrainer::operator=(BpeTrainer&&) noexcept = default;
BpeTrainer::~BpeTrainer() = default;

Result<BpeTrainer> BpeTrainer::create(BpeTrainOptions options) {
    auto state = std::make_unique<State>();
    state->pre = CAIRN_TRY(PreTokenizer::by_name(options.pre));
    const std::size_t smallest = options.special_tokens.size() + 256;
    if (options.vocabulary_size > limits::kVocabularyMax ||
        options.vocabulary_size < static_cast<std::int64_t>(smallest)) {
        return make_error(Code::kInvalid,
                          fmt::format("expected a vocabulary of {} to {} tokens, found {}",
                                      smallest, limits::kVocabularyMax, options.vocabulary_size));
    }
    CAIRN_TRY(check_special(options));
    state->options = std::move(options);
    return BpeTrainer(std::move(state));
}

void BpeTrainer::add(std::string_view text) {
    state_->pre.for_each_word(text, true, [&](std::string_view word) {
        const auto found = state_->counts.find(word);
        if (found != state_->counts.end()) {
            ++found->second;
        } else {
            state_->counts.emplace(word, 1);
        }
    });
}

Result<TokenizerParts> BpeTrainer::train() const {
    const BpeTrainOptions& options = state_->options;
    if (state_->counts.empty())
        return make_error(Code::kInvalid, "expected texts to train on, found none");
    std::vector<std::string> tokens = options.special_tokens;
    tokens.insert(tokens.end(), byte_alphabet().begin(), byte_alphabet().end());
    Merger merger(state_->counts, std::move(tokens),
                  static_cast<TokenId>(options.special_tokens.size()));
    merger.run(static_cast<std::size_t>(options.vocabulary_size),
               std::max<std::int64_t>(1, options.min_frequency));
    TokenizerParts parts;
    parts.kind = "gpt2";
    parts.pre = options.pre;
    parts.tokens = merger.take_tokens();
    parts.merges = merger.take_merges();
    parts.types.assign(parts.tokens.size(), TokenType::kNormal);
    std::fill_n(parts.types.begin(), options.special_tokens.size(), TokenType::kControl);
    parts.bos = special_id(options, options.bos);
    parts.eos = special_id(options, options.eos);
    parts.eot = special_id(options, options.eot);
    parts.padding = special_id(options, options.padding);
    parts.add_bos = parts.bos != kNoToken;
    const bool chat = special_id(options, "<|im_start|>") != kNoToken &&
                      special_id(options, "<|im_end|>") != kNoToken;
    if (chat) parts.chat_template = builtin_template("chatml");
    return parts;
}

Result<TokenizerParts> train_bpe(const std::function<bool(std::string& text)>& next,
                                 BpeTrainOptions options) {
    BpeTrainer trainer = CAIRN_TRY(BpeTrainer::create(std::move(options)));
    for (std::string text; next(text);) {
        trainer.add(text);
    }
    return trainer.train();
}

}  // namespace cairn::text
