// SPDX-License-Identifier: Apache-2.0
// A generation is built under another name and takes its own by one rename, after SQLite has
// written everything into the one file.
#include "cairn/knowledge/index_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "cairn/base/files.h"
#include "cairn/store/database.h"

namespace cairn::knowledge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".index";
constexpr std::string_view kBuilding = "building";  // and what SQLite puts beside it
constexpr std::size_t kDigestSize = 64;

/// Names come from manifests: nothing but a digest may become a path.
bool is_digest(std::string_view name) {
    return name.size() == kDigestSize &&
           name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Status remove_leftovers(const fs::path& folder) {
    std::error_code failure;
    for (fs::directory_iterator at(folder, failure), end; !failure && at != end;
         at.increment(failure)) {
        if (at->path().filename().string().starts_with(kBuilding)) {
            fs::remove(at->path(), failure);
        }
    }
    return failure ? errno_error(folder.string(), failure.value()) : Status();
}

/// A rename is durable when its folder is.
Status sync_folder(const fs::path& folder) {
    const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = handle >= 0 && ::fsync(handle) == 0;
    const int problem = errno;
    if (handle >= 0) ::close(handle);
    return synced ? Status() : errno_error(folder.string(), problem);
}

Result<BuildReport> build_file(const fs::path& path, std::span<const text::Document> documents,
                               const TextBlobs& text_blobs, const SearchModels& models) {
    store::Database database = CAIRN_TRY(store::Database::open(path));
    Index index = CAIRN_TRY(Index::open(database));
    CAIRN_TRY(index.use(models));
    const BuildReport report = CAIRN_TRY(index.build(documents, text_blobs));
    // Out of the write-ahead log: from here on the file stands alone.
    CAIRN_TRY(database.script("PRAGMA journal_mode = DELETE"));
    return report;
}

}  // namespace

fs::path IndexFiles::path_of(std::string_view digest) const {
    return folder_ / (std::string(digest) + std::string(kEnding));
}

bool IndexFiles::has(std::string_view digest) const {
    std::error_code failure;
    return is_digest(digest) && fs::is_regular_file(path_of(digest), failure);
}

Result<BuildReport> IndexFiles::build(std::span<const text::Document> documents,
                                      const TextBlobs& text_blobs, std::string_view previous,
                                      const SearchModels& models) {
    CAIRN_TRY(make_folders(folder_));
    CAIRN_TRY(remove_leftovers(folder_));
    const fs::path building = folder_ / kBuilding;
    std::error_code failure;
    // A generation that cannot be read is no reason not to make the next one.
    if (has(previous) && open(previous)) {
        fs::copy_file(path_of(previous), building, failure);
        if (failure) return errno_error(building.string(), failure.value());
    }
    const BuildReport report = CAIRN_TRY(build_file(building, documents, text_blobs, models));
    fs::rename(building, path_of(report.digest), failure);
    if (failure) return errno_error(building.string(), failure.value());
    CAIRN_TRY(sync_folder(folder_));
    return report;
}

Result<Index> IndexFiles::open(std::string_view digest) const {
    if (!has(digest)) {
        return make_error(
            Code::kNotFound,
            "the index " + std::string(digest.substr(0, 12)) + " is not in " + folder_.string(),
            "run `cairn up`");
    }
    Index index = CAIRN_TRY(Index::open_finished(path_of(digest)));
    const std::string found = CAIRN_TRY(index.digest());
    if (found != digest) {
        return make_error(Code::kIo,
                          path_of(digest).string() + ": expected the index " + std::string(digest) +
                              ", found " + (found.empty() ? "none" : found),
                          "run `cairn index --force`");
    }
    return index;
}

Result<int> IndexFiles::remove_all_but(const std::set<std::string>& keep) {
    int removed = 0;
    std::error_code failure;
    std::vector<fs::path> unwanted;
    for (fs::directory_iterator at(folder_, failure), end; !failure && at != end;
         at.increment(failure)) {
        const fs::path& path = at->path();
        const std::string name = path.stem().string();
        if (path.extension() == kEnding && is_digest(name) && !keep.contains(name)) {
            unwanted.push_back(path);
        }
    }
    for (const fs::path& path : unwanted) {
        // Whoever has it open reads on: the file goes when its last reader does.
        removed += !failure && fs::remove(path, failure) ? 1 : 0;
    }
    if (failure) return errno_error(folder_.string(), failure.value());
    return removed;
}

}  // namespace cairn::knowledge
