// SPDX-License-Identifier: Apache-2.0
// The parser's inside, shared by the two files that hold its statements and its expressions.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "jinja_ast.h"
#include "jinja_lexer.h"

namespace cairn::text::jinja {

class Parser {
  public:
    explicit Parser(std::vector<Token> tokens);
    Result<Program> run();

  private:
    struct TupleRule {
        bool with_condition = true;   ///< `a if b` may stand without brackets
        std::string_view until = {};  ///< a name that ends the tuple
        bool simple = false;          ///< names and literals only
        bool brackets = false;        ///< in brackets: may be empty
        bool with_namespace = false;  ///< `ns.x` may be set
    };
    struct TargetRule {
        bool name_only = false;
        std::string_view until = {};
        bool with_namespace = false;
    };

    const Token& current() const { return tokens_[at_]; }
    const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
    void next() {
        if (at_ + 1 < tokens_.size()) ++at_;
    }
    bool is_name(std::string_view name) const {
        return current().kind == Token::Kind::kName && current().text == name;
    }
    bool is_operator(std::string_view op) const {
        return current().kind == Token::Kind::kOperator && current().text == op;
    }
    bool skip_name(std::string_view name);
    bool skip_operator(std::string_view op);
    Status expect_operator(std::string_view op);
    Result<std::string> expect_name();
    Status expect_block_end();
    std::string shown() const;
    Error fail(std::string_view what) const { return syntax_error(current().line, what); }
    Error unexpected() const;
    int symbol_of(const std::string& name);

    Result<Body> parse_body(const std::vector<std::string_view>& ends);
    Result<Body> parse_block(const std::vector<std::string_view>& ends);
    StmtPtr make_stmt(Stmt::Kind kind) const;
    Status parse_statement(Body& body);
    Result<StmtPtr> parse_if();
    Result<StmtPtr> parse_for();
    Result<StmtPtr> parse_set();
    Result<StmtPtr> parse_macro();
    Result<StmtPtr> parse_call_block();
    Result<StmtPtr> parse_filter_block();
    Result<StmtPtr> parse_with();
    Result<StmtPtr> parse_print();
    Result<StmtPtr> parse_generation();
    Result<StmtPtr> parse_leave();
    Status parse_signature(MacroDef& macro);
    Status parse_macro_body(MacroDef& macro, std::string_view end);

    ExprPtr make_expr(Expr::Kind kind) const;
    Status add_item(Expr& parent, ExprPtr item);
    Result<ExprPtr> parse_expression(bool with_condition = true);
    Result<ExprPtr> parse_condition();
    Result<ExprPtr> parse_or();
    Result<ExprPtr> parse_and();
    Result<ExprPtr> parse_not();
    Result<ExprPtr> parse_compare();
    Result<ExprPtr> parse_sum();
    Result<ExprPtr> parse_concat();
    Result<ExprPtr> parse_product();
    Result<ExprPtr> parse_power();
    Result<ExprPtr> parse_unary(bool with_filter);
    Result<ExprPtr> parse_primary(bool with_namespace);
    Result<ExprPtr> parse_named(bool with_namespace);
    Result<ExprPtr> parse_number();
    Result<ExprPtr> parse_tuple(const TupleRule& rule);
    Result<ExprPtr> parse_target(const TargetRule& rule);
    Result<ExprPtr> parse_list();
    Result<ExprPtr> parse_dict();
    Result<ExprPtr> parse_postfix(ExprPtr value);
    Result<ExprPtr> parse_filter_chain(ExprPtr value);
    Result<ExprPtr> parse_subscript(ExprPtr value);
    Result<ExprPtr> parse_subscribed();
    Result<ExprPtr> parse_call(ExprPtr callee);
    Status parse_arguments(Expr& call);
    Result<ExprPtr> parse_filters(ExprPtr value, bool started);
    Result<ExprPtr> parse_test(ExprPtr value);
    Result<std::string> parse_dotted_name();
    Result<ExprPtr> binary(Op op, ExprPtr left, ExprPtr right) const;
    bool is_assignable(const Expr& target) const;

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    Program program_;
    std::unordered_map<std::string, int> symbols_;
    int statement_depth_ = 0;
    int expression_depth_ = 0;
    int loops_ = 0;                              ///< around the current statement
    std::array<bool, kKnownSymbols> used_ = {};  ///< of the known symbols, in this macro
};

}  // namespace cairn::text::jinja
