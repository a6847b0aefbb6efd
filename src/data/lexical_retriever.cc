// SPDX-License-Identifier: Apache-2.0
// BM25 (Robertson; k1 1.2, b .75) over sections in memory: enough to see whether the documents hold
// the answers before an index is built.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <unordered_map>

#include "cairn/data/assess.h"
#include "cairn/text/search_terms.h"

namespace cairn::data {
namespace {

constexpr double kK1 = 1.2;
constexpr double kB = 0.75;
constexpr std::int64_t kPassageBytes = 1200;

struct Posting {
    std::uint32_t passage;
    std::uint32_t count;
};

class Bm25 {
  public:
    explicit Bm25(std::span<const text::Document> documents) {
        for (const text::Document& document : documents) {
            for (const text::Section& section : document.sections) {
                add_section(document, section);
            }
        }
        double total = 0;
        for (double length : lengths_) {
            total += length;
        }
        mean_length_ =
            lengths_.empty() ? 1 : std::max(1.0, total / static_cast<double>(lengths_.size()));
    }

    std::vector<std::string> best(std::string_view question, std::size_t count) const {
        std::map<std::uint32_t, double> scores;
        for (const text::SearchTerm& term : text::search_terms(question)) {
            auto postings = index_.find(term.text);
            if (postings == index_.end()) {
                continue;
            }
            auto found = static_cast<double>(postings->second.size());
            double idf =
                std::log(1 + (static_cast<double>(lengths_.size()) - found + 0.5) / (found + 0.5));
            for (const Posting& posting : postings->second) {
                double tf = posting.count;
                double norm = kK1 * (1 - kB + kB * lengths_[posting.passage] / mean_length_);
                scores[posting.passage] += idf * tf * (kK1 + 1) / (tf + norm);
            }
        }
        std::vector<std::pair<double, std::uint32_t>> order;
        for (const auto& [passage, score] : scores) {
            order.emplace_back(-score, passage);
        }
        std::sort(order.begin(), order.end());
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < std::min(count, order.size()); ++i) {
            texts.emplace_back(passages_[order[i].second]);
        }
        return texts;
    }

  private:
    /// Long sections are cut at line ends.
    void add_section(const text::Document& document, const text::Section& section) {
        std::string heading;
        for (const std::string& name : section.heading_path) {
            heading += name + " ";
        }
        text::Span rest = section.span;
        while (rest.size() > 0) {
            text::Span piece{rest.begin, std::min(rest.end, rest.begin + kPassageBytes)};
            if (piece.end < rest.end) {
                std::size_t line = rest.of(document.text).find('\n', kPassageBytes);
                piece.end = line == std::string_view::npos
                                ? rest.end
                                : rest.begin + static_cast<std::int64_t>(line) + 1;
            }
            add_passage(piece.of(document.text), heading + document.title);
            rest.begin = piece.end;
        }
    }

    void add_passage(std::string_view text, const std::string& heading) {
        auto passage = static_cast<std::uint32_t>(passages_.size());
        passages_.push_back(text);
        std::unordered_map<std::string, std::uint32_t> counts;
        std::uint32_t length = 0;
        for (std::string_view part : {text, std::string_view(heading)}) {
            for (text::SearchTerm& term : text::search_terms(part)) {
                ++counts[std::move(term.text)];
                ++length;
            }
        }
        lengths_.push_back(length);
        for (const auto& [term, count] : counts) {
            index_[term].push_back({passage, count});
        }
    }

    std::vector<std::string_view> passages_;
    std::vector<double> lengths_;
    std::unordered_map<std::string, std::vector<Posting>> index_;
    double mean_length_ = 1;
};

}  // namespace

Retriever make_lexical_retriever(std::span<const text::Document> documents, std::size_t count) {
    auto index = std::make_shared<const Bm25>(documents);
    return [index, count](std::string_view question) { return index->best(question, count); };
}

}  // namespace cairn::data
