// SPDX-License-Identifier: Apache-2.0
// cairn bench tokenizer: how fast one core encodes a text, in its own CPU time, so that other work
// on the machine does not count.
#include "bench_tokenizer.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/format/tokenizer_gguf.h"
#include "cairn/text/tokenizer_json.h"

namespace cairn::cli {
namespace {

constexpr std::uint64_t kFileBytesMax = 256 * limits::kMiB;

double cpu_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

Result<text::Tokenizer> load(const std::filesystem::path& path) {
    if (path.extension() == ".gguf") {
        const auto file = CAIRN_TRY(format::GgufFile::open(path));
        return format::tokenizer_from_gguf(file);
    }
    const std::string bytes = CAIRN_TRY(read_file(path, kFileBytesMax));
    if (path.extension() == ".json") return text::read_tokenizer({.tokenizer_json = bytes});
    if (path.filename() == "tiktoken.model" || path.extension() == ".tiktoken") {
        return text::read_tokenizer({.tiktoken = bytes});
    }
    return text::read_tokenizer({.sentence_piece = bytes});
}

}  // namespace

Status bench_tokenizer(const Globals& globals, const TokenizerBenchOptions& options) {
    const double begin = cpu_seconds();
    const text::Tokenizer tokenizer = CAIRN_TRY(load(options.tokenizer));
    const double load_ms = (cpu_seconds() - begin) * 1e3;
    const std::string text = CAIRN_TRY(read_file(options.text, kFileBytesMax));
    if (text.empty()) return make_error(Code::kInvalid, "expected a text that is not empty");
    constexpr int kRuns = 5;
    double best = 0;  // MB a second
    std::size_t tokens = 0;
    for (int run = 0; run < kRuns; ++run) {
        const double start = cpu_seconds();
        tokens = tokenizer.encode(text).size();
        const double seconds = std::max(cpu_seconds() - start, 1e-9);
        best = std::max(best, static_cast<double>(text.size()) / seconds / 1e6);
    }
    const double per_token = static_cast<double>(text.size()) / static_cast<double>(tokens);
    print_result(globals,
                 {{"mb_per_cpu_s", best},
                  {"tokens", tokens},
                  {"bytes_per_token", per_token},
                  {"load_ms", load_ms}},
                 fmt::format("{:.1f} MB a second on one core (best of {} runs, CPU time), {} "
                             "tokens of {:.2f} bytes; loaded in {:.0f} ms\n",
                             best, kRuns, tokens, per_token, load_ms));
    return {};
}

}  // namespace cairn::cli
