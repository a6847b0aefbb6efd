// SPDX-License-Identifier: Apache-2.0
// POSIX files under Result: every failure names the path, and a write is either whole and durable
// or absent.
#include "cairn/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "cairn/base/write_pieces.h"

namespace cairn {
namespace fs = std::filesystem;
namespace {

class FileHandle {
  public:
    explicit FileHandle(int descriptor) : descriptor_(descriptor) {}
    ~FileHandle() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    FileHandle(const FileHandle&) = delete;
    FileHandle& operator=(const FileHandle&) = delete;
    int get() const { return descriptor_; }
    /// Closes and says whether the system took all of it (a full NFS disk says so only here).
    int close_now() { return ::close(std::exchange(descriptor_, -1)); }
    int release() { return std::exchange(descriptor_, -1); }

  private:
    int descriptor_;
};

/// Opens for reading and checks that it is a regular file: a FIFO would block for ever.
Result<struct stat> regular_file_stat(int descriptor, const fs::path& path) {
    struct stat info {};
    if (descriptor < 0 || ::fstat(descriptor, &info) != 0) return errno_error(path.string(), errno);
    if (!S_ISREG(info.st_mode)) {
        return make_error(Code::kInvalid,
                          path.string() + ": expected a file, found a folder or device");
    }
    return info;
}

Status sync_folder(const fs::path& folder) {
    const FileHandle handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (handle.get() < 0 || ::fsync(handle.get()) != 0) return errno_error(folder.string(), errno);
    return {};
}

Status write_all(int descriptor, std::string_view content, const fs::path& path) {
    while (!content.empty()) {
        const ssize_t written = ::write(descriptor, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno_error("writing " + path.string(), errno);
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

/// A new file under a lock that lasts as long as any handle of it: `sweep_temporary_files` takes
/// what nobody locks. It may come between open and flock; then the file has lost its name.
Result<int> create_locked(const fs::path& path) {
    for (;;) {
        FileHandle handle(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
        struct stat info {};
        if (handle.get() < 0 || ::fstat(handle.get(), &info) != 0) {
            return errno_error("writing " + path.string(), errno);
        }
        // A file system without locks (ENOLCK) is written to all the same.
        (void)::flock(handle.get(), LOCK_EX);
        if (::fstat(handle.get(), &info) == 0 && info.st_nlink > 0) return handle.release();
    }
}

Status write_and_sync(int descriptor, const fs::path& path,
                      const std::function<Status(const PieceSink&)>& produce) {
    CAIRN_TRY(produce([&](std::string_view piece) { return write_all(descriptor, piece, path); }));
    if (::fsync(descriptor) != 0) return errno_error("writing " + path.string(), errno);
    FileHandle again(::dup(descriptor));
    if (again.get() < 0 || again.close_now() != 0) {
        return errno_error("writing " + path.string(), errno);
    }
    return {};
}

/// ".NAME.PID.COUNT.tmp"
bool is_temporary_name(std::string_view name) {
    if (!name.starts_with('.') || !name.ends_with(".tmp")) return false;
    name.remove_suffix(4);
    for (int field = 0; field < 2; ++field) {
        const std::size_t dot = name.rfind('.');
        const std::string_view digits = name.substr(dot + 1);
        if (dot == 0 || dot == std::string_view::npos || digits.empty() ||
            digits.find_first_not_of("0123456789") != std::string_view::npos) {
            return false;
        }
        name = name.substr(0, dot);
    }
    return true;
}

/// Removes the file when no process holds its lock.
bool remove_abandoned(const fs::path& path) {
    const FileHandle handle(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    return handle.get() >= 0 && ::flock(handle.get(), LOCK_EX | LOCK_NB) == 0 &&
           ::unlink(path.c_str()) == 0;
}

bool is_below(const fs::path& path, const fs::path& root) {
    const auto [end, ignored] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
    return end == root.end();
}

/// What a link leads to: a regular file below the root is taken, everything else is named as a
/// problem.
std::string link_problem(const fs::path& path, const fs::path& root) {
    std::error_code failed;
    const fs::path target = fs::canonical(path, failed);
    if (failed) return "broken link";
    if (!is_below(target, root)) return "link that leads out of the folder, not followed";
    if (fs::is_directory(target, failed)) return "link to a folder, not followed";
    return {};
}

struct Walk {
    fs::path root;            ///< as given
    fs::path canonical_root;  ///< for links
    const std::vector<std::string>& skip;
    std::vector<FileEntry> found;

    void file(const fs::path& path, FileEntry entry) {
        struct stat info {};
        if (::stat(path.c_str(), &info) != 0) {
            entry.problem = errno_error("cannot be read", errno).message;
        } else if (!S_ISREG(info.st_mode)) {
            entry.problem = "not a regular file";
        } else {
            entry.size = static_cast<std::uint64_t>(info.st_size);
            entry.modified_ns =
                std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
            if (::access(path.c_str(), R_OK) != 0)
                entry.problem = "cannot be read: permission denied";
        }
        found.push_back(std::move(entry));
    }

    void visit(const fs::directory_entry& item, std::vector<fs::path>& folders) {
        const std::string name = item.path().filename().string();
        if (std::find(skip.begin(), skip.end(), name) != skip.end()) return;
        FileEntry entry{
            item.path(), item.path().lexically_relative(root).generic_string(), 0, 0, {}};
        std::error_code failed;
        const fs::file_status status = item.symlink_status(failed);
        if (fs::is_symlink(status)) entry.problem = link_problem(item.path(), canonical_root);
        if (!entry.problem.empty()) {
            found.push_back(std::move(entry));
        } else if (fs::is_directory(status)) {
            folders.push_back(item.path());
        } else {
            file(item.path(), std::move(entry));
        }
    }

    void folder(const fs::path& path, std::vector<fs::path>& folders) {
        std::error_code failed;
        fs::directory_iterator items(path, failed);
        for (const fs::directory_iterator end; !failed && items != end; items.increment(failed)) {
            visit(*items, folders);
        }
        if (failed) {
            found.push_back({path, path.lexically_relative(root).generic_string(), 0, 0,
                             "folder cannot be read: " + failed.message()});
        }
    }
};

}  // namespace

Result<std::string> read_file(const fs::path& path, std::uint64_t bytes_max) {
    const FileHandle handle(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    CAIRN_TRY(regular_file_stat(handle.get(), path));
    std::string content;
    char block[64 * 1024];
    for (;;) {
        const ssize_t count = ::read(handle.get(), block, sizeof(block));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno_error("reading " + path.string(), errno);
        if (count == 0) return content;
        if (content.size() + static_cast<std::size_t>(count) > bytes_max) {
            return make_error(
                Code::kTooLarge,
                fmt::format("{}: expected at most {} bytes, found more", path.string(), bytes_max));
        }
        content.append(block, static_cast<std::size_t>(count));
    }
}

Status write_file_atomic(const fs::path& path, std::string_view content) {
    return write_file_pieces(path, [&](const PieceSink& sink) { return sink(content); });
}

Status write_file_pieces(const fs::path& path,
                         const std::function<Status(const PieceSink&)>& produce) {
    static std::atomic<std::uint64_t> counter{0};
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const fs::path temporary =
        folder / fmt::format(".{}.{}.{}.tmp", path.filename().string(), ::getpid(), counter++);
    ::unlink(temporary.c_str());  // left by a killed process that had the same id
    const FileHandle handle(CAIRN_TRY(create_locked(temporary)));
    Status written = write_and_sync(handle.get(), temporary, produce);
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
        written = errno_error("writing " + path.string(), errno);
    }
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    return sync_folder(folder);
}

std::size_t sweep_temporary_files(const fs::path& folder) {
    std::size_t removed = 0;
    std::error_code failed;
    fs::recursive_directory_iterator items(folder, fs::directory_options::skip_permission_denied,
                                           failed);
    for (const fs::recursive_directory_iterator end; !failed && items != end;
         items.increment(failed)) {
        std::error_code unknown;
        if (is_temporary_name(items->path().filename().native()) &&
            items->symlink_status(unknown).type() == fs::file_type::regular) {
            removed += remove_abandoned(items->path()) ? 1 : 0;
        }
    }
    return removed;
}

Status make_folders(const fs::path& path) {
    std::error_code failed;
    fs::create_directories(path, failed);
    if (failed) return errno_error("making the folder " + path.string(), failed.value());
    return {};
}

Result<MappedFile> MappedFile::open(const fs::path& path) {
    const FileHandle handle(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const struct stat info = CAIRN_TRY(regular_file_stat(handle.get(), path));
    MappedFile file;
    if (info.st_size == 0) return file;
    const auto size = static_cast<std::size_t>(info.st_size);
    void* const data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, handle.get(), 0);
    if (data == MAP_FAILED) return errno_error("mapping " + path.string(), errno);
    file.data_ = static_cast<const std::byte*>(data);
    file.size_ = size;
    return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<std::vector<FileEntry>> list_files(const fs::path& root,
                                          const std::vector<std::string>& skip) {
    std::error_code failed;
    const fs::path canonical_root = fs::canonical(root, failed);
    if (failed) return errno_error("listing " + root.string(), failed.value());
    if (!fs::is_directory(canonical_root, failed)) {
        return make_error(Code::kInvalid, root.string() + ": expected a folder, found a file");
    }
    Walk walk{root, canonical_root, skip, {}};
    std::vector<fs::path> folders{root};
    while (!folders.empty()) {
        const fs::path folder = folders.back();
        folders.pop_back();
        walk.folder(folder, folders);
    }
    std::sort(walk.found.begin(), walk.found.end(),
              [](const FileEntry& a, const FileEntry& b) { return a.relative < b.relative; });
    return std::move(walk.found);
}

fs::path temporary_folder() {
    static const ScopedFolder folder("cairn");
    return folder.path();
}

ScopedFolder::ScopedFolder(std::string_view prefix) {
    const char* base = std::getenv("TMPDIR");
    std::string name = (fs::path(base == nullptr ? "/tmp" : base) / prefix).string() + "-XXXXXX";
    CAIRN_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
}

ScopedFolder::~ScopedFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

}  // namespace cairn
