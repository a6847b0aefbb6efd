// SPDX-License-Identifier: Apache-2.0
// The expressions of the parser, one function per level of precedence, the weakest first.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "jinja_library.h"
#include "jinja_parser.h"

namespace cairn::text::jinja {
namespace {

constexpr int kNestingMax = 100;    // of brackets, of `not` and of signs
constexpr int kTreeDepthMax = 300;  // long sums are deep trees

}  // namespace

ExprPtr Parser::make_expr(Expr::Kind kind) const {
    auto expr = std::make_unique<Expr>();
    expr->kind = kind;
    expr->line = current().line;
    return expr;
}

Status Parser::add_item(Expr& parent, ExprPtr item) {
    if (item != nullptr) {
        parent.depth = std::max(parent.depth, item->depth + 1);
        if (parent.depth > kTreeDepthMax) {
            return make_error(Code::kTooLarge, fail("the expression is too long").message);
        }
    }
    parent.items.push_back(std::move(item));
    return {};
}

Result<ExprPtr> Parser::binary(Op op, ExprPtr left, ExprPtr right) const {
    auto expr = make_expr(Expr::Kind::kBinary);
    expr->op = op;
    CAIRN_TRY(const_cast<Parser*>(this)->add_item(*expr, std::move(left)));
    CAIRN_TRY(const_cast<Parser*>(this)->add_item(*expr, std::move(right)));
    return expr;
}

Result<ExprPtr> Parser::parse_expression(bool with_condition) {
    if (++expression_depth_ > kNestingMax) {
        return make_error(Code::kTooLarge, fail("too many expressions in one another").message);
    }
    auto expr = with_condition ? parse_condition() : parse_or();
    --expression_depth_;
    return expr;
}

Result<ExprPtr> Parser::parse_condition() {
    ExprPtr value = CAIRN_TRY(parse_or());
    while (skip_name("if")) {
        auto expr = make_expr(Expr::Kind::kIf);
        CAIRN_TRY(add_item(*expr, CAIRN_TRY(parse_or())));
        CAIRN_TRY(add_item(*expr, std::move(value)));
        ExprPtr otherwise;
        if (skip_name("else")) otherwise = CAIRN_TRY(parse_expression());
        CAIRN_TRY(add_item(*expr, std::move(otherwise)));
        value = std::move(expr);
    }
    return value;
}

Result<ExprPtr> Parser::parse_or() {
    ExprPtr left = CAIRN_TRY(parse_and());
    while (skip_name("or")) {
        auto expr = make_expr(Expr::Kind::kOr);
        CAIRN_TRY(add_item(*expr, std::move(left)));
        CAIRN_TRY(add_item(*expr, CAIRN_TRY(parse_and())));
        left = std::move(expr);
    }
    return left;
}

Result<ExprPtr> Parser::parse_and() {
    ExprPtr left = CAIRN_TRY(parse_not());
    while (skip_name("and")) {
        auto expr = make_expr(Expr::Kind::kAnd);
        CAIRN_TRY(add_item(*expr, std::move(left)));
        CAIRN_TRY(add_item(*expr, CAIRN_TRY(parse_not())));
        left = std::move(expr);
    }
    return left;
}

Result<ExprPtr> Parser::parse_not() {
    if (!is_name("not")) return parse_compare();
    auto expr = make_expr(Expr::Kind::kNot);
    next();
    if (++expression_depth_ > kNestingMax) return fail("too many 'not' in one another");
    CAIRN_TRY(add_item(*expr, CAIRN_TRY(parse_not())));
    --expression_depth_;
    return expr;
}

Result<ExprPtr> Parser::parse_compare() {
    struct Sign {
        std::string_view text;
        Relation relation;
    };
    static constexpr std::array<Sign, 6> kSigns = {{{"==", Relation::kEq},
                                                    {"!=", Relation::kNe},
                                                    {"<", Relation::kLt},
                                                    {"<=", Relation::kLe},
                                                    {">", Relation::kGt},
                                                    {">=", Relation::kGe}}};
    ExprPtr first = CAIRN_TRY(parse_sum());
    ExprPtr all;
    while (true) {
        const auto sign = std::find_if(kSigns.begin(), kSigns.end(),
                                       [&](const Sign& s) { return is_operator(s.text); });
        Relation relation = Relation::kIn;
        if (sign != kSigns.end()) {
            relation = sign->relation;
        } else if (is_name("not") && look().kind == Token::Kind::kName && look().text == "in") {
            relation = Relation::kNotIn;
            next();
        } else if (!is_name("in")) {
            break;
        }
        if (all == nullptr) {
            all = make_expr(Expr::Kind::kCompare);
            CAIRN_TRY(add_item(*all, std::move(first)));
        }
        next();
        all->relations.push_back(relation);
        CAIRN_TRY(add_item(*all, CAIRN_TRY(parse_sum())));
    }
    return all == nullptr ? std::move(first) : std::move(all);
}

Result<ExprPtr> Parser::parse_sum() {
    ExprPtr left = CAIRN_TRY(parse_concat());
    while (is_operator("+") || is_operator("-")) {
        const Op op = is_operator("+") ? Op::kAdd : Op::kSub;
        next();
        left = CAIRN_TRY(binary(op, std::move(left), CAIRN_TRY(parse_concat())));
    }
    return left;
}

Result<ExprPtr> Parser::parse_concat() {
    ExprPtr first = CAIRN_TRY(parse_product());
    if (!is_operator("~")) return first;
    auto expr = make_expr(Expr::Kind::kConcat);
    CAIRN_TRY(add_item(*expr, std::move(first)));
    while (skip_operator("~")) {
        CAIRN_TRY(add_item(*expr, CAIRN_TRY(parse_product())));
    }
    return expr;
}

Result<ExprPtr> Parser::parse_product() {
    ExprPtr left = CAIRN_TRY(parse_power());
    while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
        const Op op = is_operator("*")    ? Op::kMul
                      : is_operator("/")  ? Op::kDiv
                      : is_operator("//") ? Op::kFloorDiv
                                          : Op::kMod;
        next();
        left = CAIRN_TRY(binary(op, std::move(left), CAIRN_TRY(parse_power())));
    }
    return left;
}

Result<ExprPtr> Parser::parse_power() {
    ExprPtr left = CAIRN_TRY(parse_unary(true));
    while (skip_operator("**")) {
        left = CAIRN_TRY(binary(Op::kPow, std::move(left), CAIRN_TRY(parse_unary(true))));
    }
    return left;
}

Result<ExprPtr> Parser::parse_unary(bool with_filter) {
    ExprPtr value;
    if (is_operator("-") || is_operator("+")) {
        value = make_expr(is_operator("-") ? Expr::Kind::kNegate : Expr::Kind::kPlus);
        next();
        if (++expression_depth_ > kNestingMax) return fail("too many signs");
        CAIRN_TRY(add_item(*value, CAIRN_TRY(parse_unary(false))));
        --expression_depth_;
    } else {
        value = CAIRN_TRY(parse_primary(false));
    }
    value = CAIRN_TRY(parse_postfix(std::move(value)));
    return with_filter ? parse_filter_chain(std::move(value)) : Result<ExprPtr>(std::move(value));
}

Result<ExprPtr> Parser::parse_named(bool with_namespace) {
    auto expr = make_expr(Expr::Kind::kConst);
    const std::string name = current().text;
    next();
    if (name == "true" || name == "True" || name == "false" || name == "False") {
        expr->value = Value::boolean(name == "true" || name == "True");
    } else if (name == "none" || name == "None") {
        expr->value = Value::none();
    } else {
        expr->kind = Expr::Kind::kName;
        expr->symbol = symbol_of(name);
        expr->name = program_.names[static_cast<std::size_t>(expr->symbol)];
        if (expr->symbol < kKnownSymbols) used_[static_cast<std::size_t>(expr->symbol)] = true;
        if (with_namespace && skip_operator(".")) {
            expr->kind = Expr::Kind::kNamespaceTarget;
            expr->name = std::make_shared<const std::string>(CAIRN_TRY(expect_name()));
        }
    }
    return expr;
}

Result<ExprPtr> Parser::parse_number() {
    auto expr = make_expr(Expr::Kind::kConst);
    const std::string& text = current().text;
    const char* end = text.data() + text.size();
    if (current().kind == Token::Kind::kFloat) {
        double value = 0;
        if (std::from_chars(text.data(), end, value).ec == std::errc::result_out_of_range) {
            value = std::numeric_limits<double>::infinity();
        }
        expr->value = Value::real(value);
    } else {
        const char kind = text.size() > 1 ? static_cast<char>(text[1] | 0x20) : '0';
        const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
        std::int64_t value = 0;
        const char* begin = text.data() + (base == 10 ? 0 : 2);
        if (std::from_chars(begin, end, value, base).ec != std::errc()) {
            return fail("whole numbers have at most 64 bits, found " + text.substr(0, 60));
        }
        expr->value = Value::integer(value);
    }
    next();
    return expr;
}

Result<ExprPtr> Parser::parse_primary(bool with_namespace) {
    switch (current().kind) {
        case Token::Kind::kName:
            return parse_named(with_namespace);
        case Token::Kind::kInteger:
        case Token::Kind::kFloat:
            return parse_number();
        case Token::Kind::kString: {
            auto expr = make_expr(Expr::Kind::kConst);
            std::string text;
            while (current().kind == Token::Kind::kString) {
                text += current().text;
                next();
            }
            expr->value = Value::trusted(std::move(text));
            return expr;
        }
        default:
            break;
    }
    if (is_operator("[")) return parse_list();
    if (is_operator("{")) return parse_dict();
    if (!skip_operator("(")) return unexpected();
    ExprPtr inner = CAIRN_TRY(parse_tuple({.brackets = true}));
    CAIRN_TRY(expect_operator(")"));
    return inner;
}

Result<ExprPtr> Parser::parse_tuple(const TupleRule& rule) {
    auto tuple = make_expr(Expr::Kind::kTuple);
    bool is_tuple = false;
    while (true) {
        if (!tuple->items.empty() && !skip_operator(",")) break;
        const Token::Kind kind = current().kind;
        if (kind == Token::Kind::kVariableEnd || kind == Token::Kind::kBlockEnd ||
            is_operator(")") || (!rule.until.empty() && is_name(rule.until))) {
            break;
        }
        auto item = rule.simple ? parse_primary(rule.with_namespace)
                                : parse_expression(rule.with_condition);
        CAIRN_TRY(add_item(*tuple, CAIRN_TRY(std::move(item))));
        if (!is_operator(",")) break;
        is_tuple = true;
    }
    if (is_tuple) return tuple;
    if (!tuple->items.empty()) return std::move(tuple->items[0]);
    if (!rule.brackets) return fail("expected an expression, found " + shown());
    return tuple;
}

bool Parser::is_assignable(const Expr& target) const {
    if (target.kind == Expr::Kind::kName || target.kind == Expr::Kind::kNamespaceTarget) {
        return true;
    }
    return target.kind == Expr::Kind::kTuple &&
           std::all_of(target.items.begin(), target.items.end(),
                       [&](const ExprPtr& item) { return is_assignable(*item); });
}

Result<ExprPtr> Parser::parse_target(const TargetRule& rule) {
    ExprPtr target;
    if (rule.name_only) {
        if (current().kind != Token::Kind::kName) {
            return fail(fmt::format("expected a name, found {}", shown()));
        }
        target = CAIRN_TRY(parse_named(false));
    } else {
        target = CAIRN_TRY(parse_tuple(
            {.until = rule.until, .simple = true, .with_namespace = rule.with_namespace}));
    }
    if (!is_assignable(*target)) return fail("expected a name to set");
    return target;
}

Result<ExprPtr> Parser::parse_list() {
    auto list = make_expr(Expr::Kind::kList);
    next();
    while (!is_operator("]")) {
        if (!list->items.empty()) CAIRN_TRY(expect_operator(","));
        if (is_operator("]")) break;
        CAIRN_TRY(add_item(*list, CAIRN_TRY(parse_expression())));
    }
    next();
    return list;
}

Result<ExprPtr> Parser::parse_dict() {
    auto dict = make_expr(Expr::Kind::kDict);
    next();
    while (!is_operator("}")) {
        if (!dict->items.empty()) CAIRN_TRY(expect_operator(","));
        if (is_operator("}")) break;
        CAIRN_TRY(add_item(*dict, CAIRN_TRY(parse_expression())));
        CAIRN_TRY(expect_operator(":"));
        CAIRN_TRY(add_item(*dict, CAIRN_TRY(parse_expression())));
    }
    next();
    return dict;
}

Result<ExprPtr> Parser::parse_postfix(ExprPtr value) {
    while (true) {
        if (is_operator(".") || is_operator("[")) {
            value = CAIRN_TRY(parse_subscript(std::move(value)));
        } else if (is_operator("(")) {
            value = CAIRN_TRY(parse_call(std::move(value)));
        } else {
            return value;
        }
    }
}

Result<ExprPtr> Parser::parse_filter_chain(ExprPtr value) {
    while (true) {
        if (is_operator("|")) {
            value = CAIRN_TRY(parse_filters(std::move(value), false));
        } else if (is_name("is")) {
            value = CAIRN_TRY(parse_test(std::move(value)));
        } else if (is_operator("(")) {
            value = CAIRN_TRY(parse_call(std::move(value)));
        } else {
            return value;
        }
    }
}

Result<ExprPtr> Parser::parse_subscript(ExprPtr value) {
    auto expr = make_expr(Expr::Kind::kGetitem);
    CAIRN_TRY(add_item(*expr, std::move(value)));
    if (skip_operator(".")) {
        if (current().kind == Token::Kind::kInteger) {
            CAIRN_TRY(add_item(*expr, CAIRN_TRY(parse_number())));
            return expr;
        }
        expr->kind = Expr::Kind::kGetattr;
        expr->name = std::make_shared<const std::string>(CAIRN_TRY(expect_name()));
        return expr;
    }
    next();  // [
    auto all = make_expr(Expr::Kind::kTuple);
    while (!is_operator("]")) {
        if (!all->items.empty()) CAIRN_TRY(expect_operator(","));
        CAIRN_TRY(add_item(*all, CAIRN_TRY(parse_subscribed())));
    }
    next();
    CAIRN_TRY(add_item(*expr, all->items.size() == 1 ? std::move(all->items[0]) : std::move(all)));
    return expr;
}

Result<ExprPtr> Parser::parse_subscribed() {
    auto slice = make_expr(Expr::Kind::kSlice);
    const auto ends = [&] { return is_operator("]") || is_operator(","); };
    ExprPtr part;
    if (!is_operator(":")) {
        part = CAIRN_TRY(parse_expression());
        if (!is_operator(":")) return part;
    }
    next();  // :
    CAIRN_TRY(add_item(*slice, std::move(part)));
    ExprPtr end;
    if (!is_operator(":") && !ends()) end = CAIRN_TRY(parse_expression());
    CAIRN_TRY(add_item(*slice, std::move(end)));
    ExprPtr step;
    if (skip_operator(":") && !ends()) step = CAIRN_TRY(parse_expression());
    CAIRN_TRY(add_item(*slice, std::move(step)));
    return slice;
}

Result<ExprPtr> Parser::parse_call(ExprPtr callee) {
    auto call = make_expr(Expr::Kind::kCall);
    CAIRN_TRY(add_item(*call, std::move(callee)));
    CAIRN_TRY(parse_arguments(*call));
    return call;
}

Status Parser::parse_arguments(Expr& call) {
    next();  // (
    const auto deepen = [&](const ExprPtr& item) {
        call.depth = std::max(call.depth, item->depth + 1);
    };
    bool first = true;
    while (!is_operator(")")) {
        if (!first) CAIRN_TRY(expect_operator(","));
        if (!first && is_operator(")")) break;
        first = false;
        const bool more = call.more_items != nullptr || call.more_named != nullptr;
        if (is_operator("*") && !more) {
            next();
            call.more_items = CAIRN_TRY(parse_expression());
            deepen(call.more_items);
        } else if (is_operator("**") && call.more_named == nullptr) {
            next();
            call.more_named = CAIRN_TRY(parse_expression());
            deepen(call.more_named);
        } else if (current().kind == Token::Kind::kName && look().kind == Token::Kind::kOperator &&
                   look().text == "=" && call.more_named == nullptr) {
            std::string name = current().text;
            next();
            next();
            call.named.emplace_back(std::move(name), CAIRN_TRY(parse_expression()));
            deepen(call.named.back().second);
        } else if (!more && call.named.empty()) {
            CAIRN_TRY(add_item(call, CAIRN_TRY(parse_expression())));
        } else {
            return fail("these arguments do not make a call");
        }
    }
    if (call.depth > kTreeDepthMax) return fail("the expression is too long");
    next();  // )
    return {};
}

Result<std::string> Parser::parse_dotted_name() {
    std::string name = CAIRN_TRY(expect_name());
    while (skip_operator(".")) {
        name += "." + CAIRN_TRY(expect_name());
    }
    return name;
}

Result<ExprPtr> Parser::parse_filters(ExprPtr value, bool started) {
    while (started || is_operator("|")) {
        if (!started) next();
        started = false;
        auto filter = make_expr(Expr::Kind::kFilter);
        filter->name = std::make_shared<const std::string>(CAIRN_TRY(parse_dotted_name()));
        filter->filter = find_filter(*filter->name);
        CAIRN_TRY(add_item(*filter, std::move(value)));
        if (is_operator("(")) CAIRN_TRY(parse_arguments(*filter));
        value = std::move(filter);
    }
    return value;
}

Result<ExprPtr> Parser::parse_test(ExprPtr value) {
    next();  // is
    const bool negated = skip_name("not");
    auto test = make_expr(Expr::Kind::kTest);
    test->name = std::make_shared<const std::string>(CAIRN_TRY(parse_dotted_name()));
    test->test = find_test(*test->name);
    CAIRN_TRY(add_item(*test, std::move(value)));
    const Token::Kind kind = current().kind;
    const bool literal = kind == Token::Kind::kString || kind == Token::Kind::kInteger ||
                         kind == Token::Kind::kFloat || is_operator("[") || is_operator("{");
    const bool name =
        kind == Token::Kind::kName && !is_name("else") && !is_name("or") && !is_name("and");
    if (is_operator("(")) {
        CAIRN_TRY(parse_arguments(*test));
    } else if (literal || name) {
        if (is_name("is")) return fail("tests with 'is' cannot follow one another");
        ExprPtr argument = CAIRN_TRY(parse_primary(false));
        CAIRN_TRY(add_item(*test, CAIRN_TRY(parse_postfix(std::move(argument)))));
    }
    if (!negated) return test;
    auto inverse = make_expr(Expr::Kind::kNot);
    CAIRN_TRY(add_item(*inverse, std::move(test)));
    return inverse;
}

}  // namespace cairn::text::jinja
