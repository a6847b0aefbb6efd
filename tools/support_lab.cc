// SPDX-License-Identifier: Apache-2.0
// Evidence of the assistant's candidates as JSON lines, for choosing weights: over XQuAD (every
// question asked of the half with its paragraph and of the half without) or over an index file with
// labelled questions. Usage: support_lab xquad FILE.json | support_lab questions FILE.index
// FILE.jsonl
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

json evidence(const apps::Candidate& c, const apps::Trace& trace) {
    const knowledge::SentenceScore& s = c.sentence;
    double bm25 = 0;
    int rank = 0;
    for (std::size_t i = 0; i < trace.hits.size(); ++i) {
        if (trace.hits[i].chunk_id == c.chunk_id) {
            bm25 = trace.hits[i].bm25;
            rank = static_cast<int>(i);
        }
    }
    return {{"score", s.score},
            {"coverage", s.coverage},
            {"context", s.context},
            {"pairs", s.pairs},
            {"numbers", s.numbers},
            {"kind", s.kind},
            {"passage", c.passage_coverage},
            {"bm25", bm25},
            {"rank", rank},
            {"length", static_cast<double>(s.text.size())},
            {"lexical", c.lexical},
            {"quote", c.citation.quote},
            {"path", c.citation.path}};
}

Status tell(apps::Assistant& assistant, const std::string& id, const std::string& question,
            bool answerable, const IsRight& is_right) {
    apps::AssistantRequest request;
    request.question = question;
    const apps::Answer answer = CAIRN_TRY(assistant.answer(request));
    json candidates = json::array();
    for (const apps::Candidate& candidate : answer.trace.candidates) {
        json entry = evidence(candidate, answer.trace);
        entry["right"] = answerable && is_right(candidate.citation);
        candidates.push_back(std::move(entry));
    }
    json terms = json::array();
    for (const knowledge::QueryTerm& term : answer.trace.terms) {
        terms.push_back({term.text, term.idf, term.weight, term.word});
    }
    std::cout << json{{"id", id},
                      {"question", question},
                      {"answerable", answerable},
                      {"support", answer.support},
                      {"terms", terms},
                      {"candidates", candidates}}
                     .dump()
              << "\n";
    return {};
}

Result<std::unique_ptr<apps::Assistant>> assistant_over(knowledge::Index index) {
    apps::AssistantSettings settings;
    settings.model_weight = 0;
    settings.margin_weight = 0;
    settings.candidates = 64;
    return std::make_unique<apps::Assistant>(std::move(index), nullptr, nullptr, settings);
}

struct Asked {
    std::string id;
    std::string question;
    std::string document;
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
                asked.push_back(
                    {qa["id"].get<std::string>(), qa["question"].get<std::string>(), document.path,
                     byte_offset(document.text,
                                 qa["answers"][0]["answer_start"].get<std::int64_t>())});
            }
            halves[number++ % 2].push_back(std::move(document));
        }
    }
    for (int half = 0; half < 2; ++half) {
        store::Database database = CAIRN_TRY(store::Database::open_memory());
        knowledge::Index index = CAIRN_TRY(knowledge::Index::open(database));
        (void)CAIRN_TRY(index.build(halves[half]));
        auto assistant = CAIRN_TRY(assistant_over(std::move(index)));
        for (const Asked& one : asked) {
            const bool here = (one.document.back() - '0') % 2 == half;
            CAIRN_TRY(
                tell(*assistant, one.id, one.question, here, [&](const knowledge::Citation& c) {
                    return c.path == one.document && c.span.begin <= one.at && one.at < c.span.end;
                }));
        }
    }
    return {};
}

Status run_questions(const std::string& index_file, const std::string& questions_file) {
    auto assistant =
        CAIRN_TRY(assistant_over(CAIRN_TRY(knowledge::Index::open_finished(index_file))));
    for (const eval::QaQuestion& q : CAIRN_TRY(eval::read_questions(questions_file))) {
        CAIRN_TRY(
            tell(*assistant, q.id, q.question, q.answerable, [&](const knowledge::Citation& c) {
                return (c.path == q.document ||
                        knowledge::locate_quote(c.quote, q.quote).has_value()) &&
                       eval::quote_supports(c.quote, q.quote, q.answer);
            }));
    }
    return {};
}

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    cairn::Status done;
    if (words.size() == 2 && words[0] == "xquad") {
        done = cairn::run_xquad(words[1]);
    } else if (words.size() == 3 && words[0] == "questions") {
        done = cairn::run_questions(words[1], words[2]);
    } else {
        std::cerr
            << "usage: support_lab xquad FILE.json | support_lab questions FILE.index FILE.jsonl\n";
        return 2;
    }
    if (!done) std::cerr << done.error().to_string() << "\n";
    return done ? 0 : 1;
}
