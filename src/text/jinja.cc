// SPDX-License-Identifier: Apache-2.0
// Compiling checks what jinja2 checks when it compiles: filters and tests that nobody knows are
// refused, except inside a condition, where a template may ask for them first.
#include "cairn/text/jinja.h"

#include "jinja_json.h"
#include "jinja_lexer.h"
#include "jinja_run.h"

namespace cairn::text {
namespace {

using jinja::Body;
using jinja::Expr;
using jinja::ExprPtr;
using jinja::Stmt;

Status check_expr(const Expr* expr, bool conditional) {
    if (expr == nullptr) return {};
    const bool inner = conditional || expr->kind == Expr::Kind::kIf;
    const bool unknown = (expr->kind == Expr::Kind::kFilter && expr->filter == nullptr) ||
                         (expr->kind == Expr::Kind::kTest && expr->test == nullptr);
    if (unknown && !inner) {
        const char* what = expr->kind == Expr::Kind::kFilter ? "filter" : "test";
        return jinja::syntax_error(
            expr->line, std::string("the ") + what + " '" + *expr->name + "' is not known");
    }
    for (const ExprPtr& item : expr->items) {
        CAIRN_TRY(check_expr(item.get(), inner));
    }
    for (const auto& [name, item] : expr->named) {
        CAIRN_TRY(check_expr(item.get(), inner));
    }
    CAIRN_TRY(check_expr(expr->more_items.get(), inner));
    return check_expr(expr->more_named.get(), inner);
}

Status check_body(const Body& body, bool conditional) {
    for (const auto& stmt : body) {
        const bool branch = stmt->kind == Stmt::Kind::kIf;
        for (const auto& [condition, inside] : stmt->branches) {
            CAIRN_TRY(check_expr(condition.get(), true));
            CAIRN_TRY(check_body(inside, true));
        }
        CAIRN_TRY(check_expr(stmt->expr.get(), conditional));
        CAIRN_TRY(check_expr(stmt->condition.get(), conditional));
        for (const auto& [symbol, value] : stmt->bindings) {
            CAIRN_TRY(check_expr(value.get(), conditional));
        }
        CAIRN_TRY(check_body(stmt->body, false));
        CAIRN_TRY(check_body(stmt->otherwise, branch));
        if (stmt->macro == nullptr) continue;
        for (const ExprPtr& value : stmt->macro->defaults) {
            CAIRN_TRY(check_expr(value.get(), false));
        }
        CAIRN_TRY(check_body(stmt->macro->body, false));
    }
    return {};
}

Status add_variables(std::string_view json, bool user,
                     std::vector<std::pair<std::string, jinja::Value>>& out) {
    const jinja::Value object = CAIRN_TRY(jinja::parse_json_value(json, user));
    if (object.dict() == nullptr) {
        return make_error(Code::kInvalid, "chat template: the context is no JSON object");
    }
    for (const auto& [name, value] : object.dict()->items()) {
        out.emplace_back(name.text()->bytes(), value);
    }
    return {};
}

}  // namespace

struct JinjaTemplate::State {
    jinja::Program program;
};

JinjaTemplate::JinjaTemplate(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Result<JinjaTemplate> JinjaTemplate::compile(std::string_view source) {
    auto state = std::make_shared<State>();
    state->program = CAIRN_TRY(jinja::parse(source));
    CAIRN_TRY(check_body(state->program.body, false));
    return JinjaTemplate(std::move(state));
}

Result<JinjaOutput> JinjaTemplate::render(const JinjaContext& context,
                                          const JinjaLimits& limits) const {
    std::vector<std::pair<std::string, jinja::Value>> variables;
    CAIRN_TRY(add_variables(context.user_json, true, variables));
    CAIRN_TRY(add_variables(context.trusted_json, false, variables));
    jinja::Run run(state_->program, limits, context.now_s);
    return run.render(std::move(variables));
}

}  // namespace cairn::text
