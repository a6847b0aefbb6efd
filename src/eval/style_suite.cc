// SPDX-License-Identifier: Apache-2.0
// Base and tuned model see the same examples; only the differences are judged.
#include "cairn/eval/style_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cairn/base/html_report.h"
#include "report_parts.h"

namespace cairn::eval {
namespace {

/// Few values and unknown shape: the bootstrap where it can say something, Student's t beside it.
Estimate mean_estimate(const std::vector<double>& values) {
    constexpr std::size_t kFew = 10;
    return values.size() < kFew ? clustered_mean(values) : bootstrap_mean(values);
}

Status check_apart(const std::vector<StyleExample>& training,
                   const std::vector<StyleExample>& held_out) {
    std::set<std::pair<std::string, std::string>> seen;
    for (const StyleExample& example : training) {
        seen.emplace(example.prompt, example.reply);
    }
    for (const StyleExample& example : held_out) {
        if (seen.contains({example.prompt, example.reply})) {
            return make_error(Code::kInvalid,
                              "held-out example " + example.id + " is also a training example",
                              "split again without duplicates");
        }
    }
    return {};
}

Result<StyleJudged> judge(const StyleExample& example, const StyleModel& base,
                          const StyleModel& tuned, const ReplyStructure& structure) {
    StyleJudged out;
    out.example = example;
    out.base_loss = CAIRN_TRY(base.loss(example));
    out.tuned_loss = CAIRN_TRY(tuned.loss(example));
    if (base.reply && tuned.reply) {
        out.base_reply = CAIRN_TRY(base.reply(example));
        out.tuned_reply = CAIRN_TRY(tuned.reply(example));
        out.base_structure = structure.match(out.base_reply);
        out.tuned_structure = structure.match(out.tuned_reply);
    }
    return out;
}

void summarise(const GateConfig& gate, bool with_replies, StyleReport& report) {
    std::vector<double> base, tuned, gain, base_structure, tuned_structure, structure_gain;
    for (const StyleJudged& item : report.items) {
        base.push_back(item.base_loss);
        tuned.push_back(item.tuned_loss);
        gain.push_back(item.base_loss - item.tuned_loss);
        if (!item.base_reply.empty() || !item.tuned_reply.empty()) {
            base_structure.push_back(item.base_structure);
            tuned_structure.push_back(item.tuned_structure);
            structure_gain.push_back(item.tuned_structure - item.base_structure);
        }
        report.improved += gain.back() > 0 ? 1 : 0;
    }
    report.base_loss = mean_estimate(base);
    report.tuned_loss = mean_estimate(tuned);
    report.improvement = mean_estimate(gain);
    report.improvement_p = sign_flip_test(gain);
    report.gate.criteria.push_back(
        mean_criterion("improvement of held-out loss", report.improvement, gate.improvement_min));
    if (with_replies) {
        report.base_structure = mean_estimate(base_structure);
        report.tuned_structure = mean_estimate(tuned_structure);
        report.structure_gain = mean_estimate(structure_gain);
    }
}

std::string side_by_side(const StyleJudged& item) {
    return fmt::format("Customer:\n{}\n\nThe house:\n{}\n\nBase model:\n{}\n\nTuned model:\n{}\n",
                       item.example.prompt, item.example.reply, item.base_reply, item.tuned_reply);
}

}  // namespace

Result<StyleReport> run_style_suite(const std::vector<StyleExample>& training,
                                    const std::vector<StyleExample>& held_out,
                                    const StyleModel& base, const StyleModel& tuned,
                                    const GateConfig& gate, Progress* progress) {
    if (held_out.empty()) {
        return make_error(Code::kInvalid, "there are no held-out examples",
                          "add examples to the scenario's `examples` file");
    }
    CAIRN_TRY(check_apart(training, held_out));
    std::vector<std::string> replies;
    for (const StyleExample& example : training) {
        replies.push_back(example.reply);
    }
    const ReplyStructure structure = ReplyStructure::learn(replies);
    StyleReport report;
    report.markers = structure.markers();
    for (const StyleExample& example : held_out) {
        if (interrupted()) {
            return make_error(Code::kCancelled, "stopped while comparing base and tuned model");
        }
        report.items.push_back(CAIRN_TRY(judge(example, base, tuned, structure)));
        if (progress != nullptr) {
            progress->advance(1, example.id);
        }
    }
    summarise(gate, base.reply && tuned.reply, report);
    return report;
}

nlohmann::json to_json(const StyleReport& report) {
    nlohmann::json items = nlohmann::json::array();
    for (const StyleJudged& item : report.items) {
        items.push_back({{"id", item.example.id},
                         {"base_loss", item.base_loss},
                         {"tuned_loss", item.tuned_loss},
                         {"base_structure", item.base_structure},
                         {"tuned_structure", item.tuned_structure},
                         {"base_reply", item.base_reply},
                         {"tuned_reply", item.tuned_reply}});
    }
    return {{"kind", "style"},
            {"base_loss", estimate_json(report.base_loss)},
            {"tuned_loss", estimate_json(report.tuned_loss)},
            {"improvement", estimate_json(report.improvement)},
            {"improvement_p", report.improvement_p},
            {"improved", report.improved},
            {"base_structure", estimate_json(report.base_structure)},
            {"tuned_structure", estimate_json(report.tuned_structure)},
            {"structure_gain", estimate_json(report.structure_gain)},
            {"markers", report.markers},
            {"gate", to_json(report.gate)},
            {"items", items}};
}

std::string to_html(const StyleReport& report, std::string_view scenario,
                    std::string_view subtitle) {
    HtmlReport page(fmt::format("Evaluation: {}", scenario), subtitle);
    const double p = report.improvement_p;
    add_verdict(report.gate,
                fmt::format("On {} held-out examples the tuned model's loss is {:.3f} nats per "
                            "token lower than the base model's (95 % interval {:.3f} to {:.3f}, "
                            "p {}); {} of {} examples improve.",
                            report.items.size(), report.improvement.mean,
                            report.improvement.interval.low, report.improvement.interval.high,
                            p < 1e-4 ? "< 0.0001" : fmt::format("= {:.4f}", p), report.improved,
                            report.items.size()),
                page);
    auto bar = [](std::string label, const Estimate& e, Tone tone) {
        ReportBar out;
        out.label = std::move(label);
        out.value = e.mean;
        out.text =
            fmt::format("{:.3f} ({:.3f} to {:.3f})", e.mean, e.interval.low, e.interval.high);
        out.tone = tone;
        out.interval = {{e.interval.low, e.interval.high}};
        return out;
    };
    const std::vector<ReportBar> losses = {bar("base model", report.base_loss, Tone::kNeutral),
                                           bar("tuned model", report.tuned_loss, Tone::kGood)};
    page.bars("Held-out loss in nats per token: lower is better", losses);
    if (report.base_structure.n > 0) {
        const std::vector<ReportBar> structures = {
            bar("base model", report.base_structure, Tone::kNeutral),
            bar("tuned model", report.tuned_structure, Tone::kGood)};
        ReportBarOptions options;
        options.maximum = 1;
        page.bars("Share of the house's reply structure that is kept", structures, options);
        page.paragraph("The structure is what recurs in at least 60 % of the training replies:");
        page.list(report.markers);
    }
    add_gate_table(report.gate, page);
    std::vector<const StyleJudged*> order;
    for (const StyleJudged& item : report.items) {
        order.push_back(&item);
    }
    std::stable_sort(order.begin(), order.end(), [](const StyleJudged* a, const StyleJudged* b) {
        return a->base_loss - a->tuned_loss < b->base_loss - b->tuned_loss;
    });
    page.heading("Examples, the least improved first");
    for (const StyleJudged* item : order) {
        page.fold(fmt::format("{}: loss {:.3f} to {:.3f}, structure {:.2f} to {:.2f}",
                              item->example.id, item->base_loss, item->tuned_loss,
                              item->base_structure, item->tuned_structure),
                  side_by_side(*item));
    }
    return page.html();
}

}  // namespace cairn::eval
