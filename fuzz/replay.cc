// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over its seeds without a fuzzer: each seed as it is, cut at 64 places and with
// one byte changed at 256 places. What a fuzzer once found is kept as a seed and stays repaired.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// In a buffer of its own size, so that a sanitizer sees a read behind its end.
void run(const std::string& bytes) {
    const std::string exact(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(exact.data()), exact.size());
}

void run_around(const std::string& seed) {
    run(seed);
    const std::size_t step = seed.size() / 64 + 1;
    for (std::size_t length = 0; length < seed.size(); length += step)
        run(seed.substr(0, length));
    const std::size_t stride = seed.size() / 256 + 1;
    for (std::size_t at = 0; at < seed.size(); at += stride) {
        std::string changed = seed;
        changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
        run(changed);
    }
}

}  // namespace

int main(int argc, char** argv) {
    int seeds = 0;
    for (int i = 1; i < argc; ++i) {
        std::vector<cairn::FileEntry> files = {{argv[i], {}, 0, 0, {}}};
        if (std::filesystem::is_directory(argv[i])) files = cairn::list_files(argv[i]).value();
        for (const cairn::FileEntry& file : files) {
            run_around(cairn::read_file(file.path, cairn::limits::kGiB).value());
            ++seeds;
        }
    }
    std::printf("replay: %d seeds\n", seeds);
    return seeds > 0 ? 0 : 1;
}
