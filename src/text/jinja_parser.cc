// SPDX-License-Identifier: Apache-2.0
// Recursive descent in the order of jinja2's own grammar: statements here, expressions in
// jinja_expressions.cc. Depth and size of the tree are bounded, because evaluation and destructors
// recurse through it.
#include "jinja_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cairn::text::jinja {
namespace {

constexpr std::size_t kSourceBytesMax = 1 << 20;  // the largest published template has 20 KB
constexpr int kStatementDepthMax = 64;

}  // namespace

Result<Program> parse(std::string_view source) {
    if (source.size() > kSourceBytesMax) {
        return make_error(Code::kTooLarge,
                          fmt::format("chat template: expected at most {} bytes, found {}",
                                      kSourceBytesMax, source.size()));
    }
    return Parser(CAIRN_TRY(tokenize(source))).run();
}

Parser::Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {
    for (const char* name : {"loop", "caller", "kwargs", "varargs"}) {
        symbol_of(name);
    }
}

Result<Program> Parser::run() {
    program_.body = CAIRN_TRY(parse_body({}));
    if (current().kind != Token::Kind::kEnd) return unexpected();
    return std::move(program_);
}

int Parser::symbol_of(const std::string& name) {
    const auto [found, added] = symbols_.emplace(name, static_cast<int>(program_.names.size()));
    if (added) program_.names.push_back(std::make_shared<const std::string>(name));
    return found->second;
}

bool Parser::skip_name(std::string_view name) {
    if (!is_name(name)) return false;
    next();
    return true;
}

bool Parser::skip_operator(std::string_view op) {
    if (!is_operator(op)) return false;
    next();
    return true;
}

Status Parser::expect_operator(std::string_view op) {
    if (skip_operator(op)) return {};
    return fail(fmt::format("expected '{}', found {}", op, shown()));
}

Result<std::string> Parser::expect_name() {
    if (current().kind != Token::Kind::kName) {
        return fail(fmt::format("expected a name, found {}", shown()));
    }
    std::string name = current().text;
    next();
    return name;
}

Status Parser::expect_block_end() {
    if (current().kind != Token::Kind::kBlockEnd) {
        return fail(fmt::format("expected the end of the statement, found {}", shown()));
    }
    next();
    return {};
}

std::string Parser::shown() const {
    switch (current().kind) {
        case Token::Kind::kEnd:
            return "the end of the template";
        case Token::Kind::kVariableEnd:
            return "}}";
        case Token::Kind::kBlockEnd:
            return "%}";
        default:
            return "'" + current().text.substr(0, 60) + "'";
    }
}

Error Parser::unexpected() const {
    return fail(shown() + " is not expected here");
}

Result<Body> Parser::parse_body(const std::vector<std::string_view>& ends) {
    if (++statement_depth_ > kStatementDepthMax) {
        return make_error(Code::kTooLarge, fail("too many statements in one another").message);
    }
    Body body;
    while (current().kind != Token::Kind::kEnd) {
        if (current().kind == Token::Kind::kData) {
            auto text = make_stmt(Stmt::Kind::kText);
            text->text = current().text;
            body.push_back(std::move(text));
            next();
        } else if (current().kind == Token::Kind::kVariableBegin) {
            next();
            auto print = make_stmt(Stmt::Kind::kPrint);
            print->expr = CAIRN_TRY(parse_tuple({}));
            if (current().kind != Token::Kind::kVariableEnd) return unexpected();
            next();
            body.push_back(std::move(print));
        } else {
            next();  // {%
            if (current().kind == Token::Kind::kName &&
                std::find(ends.begin(), ends.end(), current().text) != ends.end()) {
                --statement_depth_;
                return body;
            }
            CAIRN_TRY(parse_statement(body));
            CAIRN_TRY(expect_block_end());
        }
    }
    if (!ends.empty()) {
        return fail(fmt::format("expected {{% {} %}}, found the end of the template", ends.back()));
    }
    --statement_depth_;
    return body;
}

/// The body behind a tag's own end, up to one of `ends`, which stays the current token.
Result<Body> Parser::parse_block(const std::vector<std::string_view>& ends) {
    skip_operator(":");
    CAIRN_TRY(expect_block_end());
    return parse_body(ends);
}

StmtPtr Parser::make_stmt(Stmt::Kind kind) const {
    auto stmt = std::make_unique<Stmt>();
    stmt->kind = kind;
    stmt->line = current().line;
    return stmt;
}

Status Parser::parse_statement(Body& body) {
    using Parse = Result<StmtPtr> (Parser::*)();
    struct Tag {
        std::string_view name;
        Parse parse;
    };
    static constexpr std::array<Tag, 11> kTags = {{{"if", &Parser::parse_if},
                                                   {"for", &Parser::parse_for},
                                                   {"set", &Parser::parse_set},
                                                   {"macro", &Parser::parse_macro},
                                                   {"call", &Parser::parse_call_block},
                                                   {"filter", &Parser::parse_filter_block},
                                                   {"with", &Parser::parse_with},
                                                   {"print", &Parser::parse_print},
                                                   {"generation", &Parser::parse_generation},
                                                   {"break", &Parser::parse_leave},
                                                   {"continue", &Parser::parse_leave}}};
    if (current().kind != Token::Kind::kName) return fail("expected a tag's name");
    const auto tag = std::find_if(kTags.begin(), kTags.end(),
                                  [&](const Tag& t) { return t.name == current().text; });
    if (tag == kTags.end()) {
        static constexpr std::array<std::string_view, 6> kOthers = {
            "include", "import", "from", "extends", "block", "autoescape"};
        const bool known =
            std::find(kOthers.begin(), kOthers.end(), current().text) != kOthers.end();
        Error error = fail(fmt::format("the tag {} is {}", shown(),
                                       known ? "not supported in a chat template" : "not known"));
        if (known) error.code = Code::kUnsupported;
        return error;
    }
    body.push_back(CAIRN_TRY((this->*tag->parse)()));
    return {};
}

Result<StmtPtr> Parser::parse_if() {
    auto stmt = make_stmt(Stmt::Kind::kIf);
    while (true) {
        next();  // if, elif
        ExprPtr condition = CAIRN_TRY(parse_tuple({.with_condition = false}));
        Body body = CAIRN_TRY(parse_block({"elif", "else", "endif"}));
        stmt->branches.emplace_back(std::move(condition), std::move(body));
        if (is_name("elif")) continue;
        if (skip_name("else")) stmt->otherwise = CAIRN_TRY(parse_block({"endif"}));
        next();  // endif
        return stmt;
    }
}

Result<StmtPtr> Parser::parse_for() {
    auto stmt = make_stmt(Stmt::Kind::kFor);
    next();
    stmt->target = CAIRN_TRY(parse_target({.until = "in"}));
    if (!skip_name("in")) return fail("expected 'in', found " + shown());
    stmt->expr = CAIRN_TRY(parse_tuple({.with_condition = false, .until = "recursive"}));
    if (skip_name("if")) stmt->condition = CAIRN_TRY(parse_expression());
    stmt->recursive = skip_name("recursive");
    ++loops_;
    stmt->body = CAIRN_TRY(parse_block({"else", "endfor"}));
    --loops_;
    if (skip_name("else")) stmt->otherwise = CAIRN_TRY(parse_block({"endfor"}));
    next();  // endfor
    return stmt;
}

Result<StmtPtr> Parser::parse_set() {
    auto stmt = make_stmt(Stmt::Kind::kSet);
    next();
    stmt->target = CAIRN_TRY(parse_target({.with_namespace = true}));
    if (skip_operator("=")) {
        stmt->expr = CAIRN_TRY(parse_tuple({}));
        return stmt;
    }
    stmt->kind = Stmt::Kind::kSetBlock;
    stmt->expr = CAIRN_TRY(parse_filters(nullptr, false));
    stmt->body = CAIRN_TRY(parse_block({"endset"}));
    next();
    return stmt;
}

Status Parser::parse_signature(MacroDef& macro) {
    CAIRN_TRY(expect_operator("("));
    while (!is_operator(")")) {
        if (!macro.parameters.empty()) CAIRN_TRY(expect_operator(","));
        const ExprPtr name = CAIRN_TRY(parse_target({.name_only = true}));
        if (skip_operator("=")) {
            macro.defaults.push_back(CAIRN_TRY(parse_expression()));
        } else if (!macro.defaults.empty()) {
            return fail("a parameter without default follows one with a default");
        }
        const auto& known = macro.parameters;
        if (std::find(known.begin(), known.end(), name->symbol) != known.end()) {
            return fail("the parameter '" + *name->name + "' stands twice");
        }
        macro.parameters.push_back(name->symbol);
        macro.parameter_names.push_back(*name->name);
    }
    return expect_operator(")");
}

/// Reads the body of a macro and sees which of its special names it uses.
Status Parser::parse_macro_body(MacroDef& macro, std::string_view end) {
    const int outer_loops = std::exchange(loops_, 0);
    const std::array<bool, kKnownSymbols> outer = std::exchange(used_, {});
    macro.body = CAIRN_TRY(parse_block({end}));
    macro.uses_caller = used_[kCaller];
    macro.uses_kwargs = used_[kKwargs];
    macro.uses_varargs = used_[kVarargs];
    used_ = outer;
    loops_ = outer_loops;
    next();
    return {};
}

Result<StmtPtr> Parser::parse_macro() {
    auto stmt = make_stmt(Stmt::Kind::kMacro);
    next();
    stmt->target = CAIRN_TRY(parse_target({.name_only = true}));
    stmt->macro = std::make_unique<MacroDef>();
    stmt->macro->name = *stmt->target->name;
    CAIRN_TRY(parse_signature(*stmt->macro));
    CAIRN_TRY(parse_macro_body(*stmt->macro, "endmacro"));
    return stmt;
}

Result<StmtPtr> Parser::parse_call_block() {
    auto stmt = make_stmt(Stmt::Kind::kCallBlock);
    next();
    stmt->macro = std::make_unique<MacroDef>();
    stmt->macro->name = "caller";
    if (is_operator("(")) CAIRN_TRY(parse_signature(*stmt->macro));
    stmt->expr = CAIRN_TRY(parse_expression());
    if (stmt->expr->kind != Expr::Kind::kCall) return fail("expected a call behind 'call'");
    CAIRN_TRY(parse_macro_body(*stmt->macro, "endcall"));
    return stmt;
}

Result<StmtPtr> Parser::parse_filter_block() {
    auto stmt = make_stmt(Stmt::Kind::kFilterBlock);
    next();
    stmt->expr = CAIRN_TRY(parse_filters(nullptr, true));
    stmt->body = CAIRN_TRY(parse_block({"endfilter"}));
    next();
    return stmt;
}

Result<StmtPtr> Parser::parse_with() {
    auto stmt = make_stmt(Stmt::Kind::kWith);
    next();
    while (current().kind != Token::Kind::kBlockEnd) {
        if (!stmt->bindings.empty()) CAIRN_TRY(expect_operator(","));
        const ExprPtr name = CAIRN_TRY(parse_target({.name_only = true}));
        CAIRN_TRY(expect_operator("="));
        stmt->bindings.emplace_back(name->symbol, CAIRN_TRY(parse_expression()));
    }
    stmt->body = CAIRN_TRY(parse_block({"endwith"}));
    next();
    return stmt;
}

Result<StmtPtr> Parser::parse_print() {
    auto stmt = make_stmt(Stmt::Kind::kPrint);
    next();
    if (current().kind == Token::Kind::kBlockEnd) {
        stmt->kind = Stmt::Kind::kText;
        return stmt;
    }
    auto all = make_expr(Expr::Kind::kConcat);
    do {
        CAIRN_TRY(add_item(*all, CAIRN_TRY(parse_expression())));
    } while (skip_operator(","));
    stmt->expr = std::move(all);
    return stmt;
}

Result<StmtPtr> Parser::parse_generation() {
    auto stmt = make_stmt(Stmt::Kind::kGeneration);
    next();
    stmt->body = CAIRN_TRY(parse_block({"endgeneration"}));
    next();
    return stmt;
}

Result<StmtPtr> Parser::parse_leave() {
    auto stmt = make_stmt(is_name("break") ? Stmt::Kind::kBreak : Stmt::Kind::kContinue);
    if (loops_ == 0) return fail(shown() + " stands in no loop");
    next();
    return stmt;
}

}  // namespace cairn::text::jinja
