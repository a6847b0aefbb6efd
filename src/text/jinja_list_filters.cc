// SPDX-License-Identifier: Apache-2.0
// Filters on lists and dictionaries.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "jinja_run.h"

namespace cairn::text::jinja {
namespace {

using Args = Arguments&;
using Bound = std::vector<std::optional<Value>>;

/// What sorting and comparing without regard to case looks at.
Value folded(const Value& value, bool case_sensitive) {
    if (case_sensitive || value.text() == nullptr) return value;
    return Value::string(to_lower(*value.text()));
}

bool given(const std::optional<Value>& value) {
    return value && !value->is_none();
}

Result<Value> with_default(Run&, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("default", arguments, {"default_value", "boolean"}));
    const bool falsy_too = bound[1] && truthy(*bound[1]);
    if (value.is_undefined() || (falsy_too && !truthy(value))) {
        return bound[0].value_or(Value::trusted(""));
    }
    return value;
}

Result<Value> length(Run& run, const Value& value, Args) {
    if (value.text() != nullptr) CAIRN_TRY(run.charge(value.text()->size() / 8));
    const auto count = length_of(value);
    if (!count) return template_error(fmt::format("'{}' has no length", type_name(value)));
    return Value::integer(*count);
}

Result<Value> first(Run& run, const Value& value, Args) {
    if (auto* iterator = value.as<Iterator>()) {
        if (iterator->next == iterator->items.size()) return Value{};
        return iterator->items[iterator->next++];
    }
    const auto items = CAIRN_TRY(run.iterate(value));
    return items.empty() ? Value{} : items.front();
}

Result<Value> last(Run& run, const Value& value, Args) {
    if (value.as<Iterator>() != nullptr) return template_error("last: a generator has no end");
    const auto items = CAIRN_TRY(run.iterate(value));
    return items.empty() ? Value{} : items.back();
}

Result<Value> to_list(Run& run, const Value& value, Args) {
    return Value::list(CAIRN_TRY(run.iterate(value)));
}

Result<Value> items(Run& run, const Value& value, Args) {
    if (value.is_undefined()) return run.own<Iterator>(std::vector<Value>());
    if (value.dict() == nullptr) {
        return template_error(
            fmt::format("items: expected a dictionary, found '{}'", type_name(value)));
    }
    std::vector<Value> pairs;
    for (const auto& [key, item] : value.dict()->items()) {
        pairs.push_back(Value::flat_list({key, item}, true));
    }
    CAIRN_TRY(run.charge(pairs.size() * (sizeof(List) + 2 * sizeof(Value))));
    return run.own<Iterator>(std::move(pairs));
}

Result<Value> reverse(Run& run, const Value& value, Args) {
    auto all = CAIRN_TRY(run.iterate(value));
    std::reverse(all.begin(), all.end());
    if (value.text() == nullptr) return run.own<Iterator>(std::move(all));
    MarkedText text;
    text.markup = value.text()->markup;
    for (const Value& c : all) {
        text.append(*c.text());
    }
    return run.text(std::move(text));
}

Result<Value> join(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("join", arguments, {"d", "attribute"}));
    const MarkedText mark = bound[0] ? CAIRN_TRY(to_text(*bound[0])) : MarkedText();
    MarkedText all;
    bool at_first = true;
    for (Value item : CAIRN_TRY(run.iterate(value))) {
        if (given(bound[1])) item = CAIRN_TRY(run.attribute_path(item, *bound[1], std::nullopt));
        if (!at_first) all.append(mark);
        at_first = false;
        all.append(CAIRN_TRY(to_text(item)));
        CAIRN_TRY(run.charge(mark.size()));
    }
    return run.text(std::move(all));
}

struct Keyed {
    std::vector<Value> keys;
    Value value;
};

/// Sorts by keys, stable. Errors: keys that have no order.
Status sort_keyed(Run& run, std::vector<Keyed>& all, bool reverse) {
    for (std::size_t i = 0; i < all.size(); ++i) {
        std::size_t bytes = sizeof(Keyed);
        for (std::size_t k = 0; k < all[i].keys.size(); ++k) {
            if (const MarkedText* text = all[i].keys[k].text()) bytes += text->size();
            if (!compare(all[i].keys[k], all[0].keys[k])) {
                return template_error(fmt::format("sort: '{}' and '{}' have no order",
                                                  type_name(all[i].keys[k]),
                                                  type_name(all[0].keys[k])));
            }
        }
        CAIRN_TRY(run.charge(bytes));
    }
    const auto before = [](const Keyed& a, const Keyed& b) {
        for (std::size_t i = 0; i < a.keys.size(); ++i) {
            const int order = compare(a.keys[i], b.keys[i]).value_or(0);
            if (order != 0) return order < 0;
        }
        return false;
    };
    if (reverse) {
        std::stable_sort(all.begin(), all.end(),
                         [&](const Keyed& a, const Keyed& b) { return before(b, a); });
    } else {
        std::stable_sort(all.begin(), all.end(), before);
    }
    return {};
}

Value values_of(std::vector<Keyed> all) {
    std::vector<Value> values;
    for (Keyed& keyed : all) {
        values.push_back(std::move(keyed.value));
    }
    return Value::flat_list(std::move(values));
}

/// The parts of "a,b.c".
std::vector<Value> attribute_names(const std::optional<Value>& attribute) {
    if (!given(attribute)) return {};
    if (attribute->text() == nullptr) return {*attribute};
    std::vector<Value> names;
    std::string_view rest = attribute->text()->bytes();
    while (true) {
        const std::size_t comma = rest.find(',');
        names.push_back(Value::trusted(std::string(rest.substr(0, comma))));
        if (comma == std::string_view::npos) return names;
        rest.remove_prefix(comma + 1);
    }
}

Result<std::vector<Keyed>> keyed(Run& run, const Value& value,
                                 const std::optional<Value>& attribute, bool case_sensitive,
                                 const std::optional<Value>& missing = {}) {
    const std::vector<Value> names = attribute_names(attribute);
    std::vector<Keyed> all;
    for (Value& item : CAIRN_TRY(run.iterate(value))) {
        Keyed entry;
        for (const Value& name : names) {
            entry.keys.push_back(
                folded(CAIRN_TRY(run.attribute_path(item, name, missing)), case_sensitive));
        }
        if (names.empty()) entry.keys.push_back(folded(item, case_sensitive));
        entry.value = std::move(item);
        all.push_back(std::move(entry));
    }
    return all;
}

Result<Value> sort(Run& run, const Value& value, Args arguments) {
    const Bound bound =
        CAIRN_TRY(bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}));
    auto all = CAIRN_TRY(keyed(run, value, bound[2], bound[1] && truthy(*bound[1])));
    CAIRN_TRY(sort_keyed(run, all, bound[0] && truthy(*bound[0])));
    return values_of(std::move(all));
}

Result<Value> sort_dict(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("dictsort", arguments, {"case_sensitive", "by", "reverse"}));
    if (value.dict() == nullptr) {
        return template_error(
            fmt::format("dictsort: expected a dictionary, found '{}'", type_name(value)));
    }
    const std::string by = bound[1] ? CAIRN_TRY(need_text("dictsort", *bound[1]))->bytes() : "key";
    if (by != "key" && by != "value") return template_error("dictsort: by 'key' or 'value'");
    const bool case_sensitive = bound[0] && truthy(*bound[0]);
    std::vector<Keyed> all;
    for (const auto& [key, item] : value.dict()->items()) {
        all.push_back({{folded(by == "key" ? key : item, case_sensitive)},
                       Value::flat_list({key, item}, true)});
    }
    CAIRN_TRY(sort_keyed(run, all, bound[2] && truthy(*bound[2])));
    return values_of(std::move(all));
}

Result<Value> extreme(Run& run, const Value& value, Args arguments, bool largest) {
    const Bound bound = CAIRN_TRY(bind("max", arguments, {"case_sensitive", "attribute"}));
    auto all = CAIRN_TRY(keyed(run, value, bound[1], bound[0] && truthy(*bound[0])));
    if (all.empty()) return Value{};
    CAIRN_TRY(sort_keyed(run, all, largest));
    return all.front().value;
}

Result<Value> unique(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("unique", arguments, {"case_sensitive", "attribute"}));
    Dict seen;
    std::vector<Value> kept;
    for (Keyed& entry : CAIRN_TRY(keyed(run, value, bound[1], bound[0] && truthy(*bound[0])))) {
        if (seen.find(entry.keys[0]) != nullptr) continue;
        if (!seen.set(entry.keys[0], Value::none())) {
            return template_error("unique: lists and dictionaries cannot be compared");
        }
        kept.push_back(std::move(entry.value));
    }
    return run.own<Iterator>(std::move(kept));
}

Result<Value> group(Run& run, const Value& value, Args arguments) {
    const Bound bound =
        CAIRN_TRY(bind("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1));
    const bool case_sensitive = bound[2] && truthy(*bound[2]);
    auto all = CAIRN_TRY(keyed(run, value, bound[0], case_sensitive, bound[1]));
    CAIRN_TRY(sort_keyed(run, all, false));
    std::vector<Value> groups;
    for (std::size_t begin = 0; begin < all.size();) {
        std::size_t end = begin;
        std::vector<Value> members;
        while (end < all.size() && equal(all[end].keys[0], all[begin].keys[0])) {
            members.push_back(all[end++].value);
        }
        // Without regard to case a group is named as its first member spells it.
        const Value name = CAIRN_TRY(run.attribute_path(members[0], *bound[0], bound[1]));
        List pair{{name, CAIRN_TRY(Value::list(std::move(members)))}, true, 3, true};
        groups.push_back(Value{std::make_shared<const List>(std::move(pair))});
        begin = end;
    }
    return Value::flat_list(std::move(groups));
}

Result<Value> sum(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("sum", arguments, {"attribute", "start"}));
    Value total = bound[1].value_or(Value::integer(0));
    if (total.text() != nullptr) return template_error("sum: text is joined, not summed");
    for (Value item : CAIRN_TRY(run.iterate(value))) {
        if (given(bound[0])) item = CAIRN_TRY(run.attribute_path(item, *bound[0], std::nullopt));
        total = CAIRN_TRY(run.binary(Op::kAdd, total, item));
    }
    return total;
}

Result<Value> map(Run& run, const Value& value, Args arguments) {
    std::vector<Value> out;
    if (!truthy(value)) return run.own<Iterator>(std::move(out));  // none too
    const auto all = CAIRN_TRY(run.iterate(value));
    if (arguments.items.empty()) {
        const Bound bound = CAIRN_TRY(bind("map", arguments, {"attribute", "default"}, 1));
        for (const Value& item : all) {
            out.push_back(CAIRN_TRY(run.attribute_path(item, *bound[0], bound[1])));
        }
        return run.own<Iterator>(std::move(out));
    }
    const std::string name = CAIRN_TRY(need_text("map", arguments.items[0]))->bytes();
    for (const Value& item : all) {
        Arguments rest{{arguments.items.begin() + 1, arguments.items.end()}, arguments.named};
        out.push_back(CAIRN_TRY(run.apply_filter(name, item, rest)));
    }
    return run.own<Iterator>(std::move(out));
}

/// select, reject and their forms with an attribute in front.
Result<Value> choose(Run& run, const Value& value, Args arguments, bool keep, bool by_attribute) {
    const std::size_t first_argument = by_attribute ? 1 : 0;
    if (arguments.items.size() < first_argument)
        return template_error("expected an attribute's name");
    std::string test;
    if (arguments.items.size() > first_argument) {
        test = CAIRN_TRY(need_text("select", arguments.items[first_argument]))->bytes();
    }
    std::vector<Value> kept;
    if (!truthy(value)) return run.own<Iterator>(std::move(kept));  // none too
    for (const Value& item : CAIRN_TRY(run.iterate(value))) {
        const Value seen =
            by_attribute ? CAIRN_TRY(run.attribute_path(item, arguments.items[0], std::nullopt))
                         : item;
        bool holds = truthy(seen);
        if (!test.empty()) {
            Arguments rest{
                {arguments.items.begin() + static_cast<std::ptrdiff_t>(first_argument) + 1,
                 arguments.items.end()},
                arguments.named};
            holds = CAIRN_TRY(run.apply_test(test, seen, rest));
        }
        if (holds == keep) kept.push_back(item);
    }
    return run.own<Iterator>(std::move(kept));
}

Result<Value> batch(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("batch", arguments, {"linecount", "fill_with"}, 1));
    const std::int64_t size = CAIRN_TRY(need_int("batch", *bound[0]));
    if (size < 1 || size > 100'000) return template_error("batch: from 1 to 100000 items");
    std::vector<Value> rows;
    std::vector<Value> row;
    for (const Value& item : CAIRN_TRY(run.iterate(value))) {
        if (static_cast<std::int64_t>(row.size()) == size) {
            rows.push_back(CAIRN_TRY(Value::list(std::exchange(row, {}))));
        }
        row.push_back(item);
    }
    if (!row.empty()) {
        while (given(bound[1]) && static_cast<std::int64_t>(row.size()) < size) {
            row.push_back(*bound[1]);
        }
        rows.push_back(CAIRN_TRY(Value::list(std::move(row))));
    }
    return run.own<Iterator>(std::move(rows));
}

Result<Value> slice(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("slice", arguments, {"slices", "fill_with"}, 1));
    const std::int64_t slices = CAIRN_TRY(need_int("slice", *bound[0]));
    if (slices < 1 || slices > 100'000) return template_error("slice: from 1 to 100000 slices");
    const auto all = CAIRN_TRY(run.iterate(value));
    const auto size = static_cast<std::int64_t>(all.size());
    std::vector<Value> columns;
    std::int64_t begin = 0;
    for (std::int64_t i = 0; i < slices; ++i) {
        const bool longer = i < size % slices;
        const std::int64_t end = begin + size / slices + (longer ? 1 : 0);
        std::vector<Value> column(all.begin() + begin, all.begin() + end);
        if (given(bound[1]) && !longer) column.push_back(*bound[1]);
        columns.push_back(CAIRN_TRY(Value::list(std::move(column))));
        begin = end;
    }
    CAIRN_TRY(run.charge(columns.size() * sizeof(List)));
    return run.own<Iterator>(std::move(columns));
}

Result<Value> attribute(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("attr", arguments, {"name"}, 1));
    const MarkedText name = CAIRN_TRY(to_text(*bound[0]));
    if (value.dict() != nullptr && find_method(value, name.bytes()) == nullptr) return Value{};
    return run.getattr(value, std::make_shared<const std::string>(name.bytes()));
}

}  // namespace

const FilterEntry kListFilters[] = {
    {"attr", attribute},
    {"batch", batch},
    {"count", length},
    {"d", with_default},
    {"default", with_default},
    {"dictsort", sort_dict},
    {"first", first},
    {"groupby", group},
    {"items", items},
    {"join", join},
    {"last", last},
    {"length", length},
    {"list", to_list},
    {"map", map},
    {"max", [](Run& r, const Value& v, Args a) { return extreme(r, v, a, true); }},
    {"min", [](Run& r, const Value& v, Args a) { return extreme(r, v, a, false); }},
    {"reject", [](Run& r, const Value& v, Args a) { return choose(r, v, a, false, false); }},
    {"rejectattr", [](Run& r, const Value& v, Args a) { return choose(r, v, a, false, true); }},
    {"reverse", reverse},
    {"select", [](Run& r, const Value& v, Args a) { return choose(r, v, a, true, false); }},
    {"selectattr", [](Run& r, const Value& v, Args a) { return choose(r, v, a, true, true); }},
    {"slice", slice},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
};
const std::size_t kListFilterCount = std::size(kListFilters);

const FilterEntry* find_filter(std::string_view name) {
    const auto in = [&](const FilterEntry* table, std::size_t size) -> const FilterEntry* {
        const auto* found =
            std::find_if(table, table + size, [&](const FilterEntry& f) { return f.name == name; });
        return found == table + size ? nullptr : found;
    };
    const FilterEntry* found = in(kTextFilters, kTextFilterCount);
    return found != nullptr ? found : in(kListFilters, kListFilterCount);
}

}  // namespace cairn::text::jinja
