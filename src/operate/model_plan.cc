// SPDX-License-Identifier: Apache-2.0
// The arithmetic of `cairn models plan`: bytes over bandwidth, operations over peak.
#include "cairn/operate/model_plan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "cairn/base/files.h"
#include "cairn/base/progress.h"

namespace cairn::operate {

namespace {

// Beside weights and KV: activations of a batch, scores, the store, the program itself.
constexpr double kWorkShare = 0.05;
constexpr double kWorkBytes = 150e6;
// The rest of the machine needs some too.
constexpr double kUsableShare = 0.9;
constexpr double kReadingTokensPerSecond = 5;  // about how fast a person reads

/// What is proposed, best answers first. Larger types are not: they double the bytes of a token.
constexpr TensorType kProposed[] = {TensorType::kQ8_0, TensorType::kQ6_K,   TensorType::kQ5_K,
                                    TensorType::kQ4_K, TensorType::kIQ4_XS, TensorType::kQ3_K,
                                    TensorType::kQ2_K};

/// From here on answers get noticeably worse: only taken when nothing finer fits.
constexpr TensorType kCoarse[] = {TensorType::kQ3_K, TensorType::kQ2_K};

bool is_one_of(std::span<const TensorType> types, std::string_view name) {
    return std::ranges::any_of(
        types, [&](TensorType type) { return kTensorTypes[tensor_type_index(type)].name == name; });
}

constexpr std::string_view kAsStored = "as stored";

/// More bits than these has no model once they were taken away.
bool is_quantised(std::string_view type) {
    return !type.empty() && type != "F32" && type != "F16" && type != "BF16";
}

double bytes_per_value(TensorType type) {
    const TensorTypeInfo& info = kTensorTypes[tensor_type_index(type)];
    return static_cast<double>(info.bytes) / info.block;
}

/// A number from a file of the system that holds one, or a line "NAME: number kB".
double system_number(const char* path, std::string_view name, double other) {
    const auto text = read_file(path, 1 << 16);
    if (!text) return other;
    std::string_view rest = *text;
    const std::size_t at = rest.find(name);
    if (at == std::string_view::npos) return other;
    rest.remove_prefix(at + name.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t:"), rest.size()));
    double value = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    return read.ec == std::errc() ? value : other;
}

PlanRow plan_row(const ModelShape& shape, const Machine& machine, const Efficiency& efficiency,
                 const PlanOptions& options, std::string type, double weight_bytes) {
    PlanRow row;
    row.type = std::move(type);
    row.weight_bytes = weight_bytes;
    const auto users = static_cast<double>(options.users);
    const auto context = static_cast<double>(options.context);
    const double kv_position = shape.kv_values_per_position * options.kv_value_bytes;
    const double work = kWorkBytes + kWorkShare * weight_bytes;
    row.kv_bytes = kv_position * context * users;
    row.total_bytes = weight_bytes + row.kv_bytes + work;
    const double usable = kUsableShare * machine.memory_bytes;
    row.fits = row.total_bytes <= usable;
    const double for_kv = usable - weight_bytes - work;
    if (for_kv > 0) {
        const double positions = kv_position > 0 ? for_kv / (kv_position * users) : 1e9;
        const double trained = shape.context > 0 ? static_cast<double>(shape.context) : 1e9;
        row.context_max = static_cast<std::int64_t>(std::min(positions, trained));
    }
    // Of a prompt that fills half of the context; products run in int8, attention in f32.
    const double product_seconds =
        2 * shape.active_parameters / (machine.int8_gop_per_s * 1e9 * efficiency.prefill);
    const double attention_peak = machine.f32_gflop_per_s * 1e9 * efficiency.attention;
    const double attention_seconds =
        attention_peak > 0 ? shape.attention_operations * context / 4 / attention_peak : 0;
    const double bandwidth = machine.read_gb_per_s * 1e9 * efficiency.decode;
    row.prefill_tokens_per_s = 1 / (product_seconds + attention_seconds);
    const double active_share =
        shape.parameters > 0 ? shape.active_parameters / shape.parameters : 1;
    const double weights_read = weight_bytes * active_share;
    const auto step_seconds = [&](double batch) {
        // Different users' tokens use different experts.
        const double read =
            std::min(weight_bytes, weights_read * (active_share < 0.99 ? batch : 1));
        const double bytes = read + batch * kv_position * context / 2;
        return std::max(bytes / bandwidth, batch * (product_seconds + attention_seconds));
    };
    row.decode_tokens_per_s = 1 / step_seconds(1);
    row.decode_all_tokens_per_s = users / step_seconds(users);
    return row;
}

void advise(const ModelShape& shape, const Machine& machine, const PlanOptions& options,
            Plan& plan) {
    const auto each = [&](const PlanRow& row) {
        return row.decode_all_tokens_per_s / static_cast<double>(options.users);
    };
    const PlanRow* fluent = nullptr;   // the finest that answers faster than people read
    const PlanRow* fastest = nullptr;  // the smallest of the fine ones: rows go from large to small
    const PlanRow* coarse = nullptr;
    for (const PlanRow& row : plan.rows) {
        const bool stored = row.type == kAsStored && is_quantised(shape.stored_type);
        if (!row.fits || (!stored && !is_one_of(kProposed, row.type))) continue;
        if (is_one_of(kCoarse, row.type)) {
            if (coarse == nullptr) coarse = &row;
            continue;
        }
        if (fluent == nullptr && each(row) >= kReadingTokensPerSecond) fluent = &row;
        fastest = &row;
    }
    const PlanRow* best = fluent != nullptr ? fluent : fastest != nullptr ? fastest : coarse;
    if (best != nullptr) plan.take = best->type;
    if (best != nullptr && best == fluent && best->type == kAsStored) {
        plan.advice = fmt::format(
            "take it as it is ({}): it fits {} and answers faster than people read ({:.0f} "
            "tokens/s a user)",
            shape.stored_type, human_bytes(machine.memory_bytes), each(*best));
    } else if (best != nullptr && best == fluent) {
        plan.advice = fmt::format(
            "take {}: the finest type that fits {} and answers faster than people read ({:.0f} "
            "tokens/s a user)",
            best->type, human_bytes(machine.memory_bytes), each(*best));
    } else if (best != nullptr) {
        plan.advice = fmt::format(
            "take {}{} ({:.1f} tokens/s a user); a smaller model suits this "
            "machine better",
            best->type, best == coarse ? ", which loses quality" : ", and expect people to wait",
            each(*best));
    } else {
        const auto longest = std::ranges::max_element(plan.rows, {}, &PlanRow::context_max);
        plan.advice =
            longest != plan.rows.end() && longest->context_max > 0
                ? fmt::format(
                      "nothing fits with {} positions for {} users; {} would fit with {} "
                      "positions a user",
                      options.context, options.users, longest->type, longest->context_max)
                : fmt::format("{} does not fit this machine in any type: take a smaller model",
                              shape.name.empty() ? "the model" : shape.name);
    }
    if (shape.context > 0 && options.context > shape.context) {
        plan.advice += fmt::format("; the model knows only {} positions", shape.context);
    }
}

}  // namespace

Machine measure_memory() {
    Machine machine;
    const double pages = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                         static_cast<double>(::sysconf(_SC_PAGESIZE));
    const double total = system_number("/proc/meminfo", "MemTotal", 0) * 1024;
    const double group = system_number("/sys/fs/cgroup/memory.max", "", 1e18);
    const double used = system_number("/sys/fs/cgroup/memory.current", "", 0);
    machine.memory_bytes = std::min(total > 0 ? total : pages, group);
    machine.free_bytes = std::min(system_number("/proc/meminfo", "MemAvailable", 0) * 1024,
                                  group < 1e17 ? group - used : 1e18);
    return machine;
}

Plan plan_model(const ModelShape& shape, const Machine& machine, const Efficiency& efficiency,
                const PlanOptions& asked) {
    PlanOptions options = asked;
    if (options.context == 0) {
        options.context = shape.context > 0 ? std::min(kPlanContext, shape.context) : kPlanContext;
    }
    Plan plan;
    plan.context = options.context;
    if (shape.stored_bytes > 0) {
        plan.rows.push_back(plan_row(shape, machine, efficiency, options, std::string(kAsStored),
                                     shape.stored_bytes));
    }
    const double matrices = shape.parameters - shape.vector_parameters;
    std::vector<TensorType> types = {TensorType::kBF16};
    types.insert(types.end(), std::begin(kProposed), std::end(kProposed));
    for (const TensorType type : types) {
        const double bytes = matrices * bytes_per_value(type) + shape.vector_parameters * 4;
        if (is_quantised(shape.stored_type) && bytes >= shape.stored_bytes) continue;
        plan.rows.push_back(plan_row(shape, machine, efficiency, options,
                                     std::string(kTensorTypes[tensor_type_index(type)].name),
                                     bytes));
    }
    advise(shape, machine, options, plan);
    return plan;
}

}  // namespace cairn::operate
