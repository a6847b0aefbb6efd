// SPDX-License-Identifier: Apache-2.0
// What the machine costs, by its owner's own figures: capital and power per hour, spread over the
// hours in which it works. Pure functions; rented prices of others enter only as arguments.
#pragma once

#include <string>

#include "cairn/base/config.h"
#include "cairn/base/money.h"

namespace cairn::ledger {

/// C_h = price / life + (P_idle + U (P_busy - P_idle)) tariff; one engine millisecond costs C_h /
/// (3,600,000 U).
struct CostModel {
    bool known = false;  ///< false: [hardware] states neither a price nor power
    double utilisation = 0;
    Picos capital_per_hour = 0;
    Picos power_per_hour = 0;
    Picos machine_hour = 0;  ///< capital and power, working or not
    Picos engine_hour = 0;   ///< one hour of work: 3,600,000 engine milliseconds
    Picos engine_ms = 0;     ///< whole picos, so that costs add up exactly
};
CostModel cost_model(const HardwareConfig& hardware);

/// Own machine against a price per million tokens (blended over input and output, like
/// `tokens_per_second`).
struct BreakEven {
    Picos fixed_per_month = 0;    ///< capital and idle power
    Picos variable_per_mtok = 0;  ///< the extra power of working
    Picos api_per_mtok = 0;
    double tokens_per_month = 0;    ///< from here on the own machine is cheaper; 0 when it never is
    double capacity_per_month = 0;  ///< at the highest utilisation asked about
    bool feasible = false;          ///< break-even lies within the capacity
    std::string why;                ///< the answer in a sentence
};
BreakEven break_even(const HardwareConfig& hardware, double tokens_per_second, Picos api_per_mtok,
                     double utilisation_max = 0.6);

/// Months until the machine has paid for itself when the API's price falls by the factor
/// `decline_per_year` every year (1: never falls). Negative: not within the machine's life.
double payback_months(const HardwareConfig& hardware, double tokens_per_month,
                      double tokens_per_second, Picos api_per_mtok, double decline_per_year);

}  // namespace cairn::ledger
