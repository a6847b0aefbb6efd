// SPDX-License-Identifier: Apache-2.0
// The values of a Jinja template: those of JSON, tuples, undefined, and objects of one rendering
// (loops, macros, namespaces). Lists and dictionaries never change once they are made, as in
// jinja2's immutable sandbox.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "cairn/base/result.h"
#include "jinja_text.h"

namespace cairn::text::jinja {

class Dict;
struct List;
struct Object;

/// What a missing name or attribute gives: prints as nothing, fails when it is used.
struct Undefined {
    std::shared_ptr<const std::string> name;
    bool unsafe = false;  ///< a method that would change a list or a dictionary
};

struct None {};

struct Value {
    using Data = std::variant<Undefined, None, bool, std::int64_t, double, String,
                              std::shared_ptr<const List>, std::shared_ptr<const Dict>, Object*>;
    Data data;

    static Value none() { return {None{}}; }
    static Value boolean(bool value) { return {value}; }
    static Value integer(std::int64_t value) { return {value}; }
    static Value real(double value) { return {value}; }
    static Value string(MarkedText text) {
        return {std::make_shared<const MarkedText>(std::move(text))};
    }
    static Value trusted(std::string bytes) {
        return string(MarkedText::trusted(std::move(bytes)));
    }
    /// Errors: kTooLarge when lists lie too deep in one another.
    static Result<Value> list(std::vector<Value> items, bool tuple = false);
    /// For items that hold no lists themselves.
    static Value flat_list(std::vector<Value> items, bool tuple = false);
    static Value object(Object* object) { return {object}; }

    template <typename T>
    bool is() const {
        return std::holds_alternative<T>(data);
    }
    bool is_undefined() const { return is<Undefined>(); }
    bool is_none() const { return is<None>(); }
    const MarkedText* text() const {
        const auto* string = std::get_if<String>(&data);
        return string == nullptr ? nullptr : string->get();
    }
    const List* list() const {
        const auto* list = std::get_if<std::shared_ptr<const List>>(&data);
        return list == nullptr ? nullptr : list->get();
    }
    const Dict* dict() const {
        const auto* dict = std::get_if<std::shared_ptr<const Dict>>(&data);
        return dict == nullptr ? nullptr : dict->get();
    }
    /// The object if it is of this kind (T::kKind).
    template <typename T>
    T* as() const;
    /// Integers and booleans, as Python counts them.
    std::optional<std::int64_t> as_int() const;
    /// Integers, booleans and floats.
    std::optional<double> as_number() const;
};

using Pair = std::pair<Value, Value>;

struct List {
    std::vector<Value> items;
    bool tuple = false;
    int depth = 1;       ///< 1 + that of the deepest item
    bool group = false;  ///< a tuple of `groupby`: with the attributes grouper and list
};

/// Keys in the order in which they were first set.
class Dict {
  public:
    /// False when the key cannot be one (a list or a dictionary).
    bool set(Value key, Value value);
    const Value* find(const Value& key) const;
    const Value* find(std::string_view key) const;
    const std::vector<Pair>& items() const { return items_; }
    int depth() const { return depth_; }

  private:
    std::optional<std::size_t> index_of(const std::string& key) const;
    std::vector<Pair> items_;
    std::vector<std::string> keys_;  ///< one per item: equal for keys that Python holds equal
    std::unordered_map<std::string, std::size_t> index_;  ///< only beyond a few items
    int depth_ = 1;
};

/// Errors: kTooLarge as for lists.
Result<Value> make_dict(Dict dict);

/// A thing that one rendering owns; values only point at it.
struct Object {
    enum class Kind {
        kRange,
        kView,
        kIterator,
        kNamespace,
        kMacro,
        kMethod,
        kFunction,
        kLoop,
        kCycler,
        kJoiner
    };
    explicit Object(Kind k) : kind(k) {}
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    virtual ~Object() = default;
    const Kind kind;
};

struct Range : Object {
    static constexpr Kind kKind = Kind::kRange;
    Range(std::int64_t b, std::int64_t s, std::int64_t n)
        : Object(kKind), begin(b), step(s), count(n) {}
    Value at(std::int64_t i) const { return Value::integer(begin + i * step); }
    std::int64_t begin, step, count;
};

/// dict.keys(), .values(), .items(): a list that is no sequence.
struct View : Object {
    static constexpr Kind kKind = Kind::kView;
    View(std::vector<Value> i, const char* n) : Object(kKind), items(std::move(i)), name(n) {}
    std::vector<Value> items;
    const char* name;
};

/// What `map`, `select`, `reverse` and others give: read once, always true.
struct Iterator : Object {
    static constexpr Kind kKind = Kind::kIterator;
    explicit Iterator(std::vector<Value> i) : Object(kKind), items(std::move(i)) {}
    std::vector<Value> items;
    std::size_t next = 0;
};

struct Namespace : Object {
    static constexpr Kind kKind = Kind::kNamespace;
    Namespace() : Object(kKind) {}
    std::vector<std::pair<std::string, Value>> attributes;
};

struct Cycler : Object {
    static constexpr Kind kKind = Kind::kCycler;
    Cycler() : Object(kKind) {}
    std::vector<Value> items;
    std::size_t next = 0;
};

struct Joiner : Object {
    static constexpr Kind kKind = Kind::kJoiner;
    Joiner() : Object(kKind) {}
    Value separator;
    bool used = false;
};

template <typename T>
T* Value::as() const {
    Object* const* object = std::get_if<Object*>(&data);
    return object != nullptr && (*object)->kind == T::kKind ? static_cast<T*>(*object) : nullptr;
}

bool truthy(const Value& value);
/// Python's name of the type, for messages.
std::string_view type_name(const Value& value);
/// Python's ==.
bool equal(const Value& left, const Value& right);
/// Negative, 0 or positive; nothing when the two have no order, which Python refuses.
std::optional<int> compare(const Value& left, const Value& right);
/// The number of elements; nothing for what has none.
std::optional<std::int64_t> length_of(const Value& value);

/// Python's str: what `{{ value }}` prints. Errors: kTooLarge for namespaces in one another.
Result<MarkedText> to_text(const Value& value);
/// Python's repr.
Result<MarkedText> to_repr(const Value& value);
/// Python's repr of a float.
std::string format_float(double value);

Error template_error(std::string message);

}  // namespace cairn::text::jinja
