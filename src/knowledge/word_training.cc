// SPDX-License-Identifier: Apache-2.0
// Skip-gram with negative sampling (Mikolov et al. 2013), single-threaded so that the same texts
// give the same bytes.
#include "cairn/knowledge/word_training.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <unordered_map>

#include "cairn/base/rng.h"
#include "cairn/knowledge/fts_tokenizer.h"

namespace cairn::knowledge {
namespace {

constexpr std::size_t kNegativeTable = 1 << 20;
constexpr float kRateFloor = 1e-3F;  // of the first learning rate

/// Words of alphabets only: numbers and ideographs have no use for similarity here.
bool is_word(const IndexTerm& term) {
    return !term.has_digit && term.text.size() >= 2 && term.text.size() <= 32 &&
           std::isalpha(static_cast<unsigned char>(term.text.front())) != 0 &&
           !is_stop_term(term.text);
}

float sigmoid(float x) {
    return 1.0F / (1.0F + std::exp(-std::clamp(x, -12.0F, 12.0F)));
}

}  // namespace

struct WordTrainer::State {
    WordTrainingOptions options;
    std::unordered_map<std::string, std::int32_t> ids;
    std::vector<std::string> words;
    std::vector<std::int64_t> counts;
    std::vector<std::int32_t> stream;  ///< ids in order; -1 ends a text
};

WordTrainer::WordTrainer(WordTrainingOptions options) : state_(std::make_unique<State>()) {
    state_->options = options;
}
WordTrainer::~WordTrainer() = default;

void WordTrainer::add(std::string_view text) {
    State& s = *state_;
    for (const IndexTerm& term : index_terms(text)) {
        if (term.overlap || !is_word(term)) {
            continue;
        }
        const auto next = static_cast<std::int32_t>(s.words.size());
        const auto [place, fresh] = s.ids.emplace(term.text, next);
        if (fresh) {
            s.words.push_back(term.text);
            s.counts.push_back(0);
        }
        ++s.counts[static_cast<std::size_t>(place->second)];
        s.stream.push_back(place->second);
    }
    s.stream.push_back(-1);
}

namespace {

/// The most frequent words, renumbered by falling frequency; ties by the word.
struct Vocabulary {
    std::vector<std::int32_t> order;  ///< new id -> old id
    std::vector<std::int32_t> renamed;
};

Vocabulary choose(const std::vector<std::string>& words, const std::vector<std::int64_t>& counts,
                  const WordTrainingOptions& options) {
    Vocabulary out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (counts[i] >= options.count_min) {
            out.order.push_back(static_cast<std::int32_t>(i));
        }
    }
    std::sort(out.order.begin(), out.order.end(), [&](std::int32_t a, std::int32_t b) {
        const auto x = static_cast<std::size_t>(a);
        const auto y = static_cast<std::size_t>(b);
        return counts[x] != counts[y] ? counts[x] > counts[y] : words[x] < words[y];
    });
    if (out.order.size() > options.words_max) {
        out.order.resize(options.words_max);
    }
    out.renamed.assign(words.size(), -1);
    for (std::size_t i = 0; i < out.order.size(); ++i) {
        out.renamed[static_cast<std::size_t>(out.order[i])] = static_cast<std::int32_t>(i);
    }
    return out;
}

struct Learner {
    std::size_t width;
    std::vector<float> in;
    std::vector<float> out;
    std::vector<std::int32_t> negatives;
    std::vector<float> gradient;
    Rng rng;

    Learner(std::size_t words, std::size_t width_, std::uint64_t seed)
        : width(width_), in(words * width_), out(words * width_), gradient(width_), rng(seed) {
        for (float& value : in) {
            value = static_cast<float>(rng.uniform() - 0.5) / static_cast<float>(width);
        }
    }

    /// One pair and its negatives.
    void learn(std::int32_t center, std::int32_t context, int negative_count, float rate) {
        float* v = in.data() + static_cast<std::size_t>(center) * width;
        std::fill(gradient.begin(), gradient.end(), 0.0F);
        for (int k = 0; k <= negative_count; ++k) {
            const std::int32_t other =
                k == 0 ? context : negatives[rng.next() & (kNegativeTable - 1)];
            if (k > 0 && other == context) {
                continue;
            }
            float* u = out.data() + static_cast<std::size_t>(other) * width;
            float dot = 0;
            for (std::size_t i = 0; i < width; ++i) {
                dot += v[i] * u[i];
            }
            const float step = rate * ((k == 0 ? 1.0F : 0.0F) - sigmoid(dot));
            for (std::size_t i = 0; i < width; ++i) {
                gradient[i] += step * u[i];
                u[i] += step * v[i];
            }
        }
        for (std::size_t i = 0; i < width; ++i) {
            v[i] += gradient[i];
        }
    }
};

}  // namespace

WordVectors WordTrainer::train(const ProgressSink& sink) {
    State& s = *state_;
    const WordTrainingOptions& o = s.options;
    const Vocabulary vocabulary = choose(s.words, s.counts, o);
    const std::size_t size = vocabulary.order.size();
    std::vector<double> frequency(size);
    double total = 0;
    for (std::size_t i = 0; i < size; ++i) {
        frequency[i] = static_cast<double>(s.counts[static_cast<std::size_t>(vocabulary.order[i])]);
        total += frequency[i];
    }
    Learner learner(size, o.width, o.seed);
    double smoothed = 0;
    for (const double f : frequency) {
        smoothed += std::pow(f, 0.75);
    }
    double filled = 0;
    for (std::size_t i = 0; i < size; ++i) {
        filled += std::pow(frequency[i], 0.75) / smoothed;
        while (static_cast<double>(learner.negatives.size()) <
               filled * static_cast<double>(kNegativeTable)) {
            learner.negatives.push_back(static_cast<std::int32_t>(i));
        }
    }
    learner.negatives.resize(kNegativeTable, 0);

    const auto steps = static_cast<double>(s.stream.size()) * o.epochs;
    Progress progress(sink, "words", static_cast<std::int64_t>(steps), "words");
    std::vector<std::int32_t> text;
    double done = 0;
    for (int epoch = 0; epoch < o.epochs; ++epoch) {
        for (const std::int32_t old : s.stream) {
            done += 1;
            const std::int32_t id =
                old < 0 ? -1 : vocabulary.renamed[static_cast<std::size_t>(old)];
            if (id >= 0) {
                const double f = frequency[static_cast<std::size_t>(id)] / total;
                const double keep = std::sqrt(o.sample / f) + o.sample / f;
                if (learner.rng.uniform() < keep) {
                    text.push_back(id);
                }
            }
            if (old >= 0 || text.empty()) {
                continue;
            }
            const auto rate =
                static_cast<float>(o.rate * std::max<double>(kRateFloor, 1 - done / (steps + 1)));
            for (std::size_t i = 0; i < text.size(); ++i) {
                const std::size_t reach = 1 + learner.rng.below(o.window);
                const std::size_t from = i >= reach ? i - reach : 0;
                const std::size_t to = std::min(text.size(), i + reach + 1);
                for (std::size_t j = from; j < to; ++j) {
                    if (j != i) {
                        learner.learn(text[i], text[j], o.negatives, rate);
                    }
                }
            }
            progress.set(static_cast<std::int64_t>(done));  // with the words that were left out
            text.clear();
        }
    }
    std::vector<std::string> words;
    for (const std::int32_t old : vocabulary.order) {
        words.push_back(s.words[static_cast<std::size_t>(old)]);
    }
    return WordVectors::from_floats(std::move(words), learner.in, o.width);
}

}  // namespace cairn::knowledge
