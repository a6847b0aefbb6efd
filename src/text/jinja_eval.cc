// SPDX-License-Identifier: Apache-2.0
// Expressions, names and calls.
#include <fmt/format.h>

#include <algorithm>

#include "jinja_run.h"

namespace cairn::text::jinja {

Error undefined_error(const Undefined& value) {
    const std::string name =
        value.name == nullptr ? std::string("a value") : "'" + *value.name + "'";
    return template_error(value.unsafe ? name + " would change its object, which is not allowed"
                                       : name + " is undefined");
}

Result<Value> Run::eval(const Expr& expr) {
    CAIRN_TRY(charge(0));
    if (++depth_ > limits_.depth_max) {
        return make_error(Code::kTooLarge, "chat template: calls lie too deep in one another");
    }
    auto value = eval_kind(expr);
    --depth_;
    return value;
}

Result<Value> Run::eval_kind(const Expr& expr) {
    switch (expr.kind) {
        case Expr::Kind::kConst:
            return expr.value;
        case Expr::Kind::kName:
        case Expr::Kind::kNamespaceTarget:
            return eval_name(expr);
        case Expr::Kind::kGetattr:
            return getattr(CAIRN_TRY(eval(*expr.items[0])), expr.name);
        case Expr::Kind::kGetitem:
            return eval_getitem(expr);
        case Expr::Kind::kSlice:
            return template_error("a slice stands outside of [ ]");
        case Expr::Kind::kList:
        case Expr::Kind::kTuple:
            return eval_items(expr, expr.kind == Expr::Kind::kTuple);
        case Expr::Kind::kDict:
            return eval_dict(expr);
        case Expr::Kind::kCall:
            return eval_call(expr);
        case Expr::Kind::kFilter:
            return eval_filter(expr, nullptr);
        case Expr::Kind::kTest:
            return eval_test(expr);
        case Expr::Kind::kNot:
            return Value::boolean(!truthy(CAIRN_TRY(eval(*expr.items[0]))));
        case Expr::Kind::kNegate:
        case Expr::Kind::kPlus:
            return eval_sign(expr);
        case Expr::Kind::kBinary: {
            const Value left = CAIRN_TRY(eval(*expr.items[0]));
            return binary(expr.op, left, CAIRN_TRY(eval(*expr.items[1])));
        }
        case Expr::Kind::kConcat:
            return eval_concat(expr);
        case Expr::Kind::kCompare:
            return eval_compare(expr);
        case Expr::Kind::kAnd:
        case Expr::Kind::kOr: {
            Value left = CAIRN_TRY(eval(*expr.items[0]));
            if (truthy(left) == (expr.kind == Expr::Kind::kOr)) return left;
            return eval(*expr.items[1]);
        }
        case Expr::Kind::kIf:
            if (truthy(CAIRN_TRY(eval(*expr.items[0])))) return eval(*expr.items[1]);
            if (expr.items[2] == nullptr) return Value{};
            return eval(*expr.items[2]);
    }
    return Value{};
}

Result<Value> Run::eval_name(const Expr& expr) {
    if (const Value* found = find(expr.symbol)) return *found;
    if (const MethodEntry* global = find_global(*expr.name)) return own<Method>(Value{}, *global);
    return Value{Undefined{expr.name}};
}

Result<Value> Run::eval_items(const Expr& expr, bool tuple) {
    std::vector<Value> items;
    for (const ExprPtr& item : expr.items) {
        items.push_back(CAIRN_TRY(eval(*item)));
    }
    CAIRN_TRY(charge(items.size() * sizeof(Value)));
    return Value::list(std::move(items), tuple);
}

Result<Value> Run::eval_dict(const Expr& expr) {
    Dict dict;
    for (std::size_t i = 0; i + 1 < expr.items.size(); i += 2) {
        Value key = CAIRN_TRY(eval(*expr.items[i]));
        Value value = CAIRN_TRY(eval(*expr.items[i + 1]));
        if (!dict.set(std::move(key), std::move(value))) {
            return template_error("a list or a dictionary cannot be a dictionary's key");
        }
    }
    CAIRN_TRY(charge(dict.items().size() * sizeof(Pair)));
    return make_dict(std::move(dict));
}

Result<Value> Run::eval_getitem(const Expr& expr) {
    const Value object = CAIRN_TRY(eval(*expr.items[0]));
    const Expr& key = *expr.items[1];
    if (key.kind != Expr::Kind::kSlice) return getitem(object, CAIRN_TRY(eval(key)));
    Value parts[3] = {Value::none(), Value::none(), Value::none()};
    for (std::size_t i = 0; i < 3; ++i) {
        if (key.items[i] != nullptr) parts[i] = CAIRN_TRY(eval(*key.items[i]));
    }
    return slice(object, parts[0], parts[1], parts[2]);
}

Result<Arguments> Run::eval_arguments(const Expr& expr) {
    Arguments arguments;
    for (std::size_t i = 1; i < expr.items.size(); ++i) {
        arguments.items.push_back(CAIRN_TRY(eval(*expr.items[i])));
    }
    for (const auto& [name, value] : expr.named) {
        arguments.named.emplace_back(name, CAIRN_TRY(eval(*value)));
    }
    if (expr.more_items != nullptr) {
        for (Value& item : CAIRN_TRY(iterate(CAIRN_TRY(eval(*expr.more_items))))) {
            arguments.items.push_back(std::move(item));
        }
    }
    if (expr.more_named != nullptr) {
        const Value more = CAIRN_TRY(eval(*expr.more_named));
        if (more.dict() == nullptr) return template_error("expected a dictionary behind **");
        for (const auto& [name, value] : more.dict()->items()) {
            if (name.text() == nullptr) return template_error("names of arguments are text");
            arguments.named.emplace_back(name.text()->bytes(), value);
        }
    }
    return arguments;
}

Result<Value> Run::eval_call(const Expr& expr) {
    const Expr& callee = *expr.items[0];
    if (callee.kind == Expr::Kind::kGetattr) {  // x.method(...) without making the method a value
        const Value object = CAIRN_TRY(eval(*callee.items[0]));
        const MethodEntry* method = find_method(object, *callee.name);
        if (method != nullptr && method->function != nullptr) {
            Arguments arguments = CAIRN_TRY(eval_arguments(expr));
            return method->function(*this, object, arguments);
        }
        const Value found = CAIRN_TRY(getattr(object, callee.name));
        Arguments arguments = CAIRN_TRY(eval_arguments(expr));
        return call(found, arguments);
    }
    const Value function = CAIRN_TRY(eval(callee));
    Arguments arguments = CAIRN_TRY(eval_arguments(expr));
    return call(function, arguments);
}

Result<Value> Run::call(const Value& callee, Arguments& arguments) {
    if (++depth_ > limits_.depth_max) {
        return make_error(Code::kTooLarge, "chat template: calls lie too deep in one another");
    }
    Result<Value> result = template_error(fmt::format("'{}' cannot be called", type_name(callee)));
    if (const auto* macro = callee.as<Macro>()) {
        result = call_macro(*macro, arguments);
    } else if (const auto* method = callee.as<Method>()) {
        result = method->entry.function(*this, method->self, arguments);
    } else if (auto* loop = callee.as<Loop>()) {
        result = call_loop(*loop, arguments);
    } else if (auto* joiner = callee.as<Joiner>()) {
        result = joiner->used ? joiner->separator : Value::trusted("");
        joiner->used = true;
    } else if (const auto* undefined = std::get_if<Undefined>(&callee.data)) {
        result = undefined_error(*undefined);
    }
    --depth_;
    return result;
}

Result<Value> Run::call_macro(const Macro& macro, Arguments& arguments) {
    const MacroDef& def = macro.def;
    const FramePtr before = frame_;
    push_frame(macro.frame);
    const std::size_t given = std::min(arguments.items.size(), def.parameters.size());
    const std::size_t first_default = def.parameters.size() - def.defaults.size();
    std::vector<bool> used(arguments.named.size());
    std::optional<Value> caller;
    for (std::size_t i = 0; i < def.parameters.size(); ++i) {
        const auto named = std::find_if(
            arguments.named.begin(), arguments.named.end(),
            [&](const auto& argument) { return argument.first == def.parameter_names[i]; });
        if (i < given) {
            set(def.parameters[i], arguments.items[i]);
        } else if (named != arguments.named.end()) {
            set(def.parameters[i], named->second);
            used[static_cast<std::size_t>(named - arguments.named.begin())] = true;
        } else if (i >= first_default) {
            set(def.parameters[i], CAIRN_TRY(eval(*def.defaults[i - first_default])));
        } else {
            set(def.parameters[i],
                Value{Undefined{std::make_shared<const std::string>(def.parameter_names[i])}});
        }
    }
    Dict rest;
    for (std::size_t i = 0; i < arguments.named.size(); ++i) {
        auto& [name, value] = arguments.named[i];
        if (used[i]) continue;
        if (def.uses_caller && name == "caller") {
            caller = value;
        } else if (def.uses_kwargs) {
            rest.set(Value::trusted(name), value);
        } else {
            return template_error(fmt::format("macro '{}' takes no argument '{}'", def.name, name));
        }
    }
    if (def.uses_caller) set(kCaller, caller.value_or(Value{}));
    if (def.uses_kwargs) set(kKwargs, CAIRN_TRY(make_dict(std::move(rest))));
    if (def.uses_varargs) {
        set(kVarargs,
            CAIRN_TRY(Value::list({arguments.items.begin() + static_cast<std::ptrdiff_t>(given),
                                   arguments.items.end()},
                                  true)));
    } else if (arguments.items.size() > given) {
        return template_error(fmt::format("macro '{}' takes at most {} arguments, found {}",
                                          def.name, given, arguments.items.size()));
    }
    Value text = CAIRN_TRY(capture(def.body));
    frame_ = before;
    return text;
}

Result<Value> Run::call_loop(Loop& loop, Arguments& arguments) {
    if (!loop.stmt.recursive || arguments.items.size() != 1) {
        return template_error("loop(...) needs 'recursive' and one list");
    }
    std::vector<Value> items = CAIRN_TRY(iterate(arguments.items[0]));
    MarkedText* const out = out_;
    MarkedText text;
    out_ = &text;
    CAIRN_TRY(run_loop(loop.stmt, std::move(items), loop.outer, loop.depth + 1));
    out_ = out;
    return this->text(std::move(text));
}

Result<Value> Run::eval_filter(const Expr& expr, const Value* value) {
    if (expr.filter == nullptr) {
        return template_error("the filter '" + *expr.name + "' is not known");
    }
    Value input;
    if (expr.items[0] != nullptr) {
        // In a filter block the innermost filter takes the text.
        const Expr& inner = *expr.items[0];
        const bool chained = value != nullptr && inner.kind == Expr::Kind::kFilter;
        input = chained ? CAIRN_TRY(eval_filter(inner, value)) : CAIRN_TRY(eval(inner));
    } else if (value != nullptr) {
        input = *value;
    }
    Arguments arguments = CAIRN_TRY(eval_arguments(expr));
    return expr.filter->function(*this, input, arguments);
}

Result<Value> Run::eval_test(const Expr& expr) {
    if (expr.test == nullptr) {
        return template_error("the test '" + *expr.name + "' is not known");
    }
    const Value value = CAIRN_TRY(eval(*expr.items[0]));
    Arguments arguments = CAIRN_TRY(eval_arguments(expr));
    return Value::boolean(CAIRN_TRY(expr.test->function(*this, value, arguments)));
}

Result<Value> Run::apply_filter(std::string_view name, const Value& value, Arguments& arguments) {
    const FilterEntry* filter = find_filter(name);
    if (filter == nullptr) {
        return template_error("the filter '" + std::string(name) + "' is not known");
    }
    return filter->function(*this, value, arguments);
}

Result<bool> Run::apply_test(std::string_view name, const Value& value, Arguments& arguments) {
    const TestEntry* test = find_test(name);
    if (test == nullptr) {
        return template_error("the test '" + std::string(name) + "' is not known");
    }
    return test->function(*this, value, arguments);
}

Result<Value> Run::eval_sign(const Expr& expr) {
    const Value value = CAIRN_TRY(eval(*expr.items[0]));
    const bool negate = expr.kind == Expr::Kind::kNegate;
    if (const auto* number = std::get_if<double>(&value.data)) {
        return Value::real(negate ? -*number : *number);
    }
    if (const auto number = value.as_int()) {
        std::int64_t result = *number;
        if (negate && __builtin_sub_overflow(std::int64_t{0}, *number, &result)) {
            return template_error("a whole number leaves 64 bits");
        }
        return Value::integer(result);
    }
    if (const auto* undefined = std::get_if<Undefined>(&value.data)) {
        return undefined_error(*undefined);
    }
    return template_error(fmt::format("'{}' has no sign", type_name(value)));
}

Result<Value> Run::eval_concat(const Expr& expr) {
    MarkedText all;
    for (const ExprPtr& item : expr.items) {
        const Value value = CAIRN_TRY(eval(*item));
        if (const MarkedText* text = value.text()) {
            all.append(*text);
        } else {
            all.append(CAIRN_TRY(to_text(value)));
        }
    }
    return text(std::move(all));
}

Result<Value> Run::eval_compare(const Expr& expr) {
    Value left = CAIRN_TRY(eval(*expr.items[0]));
    for (std::size_t i = 0; i < expr.relations.size(); ++i) {
        Value right = CAIRN_TRY(eval(*expr.items[i + 1]));
        if (!CAIRN_TRY(relate(expr.relations[i], left, right))) return Value::boolean(false);
        left = std::move(right);
    }
    return Value::boolean(true);
}

}  // namespace cairn::text::jinja
