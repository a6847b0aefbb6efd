// SPDX-License-Identifier: Apache-2.0
// The assessment as JSON for engineers and as a page for managers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "assess_parts.h"
#include "cairn/text/json.h"

namespace cairn::data {
namespace {

using Json = nlohmann::json;

std::string_view verdict_words(Verdict verdict) {
    switch (verdict) {
        case Verdict::kTune:
            return "Tune a model on these examples";
        case Verdict::kRetrieve:
            return "Answer from the documents (retrieve), do not tune for facts";
        case Verdict::kBoth:
            return "Retrieve and tune";
        case Verdict::kDoNot:
            break;
    }
    return "Do not build this yet";
}

}  // namespace

double Share::value() const {
    return of > 0 ? static_cast<double>(hits) / static_cast<double>(of) : 0;
}

std::string Share::text() const {
    if (of == 0) {
        return "none to count";
    }
    constexpr double kZ = 1.96;
    auto n = static_cast<double>(of);
    double p = value();
    double centre = (p + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
    double half = kZ / (1 + kZ * kZ / n) * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
    return fmt::format("{} of {}, {:.0f} % ({:.0f} to {:.0f})", hits, of, 100 * p,
                       100 * std::max(0.0, centre - half), 100 * std::min(1.0, centre + half));
}

std::string percent(double share) {
    return fmt::format("{:.1f} %", 100 * share);
}

Tone tone_if(bool good, Tone otherwise) {
    return good ? Tone::kGood : otherwise;
}

void add_risk_figures(std::int64_t texts, std::int64_t personal, std::int64_t secrets,
                      Assessment& assessment) {
    double per_thousand =
        texts > 0 ? 1000.0 * static_cast<double>(personal) / static_cast<double>(texts) : 0;
    assessment.figures.push_back(
        {"personal_data",
         per_thousand,
         {"Personal data", fmt::format("{:.0f} per 1,000 texts ({} found)", per_thousand, personal),
          "0 after cleaning", "What must be masked before anybody trains on it or searches it.",
          "E-mail, phone, IBAN, card, resident number and address patterns, by checksum where one "
          "exists.",
          tone_if(personal == 0, Tone::kWarn)}});
    assessment.figures.push_back(
        {"secrets",
         static_cast<double>(secrets),
         {"Secrets", std::to_string(secrets), "0",
          "Keys and passwords in the texts: revoke them, masking alone is not enough.",
          "Known key formats, and named values of high entropy.",
          tone_if(secrets == 0, Tone::kBad)}});
}

std::string_view verdict_name(Verdict verdict) {
    switch (verdict) {
        case Verdict::kTune:
            return "tune";
        case Verdict::kRetrieve:
            return "retrieve";
        case Verdict::kBoth:
            return "both";
        case Verdict::kDoNot:
            break;
    }
    return "do_not";
}

const AssessFigure* Assessment::figure(std::string_view key) const {
    auto found = std::find_if(figures.begin(), figures.end(),
                              [key](const AssessFigure& figure) { return figure.key == key; });
    return found == figures.end() ? nullptr : &*found;
}

std::string assessment_json(const Assessment& assessment) {
    Json figures = Json::array();
    for (const AssessFigure& figure : assessment.figures) {
        figures.push_back({{"key", figure.key},
                           {"value", std::isfinite(figure.value) ? figure.value : 0},
                           {"name", figure.shown.name},
                           {"text", figure.shown.value},
                           {"threshold", figure.shown.threshold},
                           {"meaning", figure.shown.meaning},
                           {"method", figure.shown.method},
                           {"tone", tone_name(figure.shown.tone)}});
    }
    Json json = {{"scenario", assessment.scenario},
                 {"kind", assessment.kind},
                 {"verdict", verdict_name(assessment.verdict)},
                 {"headline", assessment.headline},
                 {"reasons", assessment.reasons},
                 {"flips", assessment.flips},
                 {"figures", std::move(figures)},
                 {"list_title", assessment.list_title},
                 {"list", assessment.list}};
    return text::dump_json(json, 2);
}

std::string assessment_html(const Assessment& assessment, std::string_view company) {
    HtmlReport report("Is the data fit for \"" + assessment.scenario + "\"?", company);
    report.verdict(assessment.verdict == Verdict::kDoNot ? Tone::kBad : Tone::kGood,
                   verdict_words(assessment.verdict), assessment.headline);
    report.heading("Why");
    report.list(assessment.reasons);
    if (!assessment.flips.empty()) {
        report.heading("What would change the verdict, the cheapest first");
        report.list(assessment.flips);
    }
    std::vector<ReportFigure> shown;
    std::vector<ReportBar> bars;
    for (const AssessFigure& figure : assessment.figures) {
        shown.push_back(figure.shown);
        bool is_share = figure.shown.value.find('%') != std::string::npos && figure.value <= 1;
        if (is_share) {
            bars.push_back(
                {figure.shown.name, figure.value, figure.shown.value, figure.shown.tone, {}});
        }
    }
    report.heading("The figures");
    report.bars("Shares", bars, {.threshold = std::nullopt, .maximum = 1});
    report.figures(shown);
    report.paragraph(
        "Thresholds are working hypotheses; they are not yet calibrated on many "
        "companies.");
    if (!assessment.list.empty()) {
        report.heading(assessment.list_title);
        report.list(assessment.list);
    }
    return report.html();
}

}  // namespace cairn::data
