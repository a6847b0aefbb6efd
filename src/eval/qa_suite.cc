// SPDX-License-Identifier: Apache-2.0
// Every question is asked once; all thresholds are judged from the same replies.
#include "cairn/eval/qa_suite.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/eval/metrics.h"
#include "cairn/text/json.h"

namespace cairn::eval {
namespace {

constexpr std::uint64_t kQuestionFileBytesMax = 64 * limits::kMiB;

Result<QaQuestion> read_question(std::string_view line) {
    const nlohmann::json value = CAIRN_TRY(text::parse_json(line));
    QaQuestion out;
    out.question = CAIRN_TRY(text::get_string(value, "question"));
    out.answerable = CAIRN_TRY(text::get_bool_or(value, "answerable", true));
    out.id =
        CAIRN_TRY(text::get_string_or(value, "id", "q_" + sha256_hex(out.question).substr(0, 12)));
    out.answer = CAIRN_TRY(text::get_string_or(value, "answer", ""));
    out.quote = CAIRN_TRY(text::get_string_or(value, "quote", ""));
    out.document = CAIRN_TRY(text::get_string_or(value, "document", ""));
    if (out.answerable && (out.quote.empty() || out.document.empty())) {
        return make_error(Code::kInvalid,
                          "an answerable question needs `quote` and `document`, one is missing",
                          "add them, or say \"answerable\": false");
    }
    return out;
}

/// The first retrieved passage that holds the gold evidence.
int evidence_rank(const QaQuestion& question, const QaReply& reply) {
    for (std::size_t i = 0; i < reply.retrieved.size(); ++i) {
        const Retrieved& passage = reply.retrieved[i];
        if (passage.path == question.document &&
            quote_supports(passage.text, question.quote, question.answer)) {
            return static_cast<int>(i) + 1;
        }
    }
    return 0;
}

bool stands_in_a_passage(const knowledge::Citation& quote, const QaReply& reply) {
    return std::any_of(reply.retrieved.begin(), reply.retrieved.end(), [&](const Retrieved& p) {
        if (p.path != quote.path) {
            return false;
        }
        const auto match = knowledge::locate_quote(p.text, quote.quote);
        return match && match->exact;
    });
}

/// The passage around a shown sentence is one click away: it counts.
bool stands_near(const QaQuestion& question, const QaReply& reply) {
    return std::any_of(reply.nearest.begin(), reply.nearest.end(), [&](const auto& near) {
        return std::any_of(reply.retrieved.begin(), reply.retrieved.end(), [&](const auto& p) {
            return p.path == question.document && p.path == near.path &&
                   quote_supports(p.text, question.quote, question.answer) &&
                   knowledge::locate_quote(p.text, near.quote).has_value();
        });
    });
}

/// What does not depend on the threshold.
QaJudged judge(const QaQuestion& question, QaReply reply) {
    QaJudged out;
    std::string quoted;
    bool same_document = false;
    out.exact_quote = !reply.quotes.empty();
    for (const knowledge::Citation& quote : reply.quotes) {
        quoted += quote.quote + "\n";
        // A copy of the document that holds the very words is as good.
        same_document = same_document || quote.path == question.document ||
                        knowledge::locate_quote(quote.quote, question.quote).has_value();
        out.exact_quote = out.exact_quote && stands_in_a_passage(quote, reply);
    }
    if (question.answerable) {
        out.evidence_rank = evidence_rank(question, reply);
        out.right_quote = same_document && quote_supports(quoted, question.quote, question.answer);
        out.near_right = stands_near(question, reply);
        out.f1 = term_f1(quoted, question.quote);
        out.exact = exact_match(quoted, question.quote);
    }
    out.question = question;
    out.reply = std::move(reply);
    return out;
}

QaFault fault_of(const QaJudged& item) {
    if (item.right) {
        return QaFault::kNone;
    }
    if (!item.question.answerable) {
        return QaFault::kUnanswerableTaken;
    }
    if (item.right_quote) {
        return QaFault::kWrongRefusal;
    }
    if (item.evidence_rank == 0) {
        return QaFault::kRetrievalMiss;
    }
    return item.evidence_rank == 1 ? QaFault::kIgnored : QaFault::kRankedLow;
}

void apply_threshold(QaJudged& item, double threshold) {
    item.threshold = threshold;
    item.refused = item.reply.quotes.empty() || item.reply.support < threshold;
    item.right = item.question.answerable ? !item.refused && item.right_quote : item.refused;
    item.wrong = !item.refused && !(item.question.answerable && item.right_quote);
    item.fault = fault_of(item);
}

/// Questions of one document stay together; answerable and unanswerable ones are split apart, so
/// that both parts have both.
void split(std::vector<QaJudged>& items, double share, std::uint64_t seed) {
    for (const bool answerable : {true, false}) {
        std::map<std::pair<std::uint64_t, std::string>, std::vector<QaJudged*>> groups;
        double all = 0;
        for (QaJudged& item : items) {
            if (item.question.answerable == answerable) {
                const std::string& key = answerable ? item.question.document : item.question.id;
                groups[{hash64(key, seed), key}].push_back(&item);
                all += 1;
            }
        }
        double taken = 0;
        for (auto& [key, members] : groups) {
            const bool calibration = taken < share * all;
            for (QaJudged* item : members) {
                item->calibration = calibration;
            }
            taken += calibration ? static_cast<double>(members.size()) : 0;
        }
    }
}

/// Questions of one document are not independent; an unanswerable one stands alone.
const std::string& cluster_of(const QaJudged& item) {
    return item.question.answerable ? item.question.document : item.question.id;
}

struct Choice {
    int variant = 0;
    double threshold = 0;
};

using Variants = std::vector<std::vector<QaJudged>>;

/// What a reaction is worth to who asked: a refusal that shows the evidence is half an answer.
double worth_of(const QaJudged& item) {
    if (item.right) return 1;
    return item.refused && item.near_right ? 0.5 : 0;
}

/// The variant whose reactions are worth most at its own threshold, all chosen without `left_out`.
/// A later one has to be clearly better: the best of several is partly the luckiest.
Choice choose(const Variants& variants, const std::string* left_out, double wrong_max) {
    constexpr double kClearlyBetter = 0.02;  // of the questions
    Choice best;
    double best_worth = -1;
    for (std::size_t v = 0; v < variants.size(); ++v) {
        std::vector<const QaJudged*> items;
        for (const QaJudged& item : variants[v]) {
            if (left_out == nullptr || cluster_of(item) != *left_out) {
                items.push_back(&item);
            }
        }
        const double threshold = choose_threshold(items, wrong_max);
        double worth = 0;
        for (const QaJudged* item : items) {
            QaJudged judged = *item;
            apply_threshold(judged, threshold);
            worth += worth_of(judged);
        }
        const double more = v == 0 ? 0 : kClearlyBetter * static_cast<double>(items.size());
        if (worth > best_worth + more) {
            best_worth = worth;
            best = {static_cast<int>(v), threshold};
        }
    }
    return best;
}

/// Every question at the variant and threshold that all other documents choose: all questions are
/// reported, none by a choice that has seen it.
std::vector<QaJudged> judge_by_others(const Variants& variants, double wrong_max) {
    std::map<std::string, Choice> choices;
    std::vector<QaJudged> out;
    for (std::size_t i = 0; i < variants.front().size(); ++i) {
        const std::string& cluster = cluster_of(variants.front()[i]);
        if (!choices.contains(cluster)) {
            choices[cluster] = choose(variants, &cluster, wrong_max);
        }
        const Choice& choice = choices[cluster];
        QaJudged item = variants[static_cast<std::size_t>(choice.variant)][i];
        item.variant = choice.variant;
        apply_threshold(item, choice.threshold);
        out.push_back(std::move(item));
    }
    return out;
}

struct Column {
    std::vector<double> values;
    std::vector<std::string> clusters;
    void add(double value, const QaJudged& item) {
        values.push_back(value);
        clusters.push_back(cluster_of(item));
    }
    Estimate estimate() const {
        Estimate out = clustered_mean(values, clusters);
        // A share of few or of equal values: the t interval would be empty or leave [0, 1].
        const double n = out.n / out.design_effect;
        out.interval = wilson(out.mean * n, n);
        return out;
    }
    double sum() const {
        double total = 0;
        for (const double value : values) {
            total += value;
        }
        return total;
    }
};

double percentile(std::vector<double> values, double p) {
    if (values.empty()) {
        return 0;
    }
    std::sort(values.begin(), values.end());
    const auto place = static_cast<std::size_t>(p * static_cast<double>(values.size() - 1) + 0.5);
    return values[place];
}

void add_gate(const GateConfig& gate, const Column& wrong, const Column& recall, QaReport& report) {
    const Estimate w = wrong.estimate();
    const Estimate r = recall.estimate();
    report.gate.criteria.push_back(
        share_criterion("wrong answers", wrong.sum(), w.n, gate.wrong_max, true, w.design_effect));
    report.gate.criteria.back().clusters = w.clusters;
    report.gate.criteria.push_back(
        share_criterion("recall@5", recall.sum(), r.n, gate.recall_min, false, r.design_effect));
    report.gate.criteria.back().clusters = r.clusters;
}

void add_risk_coverage(QaReport& report) {
    std::vector<const QaJudged*> order;
    double n = 0;
    for (const QaJudged& item : report.items) {
        n += 1;
        if (!item.reply.quotes.empty()) {
            order.push_back(&item);
        }
    }
    std::stable_sort(order.begin(), order.end(), [](const QaJudged* a, const QaJudged* b) {
        return a->reply.support > b->reply.support;
    });
    double answered = 0;
    double wrong = 0;
    std::vector<double> scores;
    std::vector<bool> positive;
    report.risk_coverage.emplace_back(0.0, 0.0);
    for (const QaJudged* item : order) {
        const bool right = item->question.answerable && item->right_quote;
        answered += 1;
        wrong += right ? 0 : 1;
        report.risk_coverage.emplace_back(answered / n, wrong / n);
        scores.push_back(item->reply.support);
        positive.push_back(right);
    }
    report.support_auroc = auroc(scores, positive);
}

void summarise(const QaOptions& options, QaReport& report) {
    Column recall, right, wrong, answered_right, refused_yes, refused_no, near, exact_quote, f1,
        exact;
    std::vector<double> latencies;
    for (const QaJudged& item : report.items) {
        latencies.push_back(item.reply.latency_ms);
        if (item.question.answerable) {
            recall.add(item.evidence_rank >= 1 && item.evidence_rank <= 5 ? 1 : 0, item);
        }
        right.add(item.right ? 1 : 0, item);
        wrong.add(item.wrong ? 1 : 0, item);
        if (item.question.answerable) {
            answered_right.add(item.right ? 1 : 0, item);
            refused_yes.add(item.refused ? 1 : 0, item);
            if (item.refused) near.add(item.near_right ? 1 : 0, item);
        } else {
            refused_no.add(item.refused ? 1 : 0, item);
        }
        if (!item.refused) {
            exact_quote.add(item.exact_quote ? 1 : 0, item);
            if (item.question.answerable) {
                f1.add(item.f1, item);
                exact.add(item.exact ? 1 : 0, item);
            }
        }
    }
    report.recall_at_5 = recall.estimate();
    report.right = right.estimate();
    report.wrong = wrong.estimate();
    report.answered_right = answered_right.estimate();
    report.refused_answerable = refused_yes.estimate();
    report.refused_unanswerable = refused_no.estimate();
    report.refused_near = near.estimate();
    report.quote_exact = exact_quote.estimate();
    report.f1 = f1.estimate();
    report.exact_match = exact.estimate();
    report.latency_ms_p50 = percentile(latencies, 0.50);
    report.latency_ms_p95 = percentile(latencies, 0.95);
    add_gate(options.gate, wrong, recall, report);
    add_risk_coverage(report);
}

}  // namespace

std::string_view fault_name(QaFault fault) {
    switch (fault) {
        case QaFault::kNone:
            return "none";
        case QaFault::kRetrievalMiss:
            return "retrieval miss";
        case QaFault::kRankedLow:
            return "ranked low";
        case QaFault::kIgnored:
            return "evidence ignored";
        case QaFault::kWrongRefusal:
            return "wrong refusal";
        case QaFault::kUnanswerableTaken:
            return "answer to no source";
    }
    return "";
}

Result<std::vector<QaQuestion>> read_questions(const std::filesystem::path& path) {
    const std::string file = CAIRN_TRY(read_file(path, kQuestionFileBytesMax));
    std::vector<QaQuestion> out;
    std::set<std::string> ids;
    std::string_view rest = file;
    for (int number = 1; !rest.empty(); ++number) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        const std::string where = path.string() + ", line " + std::to_string(number);
        auto question = read_question(line);
        if (!question) {
            return question.error().with_context(where);
        }
        if (!ids.insert(question->id).second) {
            return make_error(Code::kInvalid,
                              where + ": a second question with the id " + question->id);
        }
        out.push_back(std::move(*question));
    }
    return out;
}

double choose_threshold(std::vector<const QaJudged*> order, double wrong_max) {
    // Conformal risk control (Angelopoulos et al. 2022): with (wrong + 1) / (n + 1) <= wrong_max on
    // labelled questions, the expected share of wrong answers on new ones is <= wrong_max.
    const auto n = static_cast<double>(order.size());
    std::erase_if(order, [](const QaJudged* item) { return item->reply.quotes.empty(); });
    std::stable_sort(order.begin(), order.end(), [](const QaJudged* a, const QaJudged* b) {
        return a->reply.support > b->reply.support;
    });
    double wrong = 0;
    double accepted = 2;  // more than any support
    std::size_t i = 0;
    while (i < order.size()) {
        const double support = order[i]->reply.support;
        while (i < order.size() && order[i]->reply.support == support) {
            wrong += order[i]->question.answerable && order[i]->right_quote ? 0 : 1;
            ++i;
        }
        if ((wrong + 1) / (n + 1) > wrong_max) {
            // Half way to the last support that was still good.
            return accepted > 1 ? std::min(1.0, support + 1e-9) : 0.5 * (accepted + support);
        }
        accepted = support;
    }
    return accepted > 1 ? 1.0 : 0.5 * accepted;
}

Result<QaReport> run_qa_suite(const std::vector<QaQuestion>& questions, const Ask& ask,
                              const QaOptions& options, Progress* progress) {
    return run_qa_suite(questions, std::vector<Ask>{ask}, options, progress);
}

Result<QaReport> run_qa_suite(const std::vector<QaQuestion>& questions,
                              const std::vector<Ask>& variants, const QaOptions& options,
                              Progress* progress) {
    if (questions.empty() || variants.empty()) {
        return make_error(Code::kInvalid, "the test has no questions",
                          "add questions to the scenario's `test` file");
    }
    Variants asked;
    for (const Ask& ask : variants) {
        std::vector<QaJudged>& items = asked.emplace_back();
        for (const QaQuestion& question : questions) {
            if (interrupted()) {
                return make_error(Code::kCancelled, "stopped while asking the test questions");
            }
            QaReply reply = CAIRN_TRY(ask(question));
            items.push_back(judge(question, std::move(reply)));
            if (progress != nullptr) {
                progress->advance(1, question.id);
            }
        }
        split(items, options.calibration_share, options.seed);
    }
    QaReport report;
    const Choice release = choose(asked, nullptr, options.gate.wrong_max);
    report.variant = release.variant;
    report.threshold = release.threshold;
    report.items = judge_by_others(asked, options.gate.wrong_max);
    summarise(options, report);
    return report;
}

}  // namespace cairn::eval
