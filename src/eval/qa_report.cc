// SPDX-License-Identifier: Apache-2.0
// The evaluation of a qa scenario as JSON and as a page: first what it means, then how it came.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cairn/base/html_report.h"
#include "cairn/eval/qa_suite.h"
#include "report_parts.h"

namespace cairn::eval {
namespace {

constexpr std::size_t kWorstExamples = 6;

std::string risk_sentence(const QaReport& report) {
    const auto& c = report.gate.criteria.front();
    return fmt::format(
        "Of {} questions, each judged at a threshold that had not seen its document, {} were "
        "answered right or rightly "
        "refused, {} wrong. With 95 % confidence at most {} of all questions get a wrong answer.",
        report.right.n, percent(report.right.mean), percent(report.wrong.mean), percent(c.bound));
}

std::vector<const QaJudged*> worst(const QaReport& report) {
    std::vector<const QaJudged*> out;
    for (const QaJudged& item : report.items) {
        if (item.wrong) {
            out.push_back(&item);
        }
    }
    // The surer the assistant was, the worse.
    std::stable_sort(out.begin(), out.end(), [](const QaJudged* a, const QaJudged* b) {
        return a->reply.support > b->reply.support;
    });
    for (const QaJudged& item : report.items) {
        if (!item.right && !item.wrong) {
            out.push_back(&item);
        }
    }
    out.resize(std::min(out.size(), kWorstExamples));
    return out;
}

std::string quoted(const QaJudged& item) {
    std::string out;
    for (const knowledge::Citation& quote : item.reply.quotes) {
        out += (out.empty() ? "" : "\n") + fmt::format("\"{}\" ({})", quote.quote, quote.path);
    }
    return out.empty() ? "(no quote)" : out;
}

void add_figures(const QaReport& report, HtmlReport& page) {
    auto bar = [](std::string label, const Estimate& estimate, Tone tone) {
        ReportBar out;
        out.label = std::move(label);
        out.value = estimate.mean;
        out.text = share_text(estimate);
        out.tone = tone;
        out.interval = {{estimate.interval.low, estimate.interval.high}};
        return out;
    };
    const std::vector<ReportBar> bars = {
        bar("right reaction", report.right, Tone::kGood),
        bar("wrong answer", report.wrong, Tone::kBad),
        bar("answerable: right", report.answered_right, Tone::kGood),
        bar("answerable: refused", report.refused_answerable, Tone::kWarn),
        bar("of these, evidence shown", report.refused_near, Tone::kNeutral),
        bar("unanswerable: refused", report.refused_unanswerable, Tone::kGood),
        bar("recall@5", report.recall_at_5, Tone::kNeutral),
        bar("exact quotes", report.quote_exact, Tone::kNeutral)};
    ReportBarOptions options;
    options.maximum = 1;
    page.bars("Shares with 95 % intervals, clustered by document", bars, options);
    page.paragraph(
        "A reaction is right when an answerable question gets a quote that holds the evidence, or "
        "an "
        "unanswerable one is refused. A refusal shows the nearest passages: \"evidence shown\" is "
        "the share of refused answerable questions where one of them holds it. Recall@5: the "
        "evidence is among the first five passages. Exact quotes stand word for word in a source.");
}

void add_faults(const QaReport& report, HtmlReport& page) {
    std::map<QaFault, int> counts;
    for (const QaJudged& item : report.items) {
        if (item.fault != QaFault::kNone) {
            ++counts[item.fault];
        }
    }
    std::vector<ReportBar> bars;
    for (const auto& [fault, count] : counts) {
        ReportBar bar;
        bar.label = std::string(fault_name(fault));
        bar.value = count;
        bar.text = std::to_string(count);
        bar.tone = fault == QaFault::kUnanswerableTaken ? Tone::kBad : Tone::kWarn;
        bars.push_back(std::move(bar));
    }
    page.heading("Where it goes wrong");
    if (bars.empty()) {
        page.paragraph("No question was answered wrongly or refused without need.");
        return;
    }
    page.bars(fmt::format("Faults by cause, all {} questions", report.items.size()), bars);
    page.heading("The worst real examples");
    std::vector<std::vector<std::string>> rows;
    for (const QaJudged* item : worst(report)) {
        rows.push_back({item->question.question, std::string(fault_name(item->fault)),
                        quoted(*item),
                        item->question.answerable ? item->question.quote : "(not in the documents)",
                        fmt::format("{:.2f}", item->reply.support)});
    }
    const std::vector<std::string> columns = {"question", "fault", "best quote", "gold", "support"};
    page.table(columns, rows);
}

void add_all_items(const QaReport& report, HtmlReport& page) {
    std::string all;
    for (const QaJudged& item : report.items) {
        all += fmt::format("{} [{}] {}\n  {} support {:.3f}, evidence at rank {}{}\n",
                           item.question.id, fault_name(item.fault), item.question.question,
                           item.right   ? "right:"
                           : item.wrong ? "WRONG:"
                                        : "refused:",
                           item.reply.support, item.evidence_rank,
                           item.refused ? "" : "\n  " + quoted(item));
    }
    page.fold("All questions", all);
}

/// What answering more would cost: the most answers at each share of wrong ones.
void add_prices(const QaReport& report, HtmlReport& page) {
    std::vector<const QaJudged*> order;
    double answerable = 0;
    for (const QaJudged& item : report.items) {
        answerable += item.question.answerable ? 1 : 0;
        if (!item.reply.quotes.empty()) order.push_back(&item);
    }
    std::stable_sort(order.begin(), order.end(), [](const QaJudged* a, const QaJudged* b) {
        return a->reply.support > b->reply.support;
    });
    const auto all = static_cast<double>(report.items.size());
    std::vector<std::vector<std::string>> rows;
    for (const double wrong_max : {0.02, 0.05, 0.10, 0.20, 0.30}) {
        double right = 0;
        double wrong = 0;
        std::vector<std::string> row = {percent(wrong_max), "0 %", "0 %", "-"};
        for (const QaJudged* item : order) {
            (item->question.answerable && item->right_quote ? right : wrong) += 1;
            if (wrong / all > wrong_max) break;
            row = {percent(wrong_max), percent((right + wrong) / all),
                   percent(answerable > 0 ? right / answerable : 0),
                   fmt::format("{:.3f}", item->reply.support)};
        }
        rows.push_back(std::move(row));
    }
    const std::vector<std::string> columns = {"wrong of all, at most", "questions answered",
                                              "of the answerable: right", "threshold"};
    page.table(columns, rows);
    page.paragraph("The table is read off these very questions: new ones will do somewhat worse.");
}

}  // namespace

nlohmann::json to_json(const QaReport& report) {
    nlohmann::json items = nlohmann::json::array();
    for (const QaJudged& item : report.items) {
        nlohmann::json quotes = nlohmann::json::array();
        for (const knowledge::Citation& quote : item.reply.quotes) {
            quotes.push_back({{"path", quote.path},
                              {"page", quote.page},
                              {"begin", quote.span.begin},
                              {"end", quote.span.end},
                              {"quote", quote.quote}});
        }
        items.push_back({{"id", item.question.id},
                         {"question", item.question.question},
                         {"answerable", item.question.answerable},
                         {"gold_quote", item.question.quote},
                         {"gold_document", item.question.document},
                         {"threshold", item.threshold},
                         {"support", item.reply.support},
                         {"refused", item.refused},
                         {"right", item.right},
                         {"wrong", item.wrong},
                         {"right_quote", item.right_quote},
                         {"evidence_rank", item.evidence_rank},
                         {"near_right", item.near_right},
                         {"f1", item.f1},
                         {"fault", fault_name(item.fault)},
                         {"latency_ms", item.reply.latency_ms},
                         {"quotes", quotes}});
    }
    nlohmann::json curve = nlohmann::json::array();
    for (const auto& [answered, wrong] : report.risk_coverage) {
        curve.push_back({answered, wrong});
    }
    return {{"kind", "qa"},
            {"threshold", report.threshold},
            {"variant", report.variant},
            {"recall_at_5", estimate_json(report.recall_at_5)},
            {"right", estimate_json(report.right)},
            {"wrong", estimate_json(report.wrong)},
            {"answered_right", estimate_json(report.answered_right)},
            {"refused_answerable", estimate_json(report.refused_answerable)},
            {"refused_unanswerable", estimate_json(report.refused_unanswerable)},
            {"refused_near", estimate_json(report.refused_near)},
            {"quote_exact", estimate_json(report.quote_exact)},
            {"f1", estimate_json(report.f1)},
            {"exact_match", estimate_json(report.exact_match)},
            {"support_auroc", report.support_auroc},
            {"latency_ms_p50", report.latency_ms_p50},
            {"latency_ms_p95", report.latency_ms_p95},
            {"risk_coverage", curve},
            {"gate", to_json(report.gate)},
            {"items", items}};
}

std::string to_html(const QaReport& report, std::string_view scenario, std::string_view subtitle) {
    HtmlReport page(fmt::format("Evaluation: {}", scenario), subtitle);
    add_verdict(report.gate, risk_sentence(report), page);
    add_figures(report, page);
    add_gate_table(report.gate, page);
    add_faults(report, page);
    page.heading("How much to refuse");
    page.paragraph(fmt::format(
        "The release refuses answers with a support below {:.3f}. In this report each question is "
        "judged at the threshold that the questions of all other documents choose. Support tells "
        "right from wrong answers with "
        "an AUROC of {:.2f} (0.5 is chance).",
        report.threshold, report.support_auroc));
    const std::vector<ReportSeries> series = {{"wrong answers", report.risk_coverage}};
    page.lines("Share of wrong answers by share of questions answered", "answered", "wrong",
               series);
    add_prices(report, page);
    page.heading("Time");
    page.paragraph(fmt::format("An answer takes {:.0f} ms (median), {:.0f} ms (95th percentile).",
                               report.latency_ms_p50, report.latency_ms_p95));
    add_all_items(report, page);
    return page.html();
}

}  // namespace cairn::eval
