// SPDX-License-Identifier: Apache-2.0
// A document becomes chunks under headings; a task takes one to four chunks (the others are there
// to mislead), asks about one sentence of a shown chunk, or about one of a chunk that is not shown.
#include "cairn/train/quote_tasks.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "cairn/text/segment.h"
#include "question_maker.h"

namespace cairn::train {
namespace {

constexpr std::size_t kSentenceBytesMin = 25;
constexpr std::size_t kSentenceBytesMax = 260;
constexpr std::size_t kHeadingBytesMax = 90;
constexpr std::size_t kChunkBytesMin = 120;
constexpr double kStoryShare = 0.2;  // questions that begin with something else
constexpr int kWorkplaceWeight = 3;  // of guides and handbooks against other documents

struct Chunk {
    std::string heading;
    std::string text;
    std::vector<std::string> sentences;        ///< that may be asked about
    std::vector<std::set<std::string>> stems;  ///< of each sentence
};

using ChunkList = std::vector<Chunk>;

bool looks_like_heading(std::string_view line) {
    if (line.empty() || line.size() > kHeadingBytesMax || line.starts_with("- ")) return false;
    static constexpr std::string_view kEnds = ".!?:;,)\"";
    return kEnds.find(line.back()) == std::string_view::npos;
}

bool usable_sentence(std::string_view sentence) {
    if (sentence.size() < kSentenceBytesMin || sentence.size() > kSentenceBytesMax) return false;
    if (sentence.find('"') != std::string_view::npos) return false;  // would end the quote early
    std::size_t letters = 0;
    for (char c : sentence) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        letters += letter || c == ' ' ? 1 : 0;
    }
    return letters * 10 >= sentence.size() * 8 && content_words(sentence).size() >= 4;
}

std::set<std::string> stems_of(std::string_view sentence) {
    std::set<std::string> stems;
    for (const std::string& word : content_words(sentence))
        stems.insert(stem(word));
    return stems;
}

void add_chunk(ChunkList& chunks, const std::string& heading, std::string& text) {
    if (text.size() >= kChunkBytesMin) {
        Chunk chunk{heading, std::move(text), {}, {}};
        for (const text::Span& span : text::sentences(chunk.text)) {
            std::string_view sentence =
                std::string_view(chunk.text)
                    .substr(static_cast<std::size_t>(span.begin),
                            static_cast<std::size_t>(span.end - span.begin));
            if (sentence.starts_with("- ")) sentence.remove_prefix(2);
            if (usable_sentence(sentence)) chunk.sentences.emplace_back(sentence);
        }
        for (const std::string& sentence : chunk.sentences) {
            chunk.stems.push_back(stems_of(sentence));
        }
        if (chunk.sentences.size() >= 2) chunks.push_back(std::move(chunk));
    }
    text.clear();
}

std::vector<std::string_view> paragraphs_of(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = text.find("\n\n");
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    }
    return parts;
}

/// Whole paragraphs under one heading, up to the size; longer paragraphs are cut between sentences.
ChunkList chunks_of(const CorpusDocument& document, std::size_t bytes_max) {
    ChunkList chunks;
    std::string heading = document.title;
    std::string text;
    for (std::string_view paragraph : paragraphs_of(document.text)) {
        if (paragraph.find('\n') == std::string_view::npos && looks_like_heading(paragraph)) {
            add_chunk(chunks, heading, text);
            heading = document.title;
            if (paragraph != document.title) heading += " > " + std::string(paragraph);
            continue;
        }
        if (!text.empty() && text.size() + paragraph.size() + 2 > bytes_max) {
            add_chunk(chunks, heading, text);
        }
        if (paragraph.size() <= bytes_max) {
            text += (text.empty() ? "" : "\n\n") + std::string(paragraph);
            continue;
        }
        for (const text::Span& span : text::sentences(paragraph)) {
            const auto size = static_cast<std::size_t>(span.end - span.begin);
            if (text.size() + size + 1 > bytes_max) add_chunk(chunks, heading, text);
            if (size > bytes_max) continue;
            text += (text.empty() ? "" : " ") +
                    std::string(paragraph.substr(static_cast<std::size_t>(span.begin), size));
        }
    }
    add_chunk(chunks, heading, text);
    return chunks;
}

/// Share of the question's stems that occur in the text.
double overlap(const std::set<std::string>& question, const std::set<std::string>& text) {
    if (question.empty()) return 0;
    const auto found = std::count_if(question.begin(), question.end(),
                                     [&](const std::string& s) { return text.contains(s); });
    return static_cast<double>(found) / static_cast<double>(question.size());
}

class TaskMaker {
  public:
    TaskMaker(const std::vector<CorpusDocument>& documents, const QuoteTaskOptions& options)
        : documents_(documents), options_(options), rng_(options.seed) {
        for (std::size_t i = 0; i < documents.size(); ++i) {
            const bool workplace = documents[i].group == "gov" || documents[i].group == "handbooks";
            order_.insert(order_.end(), workplace ? kWorkplaceWeight : 1, i);
        }
    }

    std::vector<QuoteTask> make();

  private:
    bool start_task(QuoteTask& task);
    void add_passage(QuoteTask& task, const Chunk& chunk);
    bool add_turn(QuoteTask& task, bool refuse);
    bool ask_shown(const QuoteTask& task, QuoteTurn& turn);
    bool ask_hidden(QuoteTurn& turn);
    const ChunkList& chunks(std::size_t document);
    std::size_t any_document() { return order_[rng_.below(order_.size())]; }

    const std::vector<CorpusDocument>& documents_;
    const QuoteTaskOptions& options_;
    Rng rng_;
    std::size_t bound_ = 0;           // of the characters of the task in hand
    std::vector<std::size_t> order_;  // documents, by weight
    std::unordered_map<std::size_t, ChunkList> cache_;
    std::size_t home_ = 0;             // document of the task in hand
    std::vector<const Chunk*> shown_;  // in the order of the prompt
};

const ChunkList& TaskMaker::chunks(std::size_t document) {
    auto found = cache_.find(document);
    if (found == cache_.end()) {
        found = cache_
                    .emplace(document,
                             chunks_of(documents_[document],
                                       static_cast<std::size_t>(options_.passage_characters_max)))
                    .first;
    }
    return found->second;
}

void TaskMaker::add_passage(QuoteTask& task, const Chunk& chunk) {
    std::size_t size = chunk.text.size();
    for (const auto& passage : task.passages)
        size += passage.text.size();
    const bool there = std::find(shown_.begin(), shown_.end(), &chunk) != shown_.end();
    if (there || (size > bound_ && !task.passages.empty())) return;
    shown_.push_back(&chunk);
    task.passages.push_back({chunk.heading, chunk.text});
}

bool TaskMaker::start_task(QuoteTask& task) {
    home_ = any_document();
    const int range = options_.prompt_characters_max - options_.prompt_characters_min;
    bound_ = static_cast<std::size_t>(options_.prompt_characters_min) +
             rng_.below(static_cast<std::uint64_t>(std::max(1, range)));
    const ChunkList& home = chunks(home_);
    if (home.empty()) return false;
    task.document = documents_[home_].id;
    shown_.clear();
    add_passage(task, home[rng_.below(home.size())]);
    const std::uint64_t more = rng_.below(4);
    for (std::uint64_t i = 0; i < more; ++i) {
        if (rng_.below(2) == 0) {
            add_passage(task, home[rng_.below(home.size())]);
        } else {
            const ChunkList& other = chunks(any_document());
            if (!other.empty()) add_passage(task, other[rng_.below(other.size())]);
        }
    }
    if (task.passages.empty()) return false;
    for (std::size_t i = task.passages.size(); i > 1; --i) {  // the same order in both lists
        const std::size_t other = rng_.below(i);
        std::swap(task.passages[i - 1], task.passages[other]);
        std::swap(shown_[i - 1], shown_[other]);
    }
    return true;
}

/// A question on a shown sentence that no other shown sentence fits as well.
bool TaskMaker::ask_shown(const QuoteTask& task, QuoteTurn& turn) {
    const std::size_t passage = rng_.below(shown_.size());
    const Chunk& chunk = *shown_[passage];
    const std::size_t place = rng_.below(chunk.sentences.size());
    const std::string& sentence = chunk.sentences[place];
    std::string heading = chunk.heading.substr(chunk.heading.rfind("> ") + 1);
    if (chunk.heading.rfind("> ") != std::string::npos) heading.erase(0, 1);
    turn.question = make_question(sentence, heading, rng_);
    if (turn.question.empty()) return false;
    const std::set<std::string> asked = stems_of(turn.question);
    const double own = overlap(asked, chunk.stems[place]);
    if (own < 0.25) return false;
    const bool number = asks_for_number(turn.question) && holds_number(sentence);
    for (const Chunk* other : shown_) {
        for (std::size_t i = 0; i < other->sentences.size(); ++i) {
            const std::string& rival = other->sentences[i];
            if (rival == sentence && other != &chunk) return false;
            if (rival == sentence) continue;
            // Who asks for a number is not answered by a sentence without one, alike as it may be.
            const double more = number && !holds_number(rival) ? 0.3 : 0.0;
            if (overlap(asked, other->stems[i]) >= own + more) return false;
        }
    }
    if (rng_.uniform() < kStoryShare) {
        const Chunk& told = *shown_[rng_.below(shown_.size())];
        const std::string& rival = told.sentences[rng_.below(told.sentences.size())];
        if (rival != sentence) turn.question = with_story(turn.question, rival, rng_);
    }
    for (const QuoteTurn& before : task.turns) {
        if (before.quote == sentence) return false;
    }
    turn.quote = sentence;
    turn.passage = static_cast<int>(passage);
    return true;
}

/// A question on a sentence of a chunk that is not shown: half of them of the same document.
bool TaskMaker::ask_hidden(QuoteTurn& turn) {
    const ChunkList& home = chunks(home_);
    const bool same = home.size() > 1 && rng_.below(2) == 0;
    const ChunkList& from = same ? home : chunks(any_document());
    if (from.empty()) return false;
    const Chunk& chunk = from[rng_.below(from.size())];
    if (std::find(shown_.begin(), shown_.end(), &chunk) != shown_.end()) return false;
    turn.question = make_question(chunk.sentences[rng_.below(chunk.sentences.size())], "", rng_);
    if (turn.question.empty()) return false;
    const std::set<std::string> asked = stems_of(turn.question);
    if (asked.size() < 3) return false;
    if (rng_.uniform() < kStoryShare) {
        const Chunk& told = *shown_[rng_.below(shown_.size())];
        const std::string& rival = told.sentences[rng_.below(told.sentences.size())];
        turn.question = with_story(turn.question, rival, rng_);
    }
    for (const Chunk* other : shown_) {
        for (const std::set<std::string>& stems : other->stems) {
            if (overlap(asked, stems) > 0.5) return false;
        }
    }
    turn.quote.clear();
    turn.passage = -1;
    return true;
}

bool TaskMaker::add_turn(QuoteTask& task, bool refuse) {
    for (int attempt = 0; attempt < 8; ++attempt) {
        QuoteTurn turn;
        if (refuse ? ask_hidden(turn) : ask_shown(task, turn)) {
            task.turns.push_back(std::move(turn));
            return true;
        }
    }
    return false;
}

std::vector<QuoteTask> TaskMaker::make() {
    std::vector<QuoteTask> tasks;
    if (documents_.empty()) return tasks;
    const std::int64_t attempts_max = options_.count * 20;
    for (std::int64_t attempt = 0; attempt < attempts_max; ++attempt) {
        if (static_cast<std::int64_t>(tasks.size()) >= options_.count) break;
        if (cache_.size() > 4000) cache_.clear();
        QuoteTask task;
        if (!start_task(task)) continue;
        const auto turns = 1 + rng_.below(static_cast<std::uint64_t>(options_.turns_max));
        for (std::uint64_t i = 0; i < turns; ++i) {
            add_turn(task, rng_.uniform() < options_.refusal_share);
        }
        if (!task.turns.empty()) tasks.push_back(std::move(task));
    }
    return tasks;
}

}  // namespace

std::vector<QuoteTask> make_quote_tasks(const std::vector<CorpusDocument>& documents,
                                        const QuoteTaskOptions& options) {
    return TaskMaker(documents, options).make();
}

std::vector<text::ChatMessage> quote_chat(const QuoteTask& task) {
    std::vector<text::ChatMessage> messages;
    for (const QuoteTurn& turn : task.turns) {
        if (messages.empty()) {
            messages = text::quote_prompt(task.passages, turn.question);
        } else {
            messages.push_back({"user", "Question: " + turn.question});
        }
        messages.push_back({"assistant", turn.quote.empty() ? std::string(text::kRefusal)
                                                            : text::quote_answer(turn.quote)});
    }
    return messages;
}

}  // namespace cairn::train
