// SPDX-License-Identifier: Apache-2.0
// The assistant seen by the evaluation, and the choice of its weights on labelled questions.
#include "cairn/apps/calibrate.h"

#include <algorithm>

#include "cairn/eval/metrics.h"

namespace cairn::apps {
namespace {

/// Right quotes when candidates are ordered with this model weight.
int right_with(const std::vector<std::pair<eval::QaQuestion, Trace>>& traces,
               const AssistantSettings& settings, double model_weight) {
    int right = 0;
    for (const auto& [question, trace] : traces) {
        const Candidate* best = nullptr;
        double best_total = 0;
        double best_logprob = -1e9;
        for (const Candidate& candidate : trace.candidates) {
            if (candidate.model_logprob < 0) {
                best_logprob = std::max(best_logprob, candidate.model_logprob);
            }
        }
        for (const Candidate& candidate : trace.candidates) {
            const double below =
                candidate.model_logprob < 0 ? candidate.model_logprob - best_logprob : -2.0;
            const double total = settings.lexical_weight * candidate.lexical + model_weight * below;
            if (best == nullptr || total > best_total) {
                best = &candidate;
                best_total = total;
            }
        }
        right += best != nullptr && best->citation.path == question.document &&
                         eval::quote_supports(best->citation.quote, question.quote, question.answer)
                     ? 1
                     : 0;
    }
    return right;
}

}  // namespace

eval::Ask ask_for_evaluation(Assistant& assistant, std::vector<std::string> sources) {
    return [&assistant, sources = std::move(sources)](
               const eval::QaQuestion& question) -> Result<eval::QaReply> {
        AssistantRequest request;
        request.question = question.question;
        request.sources = sources;
        const Answer answer = CAIRN_TRY(assistant.answer(request));
        eval::QaReply out;
        out.refused = answer.refused;
        out.text = answer.text;
        out.support = answer.support;
        out.latency_ms = answer.total_ms;
        if (!answer.trace.candidates.empty()) {
            out.quotes.push_back(answer.trace.candidates.front().citation);
        }
        out.nearest = answer.nearest;
        for (const knowledge::Hit& hit : answer.trace.hits) {
            out.retrieved.push_back({hit.path, hit.text});
        }
        return out;
    };
}

Result<double> choose_model_weight(Assistant& assistant,
                                   const std::vector<eval::QaQuestion>& questions,
                                   const std::vector<std::string>& sources) {
    AssistantSettings asking = assistant.settings();
    const AssistantSettings before = asking;
    asking.model_weight = std::max(asking.model_weight, 1e-6);  // so that the model is asked
    assistant.set_settings(asking);
    std::vector<std::pair<eval::QaQuestion, Trace>> traces;
    Status failed;
    for (const eval::QaQuestion& question : questions) {
        if (!question.answerable) {
            continue;
        }
        AssistantRequest request;
        request.question = question.question;
        request.sources = sources;
        Result<Answer> answer = assistant.answer(request);
        if (!answer) {
            failed = answer.error();
            break;
        }
        traces.emplace_back(question, std::move(answer->trace));
    }
    assistant.set_settings(before);
    CAIRN_TRY(failed);
    double best_weight = 0;
    int best_right = right_with(traces, asking, 0);
    for (const double weight : {0.02, 0.05, 0.1, 0.2, 0.4, 0.8}) {
        const int right = right_with(traces, asking, weight);
        if (right > best_right) {
            best_right = right;
            best_weight = weight;
        }
    }
    return best_weight;
}

}  // namespace cairn::apps
