// SPDX-License-Identifier: Apache-2.0
// Evidence of the assistant's candidates as JSON lines, for choosing weights: over XQuAD (every
// question asked of the half with its paragraph and of the half without) or over an index file with
// labelled questions, with the models that a workspace would use. `fit_support.py` reads it.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cairn/apps/assistant.h"
#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/eval/metrics.h"
#include "cairn/eval/qa_suite.h"
#include "cairn/store/database.h"
#include "cairn/text/json.h"

namespace cairn {
namespace {

using nlohmann::json;
using IsRight = std::function<bool(const knowledge::Citation&)>;

json evidence(const knowledge::SentenceScore& s) {
    return {{"score", s.score},     {"coverage", s.coverage}, {"context", s.context},
            {"pairs", s.pairs},     {"numbers", s.numbers},   {"kind", s.kind},
            {"meaning", s.meaning}, {"begin", s.span.begin},  {"end", s.span.end},
            {"text", s.text}};
}

/// A passage with all its sentences.
json evidence(const knowledge::Hit& hit, bool answerable, const IsRight& is_right) {
    json sentences = json::array();
    for (const knowledge::SentenceScore& sentence : hit.sentences) {
        json entry = evidence(sentence);
        knowledge::Citation citation;
        citation.path = hit.path;
        citation.span = sentence.span;
        citation.quote = sentence.text;
        entry["right"] = answerable && is_right(citation);
        sentences.push_back(std::move(entry));
    }
    return {{"chunk", hit.chunk_id}, {"path", hit.path},         {"headings", hit.heading_path},
            {"title", hit.title},    {"text", hit.text},         {"bm25", hit.bm25},
            {"words", hit.words},    {"coverage", hit.coverage}, {"meaning", hit.meaning},
            {"trust", hit.trust},    {"score", hit.score},       {"begin", hit.span.begin},
            {"sentences", sentences}};
}

Status tell(apps::Assistant& assistant, const eval::QaQuestion& question, const IsRight& is_right) {
    apps::AssistantRequest request;
    request.question = question.question;
    const apps::Answer answer = CAIRN_TRY(assistant.answer(request));
    json hits = json::array();
    for (const knowledge::Hit& hit : answer.trace.hits)
        hits.push_back(evidence(hit, question.answerable, is_right));
    json candidates = json::array();
    for (const apps::Candidate& candidate : answer.trace.candidates) {
        candidates.push_back({{"chunk", candidate.chunk_id},
                              {"begin", candidate.citation.span.begin},
                              {"end", candidate.citation.span.end},
                              {"quote", candidate.citation.quote},
                              {"lexical", candidate.lexical},
                              {"reading", candidate.reading},
                              {"model_logprob", candidate.model_logprob},
                              {"model_margin", candidate.model_margin},
                              {"right", question.answerable && is_right(candidate.citation)}});
    }
    std::cout << json{{"id", question.id},
                      {"question", question.question},
                      {"answerable", question.answerable},
                      {"document", question.document},
                      {"quote", question.quote},
                      {"answer", question.answer},
                      {"support", answer.support},
                      {"ms", answer.total_ms},
                      {"hits", hits},
                      {"candidates", candidates}}
                     .dump()
              << "\n"
              << std::flush;
    return {};
}

/// Models of the retrieval and of the ranking; none of them is needed.
struct Models {
    knowledge::SearchModels search;
    std::shared_ptr<engine::Scheduler> scheduler;
    bool rank = false;  ///< the model also judges quotes as continuations
};

Result<std::unique_ptr<apps::Assistant>> assistant_over(knowledge::Index index,
                                                        const Models& models) {
    apps::AssistantSettings settings;
    settings.model_weight = models.rank && models.scheduler ? 1e-6 : 0;  // asked, not listened to
    settings.reading_weight = models.scheduler == nullptr ? 0 : 1e-6;
    settings.margin_weight = 0;
    settings.passages = 16;
    CAIRN_TRY(index.use(models.search));
    return std::make_unique<apps::Assistant>(std::move(index), models.scheduler, nullptr, settings);
}

struct Asked {
    eval::QaQuestion question;
    std::int64_t at = 0;  ///< byte offset of the answer
};

std::int64_t byte_offset(const std::string& text, std::int64_t characters) {
    std::size_t at = 0;
    for (std::int64_t i = 0; i < characters && at < text.size(); ++i) {
        for (++at; at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;) {
            ++at;
        }
    }
    return static_cast<std::int64_t>(at);
}

Status run_xquad(const std::string& file) {
    const json data = CAIRN_TRY(text::parse_json(CAIRN_TRY(read_file(file, limits::kGiB))));
    std::vector<text::Document> halves[2];
    std::vector<Asked> asked;
    int number = 0;
    for (const json& article : data["data"]) {
        for (const json& paragraph : article["paragraphs"]) {
            text::Document document;
            document.id = document.path = "p" + std::to_string(number);
            document.text = paragraph["context"].get<std::string>();
            document.sections.push_back(
                {{}, {0, static_cast<std::int64_t>(document.text.size())}, 0});
            for (const json& qa : paragraph["qas"]) {
                Asked one;
                one.question.id = qa["id"].get<std::string>();
                one.question.question = qa["question"].get<std::string>();
                one.question.document = document.path;
                one.at = byte_offset(document.text,
                                     qa["answers"][0]["answer_start"].get<std::int64_t>());
                asked.push_back(std::move(one));
            }
            halves[number++ % 2].push_back(std::move(document));
        }
    }
    for (int half = 0; half < 2; ++half) {
        store::Database database = CAIRN_TRY(store::Database::open_memory());
        knowledge::Index index = CAIRN_TRY(knowledge::Index::open(database));
        (void)CAIRN_TRY(index.build(halves[half]));
        auto assistant = CAIRN_TRY(assistant_over(std::move(index), {}));
        for (Asked one : asked) {
            one.question.answerable = (one.question.document.back() - '0') % 2 == half;
            CAIRN_TRY(tell(*assistant, one.question, [&](const knowledge::Citation& c) {
                return c.path == one.question.document && c.span.begin <= one.at &&
                       one.at < c.span.end;
            }));
        }
    }
    return {};
}

Status run_questions(const std::string& index_file, const std::string& questions_file,
                     const Models& models) {
    auto assistant =
        CAIRN_TRY(assistant_over(CAIRN_TRY(knowledge::Index::open_finished(index_file)), models));
    for (const eval::QaQuestion& q : CAIRN_TRY(eval::read_questions(questions_file))) {
        CAIRN_TRY(tell(*assistant, q, [&](const knowledge::Citation& c) {
            return (c.path == q.document ||
                    knowledge::locate_quote(c.quote, q.quote).has_value()) &&
                   eval::quote_supports(c.quote, q.quote, q.answer);
        }));
    }
    return {};
}

Status run(const std::vector<std::string>& words) {
    if (words.size() == 2 && words[0] == "xquad") return run_xquad(words[1]);
    Models models;
    for (std::size_t i = 3; i + 1 < words.size(); i += 2) {
        if (words[i] == "--embedder") {
            models.search.embedder = CAIRN_TRY(engine::Embedder::load(words[i + 1]));
            models.search.embedder_identity = models.search.embedder->identity();
        } else if (words[i] == "--base" || words[i] == "--base-ranks") {
            models.rank = words[i] == "--base-ranks";
            models.scheduler =
                std::make_shared<engine::Scheduler>(CAIRN_TRY(engine::Model::load(words[i + 1])));
        }
    }
    if (words.size() >= 3 && words[0] == "questions")
        return run_questions(words[1], words[2], models);
    return make_error(Code::kInvalid,
                      "usage: support_lab xquad FILE.json | support_lab questions FILE.index "
                      "FILE.jsonl [--embedder FOLDER] [--base FILE.gguf | --base-ranks FILE.gguf]");
}

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) {
    const cairn::Status done = cairn::run(std::vector<std::string>(argv + 1, argv + argc));
    if (!done) std::cerr << done.error().to_string() << "\n";
    return done ? 0 : 1;
}
