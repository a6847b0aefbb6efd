// SPDX-License-Identifier: Apache-2.0
// Reads by nlohmann's events, so that no second tree is built; writes as Python's json.dumps.
#include "jinja_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/base/limits.h"
#include "cairn/text/utf8.h"
#include "jinja_run.h"

namespace cairn::text::jinja {
namespace {

class Builder : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit Builder(bool user) : user_(user) {}

    Result<Value> result() && {
        if (failed_) return std::move(error_);
        return std::move(root_);
    }

    bool null() override { return add(Value::none()); }
    bool boolean(bool value) override { return add(Value::boolean(value)); }
    bool number_integer(number_integer_t value) override { return add(Value::integer(value)); }
    bool number_unsigned(number_unsigned_t value) override {
        if (!std::in_range<std::int64_t>(value)) return fail("whole numbers have at most 64 bits");
        return add(Value::integer(static_cast<std::int64_t>(value)));
    }
    bool number_float(number_float_t value, const string_t& text) override {
        const bool whole = text.find_first_of(".eE") == std::string::npos;
        if (whole) return fail("whole numbers have at most 64 bits");
        return add(Value::real(value));
    }
    bool string(string_t& value) override { return add(text(std::move(value))); }
    bool binary(binary_t&) override { return fail("binary data"); }
    bool start_object(std::size_t) override { return open(false); }
    bool start_array(std::size_t) override { return open(true); }
    bool key(string_t& value) override {
        open_.back().key = text(std::move(value));
        return true;
    }
    bool end_object() override { return close(make_dict(std::move(open_.back().dict))); }
    bool end_array() override { return close(Value::list(std::move(open_.back().items))); }
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception&) override {
        return fail(fmt::format("not well-formed at byte {}", position));
    }

  private:
    struct Level {
        bool array = false;
        std::vector<Value> items;
        Dict dict;
        Value key;
    };

    Value text(std::string bytes) const {
        return Value::string(user_ ? MarkedText::user(std::move(bytes))
                                   : MarkedText::trusted(std::move(bytes)));
    }
    bool fail(std::string what) {
        if (!failed_) error_ = make_error(Code::kInvalid, "JSON: " + std::move(what));
        failed_ = true;
        return false;
    }
    bool open(bool array) {
        if (open_.size() >= static_cast<std::size_t>(limits::kJsonDepthMax)) {
            return fail(
                fmt::format("expected at most {} levels of nesting", limits::kJsonDepthMax));
        }
        open_.emplace_back();
        open_.back().array = array;
        return true;
    }
    bool close(Result<Value> value) {
        open_.pop_back();
        if (!value) return fail(value.error().message);
        return add(std::move(*value));
    }
    bool add(Value value) {
        if (open_.empty()) {
            root_ = std::move(value);
        } else if (open_.back().array) {
            open_.back().items.push_back(std::move(value));
        } else {
            open_.back().dict.set(std::move(open_.back().key), std::move(value));
        }
        return true;
    }

    bool user_;
    bool failed_ = false;
    Error error_;
    Value root_;
    std::vector<Level> open_;
};

struct Style {
    bool ascii = false;
    std::optional<std::string> indent;
    MarkedText item_separator = MarkedText::trusted(", ");
    MarkedText key_separator = MarkedText::trusted(": ");
    bool sort_keys = false;
};

void append_escaped(std::string& out, char32_t c, bool ascii) {
    static constexpr std::string_view kNames = "\"\\nrtfb";
    static constexpr std::string_view kValues = "\"\\\n\r\t\f\b";
    if (c < 0x80 && kValues.find(static_cast<char>(c)) != std::string_view::npos) {
        out += '\\';
        out += kNames[kValues.find(static_cast<char>(c))];
    } else if (c < 0x20 || (ascii && c >= 0x7F && c < 0x10000)) {
        out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    } else if (ascii && c >= 0x10000) {
        const auto rest = static_cast<std::uint32_t>(c) - 0x10000;
        out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
    } else {
        append_utf8(out, c);
    }
}

void append_string(MarkedText& out, const MarkedText& text, bool ascii) {
    out.append("\"");
    const std::string_view bytes = text.bytes();
    std::size_t plain = 0;
    for (std::size_t i = 0; i < bytes.size();) {
        const CodePoint c = code_point_at(bytes, i);
        const bool stays =
            c.value >= 0x20 && c.value != '"' && c.value != '\\' && (!ascii || c.value < 0x7F);
        if (!stays) {
            out.append(text, plain, i);
            std::string escaped;
            append_escaped(escaped, c.value, ascii);
            out.append(escaped, text.is_user(i));
            plain = i + c.bytes;
        }
        i += c.bytes;
    }
    out.append(text, plain, bytes.size());
    out.append("\"");
}

std::string number_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return format_float(value);
}

class Writer {
  public:
    Writer(Run& run, const Style& style) : run_(run), style_(style) {}

    Status write(const Value& value, int depth) {
        if (const MarkedText* text = value.text()) {
            append_string(out_, *text, style_.ascii);
        } else if (value.is_none()) {
            out_.append("null");
        } else if (value.is<bool>()) {
            out_.append(truthy(value) ? "true" : "false");
        } else if (value.is<double>()) {
            out_.append(number_text(std::get<double>(value.data)));
        } else if (const auto number = value.as_int()) {
            out_.append(std::to_string(*number));
        } else if (const List* list = value.list()) {
            CAIRN_TRY(write_list(*list, depth));
        } else if (const Dict* dict = value.dict()) {
            CAIRN_TRY(write_dict(*dict, depth));
        } else {
            return template_error(
                fmt::format("tojson: '{}' cannot be written as JSON", type_name(value)));
        }
        const std::size_t made = out_.size() - charged_;
        charged_ = out_.size();
        return run_.charge(made);
    }

    MarkedText out_;

  private:
    void new_line(int depth) {
        if (!style_.indent) return;
        out_.append("\n");
        for (int i = 0; i < depth; ++i) {
            out_.append(*style_.indent);
        }
    }

    Status write_list(const List& list, int depth) {
        if (list.items.empty()) {
            out_.append("[]");
            return {};
        }
        out_.append("[");
        for (std::size_t i = 0; i < list.items.size(); ++i) {
            if (i > 0) out_.append(style_.item_separator);
            new_line(depth + 1);
            CAIRN_TRY(write(list.items[i], depth + 1));
        }
        new_line(depth);
        out_.append("]");
        return {};
    }

    Status write_key(const Value& key) {
        if (const MarkedText* text = key.text()) {
            append_string(out_, *text, style_.ascii);
        } else if (key.is_none() || key.as_number()) {
            out_.append("\"");
            CAIRN_TRY(write(key, 0));
            out_.append("\"");
        } else {
            return template_error("tojson: keys are text or numbers");
        }
        return {};
    }

    Status write_dict(const Dict& dict, int depth) {
        if (dict.items().empty()) {
            out_.append("{}");
            return {};
        }
        std::vector<const Pair*> pairs;
        for (const Pair& pair : dict.items()) {
            pairs.push_back(&pair);
        }
        if (style_.sort_keys) {
            for (const Pair* pair : pairs) {
                if (!compare(pair->first, pairs[0]->first)) {
                    return template_error("tojson: keys of different kinds cannot be sorted");
                }
            }
            std::sort(pairs.begin(), pairs.end(), [](const Pair* a, const Pair* b) {
                return *compare(a->first, b->first) < 0;
            });
        }
        out_.append("{");
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            if (i > 0) out_.append(style_.item_separator);
            new_line(depth + 1);
            CAIRN_TRY(write_key(pairs[i]->first));
            out_.append(style_.key_separator);
            CAIRN_TRY(write(pairs[i]->second, depth + 1));
        }
        new_line(depth);
        out_.append("}");
        return {};
    }

    Run& run_;
    const Style& style_;
    std::size_t charged_ = 0;
};

constexpr std::int64_t kIndentMax = 64;

}  // namespace

Result<Value> parse_json_value(std::string_view text, bool user) {
    Builder builder(user);
    try {
        (void)nlohmann::json::sax_parse(text, &builder);
    } catch (const std::exception& error) {
        return make_error(Code::kInvalid, std::string("JSON: ") + error.what());
    }
    return std::move(builder).result();
}

Result<Value> filter_tojson(Run& run, const Value& value, Arguments& arguments) {
    const auto bound =
        CAIRN_TRY(bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
    Style style;
    style.ascii = bound[0] && truthy(*bound[0]);
    style.sort_keys = bound[3] && truthy(*bound[3]);
    if (bound[1] && !bound[1]->is_none()) {
        if (const MarkedText* text = bound[1]->text()) {
            style.indent = text->bytes().substr(0, kIndentMax);
        } else {
            const std::int64_t spaces = CAIRN_TRY(need_int("tojson", *bound[1]));
            if (spaces > kIndentMax) return template_error("tojson: an indent of at most 64");
            style.indent =
                std::string(static_cast<std::size_t>(std::max<std::int64_t>(0, spaces)), ' ');
        }
        style.item_separator = MarkedText::trusted(",");
    }
    if (bound[2] && !bound[2]->is_none()) {
        const auto parts = CAIRN_TRY(run.iterate(*bound[2]));
        if (parts.size() != 2) return template_error("tojson: expected two separators");
        style.item_separator = *CAIRN_TRY(need_text("tojson", parts[0]));
        style.key_separator = *CAIRN_TRY(need_text("tojson", parts[1]));
    }
    Writer writer(run, style);
    CAIRN_TRY(writer.write(value, 0));
    return Value::string(std::move(writer.out_));
}

}  // namespace cairn::text::jinja
