// SPDX-License-Identifier: Apache-2.0
// Runs a foreign program on a stranger's file: fork, limits, no network (seccomp), exec; the parent
// collects bounded output until a deadline and then kills the whole process group.
#include "cairn/base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <optional>

#include "cairn/base/clock.h"

namespace cairn {
namespace {

constexpr std::size_t kErrorBytesMax = 4096;
constexpr int kExecFailed = 127;

struct Pipe {
    int read_end = -1;
    int write_end = -1;

    Pipe() = default;
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        close_end(read_end);
        close_end(write_end);
    }
    Status make() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("making a pipe", errno);
        read_end = ends[0];
        write_end = ends[1];
        return {};
    }
    static void close_end(int& end) {
        if (end >= 0) ::close(end);
        end = -1;
    }
};

std::optional<std::string> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return name;
    const char* path = std::getenv("PATH");
    std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
    while (!rest.empty()) {
        const std::string_view folder = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
        std::string candidate = std::string(folder) + "/" + name;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return std::nullopt;
}

void limit(int resource, std::uint64_t most) {
    const struct rlimit both { most, most };
    ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

/// Every socket but AF_UNIX is refused: a document must not make its reader talk to the network.
void refuse_network() {
#if defined(__x86_64__)
    constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
    constexpr std::uint32_t kArchitecture = 0;
#endif
    constexpr std::uint32_t kX32Bit = 0x40000000;
    sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{std::size(rules), rules};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become_program(const char* program, char* const* argv,
                                 const ChildOptions& options, const Pipe& out, const Pipe& error) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(out.write_end, STDOUT_FILENO);
    ::dup2(error.write_end, STDERR_FILENO);
    if (::syscall(SYS_close_range, 3U, ~0U, 0U) != 0) {
        for (int descriptor = 3; descriptor < 4096; ++descriptor)
            ::close(descriptor);
    }
    limit(RLIMIT_AS, options.memory_bytes);
    limit(RLIMIT_CPU, static_cast<std::uint64_t>(options.seconds) + 1);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, options.output_bytes_max);
    refuse_network();
    ::execv(program, argv);
    ::_exit(kExecFailed);
}

enum class Ending { kClosed, kTimeout, kTooMuch };

/// Reads once; true while the pipe is open. Bytes beyond `most` are dropped and counted by the
/// caller's size check.
bool read_some(int descriptor, std::string& into, std::size_t most) {
    std::array<char, 64 * 1024> block;
    const ssize_t count = ::read(descriptor, block.data(), block.size());
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    const std::size_t room = most - std::min(most, into.size());
    into.append(block.data(), std::min(room, static_cast<std::size_t>(count)));
    return count > 0;
}

Ending collect(const ChildOptions& options, Pipe& out, Pipe& error, ChildOutput& output) {
    const double deadline = now_seconds() + options.seconds;
    while (out.read_end >= 0 || error.read_end >= 0) {
        const double left_ms = (deadline - now_seconds()) * 1000;
        if (left_ms <= 0) return Ending::kTimeout;
        std::array<pollfd, 2> waits{{{out.read_end, POLLIN, 0}, {error.read_end, POLLIN, 0}}};
        if (::poll(waits.data(), waits.size(), static_cast<int>(left_ms) + 1) <= 0) continue;
        if (waits[0].revents != 0 &&
            !read_some(out.read_end, output.out, options.output_bytes_max + 1)) {
            Pipe::close_end(out.read_end);
        }
        if (waits[1].revents != 0 && !read_some(error.read_end, output.error, kErrorBytesMax)) {
            Pipe::close_end(error.read_end);
        }
        if (output.out.size() > options.output_bytes_max) return Ending::kTooMuch;
    }
    return Ending::kClosed;
}

/// Waits for the end, killing the group at the deadline (a program may close its output and go on).
int reap(pid_t child, double deadline, bool& timed_out) {
    int status = 0;
    for (;;) {
        const pid_t ended = ::waitpid(child, &status, WNOHANG);
        if (ended == child || (ended < 0 && errno != EINTR)) return status;
        if (now_seconds() >= deadline) {
            timed_out = true;
            ::kill(-child, SIGKILL);
            ::kill(child, SIGKILL);  // the group may not exist yet
        }
        ::usleep(500);
    }
}

}  // namespace

Result<ChildOutput> run_child(const std::vector<std::string>& argv, const ChildOptions& options) {
    CAIRN_ASSERT(!argv.empty());
    const std::optional<std::string> program = find_program(argv[0]);
    if (!program || ::access(program->c_str(), X_OK) != 0) {
        return make_error(Code::kNotFound, "expected the program '" + argv[0] + "', found none",
                          "install it (scripts/setup names the package)");
    }
    std::vector<char*> arguments;
    for (const std::string& word : argv)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    Pipe out;
    Pipe error;
    CAIRN_TRY(out.make());
    CAIRN_TRY(error.make());
    const double deadline = now_seconds() + options.seconds;
    const pid_t child = ::fork();
    if (child < 0) return errno_error("starting " + argv[0], errno);
    if (child == 0) become_program(program->c_str(), arguments.data(), options, out, error);
    Pipe::close_end(out.write_end);
    Pipe::close_end(error.write_end);
    ChildOutput output;
    const Ending ending = collect(options, out, error, output);
    bool timed_out = ending == Ending::kTimeout;
    const int status = reap(child, ending == Ending::kClosed ? deadline : 0, timed_out);
    if (ending == Ending::kTooMuch) {
        return make_error(Code::kTooLarge,
                          fmt::format("{}: expected at most {} bytes of output, found more",
                                      argv[0], options.output_bytes_max));
    }
    if (timed_out || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
        return make_error(Code::kExhausted,
                          fmt::format("{}: expected an end within {} s, found it still running",
                                      argv[0], options.seconds));
    }
    output.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return output;
}

}  // namespace cairn
