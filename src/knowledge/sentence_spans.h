// SPDX-License-Identifier: Apache-2.0
// How the index writes the sentences of a chunk: offsets in the chunk as decimal numbers between
// spaces.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/span.h"

namespace cairn::knowledge {

std::string write_spans(std::span<const text::Span> spans);
std::vector<text::Span> read_spans(std::string_view written);

}  // namespace cairn::knowledge
