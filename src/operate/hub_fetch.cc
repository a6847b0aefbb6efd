// SPDX-License-Identifier: Apache-2.0
// Fetching files in pieces over several connections. What is on disk is written down as it grows
// (NAME.part and NAME.pieces), so that a killed pull goes on where it was; the checksum has the
// last word, and only a file that fits it gets its name.
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "hub_client.h"

namespace cairn::operate {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kSpareDiskBytes = 16 * limits::kMiB;  // for the store's own small files
constexpr std::uint64_t kRememberBytes = 8 * limits::kMiB;    // at most this is fetched again
constexpr std::uint64_t kStateBytesMax = 16 * limits::kMiB;
constexpr std::uint64_t kPiecesMax = 65'536;

struct Piece {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::atomic<std::uint64_t> done = 0;
    std::uint64_t left() const { return end - begin - done; }
};

/// A file on its way.
class Part {
  public:
    static Result<std::unique_ptr<Part>> open(const HubFile& file, const fs::path& folder,
                                              std::uint64_t piece_bytes);
    ~Part() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    std::uint64_t left() const;
    Status write(Piece& piece, std::string_view bytes);
    Status remember();
    /// Compares with the checksum; gives the file its name when it fits. False: it does not fit.
    Result<bool> finish();
    void forget();  ///< all pieces are to be fetched again

    HubFile file;
    std::vector<std::unique_ptr<Piece>> pieces;
    Piece whole;  ///< in place of the pieces when the hub does not know ranges
    std::atomic<bool> without_ranges = false;
    std::atomic<std::size_t> pieces_left = 0;
    bool fetched_twice = false;
    bool finished = false;
    FetchedFile fetched;  ///< when finished

  private:
    std::string head() const;
    void recall();
    fs::path path_;
    fs::path part_;
    fs::path state_;
    int descriptor_ = -1;
    std::mutex state_lock_;
};

/// SHA-256 and git's SHA-1 of a file in one reading.
struct Checksums {
    std::string sha256;
    std::string git_sha1;
};

Result<Checksums> checksums(const fs::path& path, bool with_sha1) {
    const auto mapped = CAIRN_TRY(MappedFile::open(path));
    const std::string_view bytes(reinterpret_cast<const char*>(mapped.bytes().data()),
                                 mapped.bytes().size());
    Sha256 sha256;
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> sha1(EVP_MD_CTX_new(),
                                                                       EVP_MD_CTX_free);
    const std::string blob_head = fmt::format("blob {}{}", bytes.size(), '\0');
    CAIRN_ASSERT(sha1 != nullptr && EVP_DigestInit_ex(sha1.get(), EVP_sha1(), nullptr) == 1);
    EVP_DigestUpdate(sha1.get(), blob_head.data(), blob_head.size());
    constexpr std::size_t kStep = limits::kMiB;
    for (std::size_t at = 0; at < bytes.size(); at += kStep) {
        if (interrupted()) return make_error(Code::kCancelled, "stopped by the user");
        const std::string_view step = bytes.substr(at, kStep);
        sha256.add(step);
        if (with_sha1) EVP_DigestUpdate(sha1.get(), step.data(), step.size());
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(sha1.get(), digest, &size);
    Checksums sums{sha256.hex(), {}};
    for (unsigned int i = 0; i < size; ++i)
        sums.git_sha1 += fmt::format("{:02x}", digest[i]);
    return sums;
}

bool fits(const Checksums& sums, const HubFile& file) {
    return file.sha256.empty() ? sums.git_sha1 == file.git_sha1 : sums.sha256 == file.sha256;
}

Result<std::unique_ptr<Part>> Part::open(const HubFile& file, const fs::path& folder,
                                         std::uint64_t piece_bytes) {
    auto part = std::make_unique<Part>();
    part->file = file;
    part->path_ = folder / file.path;
    part->part_ = part->path_.string() + ".part";
    part->state_ = part->path_.string() + ".pieces";
    CAIRN_TRY(make_folders(part->path_.parent_path()));
    std::error_code ignored;
    if (fs::file_size(part->path_, ignored) == file.bytes && !ignored) {
        if (CAIRN_TRY(part->finish())) return part;
    }
    fs::remove(part->path_, ignored);
    part->descriptor_ = ::open(part->part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (part->descriptor_ < 0 ||
        ::ftruncate(part->descriptor_, static_cast<off_t>(file.bytes)) != 0) {
        return errno_error("writing " + part->part_.string(), errno);
    }
    const std::uint64_t step = std::max(piece_bytes, file.bytes / kPiecesMax + 1);
    for (std::uint64_t begin = 0; begin < file.bytes || begin == 0; begin += step) {
        auto& piece = part->pieces.emplace_back(std::make_unique<Piece>());
        piece->begin = begin;
        piece->end = std::min(begin + step, file.bytes);
    }
    part->whole.end = file.bytes;
    part->recall();
    return part;
}

std::string Part::head() const {
    return fmt::format("cairn-pieces-1 {} {} {}{}\n", file.bytes, pieces.size(), file.sha256,
                       file.git_sha1);
}

/// What an earlier call wrote down, if it was about the same file.
void Part::recall() {
    const auto text = read_file(state_, kStateBytesMax);
    if (!text || !text->starts_with(head())) return;
    std::istringstream lines(text->substr(head().size()));
    for (const auto& piece : pieces) {
        std::uint64_t done = 0;
        if (!(lines >> done)) return;
        piece->done = std::min(done, piece->end - piece->begin);
    }
}

/// The bytes first, then the note about them.
Status Part::remember() {
    if (without_ranges) return {};  // nothing can be gone on with
    const std::lock_guard lock(state_lock_);
    std::string text = head();
    for (const auto& piece : pieces)
        text += std::to_string(piece->done) + "\n";
    if (::fdatasync(descriptor_) != 0) return errno_error("writing " + part_.string(), errno);
    return write_file_atomic(state_, text);
}

std::uint64_t Part::left() const {
    if (finished) return 0;
    std::uint64_t bytes = 0;
    for (const auto& piece : pieces)
        bytes += piece->left();
    return bytes;
}

Status Part::write(Piece& piece, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(),
                                         static_cast<off_t>(piece.begin + piece.done));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return errno_error("writing " + part_.string(), errno);
        const std::uint64_t before = piece.done;
        piece.done += static_cast<std::uint64_t>(written);
        bytes.remove_prefix(static_cast<std::size_t>(written));
        if (before / kRememberBytes != piece.done / kRememberBytes) CAIRN_TRY(remember());
    }
    return {};
}

Result<bool> Part::finish() {
    const bool named = descriptor_ < 0;  // found whole, from an earlier call
    const Checksums sums =
        CAIRN_TRY(checksums(named ? path_ : part_, /*with_sha1=*/file.sha256.empty()));
    fetched = {file.path, file.bytes, sums.sha256};
    if (!fits(sums, file)) return false;
    if (!named && (::fsync(descriptor_) != 0 || ::rename(part_.c_str(), path_.c_str()) != 0)) {
        return errno_error("writing " + path_.string(), errno);
    }
    std::error_code ignored;
    fs::remove(state_, ignored);
    finished = true;
    return true;
}

void Part::forget() {
    for (const auto& piece : pieces)
        piece->done = 0;
    whole.done = 0;
    std::error_code ignored;
    fs::remove(state_, ignored);
}

/// "bytes 10-19/100": where it begins and how long the file is.
bool content_range_is(std::string_view text, std::uint64_t begin, std::uint64_t total) {
    const std::string start = fmt::format("bytes {}-", begin);
    return text.starts_with(start) &&
           (text.ends_with(fmt::format("/{}", total)) || text.ends_with("/*"));
}

/// The pool of connections that empties a queue of pieces.
class Fetch {
  public:
    Fetch(const HubModel& model, const HubOptions& hub, const PullOptions& options)
        : model_(model), hub_(hub), options_(options) {}

    Result<std::vector<FetchedFile>> run(const std::vector<HubFile>& files, const fs::path& folder);

  private:
    struct Task {
        Part* part = nullptr;
        Piece* piece = nullptr;
    };
    Status prepare(const std::vector<HubFile>& files, const fs::path& folder);
    Status check_disk(const fs::path& folder, std::uint64_t bytes) const;
    void queue(Part& part);
    void work();
    std::optional<Task> take();
    Status fetch(const Task& task);
    Status receive(const Task& task, const HttpResponse& head, std::string_view bytes, bool& first);
    Status piece_done(const Task& task);
    void use_no_ranges(Part& part);
    void stop_with(const Error& error);

    const HubModel& model_;
    const HubOptions& hub_;
    const PullOptions& options_;
    std::vector<std::unique_ptr<Part>> parts_;
    std::unique_ptr<Progress> progress_;
    std::mutex lock_;
    std::condition_variable changed_;
    std::deque<Task> tasks_;
    std::size_t in_work_ = 0;
    std::atomic<bool> stopping_ = false;
    std::optional<Error> error_;
};

Status Fetch::check_disk(const fs::path& folder, std::uint64_t bytes) const {
    struct statvfs space = {};
    if (bytes == 0 || ::statvfs(folder.c_str(), &space) != 0) return {};
    const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
    if (free >= bytes + kSpareDiskBytes) return {};
    return make_error(
        Code::kExhausted,
        fmt::format("{}: expected room for {}, found {}", folder.string(),
                    human_bytes(static_cast<double>(bytes + kSpareDiskBytes)),
                    human_bytes(static_cast<double>(free))),
        "make room, choose a smaller quantisation, or keep the models elsewhere with --store");
}

Status Fetch::prepare(const std::vector<HubFile>& files, const fs::path& folder) {
    CAIRN_TRY(make_folders(folder));
    std::uint64_t left = 0;
    std::uint64_t total = 0;
    std::vector<HubFile> described = files;
    for (HubFile& file : described) {
        if (!is_safe_path(file.path)) return make_error(Code::kDenied, "not a safe name");
        if (!file.described) CAIRN_TRY(describe_file(model_, hub_, file));
        total += file.bytes;
    }
    for (const HubFile& file : described) {
        parts_.push_back(CAIRN_TRY(Part::open(file, folder, options_.piece_bytes)));
        left += parts_.back()->left();
    }
    CAIRN_TRY(check_disk(folder, left));
    progress_ = std::make_unique<Progress>(options_.progress, "pull",
                                           static_cast<std::int64_t>(total), "bytes");
    progress_->resume(static_cast<std::int64_t>(total - left));
    for (const auto& part : parts_) {
        if (!part->finished) queue(*part);
    }
    return {};
}

void Fetch::queue(Part& part) {
    const std::lock_guard lock(lock_);
    if (part.without_ranges) {
        part.pieces_left = 1;
        tasks_.push_back({&part, &part.whole});
    } else {
        part.pieces_left = part.pieces.size();
        for (const auto& piece : part.pieces)
            tasks_.push_back({&part, piece.get()});
    }
    changed_.notify_all();
}

std::optional<Fetch::Task> Fetch::take() {
    std::unique_lock lock(lock_);
    changed_.wait(lock, [&] { return stopping_ || !tasks_.empty() || in_work_ == 0; });
    if (stopping_ || tasks_.empty()) return std::nullopt;
    const Task task = tasks_.front();
    tasks_.pop_front();
    ++in_work_;
    return task;
}

void Fetch::work() {
    while (const auto task = take()) {
        const Status status = fetch(*task);
        if (!status) stop_with(status.error());
        const std::lock_guard lock(lock_);
        --in_work_;
        changed_.notify_all();
    }
}

void Fetch::stop_with(const Error& error) {
    const std::lock_guard lock(lock_);
    if (!error_) error_ = error;
    stopping_ = true;
    changed_.notify_all();
}

Status Fetch::receive(const Task& task, const HttpResponse& head, std::string_view bytes,
                      bool& first) {
    Part& part = *task.part;
    Piece& piece = *task.piece;
    if (stopping_) return make_error(Code::kCancelled, "stopped");
    if (first) {
        first = false;
        const bool all = piece.begin + piece.done == 0 && piece.end == part.file.bytes;
        if (head.status != 206 && !all) {
            return make_error(Code::kUnsupported, "the hub does not know ranges");
        }
        if (head.status == 206 && !content_range_is(head.field("content-range"),
                                                    piece.begin + piece.done, part.file.bytes)) {
            return make_error(Code::kInvalid,
                              fmt::format("{}: the hub sends another range than was asked for: {}",
                                          part.file.path, head.field("content-range")));
        }
    }
    if (bytes.size() > piece.left()) {
        return make_error(Code::kInvalid,
                          fmt::format("{}: the hub sends more than the {} bytes of its listing",
                                      part.file.path, part.file.bytes),
                          "run the command again; the owner may be changing the repository");
    }
    CAIRN_TRY(part.write(piece, bytes));
    progress_->advance(static_cast<std::int64_t>(bytes.size()), part.file.path);
    return {};
}

Status Fetch::fetch(const Task& task) {
    Part& part = *task.part;
    Piece& piece = *task.piece;
    if (part.without_ranges && &piece != &part.whole) return {};
    bool first = true;
    const auto next_request = [&] {
        first = true;
        if (part.without_ranges && piece.done > 0) {
            progress_->advance(-static_cast<std::int64_t>(piece.done));
            piece.done = 0;
        }
        HttpRequest request;
        request.url = file_url(model_, hub_, part.file.path).value();  // asked for in prepare
        request.token = hub_.token;
        const std::uint64_t begin = piece.begin + piece.done;
        if (begin > 0 || piece.end < part.file.bytes) request.range = {begin, piece.end};
        return request;
    };
    while (piece.left() > 0) {
        const std::uint64_t before = piece.done;
        const auto answer = ask_hub(next_request, hub_, model_.reference,
                                    [&](const HttpResponse& head, std::string_view bytes) {
                                        return receive(task, head, bytes, first);
                                    });
        if (!answer && answer.error().code == Code::kUnsupported && &piece != &part.whole) {
            use_no_ranges(part);
            return {};
        }
        if (!answer) return answer.error().with_context(part.file.path);
        if (piece.left() > 0 && (piece.done == before || part.without_ranges)) {
            return make_error(
                Code::kUnavailable,
                fmt::format("{}: the hub sent {} of {} bytes and said that this is all",
                            part.file.path, piece.done.load(), piece.end - piece.begin));
        }
    }
    return piece_done(task);
}

Status Fetch::piece_done(const Task& task) {
    Part& part = *task.part;
    if (part.without_ranges && task.piece != &part.whole) return {};
    CAIRN_TRY(part.remember());
    if (--part.pieces_left > 0) return {};
    if (CAIRN_TRY(part.finish())) return {};
    if (part.fetched_twice) {
        part.forget();
        const bool git = part.file.sha256.empty();
        return make_error(
            Code::kInvalid,
            fmt::format("{}: expected the {} checksum {}, found another twice", part.file.path,
                        git ? "git" : "SHA-256", git ? part.file.git_sha1 : part.file.sha256),
            "this hub holds a damaged or changed file: use another one");
    }
    part.fetched_twice = true;
    progress_->advance(-static_cast<std::int64_t>(part.file.bytes));
    part.forget();
    queue(part);
    return {};
}

void Fetch::use_no_ranges(Part& part) {
    if (part.without_ranges.exchange(true)) return;
    std::uint64_t done = 0;
    for (const auto& piece : part.pieces)
        done += piece->done;
    progress_->advance(-static_cast<std::int64_t>(done));
    queue(part);
}

Result<std::vector<FetchedFile>> Fetch::run(const std::vector<HubFile>& files,
                                            const fs::path& folder) {
    CAIRN_TRY(file_url(model_, hub_, "x"));
    CAIRN_TRY(prepare(files, folder));
    std::vector<std::thread> workers;
    for (int i = 0; i < std::clamp(options_.jobs, 1, 16); ++i)
        workers.emplace_back([this] { work(); });
    for (std::thread& worker : workers)
        worker.join();
    for (const auto& part : parts_) {
        // What came before a failure is worth keeping, whatever the failure was.
        if (error_ && !part->finished) (void)part->remember();
    }
    if (error_) return *error_;
    std::vector<FetchedFile> fetched;
    for (const auto& part : parts_)
        fetched.push_back(part->fetched);
    progress_->finish();
    return fetched;
}

}  // namespace

Result<std::vector<FetchedFile>> fetch_files(const HubModel& model,
                                             const std::vector<HubFile>& files,
                                             const fs::path& folder, const HubOptions& hub,
                                             const PullOptions& options) {
    return Fetch(model, hub, options).run(files, folder);
}

}  // namespace cairn::operate
