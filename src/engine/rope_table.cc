// SPDX-License-Identifier: Apache-2.0
// Scaling of rotary frequencies as its authors define it: linear interpolation, yarn (Peng et al.
// 2023: a ramp between interpolated and plain frequencies), divisors from a tensor.
#include "rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cairn::engine {
namespace {

std::vector<double> plain_frequencies(std::int64_t width, double base) {
    std::vector<double> frequencies;
    for (std::int64_t i = 0; i < width / 2; ++i) {
        const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(width);
        frequencies.push_back(std::pow(base, exponent));
    }
    return frequencies;
}

void divide(std::vector<double>& frequencies, const Weight& factors) {
    if (factors.data == nullptr) return;
    for (std::size_t i = 0; i < frequencies.size(); ++i)
        frequencies[i] /= static_cast<double>(factors.floats()[i]);
}

/// The pair (fractional) that makes `turns` turns in the original context.
double pair_with_turns(double turns, const ModelConfig& config) {
    const auto context = static_cast<double>(config.rope_scaling.original_context);
    const double wave = context / (turns * 2 * std::numbers::pi);
    return static_cast<double>(config.rope_width()) * std::log(wave) /
           (2 * std::log(static_cast<double>(config.rope_base)));
}

/// Slow pairs are interpolated, fast ones stay, those between are mixed.
void mix_yarn(std::vector<double>& frequencies, const ModelConfig& config) {
    const RopeScalingConfig& scaling = config.rope_scaling;
    double low = pair_with_turns(static_cast<double>(scaling.beta_fast), config);
    double high = pair_with_turns(static_cast<double>(scaling.beta_slow), config);
    if (scaling.truncate) {
        low = std::floor(low);
        high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(config.rope_width() - 1));
    if (low == high) high += 0.001;
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
        const double slowed = frequencies[i] / static_cast<double>(scaling.factor);
        frequencies[i] = slowed * ramp + frequencies[i] * (1 - ramp);
    }
}

}  // namespace

void RopeTable::angles(float* cosines, float* sines, std::int64_t position) const {
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double angle = static_cast<double>(position) * frequencies[i];
        cosines[i] = static_cast<float>(std::cos(angle)) * attention_factor;
        sines[i] = static_cast<float>(std::sin(angle)) * attention_factor;
    }
}

RopeTables make_rope_tables(const Model& model) {
    const ModelConfig& config = model.config();
    const RopeScalingConfig& scaling = config.rope_scaling;
    RopeTables tables;
    tables.global.frequencies =
        plain_frequencies(config.rope_width(), static_cast<double>(config.rope_base));
    tables.global.attention_factor = scaling.attention_factor;
    if (config.has_two_ropes()) {
        tables.global_long = tables.global;
        divide(tables.global_long.frequencies, model.weight(-1, Slot::kRopeFactorsLong));
        divide(tables.global.frequencies, model.weight(-1, Slot::kRopeFactorsShort));
    }
    divide(tables.global.frequencies, model.weight(-1, Slot::kRopeFactors));
    if (scaling.kind == RopeScaling::kLinear) {
        for (double& frequency : tables.global.frequencies)
            frequency /= static_cast<double>(scaling.factor);
    }
    if (scaling.kind == RopeScaling::kYarn) mix_yarn(tables.global.frequencies, config);
    if (config.local_rope_base > 0) {
        tables.local.frequencies =
            plain_frequencies(config.rope_width(), static_cast<double>(config.local_rope_base));
    }
    return tables;
}

}  // namespace cairn::engine
