// SPDX-License-Identifier: Apache-2.0
// Connects the assistant with the evaluation: asks test questions, chooses weights on labelled
// ones. What is chosen goes into AssistantSettings and with them into the release.
#pragma once

#include <string>
#include <vector>

#include "cairn/apps/assistant.h"
#include "cairn/eval/qa_suite.h"

namespace cairn::apps {

/// For eval::run_qa_suite: the best quote whatever the threshold, with its support. The assistant
/// must outlive the result.
eval::Ask ask_for_evaluation(Assistant& assistant, std::vector<std::string> sources);

/// The model weight with which most answerable questions get the right quote; the smallest of equal
/// ones, so 0 when the model does not help. Use calibration questions only.
Result<double> choose_model_weight(Assistant& assistant,
                                   const std::vector<eval::QaQuestion>& questions,
                                   const std::vector<std::string>& sources);

}  // namespace cairn::apps
