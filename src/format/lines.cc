// SPDX-License-Identifier: Apache-2.0
// A byte source (plain file or zstd stream) and a line cutter over it.
#include "cairn/format/lines.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <memory>
#include <string_view>

namespace cairn::format {
namespace {

constexpr std::size_t kBufferBytes = 1 << 17;

struct FreeStream {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

}  // namespace

struct LineReader::State {
    std::string name;
    int file = -1;
    std::uint64_t line_bytes_max = 0;
    std::uint64_t line_number = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_total = 0;
    std::unique_ptr<ZSTD_DStream, FreeStream> stream;  // null: plain file
    bool frame_open = false;                           // a zstd frame waits for more bytes
    std::unique_ptr<char[]> packed;  // of kBufferBytes, as the next one
    ZSTD_inBuffer input{nullptr, 0, 0};
    std::unique_ptr<char[]> buffer;
    std::string_view left;  // unread part of buffer

    ~State() {
        if (file >= 0) ::close(file);
    }

    Result<std::size_t> read_file(char* into) {
        for (;;) {
            const ssize_t count = ::read(file, into, kBufferBytes);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return errno_error(name, errno);
            bytes_read += static_cast<std::uint64_t>(count);
            return static_cast<std::size_t>(count);
        }
    }

    /// Fills `left`; false at the end.
    Result<bool> fill() {
        if (!stream) {
            left = {buffer.get(), CAIRN_TRY(read_file(buffer.get()))};
            return !left.empty();
        }
        for (;;) {
            if (input.pos == input.size) {
                input = {packed.get(), CAIRN_TRY(read_file(packed.get())), 0};
                if (input.size == 0 && frame_open) return damaged("the file ends inside it");
                if (input.size == 0) return false;
            }
            ZSTD_outBuffer output{buffer.get(), kBufferBytes, 0};
            const std::size_t more = ZSTD_decompressStream(stream.get(), &output, &input);
            if (ZSTD_isError(more) != 0) return damaged(ZSTD_getErrorName(more));
            frame_open = more != 0;
            left = {buffer.get(), output.pos};
            if (!left.empty()) return true;
        }
    }

    Error damaged(std::string_view why) const {
        return make_error(Code::kInvalid,
                          fmt::format("{}: expected whole zstd packing, found: {}", name, why),
                          "fetch or pack the file again");
    }
};

LineReader::LineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::filesystem::path& path,
                                    std::uint64_t line_bytes_max) {
    auto state = std::make_unique<State>();
    state->name = path.string();
    state->line_bytes_max = line_bytes_max;
    state->file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (state->file < 0) return errno_error(state->name, errno);
    struct stat status = {};
    if (::fstat(state->file, &status) != 0) return errno_error(state->name, errno);
    state->bytes_total = static_cast<std::uint64_t>(status.st_size);
    // Not cleared: a small file touches little of it.
    state->buffer = std::make_unique_for_overwrite<char[]>(kBufferBytes);
    if (path.extension() == ".zst") {
        state->packed = std::make_unique_for_overwrite<char[]>(kBufferBytes);
        state->stream.reset(ZSTD_createDStream());
        if (!state->stream)
            return make_error(Code::kExhausted, "expected memory for zstd, found none");
    }
    return LineReader(std::move(state));
}

Result<bool> LineReader::next(std::string& line) {
    State& state = *state_;
    line.clear();
    bool any = false;
    for (;;) {
        if (state.left.empty() && !CAIRN_TRY(state.fill())) break;
        any = true;
        const std::size_t end = state.left.find('\n');
        line.append(state.left.substr(0, end));
        if (line.size() > state.line_bytes_max) {
            return make_error(
                Code::kTooLarge,
                fmt::format("{}:{}: expected lines of at most {} bytes, found a longer one",
                            state.name, state.line_number + 1, state.line_bytes_max),
                "is this a text file with line ends?");
        }
        if (end != std::string_view::npos) {
            state.left.remove_prefix(end + 1);
            break;
        }
        state.left = {};
    }
    if (!any) return false;
    ++state.line_number;
    if (line.ends_with('\r')) line.pop_back();
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (state.line_number == 1 && line.starts_with(kByteOrderMark))
        line.erase(0, kByteOrderMark.size());
    return true;
}

std::uint64_t LineReader::line_number() const {
    return state_->line_number;
}
std::uint64_t LineReader::bytes_read() const {
    return state_->bytes_read;
}
std::uint64_t LineReader::bytes_total() const {
    return state_->bytes_total;
}

}  // namespace cairn::format
