// SPDX-License-Identifier: Apache-2.0
// Settings and answers as JSON: what a release stores and what the API sends.
#include <nlohmann/json.hpp>

#include "cairn/apps/assistant.h"
#include "cairn/text/json.h"

namespace cairn::apps {
namespace {

nlohmann::json trace_json(const Trace& trace) {
    nlohmann::json terms = nlohmann::json::array();
    for (const knowledge::QueryTerm& term : trace.terms) {
        terms.push_back({{"term", term.text}, {"weight", term.weight}});
    }
    nlohmann::json hits = nlohmann::json::array();
    for (const knowledge::Hit& hit : trace.hits) {
        hits.push_back({{"document", hit.document_id},
                        {"path", hit.path},
                        {"title", hit.title},
                        {"heading_path", hit.heading_path},
                        {"page", hit.page},
                        {"begin", hit.span.begin},
                        {"end", hit.span.end},
                        {"text", hit.text},
                        {"score", hit.score},
                        {"bm25", hit.bm25},
                        {"coverage", hit.coverage}});
    }
    nlohmann::json candidates = nlohmann::json::array();
    for (const Candidate& candidate : trace.candidates) {
        nlohmann::json entry = to_json(candidate.citation);
        entry["lexical"] = candidate.lexical;
        entry["reading"] = candidate.reading;
        entry["model_logprob"] = candidate.model_logprob;
        entry["total"] = candidate.total;
        candidates.push_back(std::move(entry));
    }
    const SupportFeatures& f = trace.features;
    return {{"search_text", trace.search_text},
            {"terms", terms},
            {"hits", hits},
            {"candidates", candidates},
            {"retrieve_ms", trace.retrieve_ms},
            {"model_ms", trace.model_ms},
            {"features",
             {{"coverage", f.best.coverage},
              {"context", f.best.context},
              {"pairs", f.best.pairs},
              {"kind", f.best.kind},
              {"numbers", f.best.numbers},
              {"passage", f.best.passage},
              {"words", f.best.words},
              {"by_meaning", f.best.by_meaning},
              {"meaning", f.best.meaning},
              {"passage_meaning", f.best.passage_meaning},
              {"gap", f.gap},
              {"lead", f.lead},
              {"model_margin", f.model_margin}}}};
}

Status read_number(const nlohmann::json& value, const char* key, double low, double high,
                   double& out) {
    out = CAIRN_TRY(text::get_double_or(value, key, out));
    if (out < low || out > high) {
        return make_error(Code::kInvalid, std::string("assistant settings: `") + key +
                                              "` must be between " + std::to_string(low) + " and " +
                                              std::to_string(high) + ", found " +
                                              std::to_string(out));
    }
    return {};
}

Status read_count(const nlohmann::json& value, const char* key, int& out) {
    double number = out;
    CAIRN_TRY(read_number(value, key, 1, 64, number));
    out = static_cast<int>(number);
    return {};
}

}  // namespace

nlohmann::json to_json(const AssistantSettings& settings) {
    return {{"passages", settings.passages},
            {"candidates", settings.candidates},
            {"prompt_passages", settings.prompt_passages},
            {"lexical_weight", settings.lexical_weight},
            {"model_weight", settings.model_weight},
            {"reading_weight", settings.reading_weight},
            {"margin_weight", settings.margin_weight},
            {"write", settings.write},
            {"nearest", settings.nearest},
            {"evidence", kEvidenceVersion},
            {"threshold", settings.threshold}};
}

Result<AssistantSettings> settings_from_json(const nlohmann::json& value) {
    AssistantSettings out;
    const double version = CAIRN_TRY(text::get_double_or(value, "evidence", 1));
    if (version != kEvidenceVersion) {
        return make_error(Code::kUnsupported,
                          "assistant settings: their threshold was chosen by another measure of "
                          "evidence than this program has",
                          "run `cairn up` to measure and release again");
    }
    CAIRN_TRY(read_count(value, "passages", out.passages));
    CAIRN_TRY(read_count(value, "candidates", out.candidates));
    CAIRN_TRY(read_count(value, "prompt_passages", out.prompt_passages));
    CAIRN_TRY(read_number(value, "lexical_weight", 0, 100, out.lexical_weight));
    CAIRN_TRY(read_number(value, "model_weight", 0, 100, out.model_weight));
    CAIRN_TRY(read_number(value, "reading_weight", 0, 100, out.reading_weight));
    CAIRN_TRY(read_number(value, "margin_weight", 0, 1, out.margin_weight));
    CAIRN_TRY(read_number(value, "threshold", 0, 1, out.threshold));
    double nearest = out.nearest;
    CAIRN_TRY(read_number(value, "nearest", 0, 16, nearest));
    out.nearest = static_cast<int>(nearest);
    out.write = CAIRN_TRY(text::get_bool_or(value, "write", out.write));
    return out;
}

nlohmann::json to_json(const knowledge::Citation& citation) {
    return {{"document", citation.document_id},
            {"path", citation.path},
            {"title", citation.title},
            {"heading_path", citation.heading_path},
            {"page", citation.page},
            {"begin", citation.span.begin},
            {"end", citation.span.end},
            {"quote", citation.quote}};
}

nlohmann::json to_json(const Answer& answer, bool with_trace) {
    nlohmann::json quotes = nlohmann::json::array();
    for (const knowledge::Citation& quote : answer.quotes) {
        quotes.push_back(to_json(quote));
    }
    nlohmann::json nearest = nlohmann::json::array();
    for (const knowledge::Citation& near : answer.nearest) {
        nearest.push_back(to_json(near));
    }
    nlohmann::json out = {{"text", answer.text},
                          {"quotes", quotes},
                          {"nearest", nearest},
                          {"refused", answer.refused},
                          {"support", answer.support},
                          {"threshold", answer.threshold},
                          {"language", answer.language},
                          {"total_ms", answer.total_ms},
                          {"usage",
                           {{"input_tokens", answer.usage.input_tokens},
                            {"cached_tokens", answer.usage.cached_tokens},
                            {"output_tokens", answer.usage.output_tokens},
                            {"engine_ms", answer.usage.engine_ms}}}};
    if (with_trace) {
        out["trace"] = trace_json(answer.trace);
    }
    return out;
}

}  // namespace cairn::apps
