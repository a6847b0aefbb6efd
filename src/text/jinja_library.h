// SPDX-License-Identifier: Apache-2.0
// What templates may call: tables of filters, tests, global functions and methods. A new one is one
// function and one line in its table.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja_value.h"

namespace cairn::text::jinja {

class Run;

struct Arguments {
    std::vector<Value> items;
    std::vector<std::pair<std::string, Value>> named;
};

using Function = Result<Value> (*)(Run& run, const Value& self, Arguments& arguments);

struct FilterEntry {
    std::string_view name;
    Function function;
};
struct TestEntry {
    std::string_view name;
    Result<bool> (*function)(Run& run, const Value& value, Arguments& arguments);
};
struct MethodEntry {
    std::string_view name;
    Function function;  ///< null: it would change the object, which is refused when called
};

const FilterEntry* find_filter(std::string_view name);
const TestEntry* find_test(std::string_view name);
/// Functions like `range`; `self` is undefined.
const MethodEntry* find_global(std::string_view name);
/// Methods of strings, dictionaries, lists, cyclers and loops; null when the type has no such one.
const MethodEntry* find_method(const Value& object, std::string_view name);
const MethodEntry* find_string_method(std::string_view name);

/// Arguments by the names of their parameters; nothing where none was given. Errors: too many,
/// unknown or missing ones (the first `required` must be there).
Result<std::vector<std::optional<Value>>> bind(std::string_view function,
                                               const Arguments& arguments,
                                               std::initializer_list<std::string_view> parameters,
                                               std::size_t required = 0);

/// What using an undefined value gives.
Error undefined_error(const Undefined& value);

/// A text argument. Errors: of another type.
Result<const MarkedText*> need_text(std::string_view function, const Value& value);
Result<std::int64_t> need_int(std::string_view function, const Value& value);

/// Text operations that charge for their result before they make it.
Result<Value> checked_replace(Run& run, const MarkedText& text, std::string_view old_text,
                              const MarkedText& new_text, std::int64_t times);
Result<Value> padded(Run& run, const MarkedText& text, std::int64_t width, const MarkedText& fill,
                     bool left, bool right);

/// `'%s' % value` and '{}'.format(value), as Python formats.
Result<Value> format_percent(Run& run, const MarkedText& format, const Arguments& arguments);
Result<Value> format_braces(Run& run, const MarkedText& format, const Arguments& arguments);

/// json.dumps with transformers' defaults.
Result<Value> filter_tojson(Run& run, const Value& value, Arguments& arguments);

/// Filters of the two files.
extern const FilterEntry kTextFilters[];
extern const std::size_t kTextFilterCount;
extern const FilterEntry kListFilters[];
extern const std::size_t kListFilterCount;

}  // namespace cairn::text::jinja
