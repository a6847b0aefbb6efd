// SPDX-License-Identifier: Apache-2.0
// The one look of every report page (assess, evaluate, ledger): a self-contained HTML page with
// inline style and SVG charts, light and dark, printable, without scripts. All text is escaped.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn {

/// How a thing is to be read; shown as colour and as a word, so that print and colour-blind readers
/// lose nothing.
enum class Tone { kNeutral, kGood, kWarn, kBad };
std::string_view tone_name(Tone tone);  ///< "neutral", "good", "warn", "bad": JSON and CSS

/// One measured number with what a reader needs to judge it.
struct ReportFigure {
    std::string name;
    std::string value;      ///< with its unit: "83 %"
    std::string threshold;  ///< ">= 70 %"; empty: none
    std::string meaning;    ///< one sentence: what it says
    std::string method;     ///< one sentence: how it was computed
    Tone tone = Tone::kNeutral;
};

struct ReportBar {
    std::string label;
    double value = 0;
    std::string text;  ///< printed at the bar's end: "83 % (76 to 89)"
    Tone tone = Tone::kNeutral;
    std::optional<std::pair<double, double>> interval;  ///< drawn as a whisker
};

struct ReportBarOptions {
    std::optional<double> threshold;  ///< drawn as a dashed line
    double maximum = 0;               ///< right end of the axis; 0: the largest value
};

struct ReportSeries {
    std::string name;
    std::vector<std::pair<double, double>> points;
};

class HtmlReport {
  public:
    HtmlReport(std::string_view title, std::string_view subtitle);

    void heading(std::string_view text);
    void paragraph(std::string_view text);
    void list(std::span<const std::string> items);
    /// The page's answer, in large letters.
    void verdict(Tone tone, std::string_view headline, std::string_view explanation);
    void figures(std::span<const ReportFigure> figures);
    /// Cells that read as numbers are set flush right.
    void table(std::span<const std::string> columns, std::span<const std::vector<std::string>> rows,
               std::string_view caption = {});
    /// Horizontal bars; negative values count as 0.
    void bars(std::string_view title, std::span<const ReportBar> bars,
              const ReportBarOptions& options = {});
    /// A line chart with linear axes.
    void lines(std::string_view title, std::string_view x_label, std::string_view y_label,
               std::span<const ReportSeries> series);
    /// A folded block of text, as typed.
    void fold(std::string_view summary, std::string_view text);

    /// The whole page.
    std::string html() const;

  private:
    std::string title_;
    std::string subtitle_;
    std::string body_;
};

/// & < > " ' as entities.
std::string html_escape(std::string_view text);

}  // namespace cairn
