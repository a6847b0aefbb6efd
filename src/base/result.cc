// SPDX-License-Identifier: Apache-2.0
// The one table of error codes: name, HTTP status, exit code; and how errno becomes an Error.
#include "cairn/base/result.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace cairn {
namespace {

struct CodeRow {
    Code code;
    std::string_view name;
    int http;
    int exit;
};

constexpr std::array<CodeRow, 12> kCodes{{
    {Code::kInvalid, "invalid", 400, 1},
    {Code::kNotFound, "not_found", 404, 1},
    {Code::kExists, "exists", 409, 1},
    {Code::kTooLarge, "too_large", 413, 1},
    {Code::kUnsupported, "unsupported", 400, 1},
    {Code::kDenied, "denied", 403, 1},
    {Code::kExhausted, "exhausted", 507, 1},
    {Code::kUnavailable, "unavailable", 503, 1},
    {Code::kCancelled, "cancelled", 499, 1},
    {Code::kGateRefused, "gate_refused", 422, 3},
    {Code::kIo, "io", 500, 1},
    {Code::kInternal, "internal", 500, 1},
}};

const CodeRow& row(Code code) {
    const auto& found = kCodes.at(static_cast<std::size_t>(code));
    CAIRN_ASSERT(found.code == code);
    return found;
}

Code code_of_errno(int error_number) {
    switch (error_number) {
        case ENOENT:
        case ENOTDIR:
            return Code::kNotFound;
        case EACCES:
        case EPERM:
        case EROFS:
            return Code::kDenied;
        case EEXIST:
            return Code::kExists;
        case ENOSPC:
        case EDQUOT:
        case ENOMEM:
        case EMFILE:
        case ENFILE:
            return Code::kExhausted;
        case EFBIG:
        case ENAMETOOLONG:
            return Code::kTooLarge;
        case EAGAIN:
        case EBUSY:
        case EADDRINUSE:
            return Code::kUnavailable;
        default:
            return Code::kIo;
    }
}

std::string hint_of_errno(int error_number) {
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
            return "free some disk space and run the command again; nothing reported done is lost";
        case EACCES:
        case EPERM:
            return "check the owner and the permissions";
        case EMFILE:
        case ENFILE:
            return "raise the limit of open files (ulimit -n)";
        case EADDRINUSE:
            return "choose another port or stop the program that uses it";
        default:
            return {};
    }
}

}  // namespace

std::string_view code_name(Code code) {
    return row(code).name;
}
int http_status(Code code) {
    return row(code).http;
}
int exit_code(Code code) {
    return row(code).exit;
}

Error Error::with_context(std::string_view context) const {
    return {code, std::string(context) + ": " + message, hint};
}

std::string Error::to_string() const {
    return hint.empty() ? message : message + " (" + hint + ")";
}

Error make_error(Code code, std::string message, std::string hint) {
    return {code, std::move(message), std::move(hint)};
}

Error errno_error(std::string_view what, int error_number) {
    const std::string reason = std::generic_category().message(error_number);
    return {code_of_errno(error_number), std::string(what) + ": " + reason,
            hint_of_errno(error_number)};
}

void assert_failed(const char* expression, const char* file, int line) {
    std::fputs("cairn: internal mistake, please report it: ", stderr);
    const std::string place = std::string(file) + ":" + std::to_string(line) + ": ";
    std::fputs(place.c_str(), stderr);
    std::fputs(expression, stderr);
    std::fputs("\n", stderr);
    std::abort();
}

}  // namespace cairn
