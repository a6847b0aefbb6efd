// SPDX-License-Identifier: Apache-2.0
// Global functions, the methods of dictionaries, lists, loops and cyclers, and the tests.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "jinja_run.h"

namespace cairn::text::jinja {
namespace {

using Bound = std::vector<std::optional<Value>>;

constexpr std::int64_t kRangeMax = 100'000;    // as jinja2's sandbox
constexpr std::size_t kErrorBytesMax = 1'000;  // of a template's own words

Result<Value> raise(Run&, const Value&, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("raise_exception", arguments, {"message"}, 1));
    const MarkedText words = CAIRN_TRY(to_text(*bound[0]));
    return template_error("the chat template refuses these messages: " +
                          words.bytes().substr(0, kErrorBytesMax));
}

Result<Value> strftime_now(Run& run, const Value&, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("strftime_now", arguments, {"format"}, 1));
    const std::string& format = CAIRN_TRY(need_text("strftime_now", *bound[0]))->bytes();
    if (format.size() > 100) return template_error("strftime_now: a format of at most 100 bytes");
    const std::time_t now = run.now_s();
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[4096];
    return Value::trusted(
        std::string(text, std::strftime(text, sizeof text, format.c_str(), &parts)));
}

Result<Value> range(Run& run, const Value&, Arguments& arguments) {
    if (arguments.items.empty() || arguments.items.size() > 3 || !arguments.named.empty()) {
        return template_error("range takes one to three whole numbers");
    }
    std::int64_t numbers[3] = {0, 0, 1};
    for (std::size_t i = 0; i < arguments.items.size(); ++i) {
        numbers[i] = CAIRN_TRY(need_int("range", arguments.items[i]));
    }
    if (arguments.items.size() == 1) std::swap(numbers[0], numbers[1]);
    const auto [begin, end, step] = numbers;
    if (step == 0) return template_error("range: the step is 0");
    std::int64_t distance = 0;
    if (__builtin_sub_overflow(step > 0 ? end : begin, step > 0 ? begin : end, &distance)) {
        distance = INT64_MAX;
    }
    const auto stride =
        static_cast<std::uint64_t>(step > 0 ? step : -(step + 1)) + (step > 0 ? 0 : 1);
    const std::uint64_t count =
        distance <= 0 ? 0 : (static_cast<std::uint64_t>(distance) - 1) / stride + 1;
    if (count > static_cast<std::uint64_t>(kRangeMax)) {
        return template_error(fmt::format("range: expected at most {} numbers", kRangeMax));
    }
    return run.own<Range>(begin, step, static_cast<std::int64_t>(count));
}

/// The pairs of a dictionary or of a list of pairs, then the named ones.
Result<Dict> collect(Run& run, Arguments& arguments) {
    Dict dict;
    if (arguments.items.size() > 1) return template_error("dict takes one dictionary or pairs");
    for (const Value& source : arguments.items) {
        if (source.dict() != nullptr) {
            for (const auto& [key, value] : source.dict()->items()) {
                dict.set(key, value);
            }
            continue;
        }
        for (const Value& pair : CAIRN_TRY(run.iterate(source))) {
            const auto parts = CAIRN_TRY(run.iterate(pair));
            if (parts.size() != 2 || !dict.set(parts[0], parts[1])) {
                return template_error("dict: expected pairs of a key and a value");
            }
        }
    }
    for (const auto& [name, value] : arguments.named) {
        dict.set(Value::trusted(name), value);
    }
    CAIRN_TRY(run.charge(dict.items().size() * sizeof(Pair)));
    return dict;
}

Result<Value> make_namespace(Run& run, const Value&, Arguments& arguments) {
    const Dict dict = CAIRN_TRY(collect(run, arguments));
    const Value value = CAIRN_TRY(run.own<Namespace>());
    for (const auto& [key, item] : dict.items()) {
        const MarkedText name = CAIRN_TRY(to_text(key));
        if (name.bytes().starts_with('_')) {
            return template_error("a namespace has no names with '_' in front: '" + name.bytes() +
                                  "'");
        }
        value.as<Namespace>()->attributes.emplace_back(name.bytes(), item);
    }
    return value;
}

Result<Value> make_cycler(Run& run, const Value&, Arguments& arguments) {
    if (arguments.items.empty()) return template_error("cycler takes at least one item");
    const Value value = CAIRN_TRY(run.own<Cycler>());
    value.as<Cycler>()->items = arguments.items;
    return value;
}

Result<Value> make_joiner(Run& run, const Value&, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("joiner", arguments, {"sep"}));
    const Value value = CAIRN_TRY(run.own<Joiner>());
    value.as<Joiner>()->separator = bound[0].value_or(Value::trusted(", "));
    return value;
}

constexpr MethodEntry kGlobals[] = {
    {"cycler", make_cycler},
    {"dict",
     [](Run& run, const Value&, Arguments& a) -> Result<Value> {
         return make_dict(CAIRN_TRY(collect(run, a)));
     }},
    {"joiner", make_joiner},
    {"namespace", make_namespace},
    {"raise_exception", raise},
    {"range", range},
    {"strftime_now", strftime_now},
};

Result<Value> dict_get(Run&, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("get", arguments, {"key", "default"}, 1));
    const List* list = bound[0]->list();
    if (bound[0]->dict() != nullptr || (list != nullptr && !list->tuple)) {
        return template_error("a list or a dictionary cannot be a dictionary's key");
    }
    const Value* found = self.dict()->find(*bound[0]);
    return found != nullptr ? *found : bound[1].value_or(Value::none());
}

Result<Value> dict_view(Run& run, const Value& self, Arguments& arguments, bool keys, bool values) {
    CAIRN_TRY(bind("items", arguments, {}));
    std::vector<Value> items;
    for (const auto& [key, value] : self.dict()->items()) {
        if (keys && values) {
            items.push_back(Value::flat_list({key, value}, true));
        } else {
            items.push_back(keys ? key : value);
        }
    }
    CAIRN_TRY(run.charge(items.size() * (sizeof(List) + 2 * sizeof(Value))));
    const char* name = !keys ? "dict_values" : values ? "dict_items" : "dict_keys";
    return run.own<View>(std::move(items), name);
}

constexpr MethodEntry kDictMethods[] = {
    {"get", dict_get},
    {"items", [](Run& r, const Value& s, Arguments& a) { return dict_view(r, s, a, true, true); }},
    {"keys", [](Run& r, const Value& s, Arguments& a) { return dict_view(r, s, a, true, false); }},
    {"values",
     [](Run& r, const Value& s, Arguments& a) { return dict_view(r, s, a, false, true); }},
    {"copy", [](Run&, const Value& s, Arguments&) -> Result<Value> { return s; }},
    {"clear", nullptr},
    {"pop", nullptr},
    {"popitem", nullptr},
    {"setdefault", nullptr},
    {"update", nullptr},
};

Result<Value> list_count(Run& run, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("count", arguments, {"value"}, 1));
    const auto& items = self.list()->items;
    CAIRN_TRY(run.charge(items.size()));
    return Value::integer(std::count_if(items.begin(), items.end(),
                                        [&](const Value& v) { return equal(v, *bound[0]); }));
}

Result<Value> list_index(Run& run, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("index", arguments, {"value"}, 1));
    const auto& items = self.list()->items;
    CAIRN_TRY(run.charge(items.size()));
    const auto found = std::find_if(items.begin(), items.end(),
                                    [&](const Value& v) { return equal(v, *bound[0]); });
    if (found == items.end()) return template_error("index: the value is not in the list");
    return Value::integer(found - items.begin());
}

constexpr MethodEntry kListMethods[] = {
    {"count", list_count},
    {"index", list_index},
    {"copy", [](Run&, const Value& s, Arguments&) -> Result<Value> { return s; }},
    {"append", nullptr},
    {"clear", nullptr},
    {"extend", nullptr},
    {"insert", nullptr},
    {"pop", nullptr},
    {"remove", nullptr},
    {"reverse", nullptr},
    {"sort", nullptr},
};
constexpr std::size_t kTupleMethods = 2;  // the first ones

constexpr MethodEntry kLoopMethods[] = {
    {"cycle",
     [](Run&, const Value& self, Arguments& a) -> Result<Value> {
         if (a.items.empty()) return template_error("loop.cycle takes at least one item");
         return a.items[self.as<Loop>()->index % a.items.size()];
     }},
    {"changed",
     [](Run&, const Value& self, Arguments& a) -> Result<Value> {
         const Value now = CAIRN_TRY(Value::list(a.items, true));
         auto& last = self.as<Loop>()->changed;
         if (last && equal(*last, now)) return Value::boolean(false);
         last = now;
         return Value::boolean(true);
     }},
};

constexpr MethodEntry kCyclerMethods[] = {
    {"next",
     [](Run&, const Value& self, Arguments&) -> Result<Value> {
         auto& cycler = *self.as<Cycler>();
         const std::size_t now = cycler.next;
         cycler.next = (now + 1) % cycler.items.size();
         return cycler.items[now];
     }},
    {"reset",
     [](Run&, const Value& self, Arguments&) -> Result<Value> {
         self.as<Cycler>()->next = 0;
         return Value::none();
     }},
};

const MethodEntry* in_table(const MethodEntry* table, std::size_t size, std::string_view name) {
    const auto* found =
        std::find_if(table, table + size, [&](const MethodEntry& m) { return m.name == name; });
    return found == table + size ? nullptr : found;
}

// --- tests ---------------------------------------------------------------------------------------

Result<Value> argument(std::string_view name, const Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind(name, arguments, {"other"}, 1));
    return *bound[0];
}

template <Relation kRelation>
Result<bool> relation(Run& run, const Value& value, Arguments& arguments) {
    return run.relate(kRelation, value, CAIRN_TRY(argument("comparison", arguments)));
}

Result<bool> is_parity(const Value& value, std::int64_t rest) {
    const auto number = value.as_number();
    if (!number) return template_error(fmt::format("'{}' is no number", type_name(value)));
    const auto whole = value.as_int();
    return whole ? (*whole & 1) == rest
                 : *number - 2 * static_cast<double>(static_cast<std::int64_t>(*number / 2)) ==
                       static_cast<double>(rest);
}

bool is_callable(const Value& value) {
    if (value.is_undefined()) return true;  // it has __call__, which fails
    if (!value.is<Object*>()) return false;
    const auto kind = std::get<Object*>(value.data)->kind;
    return kind == Object::Kind::kMacro || kind == Object::Kind::kMethod ||
           kind == Object::Kind::kLoop || kind == Object::Kind::kJoiner;
}

Result<bool> is_same(Run&, const Value& value, Arguments& arguments) {
    const Value other = CAIRN_TRY(argument("sameas", arguments));
    return value.data.index() == other.data.index() && equal(value, other);
}

Result<bool> is_divisible(Run&, const Value& value, Arguments& arguments) {
    const std::int64_t by =
        CAIRN_TRY(need_int("divisibleby", CAIRN_TRY(argument("divisibleby", arguments))));
    const std::int64_t number = CAIRN_TRY(need_int("divisibleby", value));
    if (by == 0) return template_error("division by zero");
    return by == -1 || number % by == 0;
}

Result<bool> has_case(Run& run, const Value& value, const char* method) {
    const Value text = Value::string(CAIRN_TRY(to_text(value)));
    Arguments none;
    return truthy(CAIRN_TRY(find_string_method(method)->function(run, text, none)));
}

bool is_iterable(const Value& v) {
    return v.is_undefined() || length_of(v) || v.as<Iterator>() != nullptr ||
           v.as<Loop>() != nullptr;
}

using Args = Arguments&;
constexpr TestEntry kTests[] = {
    {"boolean", [](Run&, const Value& v, Args) -> Result<bool> { return v.is<bool>(); }},
    {"callable", [](Run&, const Value& v, Args) -> Result<bool> { return is_callable(v); }},
    {"defined", [](Run&, const Value& v, Args) -> Result<bool> { return !v.is_undefined(); }},
    {"undefined", [](Run&, const Value& v, Args) -> Result<bool> { return v.is_undefined(); }},
    {"divisibleby", is_divisible},
    {"eq", relation<Relation::kEq>},
    {"equalto", relation<Relation::kEq>},
    {"==", relation<Relation::kEq>},
    {"ne", relation<Relation::kNe>},
    {"!=", relation<Relation::kNe>},
    {"lt", relation<Relation::kLt>},
    {"lessthan", relation<Relation::kLt>},
    {"<", relation<Relation::kLt>},
    {"le", relation<Relation::kLe>},
    {"<=", relation<Relation::kLe>},
    {"gt", relation<Relation::kGt>},
    {"greaterthan", relation<Relation::kGt>},
    {">", relation<Relation::kGt>},
    {"ge", relation<Relation::kGe>},
    {">=", relation<Relation::kGe>},
    {"in", relation<Relation::kIn>},
    {"even", [](Run&, const Value& v, Args) { return is_parity(v, 0); }},
    {"odd", [](Run&, const Value& v, Args) { return is_parity(v, 1); }},
    {"escaped",
     [](Run&, const Value& v, Args) -> Result<bool> { return v.text() && v.text()->markup; }},
    {"true", [](Run&, const Value& v, Args) -> Result<bool> { return v.is<bool>() && truthy(v); }},
    {"false",
     [](Run&, const Value& v, Args) -> Result<bool> { return v.is<bool>() && !truthy(v); }},
    {"filter",
     [](Run&, const Value& v, Args) -> Result<bool> {
         return v.text() != nullptr && find_filter(v.text()->bytes()) != nullptr;
     }},
    {"test",
     [](Run&, const Value& v, Args) -> Result<bool> {
         return v.text() != nullptr && find_test(v.text()->bytes()) != nullptr;
     }},
    {"float", [](Run&, const Value& v, Args) -> Result<bool> { return v.is<double>(); }},
    {"integer", [](Run&, const Value& v, Args) -> Result<bool> { return v.is<std::int64_t>(); }},
    {"number",
     [](Run&, const Value& v, Args) -> Result<bool> { return v.as_number().has_value(); }},
    {"iterable", [](Run&, const Value& v, Args) -> Result<bool> { return is_iterable(v); }},
    {"lower", [](Run& r, const Value& v, Args) { return has_case(r, v, "islower"); }},
    {"upper", [](Run& r, const Value& v, Args) { return has_case(r, v, "isupper"); }},
    {"mapping", [](Run&, const Value& v, Args) -> Result<bool> { return v.dict() != nullptr; }},
    {"none", [](Run&, const Value& v, Args) -> Result<bool> { return v.is_none(); }},
    {"sameas", is_same},
    {"sequence",
     [](Run&, const Value& v, Args) -> Result<bool> {
         return length_of(v).has_value() && v.as<View>() == nullptr;
     }},
    {"string", [](Run&, const Value& v, Args) -> Result<bool> { return v.text() != nullptr; }},
};

}  // namespace

const MethodEntry* find_global(std::string_view name) {
    return in_table(kGlobals, std::size(kGlobals), name);
}

const MethodEntry* find_method(const Value& object, std::string_view name) {
    if (object.text() != nullptr) return find_string_method(name);
    if (object.dict() != nullptr) return in_table(kDictMethods, std::size(kDictMethods), name);
    if (const List* list = object.list()) {
        return in_table(kListMethods, list->tuple ? kTupleMethods : std::size(kListMethods), name);
    }
    if (object.as<Loop>() != nullptr) return in_table(kLoopMethods, std::size(kLoopMethods), name);
    if (object.as<Cycler>() != nullptr) {
        return in_table(kCyclerMethods, std::size(kCyclerMethods), name);
    }
    return nullptr;
}

const TestEntry* find_test(std::string_view name) {
    const auto* found = std::find_if(std::begin(kTests), std::end(kTests),
                                     [&](const TestEntry& t) { return t.name == name; });
    return found == std::end(kTests) ? nullptr : found;
}

Result<std::vector<std::optional<Value>>> bind(std::string_view function,
                                               const Arguments& arguments,
                                               std::initializer_list<std::string_view> parameters,
                                               std::size_t required) {
    if (arguments.items.size() > parameters.size()) {
        return template_error(fmt::format("{}: expected at most {} arguments, found {}", function,
                                          parameters.size(), arguments.items.size()));
    }
    std::vector<std::optional<Value>> bound(arguments.items.begin(), arguments.items.end());
    bound.resize(parameters.size());
    for (const auto& [name, value] : arguments.named) {
        const auto* found = std::find(parameters.begin(), parameters.end(), name);
        const auto at = static_cast<std::size_t>(found - parameters.begin());
        if (found == parameters.end() || bound[at]) {
            return template_error(
                fmt::format("{}: the argument '{}' is not expected", function, name));
        }
        bound[at] = value;
    }
    for (std::size_t i = 0; i < required; ++i) {
        if (bound[i]) continue;
        return template_error(
            fmt::format("{}: the argument '{}' is missing", function, parameters.begin()[i]));
    }
    return bound;
}

Result<const MarkedText*> need_text(std::string_view function, const Value& value) {
    if (const MarkedText* text = value.text()) return text;
    return template_error(fmt::format("{}: expected text, found '{}'", function, type_name(value)));
}

Result<std::int64_t> need_int(std::string_view function, const Value& value) {
    if (const auto number = value.as_int()) return *number;
    return template_error(
        fmt::format("{}: expected a whole number, found '{}'", function, type_name(value)));
}

}  // namespace cairn::text::jinja
