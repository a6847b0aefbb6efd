// SPDX-License-Identifier: Apache-2.0
// What lies inside a value: attributes, items, slices and iteration.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cairn/text/utf8.h"
#include "jinja_run.h"

namespace cairn::text::jinja {
namespace {

Name name_of(const Value& key) {
    const MarkedText* text = key.text();
    return std::make_shared<const std::string>(text == nullptr ? std::string("item")
                                                               : text->bytes());
}

/// Python's index: from the end when negative; nothing outside.
std::optional<std::size_t> index_in(std::int64_t index, std::int64_t size) {
    if (index < 0) index += size;
    if (index < 0 || index >= size) return std::nullopt;
    return static_cast<std::size_t>(index);
}

/// Byte offsets of all characters, and the end.
std::vector<std::size_t> character_offsets(std::string_view text) {
    std::vector<std::size_t> offsets;
    for (std::size_t i = 0; i < text.size(); i += code_point_at(text, i).bytes) {
        offsets.push_back(i);
    }
    offsets.push_back(text.size());
    return offsets;
}

struct Indices {
    std::int64_t begin = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;
};

/// Python's slice.indices.
Result<Indices> indices_of(const Value& begin, const Value& end, const Value& step,
                           std::int64_t size) {
    const auto bound = [](const Value& value, std::int64_t other) -> Result<std::int64_t> {
        if (value.is_none()) return other;
        const auto number = value.as_int();
        if (!number) return template_error("slices take whole numbers");
        return *number;
    };
    Indices out;
    out.step = CAIRN_TRY(bound(step, 1));
    if (out.step == 0) return template_error("the step of a slice cannot be 0");
    // Steps beyond the size all do the same; bounding them keeps the sums below in range.
    out.step = std::clamp(out.step, -size - 1, size + 1);
    const std::int64_t low = out.step > 0 ? 0 : -1;
    const std::int64_t high = out.step > 0 ? size : size - 1;
    const auto clamp = [&](std::int64_t value) {
        return std::clamp(value < 0 && value >= -size ? value + size : value, low, high);
    };
    const bool forward = out.step > 0;
    out.begin = begin.is_none() ? (forward ? low : high) : clamp(CAIRN_TRY(bound(begin, 0)));
    const std::int64_t last =
        end.is_none() ? (forward ? high : low) : clamp(CAIRN_TRY(bound(end, 0)));
    const std::int64_t distance = forward ? last - out.begin : out.begin - last;
    const std::int64_t stride = forward ? out.step : -out.step;
    out.count = distance > 0 ? (distance + stride - 1) / stride : 0;
    return out;
}

}  // namespace

const MethodEntry* find_method(const Value& object, std::string_view name);

Result<Value> Run::getattr(const Value& object, const Name& name) {
    if (const auto* undefined = std::get_if<Undefined>(&object.data)) {
        return undefined_error(*undefined);
    }
    if (const MethodEntry* method = find_method(object, *name)) {
        if (method->function == nullptr) return Value{Undefined{name, true}};
        return own<Method>(object, *method);
    }
    if (const Dict* dict = object.dict()) {
        const Value* found = dict->find(*name);
        return found != nullptr ? *found : Value{Undefined{name}};
    }
    if (const auto* names = object.as<Namespace>(); names != nullptr && !name->starts_with('_')) {
        for (const auto& [known, value] : names->attributes) {
            if (known == *name) return value;
        }
    }
    if (const auto* loop = object.as<Loop>()) return loop_attribute(object, *loop, *name);
    if (const auto* macro = object.as<Macro>(); macro != nullptr && *name == "name") {
        return Value::trusted(macro->def.name);
    }
    if (const auto* cycler = object.as<Cycler>(); cycler != nullptr && *name == "current") {
        return cycler->items[cycler->next];
    }
    if (const List* list = object.list(); list != nullptr && list->group) {
        if (*name == "grouper") return list->items[0];
        if (*name == "list") return list->items[1];
    }
    return Value{Undefined{name}};
}

Result<Value> Run::getitem(const Value& object, const Value& key) {
    if (const auto* undefined = std::get_if<Undefined>(&object.data)) {
        return undefined_error(*undefined);
    }
    if (const Dict* dict = object.dict()) {
        if (const Value* found = dict->find(key)) return *found;
    } else if (const auto index = key.as_int()) {
        if (const List* list = object.list()) {
            const auto at = index_in(*index, static_cast<std::int64_t>(list->items.size()));
            if (at) return list->items[*at];
        } else if (const auto* range = object.as<Range>()) {
            const auto at = index_in(*index, range->count);
            if (at) return range->at(static_cast<std::int64_t>(*at));
        } else if (const MarkedText* text = object.text()) {
            CAIRN_TRY(charge(text->size()));
            const auto size = static_cast<std::int64_t>(count_code_points(text->bytes()));
            if (const auto at = index_in(*index, size)) {
                const std::size_t begin = byte_offset(text->bytes(), *at);
                const std::size_t bytes = code_point_at(text->bytes(), begin).bytes;
                return Value::string(text->slice(begin, begin + bytes));
            }
        }
    }
    // An attribute of that name, as jinja2 looks for when there is no such item.
    if (key.text() != nullptr &&
        (object.dict() == nullptr || find_method(object, key.text()->bytes()) != nullptr)) {
        return getattr(object, name_of(key));
    }
    return Value{Undefined{name_of(key)}};
}

Result<Value> Run::slice(const Value& object, const Value& begin, const Value& end,
                         const Value& step) {
    if (const auto* undefined = std::get_if<Undefined>(&object.data)) {
        return undefined_error(*undefined);
    }
    if (const MarkedText* text = object.text()) {
        CAIRN_TRY(charge(text->size()));
        const auto offsets = character_offsets(text->bytes());
        const Indices at =
            CAIRN_TRY(indices_of(begin, end, step, static_cast<std::int64_t>(offsets.size()) - 1));
        if (at.step == 1) {
            const auto first = static_cast<std::size_t>(at.begin);
            const auto last = static_cast<std::size_t>(at.begin + at.count);
            return this->text(text->slice(offsets[first], offsets[last]));
        }
        MarkedText out;
        out.markup = text->markup;
        for (std::int64_t i = 0; i < at.count; ++i) {
            const auto c = static_cast<std::size_t>(at.begin + i * at.step);
            out.append(*text, offsets[c], offsets[c + 1]);
        }
        return this->text(std::move(out));
    }
    const List* list = object.list();
    if (list == nullptr && object.as<Range>() == nullptr) return Value{};
    const std::vector<Value> all = list != nullptr ? list->items : CAIRN_TRY(iterate(object));
    const Indices at =
        CAIRN_TRY(indices_of(begin, end, step, static_cast<std::int64_t>(all.size())));
    std::vector<Value> items;
    for (std::int64_t i = 0; i < at.count; ++i) {
        items.push_back(all[static_cast<std::size_t>(at.begin + i * at.step)]);
    }
    CAIRN_TRY(charge(items.size() * sizeof(Value)));
    return Value::list(std::move(items), list != nullptr && list->tuple);
}

Result<std::vector<Value>> Run::iterate(const Value& value) {
    std::vector<Value> items;
    if (const List* list = value.list()) {
        items = list->items;
    } else if (const Dict* dict = value.dict()) {
        for (const auto& [key, item] : dict->items()) {
            items.push_back(key);
        }
    } else if (const auto* view = value.as<View>()) {
        items = view->items;
    } else if (auto* iterator = value.as<Iterator>()) {
        items.assign(iterator->items.begin() + static_cast<std::ptrdiff_t>(iterator->next),
                     iterator->items.end());
        iterator->next = iterator->items.size();
    } else if (const auto* range = value.as<Range>()) {
        for (std::int64_t i = 0; i < range->count; ++i) {
            items.push_back(range->at(i));
        }
    } else if (const MarkedText* text = value.text()) {
        CAIRN_TRY(charge(text->size() * sizeof(MarkedText)));
        for (std::size_t i = 0; i < text->size();) {
            const std::size_t end = i + code_point_at(text->bytes(), i).bytes;
            items.push_back(Value::string(text->slice(i, end)));
            items.back().text();
            i = end;
        }
    } else if (auto* loop = value.as<Loop>()) {
        // Taking from the loop itself ends it after this turn.
        items.assign(loop->items.begin() + static_cast<std::ptrdiff_t>(loop->index) + 1,
                     loop->items.end());
    } else if (!value.is_undefined()) {
        return template_error(fmt::format("'{}' cannot be iterated", type_name(value)));
    }
    CAIRN_TRY(charge(items.size() * sizeof(Value)));
    return items;
}

Result<bool> Run::contains(const Value& container, const Value& item) {
    CAIRN_TRY(charge(0));
    if (const MarkedText* text = container.text()) {
        CAIRN_TRY(charge(text->size() / 8));
        if (item.text() == nullptr) {
            return template_error(
                fmt::format("only text can be in text, found '{}'", type_name(item)));
        }
        return find_text(text->bytes(), item.text()->bytes()) != std::string::npos;
    }
    if (const Dict* dict = container.dict()) {
        if (item.list() != nullptr && !item.list()->tuple) {
            return template_error("a list cannot be a dictionary's key");
        }
        return dict->find(item) != nullptr;
    }
    const std::vector<Value> items =
        container.list() != nullptr ? std::vector<Value>() : CAIRN_TRY(iterate(container));
    const std::vector<Value>& all = container.list() != nullptr ? container.list()->items : items;
    CAIRN_TRY(charge(all.size()));
    return std::any_of(all.begin(), all.end(), [&](const Value& v) { return equal(v, item); });
}

Result<Value> Run::attribute_path(Value value, const Value& path,
                                  const std::optional<Value>& missing) {
    std::vector<Value> steps;
    if (const MarkedText* text = path.text()) {
        std::string_view rest = text->bytes();
        while (true) {
            const std::size_t dot = rest.find('.');
            const std::string_view part = rest.substr(0, dot);
            std::int64_t number = 0;
            const auto end = std::from_chars(part.data(), part.data() + part.size(), number);
            const bool whole = end.ec == std::errc() && end.ptr == part.data() + part.size() &&
                               !part.starts_with('-');
            steps.push_back(whole ? Value::integer(number) : Value::trusted(std::string(part)));
            if (dot == std::string_view::npos) break;
            rest.remove_prefix(dot + 1);
        }
    } else {
        steps.push_back(path);
    }
    for (const Value& step : steps) {
        value = CAIRN_TRY(getitem(value, step));
        if (value.is_undefined() && missing) value = *missing;
    }
    return value;
}

Result<Value> Run::loop_attribute(const Value&, const Loop& loop, std::string_view name) {
    const auto size = static_cast<std::int64_t>(loop.items.size());
    const auto index = static_cast<std::int64_t>(loop.index);
    struct Number {
        std::string_view name;
        std::int64_t value;
    };
    const Number numbers[] = {{"index", index + 1},       {"index0", index},
                              {"revindex", size - index}, {"revindex0", size - index - 1},
                              {"length", size},           {"depth", loop.depth},
                              {"depth0", loop.depth - 1}};
    for (const Number& number : numbers) {
        if (number.name == name) return Value::integer(number.value);
    }
    if (name == "first") return Value::boolean(index == 0);
    if (name == "last") return Value::boolean(index + 1 == size);
    if (name == "previtem" && index > 0) return loop.items[loop.index - 1];
    if (name == "nextitem" && index + 1 < size) return loop.items[loop.index + 1];
    return Value{Undefined{std::make_shared<const std::string>(name)}};
}

}  // namespace cairn::text::jinja
