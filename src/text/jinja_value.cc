// SPDX-License-Identifier: Apache-2.0
// How Python compares, counts and prints.
#include "jinja_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cairn/text/utf8.h"

namespace cairn::text::jinja {
namespace {

// Deeper than any JSON that is let in (limits::kJsonDepthMax); destructors and printing recurse.
constexpr int kDepthMax = 100;
constexpr std::size_t kIndexFrom = 8;  // below that, looking at every key is faster

/// The same text for keys that Python holds equal; nothing for what cannot be a key.
std::optional<std::string> key_text(const Value& key) {
    if (const auto* text = key.text()) return "s" + text->bytes();
    if (key.is_none()) return "N";
    if (const auto number = key.as_int()) return "n" + std::to_string(*number);
    if (const auto number = key.as_number()) {
        const bool whole = *number == std::floor(*number) && std::abs(*number) < 9e15;
        return whole ? "n" + std::to_string(static_cast<std::int64_t>(*number))
                     : "f" + format_float(*number);
    }
    if (const auto* list = key.list(); list != nullptr && list->tuple) {
        std::string all = "t";
        for (const Value& item : list->items) {
            const auto part = key_text(item);
            if (!part) return std::nullopt;
            all += std::to_string(part->size()) + ":" + *part;
        }
        return all;
    }
    return std::nullopt;
}

int depth_of(const Value& value) {
    if (const auto* list = value.list()) return list->depth;
    if (const auto* dict = value.dict()) return dict->depth();
    return 0;
}

Error too_deep() {
    return make_error(Code::kTooLarge, fmt::format("expected at most {} lists and dictionaries in "
                                                   "one another, found more",
                                                   kDepthMax));
}

int sign(auto left, auto right) {
    return left < right ? -1 : left > right ? 1 : 0;
}

std::optional<int> compare_lists(const List& left, const List& right) {
    for (std::size_t i = 0; i < std::min(left.items.size(), right.items.size()); ++i) {
        if (!equal(left.items[i], right.items[i])) return compare(left.items[i], right.items[i]);
    }
    return sign(left.items.size(), right.items.size());
}

Status append_repr(const Value& value, MarkedText& out, int depth);

Status append_items(const std::vector<Value>& items, MarkedText& out, int depth) {
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0) out.append(", ");
        CAIRN_TRY(append_repr(items[i], out, depth));
    }
    return {};
}

template <typename Pairs, typename Key>
Status append_pairs(const Pairs& pairs, MarkedText& out, int depth, Key key) {
    out.append("{");
    bool first = true;
    for (const auto& pair : pairs) {
        if (!first) out.append(", ");
        first = false;
        CAIRN_TRY(append_repr(key(pair.first), out, depth));
        out.append(": ");
        CAIRN_TRY(append_repr(pair.second, out, depth));
    }
    out.append("}");
    return {};
}

Status append_object(const Value& value, MarkedText& out, int depth) {
    if (const auto* range = value.as<Range>()) {
        out.append(
            fmt::format("range({}, {}", range->begin, range->begin + range->count * range->step));
        if (range->step != 1) out.append(fmt::format(", {}", range->step));
        out.append(")");
    } else if (const auto* view = value.as<View>()) {
        out.append(std::string(view->name) + "([");
        CAIRN_TRY(append_items(view->items, out, depth));
        out.append("])");
    } else if (const auto* names = value.as<Namespace>()) {
        out.append("<Namespace ");
        CAIRN_TRY(append_pairs(names->attributes, out, depth,
                               [](const std::string& k) { return Value::trusted(k); }));
        out.append(">");
    } else {
        out.append("<");
        out.append(type_name(value));
        out.append(">");
    }
    return {};
}

Status append_repr(const Value& value, MarkedText& out, int depth) {
    if (depth > kDepthMax) return too_deep();
    if (const auto* text = value.text()) {
        if (text->markup) out.append("Markup(");
        out.append(quote(*text));
        if (text->markup) out.append(")");
    } else if (const auto* list = value.list()) {
        out.append(list->tuple ? "(" : "[");
        CAIRN_TRY(append_items(list->items, out, depth + 1));
        if (list->tuple && list->items.size() == 1) out.append(",");
        out.append(list->tuple ? ")" : "]");
    } else if (const auto* dict = value.dict()) {
        CAIRN_TRY(append_pairs(dict->items(), out, depth + 1, [](const Value& k) { return k; }));
    } else if (value.is_undefined()) {
        out.append("Undefined");
    } else if (value.is<Object*>()) {
        CAIRN_TRY(append_object(value, out, depth + 1));
    } else {
        out.append(CAIRN_TRY(to_text(value)));
    }
    return {};
}

}  // namespace

Result<Value> Value::list(std::vector<Value> items, bool tuple) {
    int depth = 0;
    for (const Value& item : items) {
        depth = std::max(depth, depth_of(item));
    }
    if (depth >= kDepthMax) return too_deep();
    return Value{std::make_shared<const List>(List{std::move(items), tuple, depth + 1})};
}

Value Value::flat_list(std::vector<Value> items, bool tuple) {
    int depth = 0;
    for (const Value& item : items) {
        depth = std::max(depth, depth_of(item));
    }
    return {std::make_shared<const List>(List{std::move(items), tuple, depth + 1})};
}

std::optional<std::int64_t> Value::as_int() const {
    if (const auto* number = std::get_if<std::int64_t>(&data)) return *number;
    if (const auto* flag = std::get_if<bool>(&data)) return *flag ? 1 : 0;
    return std::nullopt;
}

std::optional<double> Value::as_number() const {
    if (const auto* number = std::get_if<double>(&data)) return *number;
    if (const auto number = as_int()) return static_cast<double>(*number);
    return std::nullopt;
}

std::optional<std::size_t> Dict::index_of(const std::string& key) const {
    if (index_.empty()) {
        const auto found = std::find(keys_.begin(), keys_.end(), key);
        if (found == keys_.end()) return std::nullopt;
        return static_cast<std::size_t>(found - keys_.begin());
    }
    const auto found = index_.find(key);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
}

bool Dict::set(Value key, Value value) {
    auto name = key_text(key);
    if (!name) return false;
    depth_ = std::max({depth_, 1 + depth_of(key), 1 + depth_of(value)});
    if (const auto at = index_of(*name)) {
        items_[*at].second = std::move(value);
        return true;
    }
    items_.emplace_back(std::move(key), std::move(value));
    keys_.push_back(std::move(*name));
    if (keys_.size() == kIndexFrom) {
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            index_.emplace(keys_[i], i);
        }
    } else if (keys_.size() > kIndexFrom) {
        index_.emplace(keys_.back(), keys_.size() - 1);
    }
    return true;
}

const Value* Dict::find(const Value& key) const {
    if (const auto* text = key.text()) return find(text->bytes());
    const auto name = key_text(key);
    if (!name) return nullptr;
    const auto at = index_of(*name);
    return at ? &items_[*at].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
    if (index_.empty()) {
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            const std::string_view name = keys_[i];
            if (name.size() == key.size() + 1 && name[0] == 's' && name.substr(1) == key) {
                return &items_[i].second;
            }
        }
        return nullptr;
    }
    const auto at = index_of("s" + std::string(key));
    return at ? &items_[*at].second : nullptr;
}

Result<Value> make_dict(Dict dict) {
    if (dict.depth() > kDepthMax) return too_deep();
    return Value{std::make_shared<const Dict>(std::move(dict))};
}

bool truthy(const Value& value) {
    if (value.is_undefined() || value.is_none()) return false;
    if (const auto number = value.as_number()) return *number != 0;
    const auto length = length_of(value);
    return !length || *length > 0;
}

std::string_view type_name(const Value& value) {
    static constexpr std::string_view kNames[] = {"Undefined", "NoneType", "bool", "int",
                                                  "float",     "str",      "list", "dict"};
    if (const auto* list = value.list(); list != nullptr && list->tuple) return "tuple";
    if (const auto* text = value.text(); text != nullptr && text->markup) return "Markup";
    if (!value.is<Object*>()) return kNames[value.data.index()];
    static constexpr std::string_view kObjects[] = {
        "range",  "dict_view", "generator",   "Namespace", "Macro",
        "method", "function",  "LoopContext", "Cycler",    "Joiner"};
    return kObjects[static_cast<std::size_t>(std::get<Object*>(value.data)->kind)];
}

bool equal(const Value& left, const Value& right) {
    const auto a = left.as_int();
    const auto b = right.as_int();
    if (a && b) return *a == *b;
    const auto x = left.as_number();
    const auto y = right.as_number();
    if (x && y) return *x == *y;
    if (left.data.index() != right.data.index()) return false;
    if (const auto* text = left.text()) return text->bytes() == right.text()->bytes();
    if (const auto* list = left.list()) {
        const List& other = *right.list();
        return list->tuple == other.tuple &&
               std::equal(list->items.begin(), list->items.end(), other.items.begin(),
                          other.items.end(), equal);
    }
    if (const auto* dict = left.dict()) {
        const Dict& other = *right.dict();
        return dict->items().size() == other.items().size() &&
               std::all_of(dict->items().begin(), dict->items().end(), [&](const Pair& pair) {
                   const Value* found = other.find(pair.first);
                   return found != nullptr && equal(pair.second, *found);
               });
    }
    if (left.is<Object*>()) return std::get<Object*>(left.data) == std::get<Object*>(right.data);
    return left.is_none() || left.is_undefined();
}

std::optional<int> compare(const Value& left, const Value& right) {
    const auto a = left.as_int();
    const auto b = right.as_int();
    if (a && b) return sign(*a, *b);
    const auto x = left.as_number();
    const auto y = right.as_number();
    if (x && y) return sign(*x, *y);
    if (left.text() != nullptr && right.text() != nullptr) {
        return sign(left.text()->bytes().compare(right.text()->bytes()), 0);
    }
    if (left.list() != nullptr && right.list() != nullptr &&
        left.list()->tuple == right.list()->tuple) {
        return compare_lists(*left.list(), *right.list());
    }
    return std::nullopt;
}

std::optional<std::int64_t> length_of(const Value& value) {
    const auto count = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    if (value.is_undefined()) return 0;
    if (const auto* text = value.text()) return count(count_code_points(text->bytes()));
    if (const auto* list = value.list()) return count(list->items.size());
    if (const auto* dict = value.dict()) return count(dict->items().size());
    if (const auto* range = value.as<Range>()) return range->count;
    if (const auto* view = value.as<View>()) return count(view->items.size());
    return std::nullopt;
}

Result<MarkedText> to_text(const Value& value) {
    if (const auto* text = value.text()) return *text;
    if (value.is_undefined()) return MarkedText();
    if (value.is_none()) return MarkedText::trusted("None");
    if (const auto* flag = std::get_if<bool>(&value.data)) {
        return MarkedText::trusted(*flag ? "True" : "False");
    }
    if (const auto* number = std::get_if<std::int64_t>(&value.data)) {
        return MarkedText::trusted(std::to_string(*number));
    }
    if (const auto* number = std::get_if<double>(&value.data)) {
        return MarkedText::trusted(format_float(*number));
    }
    return to_repr(value);
}

Result<MarkedText> to_repr(const Value& value) {
    MarkedText out;
    CAIRN_TRY(append_repr(value, out, 0));
    return out;
}

std::string format_float(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    char buffer[64];
    const auto end =
        std::to_chars(std::begin(buffer), std::end(buffer), value, std::chars_format::scientific);
    const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
    const std::size_t mark = text.find('e');
    int exponent = 0;
    const char* digits_of_exponent = text.data() + mark + 1 + (text[mark + 1] == '+' ? 1 : 0);
    std::from_chars(digits_of_exponent, end.ptr, exponent);
    if (exponent < -4 || exponent >= 16) {
        return fmt::format("{}e{}{:02}", text.substr(0, mark), exponent < 0 ? '-' : '+',
                           std::abs(exponent));
    }
    std::string fixed(
        std::begin(buffer),
        std::to_chars(std::begin(buffer), std::end(buffer), value, std::chars_format::fixed).ptr);
    if (fixed.find('.') == std::string::npos) fixed += ".0";
    return fixed;
}

Error template_error(std::string message) {
    return make_error(Code::kInvalid, std::move(message));
}

}  // namespace cairn::text::jinja
