// SPDX-License-Identifier: Apache-2.0
// Lists and hashes the files of a model.
#include "cairn/engine/model_digest.h"

#include <algorithm>

#include "cairn/base/hash.h"

namespace cairn::engine {
namespace {

namespace fs = std::filesystem;

bool describes_model(const fs::path& file) {
    constexpr std::string_view kEndings[] = {".safetensors", ".json", ".model", ".tiktoken",
                                             ".jinja"};
    return std::ranges::find(kEndings, file.extension().string()) != std::end(kEndings);
}

/// Size and time of a file behind a link too: models may be linked into a store.
FileEntry entry_of(const fs::path& path) {
    std::error_code ignored;
    const auto time = fs::last_write_time(path, ignored).time_since_epoch();
    return {path, path.filename().string(), fs::file_size(path, ignored), time.count(), {}};
}

}  // namespace

Result<std::vector<FileEntry>> model_files(const fs::path& path) {
    std::error_code failure;
    const bool is_folder = fs::is_directory(path, failure);
    const std::string name = path.filename().string();
    const std::size_t shard = is_folder ? std::string::npos : name.find("-00001-of-");
    if (!is_folder && shard == std::string::npos) return std::vector{entry_of(path)};
    std::vector<FileEntry> files;
    fs::directory_iterator items(is_folder ? path : path.parent_path(), failure);
    for (const fs::directory_iterator end; !failure && items != end; items.increment(failure)) {
        const fs::path& file = items->path();
        const std::string other = file.filename().string();
        const bool wanted =
            is_folder ? describes_model(file)
                      : other.starts_with(name.substr(0, shard + 1)) && other.ends_with(".gguf");
        if (wanted) files.push_back(entry_of(file));
    }
    if (failure) return errno_error(path.string(), failure.value());
    std::ranges::sort(files, {}, &FileEntry::relative);
    return files;
}

Result<std::string> model_digest(const fs::path& path) {
    const auto files = CAIRN_TRY(model_files(path));
    Sha256 all;
    std::string digest;
    for (const FileEntry& file : files) {
        const auto mapped = CAIRN_TRY(MappedFile::open(file.path));
        const auto bytes = mapped.bytes();
        digest = sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        all.field(file.relative).field(digest);
    }
    return files.size() == 1 ? digest : all.hex();
}

}  // namespace cairn::engine
