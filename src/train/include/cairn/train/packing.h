// SPDX-License-Identifier: Apache-2.0
// From rendered chats to packed rows: labels on the assistant's tokens only, rows filled by
// best-fit-decreasing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/chat_template.h"
#include "cairn/train/graph.h"

namespace cairn::train {

/// One example, its labels shifted: labels[t] is token t + 1 where that one is trained.
struct Segment {
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> labels;
};

/// Errors: kTooLarge above `context` tokens (both named), kInvalid without a trainable token.
Result<Segment> to_segment(const text::RenderedChat& chat, int context);

/// Items of each row; the longest first, each into the fullest row where it fits. Deterministic.
std::vector<std::vector<std::int32_t>> pack_best_fit(std::span<const std::int64_t> lengths,
                                                     std::int64_t capacity);

}  // namespace cairn::train
