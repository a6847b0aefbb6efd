// SPDX-License-Identifier: Apache-2.0
// Files with bounds: whole reads with a limit, atomic durable writes, read-only mappings, sorted
// walks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"

namespace cairn {

/// Whole content. Errors: kNotFound, kDenied, kIo, kTooLarge when the file is larger than
/// `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max);

/// Durable replace: temporary file in the same folder, fsync, rename, fsync of the folder. Errors:
/// kExhausted on a full disk.
Status write_file_atomic(const std::filesystem::path& path, std::string_view content);

/// Removes the temporary files that killed calls of `write_file_atomic` left in `folder` and below;
/// files that another process is writing at this moment stay. Returns how many went.
std::size_t sweep_temporary_files(const std::filesystem::path& folder);

Status make_folders(const std::filesystem::path& path);

/// Read-only mapping of a whole file; an empty file maps to an empty span. Movable.
class MappedFile {
  public:
    static Result<MappedFile> open(const std::filesystem::path& path);
    MappedFile() = default;
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    ~MappedFile();
    std::span<const std::byte> bytes() const { return {data_, size_}; }

  private:
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

struct FileEntry {
    std::filesystem::path path;  ///< as found
    std::string relative;        ///< below the root, '/' separated
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    /// Not empty: could not be read (folder without permission, broken link, ...).
    std::string problem;
};

/// All files below `root` in byte order of their relative path. Does not follow links out of the
/// root; skips names in `skip` (folder or file names). A folder that cannot be opened yields one
/// entry with `problem`.
Result<std::vector<FileEntry>> list_files(const std::filesystem::path& root,
                                          const std::vector<std::string>& skip = {});

/// The folder for temporary files of this process (below TMPDIR or /tmp).
std::filesystem::path temporary_folder();

/// Folder that is removed with its content at the end of the scope.
class ScopedFolder {
  public:
    explicit ScopedFolder(std::string_view prefix);
    ~ScopedFolder();
    ScopedFolder(const ScopedFolder&) = delete;
    ScopedFolder& operator=(const ScopedFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace cairn
