// SPDX-License-Identifier: Apache-2.0
// `tidy ROOT` walks the sources and prints every breach of the house style as file:line: rule:
// expected ..., found ....
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "tidy_rules.h"

namespace cairn::tidy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExemptions = "tools/tidy_exemptions.txt";
constexpr const char* kFolders[] = {"src", "tools", "fuzz", "tests", "web/src", "cmake"};
constexpr const char* kEndings[] = {".cc", ".h", ".cmake", "CMakeLists.txt", ".ts", ".svelte"};

Result<std::string> read(const fs::path& path) {
    return read_file(path, limits::kMiB);
}

/// What a room's own list names, where the room has one; otherwise what the house allows.
Result<RoomUses> read_rooms(const fs::path& root) {
    RoomUses rooms = parse_may_use(CAIRN_TRY(read(root / "cmake/Rooms.cmake")));
    for (auto& [room, uses] : rooms) {
        const auto own = read(root / "src" / room / "CMakeLists.txt");
        if (own) uses = parse_uses(*own, room);
    }
    return rooms;
}

Result<std::vector<Finding>> check_tree(const fs::path& root, int& files) {
    const RoomUses rooms = CAIRN_TRY(read_rooms(root));
    std::vector<Finding> findings;
    for (const char* folder : kFolders) {
        if (!fs::exists(root / folder)) continue;
        for (const FileEntry& entry :
             CAIRN_TRY(list_files(root / folder, {"node_modules", "build", "dist"}))) {
            const bool ours =
                std::any_of(std::begin(kEndings), std::end(kEndings),
                            [&](const char* ending) { return entry.relative.ends_with(ending); });
            if (!ours) continue;
            ++files;
            const std::string path = std::string(folder) + "/" + entry.relative;
            const auto found = check_file(path, CAIRN_TRY(read(entry.path)), rooms);
            findings.insert(findings.end(), found.begin(), found.end());
        }
    }
    auto exemptions = parse_exemptions(kExemptions, CAIRN_TRY(read(root / kExemptions)), findings);
    return apply_exemptions(std::move(findings), exemptions, kExemptions);
}

int run(const fs::path& root) {
    int files = 0;
    const auto findings = check_tree(root, files);
    if (!findings) {
        std::fprintf(stderr, "tidy: %s\n", findings.error().to_string().c_str());
        return 1;
    }
    for (const Finding& finding : *findings) {
        std::printf("%s:%d: %s: %s\n", finding.path.c_str(), finding.line, finding.rule.c_str(),
                    finding.message.c_str());
    }
    std::printf("tidy: %d files, %zu findings\n", files, findings->size());
    return findings->empty() && files > 0 ? 0 : 1;
}

}  // namespace
}  // namespace cairn::tidy

int main(int argc, char** argv) {
    if (argc == 2) return cairn::tidy::run(argv[1]);
    std::fprintf(stderr, "usage: tidy ROOT\n");
    return 2;
}
