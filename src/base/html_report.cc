// SPDX-License-Identifier: Apache-2.0
// Report pages: small HTML and SVG by hand, since every chart here is a few rectangles and lines.
#include "cairn/base/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace cairn {
namespace {

constexpr std::string_view kStyle = R"(
:root{--ink:#1d2430;--soft:#5b6675;--line:#d9dee6;--page:#fbfcfd;--card:#fff;--bar:#3f6fb5;
--good:#1f7a4d;--warn:#8f5d00;--bad:#b3262d;--s0:#3f6fb5;--s1:#b3652a;--s2:#1f7a4d;--s3:#7a4fa3}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9f0;--soft:#9aa6b5;--line:#333d4a;--page:#12171e;
--card:#1a212b;--bar:#7ba6e6;--good:#5cc48f;--warn:#e0b04d;--bad:#f07f84;--s0:#7ba6e6;--s1:#e09c67;
--s2:#5cc48f;--s3:#b892e0}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem 4rem;background:var(--page);
color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.7rem;margin:0;line-height:1.2}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
.sub{color:var(--soft);margin:.3rem 0 1.5rem}p{margin:.5rem 0;max-width:45rem}
.verdict{border-left:.35rem solid var(--soft);background:var(--card);padding:.9rem 1.1rem;
margin:1rem 0;border-radius:.3rem}.verdict b{font-size:1.25rem;display:block}
.verdict.good{border-color:var(--good)}.verdict.warn{border-color:var(--warn)}
.verdict.bad{border-color:var(--bad)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.5rem 0;
background:var(--card);font-size:.92rem}caption{text-align:left;color:var(--soft);padding:.3rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}td.good,.t-good{color:var(--good)}td.warn,.t-warn{color:var(--warn)}
td.bad,.t-bad{color:var(--bad)}small{color:var(--soft);display:block}
figure{margin:1rem 0;overflow-x:auto}figcaption{font-weight:600;margin-bottom:.3rem}
svg{width:100%;min-width:38rem;height:auto;display:block}
svg text{fill:var(--ink);font-size:13px}
svg .soft{fill:var(--soft)}svg .axis{stroke:var(--line)}svg .mark{stroke:var(--soft)}
svg .neutral{fill:var(--bar)}svg .good{fill:var(--good)}svg .warn{fill:var(--warn)}
svg .bad{fill:var(--bad)}details{margin:.5rem 0}summary{cursor:pointer}
pre{white-space:pre-wrap;background:var(--card);border:1px solid var(--line);padding:.7rem;
overflow-wrap:anywhere;font-size:.85rem}
@media print{body{max-width:none;padding:0}details{display:block}})";

std::string_view tone_word(Tone tone) {
    switch (tone) {
        case Tone::kGood:
            return "good";
        case Tone::kWarn:
            return "look at this";
        case Tone::kBad:
            return "not good";
        case Tone::kNeutral:
            break;
    }
    return "";
}

bool reads_as_number(std::string_view cell) {
    bool digit = false;
    for (char c : cell) {
        if (c >= '0' && c <= '9') {
            digit = true;
        } else if (std::string_view("+-.,% eE").find(c) == std::string_view::npos) {
            return false;
        }
    }
    return digit;
}

/// Text cut for a chart label; never inside a UTF-8 sequence.
std::string shorten(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) {
        return std::string(text);
    }
    std::size_t end = bytes_max - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    return std::string(text.substr(0, end)) + "...";
}

double finite_or_zero(double value) {
    return std::isfinite(value) ? value : 0.0;
}

constexpr double kLabelWidth = 200;
constexpr double kBarWidth = 300;
constexpr double kRowHeight = 26;

std::string bar_row(const ReportBar& bar, double y, double maximum) {
    auto x_of = [&](double value) {
        return kLabelWidth + kBarWidth * std::clamp(finite_or_zero(value) / maximum, 0.0, 1.0);
    };
    std::string row = fmt::format(R"(<text x="{:.0f}" y="{:.0f}" text-anchor="end">{}</text>)",
                                  kLabelWidth - 8, y + 15, html_escape(shorten(bar.label, 32)));
    row +=
        fmt::format(R"(<rect class="{}" x="{:.0f}" y="{:.0f}" width="{:.1f}" height="14" rx="2"/>)",
                    tone_name(bar.tone), kLabelWidth, y + 4, x_of(bar.value) - kLabelWidth);
    if (bar.interval) {
        double low = x_of(bar.interval->first);
        double high = x_of(bar.interval->second);
        row += fmt::format(
            R"(<path class="mark" fill="none" d="M{:.1f} {:.0f}v8m0 -4H{:.1f}m0 -4v8"/>)", low,
            y + 7, high);
    }
    row += fmt::format(R"(<text class="soft" x="{:.0f}" y="{:.0f}">{}</text>)",
                       kLabelWidth + kBarWidth + 8, y + 15, html_escape(shorten(bar.text, 34)));
    return row;
}

struct Range {
    double low = 0;
    double high = 1;
    double at(double value) const { return (value - low) / (high - low); }
};

Range range_of(std::span<const ReportSeries> series, bool x_axis) {
    bool first = true;
    Range range;
    for (const ReportSeries& one : series) {
        for (const auto& [x, y] : one.points) {
            double value = finite_or_zero(x_axis ? x : y);
            range.low = first ? value : std::min(range.low, value);
            range.high = first ? value : std::max(range.high, value);
            first = false;
        }
    }
    if (!(range.high > range.low)) {
        range.high = range.low + 1;
    }
    return range;
}

constexpr double kPlotLeft = 70;
constexpr double kPlotWidth = 540;
constexpr double kPlotHeight = 220;

std::string axes(const Range& x, const Range& y, std::string_view x_label,
                 std::string_view y_label) {
    std::string out;
    for (int i = 0; i <= 4; ++i) {
        double share = i / 4.0;
        double top = 20 + kPlotHeight * (1 - share);
        double left = kPlotLeft + kPlotWidth * share;
        out += fmt::format(R"(<path class="axis" d="M{:.0f} {:.1f}h{:.0f}"/>)", kPlotLeft, top,
                           kPlotWidth);
        out += fmt::format(
            R"(<text class="soft" x="{:.0f}" y="{:.1f}" text-anchor="end">{:.4g}</text>)",
            kPlotLeft - 6, top + 4, y.low + (y.high - y.low) * share);
        out += fmt::format(
            R"(<text class="soft" x="{:.1f}" y="{:.0f}" text-anchor="middle">{:.4g}</text>)", left,
            kPlotHeight + 38, x.low + (x.high - x.low) * share);
    }
    out += fmt::format(R"(<text class="soft" x="{:.0f}" y="{:.0f}" text-anchor="middle">{}</text>)",
                       kPlotLeft + kPlotWidth / 2, kPlotHeight + 58, html_escape(x_label));
    out += fmt::format(R"(<text class="soft" x="4" y="12">{}</text>)", html_escape(y_label));
    return out;
}

}  // namespace

std::string_view tone_name(Tone tone) {
    switch (tone) {
        case Tone::kGood:
            return "good";
        case Tone::kWarn:
            return "warn";
        case Tone::kBad:
            return "bad";
        case Tone::kNeutral:
            break;
    }
    return "neutral";
}

std::string html_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

HtmlReport::HtmlReport(std::string_view title, std::string_view subtitle)
    : title_(title), subtitle_(subtitle) {}

void HtmlReport::heading(std::string_view text) {
    body_ += fmt::format("<h2>{}</h2>\n", html_escape(text));
}

void HtmlReport::paragraph(std::string_view text) {
    body_ += fmt::format("<p>{}</p>\n", html_escape(text));
}

void HtmlReport::list(std::span<const std::string> items) {
    body_ += "<ul>\n";
    for (const std::string& item : items) {
        body_ += fmt::format("<li>{}</li>\n", html_escape(item));
    }
    body_ += "</ul>\n";
}

void HtmlReport::verdict(Tone tone, std::string_view headline, std::string_view explanation) {
    body_ += fmt::format("<div class=\"verdict {}\"><b>{}</b>{}</div>\n", tone_name(tone),
                         html_escape(headline), html_escape(explanation));
}

void HtmlReport::figures(std::span<const ReportFigure> figures) {
    body_ +=
        "<div class=\"scroll\"><table><thead><tr><th>Figure</th><th>Value</th>"
        "<th>Threshold</th><th>What it says</th></tr></thead><tbody>\n";
    for (const ReportFigure& figure : figures) {
        std::string word(tone_word(figure.tone));
        body_ += fmt::format(
            "<tr><td>{}</td><td class=\"n {}\">{}{}</td><td>{}</td><td>{}<small>{}</small></td>"
            "</tr>\n",
            html_escape(figure.name), tone_name(figure.tone), html_escape(figure.value),
            word.empty() ? "" : "<small>" + word + "</small>", html_escape(figure.threshold),
            html_escape(figure.meaning), html_escape(figure.method));
    }
    body_ += "</tbody></table></div>\n";
}

void HtmlReport::table(std::span<const std::string> columns,
                       std::span<const std::vector<std::string>> rows, std::string_view caption) {
    body_ += "<div class=\"scroll\"><table>";
    if (!caption.empty()) {
        body_ += fmt::format("<caption>{}</caption>", html_escape(caption));
    }
    body_ += "<thead><tr>";
    for (const std::string& column : columns) {
        body_ += fmt::format("<th>{}</th>", html_escape(column));
    }
    body_ += "</tr></thead><tbody>\n";
    for (const std::vector<std::string>& row : rows) {
        body_ += "<tr>";
        for (const std::string& cell : row) {
            body_ += fmt::format("<td{}>{}</td>", reads_as_number(cell) ? " class=\"n\"" : "",
                                 html_escape(cell));
        }
        body_ += "</tr>\n";
    }
    body_ += "</tbody></table></div>\n";
}

void HtmlReport::bars(std::string_view title, std::span<const ReportBar> bars,
                      const ReportBarOptions& options) {
    double maximum = options.maximum;
    if (!(maximum > 0)) {
        for (const ReportBar& bar : bars) {
            maximum = std::max(maximum, finite_or_zero(bar.value));
        }
        maximum = maximum > 0 ? maximum : 1;
    }
    double height = kRowHeight * static_cast<double>(bars.size()) + 4;
    body_ += fmt::format(
        "<figure><figcaption>{0}</figcaption><svg viewBox=\"0 0 740 {1:.0f}\" role=\"img\" "
        "aria-label=\"{0}\">",
        html_escape(title), height);
    for (std::size_t i = 0; i < bars.size(); ++i) {
        body_ += bar_row(bars[i], kRowHeight * static_cast<double>(i), maximum);
    }
    if (options.threshold) {
        double x = kLabelWidth + kBarWidth * std::clamp(*options.threshold / maximum, 0.0, 1.0);
        body_ += fmt::format(R"(<path class="mark" stroke-dasharray="4 3" d="M{:.1f} 0v{:.0f}"/>)",
                             x, height);
    }
    body_ += "</svg></figure>\n";
}

void HtmlReport::lines(std::string_view title, std::string_view x_label, std::string_view y_label,
                       std::span<const ReportSeries> series) {
    Range x = range_of(series, true);
    Range y = range_of(series, false);
    body_ += fmt::format(
        "<figure><figcaption>{0}</figcaption><svg viewBox=\"0 0 740 {1:.0f}\" role=\"img\" "
        "aria-label=\"{0}\">{2}",
        html_escape(title), kPlotHeight + 68, axes(x, y, x_label, y_label));
    for (std::size_t i = 0; i < series.size(); ++i) {
        std::string path;
        for (const auto& [px, py] : series[i].points) {
            path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L",
                                kPlotLeft + kPlotWidth * x.at(finite_or_zero(px)),
                                20 + kPlotHeight * (1 - y.at(finite_or_zero(py))));
        }
        body_ += fmt::format(
            R"svg(<path fill="none" stroke-width="2" style="stroke:var(--s{})" d="{}"/>)svg", i % 4,
            path);
        body_ +=
            fmt::format(R"svg(<text x="{:.0f}" y="{:.0f}" style="fill:var(--s{})">{}</text>)svg",
                        kPlotLeft + kPlotWidth + 8, 32 + 18 * static_cast<double>(i), i % 4,
                        html_escape(shorten(series[i].name, 16)));
    }
    body_ += "</svg></figure>\n";
}

void HtmlReport::fold(std::string_view summary, std::string_view text) {
    body_ += fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n",
                         html_escape(summary), html_escape(text));
}

std::string HtmlReport::html() const {
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        "<title>{0}</title><style>{1}</style></head>\n<body><h1>{0}</h1>"
        "<p class=\"sub\">{2}</p>\n{3}</body></html>\n",
        html_escape(title_), kStyle, html_escape(subtitle_), body_);
}

}  // namespace cairn
