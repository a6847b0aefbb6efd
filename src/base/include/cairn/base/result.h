// SPDX-License-Identifier: Apache-2.0
// Errors as values: Result<T> is either a T or an Error that says what was expected, what was found
// and what to do. Used by every room; our code throws nothing. Member names follow std::expected so
// that it can become an alias later.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace cairn {

/// What kind of failure this is; one table maps codes to HTTP status and exit code (result.cc).
enum class Code {
    kInvalid,      ///< the input is malformed (user's mistake)
    kNotFound,     ///< a named thing does not exist
    kExists,       ///< a thing to be created is there already
    kTooLarge,     ///< a limit of limits.h was passed
    kUnsupported,  ///< well-formed, but of a kind that is not known here
    kDenied,       ///< permission, key or tenant
    kExhausted,    ///< disk full, memory, quota
    kUnavailable,  ///< try again later: busy, port in use, shutting down
    kCancelled,    ///< the user or the client stopped it
    kGateRefused,  ///< evaluation did not reach the gate
    kIo,           ///< the operating system failed a read or write
    kInternal,     ///< our mistake
};

std::string_view code_name(Code code);
int http_status(Code code);
/// Exit codes of the command line: 1 failed, 2 usage, 3 gate refused.
int exit_code(Code code);

struct Error {
    Code code = Code::kInternal;
    std::string message;  ///< expected and found, one line, no final period
    std::string hint;     ///< what to do; may be empty

    /// Puts the outer situation in front: "while reading x: <message>".
    Error with_context(std::string_view context) const;
    /// Message and hint as a person reads them.
    std::string to_string() const;
};

/// Makes an Error; `hint` says what the user can do.
Error make_error(Code code, std::string message, std::string hint = {});
/// Error from errno after a failed system call on `what`.
Error errno_error(std::string_view what, int error_number);

[[noreturn]] void assert_failed(const char* expression, const char* file, int line);

template <typename T>
class [[nodiscard]] Result {
  public:
    using value_type = T;
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }
    T& value() & { return *get(); }
    const T& value() const& { return *const_cast<Result*>(this)->get(); }
    /// By value, so that `for (x : f().value())` does not read a dead temporary.
    T value() && { return std::move(*get()); }
    T& operator*() & { return *get(); }
    const T& operator*() const& { return value(); }
    T operator*() && { return std::move(*get()); }
    T* operator->() { return get(); }
    const T* operator->() const { return const_cast<Result*>(this)->get(); }
    T value_or(T other) const& { return has_value() ? value() : std::move(other); }
    const Error& error() const {
        if (has_value()) assert_failed("Result holds an error", __FILE__, __LINE__);
        return std::get<1>(state_);
    }

  private:
    T* get() {
        T* value = std::get_if<0>(&state_);
        if (value == nullptr)
            assert_failed(std::get<1>(state_).message.c_str(), __FILE__, __LINE__);
        return value;
    }
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    using value_type = void;
    Result() = default;
    Result(Error error) : error_(std::move(error)), failed_(true) {}
    bool has_value() const { return !failed_; }
    explicit operator bool() const { return !failed_; }
    void value() const {
        if (failed_) assert_failed(error_.message.c_str(), __FILE__, __LINE__);
    }
    const Error& error() const { return error_; }

  private:
    Error error_;
    bool failed_ = false;
};

using Status = Result<void>;

}  // namespace cairn

/// Value of a Result, or return its error from the enclosing function. One per statement.
#define CAIRN_TRY(expression)                                       \
    __extension__({                                                 \
        auto&& cairn_result = (expression);                         \
        if (!cairn_result.has_value()) return cairn_result.error(); \
        std::forward<decltype(cairn_result)>(cairn_result).value(); \
    })

/// Programmer mistakes only, never input. Always on.
#define CAIRN_ASSERT(condition) \
    ((condition) ? static_cast<void>(0) : ::cairn::assert_failed(#condition, __FILE__, __LINE__))
