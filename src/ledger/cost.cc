// SPDX-License-Identifier: Apache-2.0
// The cost formulas. Estimates come in as doubles and leave as whole picos.
#include "cairn/ledger/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cairn::ledger {
namespace {

constexpr double kHoursPerYear = 8766;  // 365.25 days
constexpr double kHoursPerMonth = kHoursPerYear / 12;
constexpr double kMsPerHour = 3'600'000;
constexpr double kTokensPerMtok = 1e6;

Picos to_picos(double amount) {
    constexpr double kMost = 9.2e18;
    return static_cast<Picos>(std::llround(std::clamp(amount, -kMost, kMost)));
}

double power_cost(double watts, const HardwareConfig& hardware) {
    return watts / 1000 * static_cast<double>(hardware.tariff_per_kwh);
}

double capital_per_hour(const HardwareConfig& hardware) {
    return static_cast<double>(hardware.price) / (hardware.life_years * kHoursPerYear);
}

/// The extra power of a million tokens of work.
double variable_per_mtok(const HardwareConfig& hardware, double tokens_per_second) {
    const double hours = kTokensPerMtok / tokens_per_second / 3600;
    return hours * power_cost(hardware.power_busy_w - hardware.power_idle_w, hardware);
}

std::string in_words(const BreakEven& answer) {
    if (answer.tokens_per_month <= 0) {
        return "Never: the power for a million tokens costs more than the API asks.";
    }
    const double millions = answer.tokens_per_month / kTokensPerMtok;
    const double capacity = answer.capacity_per_month / kTokensPerMtok;
    return answer.feasible
               ? fmt::format(
                     "From {:.1f} million tokens a month the own machine is cheaper; it can "
                     "do {:.1f} million.",
                     millions, capacity)
               : fmt::format(
                     "Never on this machine: it would take {:.1f} million tokens a month and "
                     "it can do {:.1f} million.",
                     millions, capacity);
}

}  // namespace

CostModel cost_model(const HardwareConfig& hardware) {
    CostModel model;
    model.utilisation = hardware.utilisation;
    model.known = hardware.price > 0 || hardware.power_busy_w > 0;
    const double watts = hardware.power_idle_w +
                         hardware.utilisation * (hardware.power_busy_w - hardware.power_idle_w);
    model.capital_per_hour = to_picos(capital_per_hour(hardware));
    model.power_per_hour = to_picos(power_cost(watts, hardware));
    model.machine_hour = model.capital_per_hour + model.power_per_hour;
    model.engine_ms =
        to_picos(static_cast<double>(model.machine_hour) / (kMsPerHour * hardware.utilisation));
    model.engine_hour = model.engine_ms * static_cast<Picos>(kMsPerHour);
    return model;
}

BreakEven break_even(const HardwareConfig& hardware, double tokens_per_second, Picos api_per_mtok,
                     double utilisation_max) {
    BreakEven answer;
    answer.api_per_mtok = api_per_mtok;
    if (!(tokens_per_second > 0)) {
        answer.why = "Not known: no speed was measured.";
        return answer;
    }
    const double fixed =
        (capital_per_hour(hardware) + power_cost(hardware.power_idle_w, hardware)) * kHoursPerMonth;
    const double variable = variable_per_mtok(hardware, tokens_per_second);
    const double saved_per_mtok = static_cast<double>(api_per_mtok) - variable;
    answer.fixed_per_month = to_picos(fixed);
    answer.variable_per_mtok = to_picos(variable);
    answer.capacity_per_month = utilisation_max * kHoursPerMonth * 3600 * tokens_per_second;
    if (saved_per_mtok > 0) answer.tokens_per_month = fixed / saved_per_mtok * kTokensPerMtok;
    answer.feasible =
        answer.tokens_per_month > 0 && answer.tokens_per_month <= answer.capacity_per_month;
    answer.why = in_words(answer);
    return answer;
}

double payback_months(const HardwareConfig& hardware, double tokens_per_month,
                      double tokens_per_second, Picos api_per_mtok, double decline_per_year) {
    if (!(tokens_per_second > 0)) return -1;
    const double mtok = tokens_per_month / kTokensPerMtok;
    const double own = mtok * variable_per_mtok(hardware, tokens_per_second) +
                       power_cost(hardware.power_idle_w, hardware) * kHoursPerMonth;
    double saved = 0;
    const int months = static_cast<int>(std::lround(hardware.life_years * 12));
    for (int month = 0; month < months; ++month) {
        const double price =
            static_cast<double>(api_per_mtok) * std::pow(decline_per_year, -month / 12.0);
        const double gain = mtok * price - own;
        if (gain > 0 && saved + gain >= static_cast<double>(hardware.price)) {
            return month + (static_cast<double>(hardware.price) - saved) / gain;
        }
        saved += gain;
    }
    return -1;
}

}  // namespace cairn::ledger
