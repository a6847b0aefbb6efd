// SPDX-License-Identifier: Apache-2.0
// A template and a context, cut at the first zero byte: it ends within its limits, the marks lie
// inside the text and in order, and user text is never unmarked.
#include <cstdint>
#include <string_view>

#include "cairn/text/jinja.h"

namespace {

using namespace cairn::text;

void check(const std::vector<Span>& spans, std::size_t size) {
    std::int64_t last = -1;
    for (const Span& span : spans) {
        CAIRN_ASSERT(span.begin > last && span.end > span.begin);
        last = span.end;
    }
    CAIRN_ASSERT(last <= static_cast<std::int64_t>(size));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = input.find('\0');
    const auto compiled = JinjaTemplate::compile(input.substr(0, cut));
    if (!compiled) return 0;
    JinjaContext context;
    context.user_json =
        cut == std::string_view::npos
            ? R"({"messages": [{"role": "user", "content": "Hi <b>\u00e9"}], "n": 3})"
            : std::string(input.substr(cut + 1));
    context.trusted_json = R"({"bos_token": "<s>", "add_generation_prompt": true})";
    const auto output = compiled->render(
        context, {.steps_max = 50'000, .work_bytes_max = 4U << 20, .output_bytes_max = 1U << 20});
    if (!output) return 0;
    check(output->user, output->text.size());
    for (const Span& span : output->generation) {
        CAIRN_ASSERT(span.begin >= 0 && span.end <= static_cast<std::int64_t>(output->text.size()));
    }
    return 0;
}
