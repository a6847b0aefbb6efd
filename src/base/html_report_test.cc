// SPDX-License-Identifier: Apache-2.0
// The report writer: nothing from outside becomes markup, charts stay inside their box.
#include "cairn/base/html_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HtmlReport, EscapesEveryText) {
    const std::string evil = "<script>alert(\"1\")</script>&'";
    HtmlReport report(evil, evil);
    report.heading(evil);
    report.paragraph(evil);
    report.list(std::vector<std::string>{evil});
    report.verdict(Tone::kBad, evil, evil);
    report.figures(std::vector<ReportFigure>{{evil, evil, evil, evil, evil, Tone::kGood}});
    report.table(std::vector<std::string>{evil}, std::vector<std::vector<std::string>>{{evil}},
                 evil);
    report.bars(evil, std::vector<ReportBar>{{evil, 1, evil, Tone::kWarn, {}}});
    report.lines(evil, evil, evil, std::vector<ReportSeries>{{evil, {{0, 0}, {1, 1}}}});
    report.fold(evil, evil);
    EXPECT_THAT(report.html(), Not(HasSubstr("<script")));
    EXPECT_THAT(report.html(), HasSubstr("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"));
}

TEST(HtmlReport, BarsAreScaledToTheLargestValue) {
    HtmlReport report("t", "s");
    report.bars("b", std::vector<ReportBar>{{"half", 5, "5", Tone::kNeutral, {}},
                                            {"full", 10, "10", Tone::kGood, {}}});
    EXPECT_THAT(report.html(), HasSubstr("width=\"150.0\""));
    EXPECT_THAT(report.html(), HasSubstr("width=\"300.0\""));
}

TEST(HtmlReport, HostileNumbersStayInTheChart) {
    const double infinity = std::numeric_limits<double>::infinity();
    const double nan = std::numeric_limits<double>::quiet_NaN();
    HtmlReport report("t", "s");
    report.bars("b", std::vector<ReportBar>{{"a", infinity, "", Tone::kNeutral, {{nan, infinity}}},
                                            {"b", -4, "", Tone::kNeutral, {}}});
    report.lines("l", "x", "y", std::vector<ReportSeries>{{"s", {{nan, infinity}, {0, 0}}}});
    report.lines("empty", "x", "y", {});
    EXPECT_THAT(report.html(), Not(HasSubstr("nan")));
    EXPECT_THAT(report.html(), Not(HasSubstr("inf")));
    EXPECT_THAT(report.html(), Not(HasSubstr("width=\"-")));
}

TEST(HtmlReport, LongLabelsAreCutBetweenCharacters) {
    HtmlReport report("t", "s");
    std::string label;
    for (int i = 0; i < 20; ++i) {
        label += "\xE8\xB4\xA8";
    }
    report.bars("b", std::vector<ReportBar>{{label, 1, "", Tone::kNeutral, {}}});
    EXPECT_THAT(report.html(), HasSubstr("\xE8\xB4\xA8..."));
}

TEST(HtmlReport, NumbersAreSetFlushRight) {
    HtmlReport report("t", "s");
    report.table(std::vector<std::string>{"name", "count"},
                 std::vector<std::vector<std::string>>{{"rope", "1,200"}});
    EXPECT_THAT(report.html(), HasSubstr("<td>rope</td><td class=\"n\">1,200</td>"));
}

}  // namespace
}  // namespace cairn
