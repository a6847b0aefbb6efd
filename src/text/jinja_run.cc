// SPDX-License-Identifier: Apache-2.0
// Statements. An error ends the whole rendering, so that nothing is put back on that way.
#include "jinja_run.h"

#include <fmt/format.h>

#include <algorithm>

namespace cairn::text::jinja {

Status Run::charge(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > limits_.work_bytes_max) {
        return make_error(Code::kTooLarge,
                          fmt::format("chat template: rendering made more than {} bytes of text",
                                      limits_.work_bytes_max));
    }
    // A long copy counts as the steps that it takes the time of.
    steps_ += 1 + static_cast<std::int64_t>(bytes >> 10);
    if (steps_ > limits_.steps_max) {
        return make_error(
            Code::kTooLarge,
            fmt::format("chat template: rendering took more than {} steps", limits_.steps_max));
    }
    return {};
}

Result<Value> Run::text(MarkedText text) {
    CAIRN_TRY(charge(text.size()));
    return Value::string(std::move(text));
}

void Run::push_frame(FramePtr parent) {
    frame_ = std::make_shared<Frame>();
    frame_->parent = std::move(parent);
}

void Run::set(int symbol, Value value) {
    for (auto& [known, old] : frame_->values) {
        if (known == symbol) {
            old = std::move(value);
            return;
        }
    }
    frame_->values.emplace_back(symbol, std::move(value));
}

Value* Run::find(int symbol) {
    for (Frame* frame = frame_.get(); frame != nullptr; frame = frame->parent.get()) {
        for (auto& [known, value] : frame->values) {
            if (known == symbol) return &value;
        }
    }
    return nullptr;
}

Result<JinjaOutput> Run::render(std::vector<std::pair<std::string, Value>> context) {
    push_frame(nullptr);
    for (auto& [name, value] : context) {
        const std::string& wanted = name;  // clang 14 captures no structured binding
        const auto known = std::find_if(program_.names.begin(), program_.names.end(),
                                        [&](const Name& n) { return *n == wanted; });
        if (known == program_.names.end()) continue;  // the template never reads it
        set(static_cast<int>(known - program_.names.begin()), std::move(value));
    }
    push_frame(frame_);
    MarkedText out;
    out_ = &out;
    root_ = &out;
    CAIRN_TRY(run_body(program_.body));
    JinjaOutput output{out.bytes(), out.user_spans(), std::move(generation_)};
    return output;
}

Status Run::emit(const Value& value) {
    const std::size_t before = out_->size();
    if (const MarkedText* text = value.text()) {
        out_->append(*text);
    } else {
        out_->append(CAIRN_TRY(to_text(value)));
    }
    if (out_->size() > limits_.output_bytes_max) {
        return make_error(Code::kTooLarge, fmt::format("chat template: the text is longer than {} "
                                                       "bytes",
                                                       limits_.output_bytes_max));
    }
    return charge(out_->size() - before);
}

Result<Run::Flow> Run::run_body(const Body& body) {
    // Statements in one another take stack too: without this a recursive macro of many nested
    // statements overran it.
    if (++depth_ > limits_.depth_max) {
        return make_error(Code::kTooLarge, "chat template: calls lie too deep in one another");
    }
    Flow flow = Flow::kNext;
    for (const StmtPtr& stmt : body) {
        flow = CAIRN_TRY(run_stmt(*stmt));
        if (flow != Flow::kNext) break;
    }
    --depth_;
    return flow;
}

Result<Run::Flow> Run::run_stmt(const Stmt& stmt) {
    CAIRN_TRY(charge(0));
    switch (stmt.kind) {
        case Stmt::Kind::kText:
            out_->append(stmt.text);
            CAIRN_TRY(charge(stmt.text.size()));
            break;
        case Stmt::Kind::kPrint:
            CAIRN_TRY(emit(CAIRN_TRY(eval(*stmt.expr))));
            break;
        case Stmt::Kind::kIf:
            return run_if(stmt);
        case Stmt::Kind::kFor:
            CAIRN_TRY(run_for(stmt));
            break;
        case Stmt::Kind::kSet:
        case Stmt::Kind::kSetBlock:
            CAIRN_TRY(run_set(stmt));
            break;
        case Stmt::Kind::kMacro:
            set(stmt.target->symbol, CAIRN_TRY(own<Macro>(*stmt.macro, frame_)));
            break;
        case Stmt::Kind::kCallBlock:
            CAIRN_TRY(run_call_block(stmt));
            break;
        case Stmt::Kind::kFilterBlock: {
            const Value text = CAIRN_TRY(capture(stmt.body));
            CAIRN_TRY(emit(CAIRN_TRY(eval_filter(*stmt.expr, &text))));
            break;
        }
        case Stmt::Kind::kWith:
            return run_with(stmt);
        case Stmt::Kind::kGeneration:
            return run_generation(stmt);
        case Stmt::Kind::kBreak:
            return Flow::kBreak;
        case Stmt::Kind::kContinue:
            return Flow::kContinue;
    }
    return Flow::kNext;
}

Result<Run::Flow> Run::run_if(const Stmt& stmt) {
    for (const auto& [condition, body] : stmt.branches) {
        if (truthy(CAIRN_TRY(eval(*condition)))) return run_body(body);
    }
    return run_body(stmt.otherwise);
}

Status Run::run_for(const Stmt& stmt) {
    std::vector<Value> items = CAIRN_TRY(iterate(CAIRN_TRY(eval(*stmt.expr))));
    return run_loop(stmt, std::move(items), frame_, 1);
}

/// What `if` behind the iterated lets through.
Result<std::vector<Value>> Run::filtered(const Stmt& stmt, std::vector<Value> items) {
    const FramePtr outer = frame_;
    std::vector<Value> kept;
    for (Value& item : items) {
        push_frame(outer);
        CAIRN_TRY(assign(*stmt.target, item));
        if (truthy(CAIRN_TRY(eval(*stmt.condition)))) kept.push_back(std::move(item));
    }
    frame_ = outer;
    return kept;
}

Status Run::run_loop(const Stmt& stmt, std::vector<Value> items, const FramePtr& outer, int depth) {
    const FramePtr before = frame_;
    frame_ = outer;
    if (stmt.condition != nullptr) items = CAIRN_TRY(filtered(stmt, std::move(items)));
    if (items.empty()) {
        push_frame(outer);
        CAIRN_TRY(run_body(stmt.otherwise));
        frame_ = before;
        return {};
    }
    const Value object = CAIRN_TRY(own<Loop>(stmt));
    Loop& loop = *object.as<Loop>();
    loop.outer = outer;
    loop.items = std::move(items);
    loop.depth = depth;
    push_frame(outer);
    for (loop.index = 0; loop.index < loop.items.size(); ++loop.index) {
        if (frame_.use_count() > 1) {  // a macro of the last turn keeps it
            push_frame(outer);
        } else {
            frame_->values.clear();
        }
        CAIRN_TRY(charge(0));
        set(kLoop, object);
        CAIRN_TRY(assign(*stmt.target, loop.items[loop.index]));
        if (CAIRN_TRY(run_body(stmt.body)) == Flow::kBreak) break;
    }
    loop.items.clear();
    frame_ = before;
    return {};
}

Result<Run::Flow> Run::run_with(const Stmt& stmt) {
    std::vector<Value> values;
    for (const auto& [symbol, expr] : stmt.bindings) {
        values.push_back(CAIRN_TRY(eval(*expr)));
    }
    const FramePtr outer = frame_;
    push_frame(outer);
    for (std::size_t i = 0; i < values.size(); ++i) {
        set(stmt.bindings[i].first, std::move(values[i]));
    }
    const Flow flow = CAIRN_TRY(run_body(stmt.body));
    frame_ = outer;
    return flow;
}

/// The text that a body writes, in a frame of its own.
Result<Value> Run::capture(const Body& body) {
    const FramePtr outer = frame_;
    MarkedText* const out = out_;
    MarkedText text;
    out_ = &text;
    push_frame(outer);
    CAIRN_TRY(run_body(body));
    frame_ = outer;
    out_ = out;
    return this->text(std::move(text));
}

Status Run::run_set(const Stmt& stmt) {
    if (stmt.kind == Stmt::Kind::kSet) return assign(*stmt.target, CAIRN_TRY(eval(*stmt.expr)));
    Value value = CAIRN_TRY(capture(stmt.body));
    if (stmt.expr != nullptr) value = CAIRN_TRY(eval_filter(*stmt.expr, &value));
    return assign(*stmt.target, value);
}

Status Run::run_call_block(const Stmt& stmt) {
    const Value caller = CAIRN_TRY(own<Macro>(*stmt.macro, frame_));
    const Value callee = CAIRN_TRY(eval(*stmt.expr->items[0]));
    Arguments arguments = CAIRN_TRY(eval_arguments(*stmt.expr));
    arguments.named.emplace_back("caller", caller);
    return emit(CAIRN_TRY(call(callee, arguments)));
}

Result<Run::Flow> Run::run_generation(const Stmt& stmt) {
    const FramePtr outer = frame_;
    push_frame(outer);
    const auto begin = static_cast<std::int64_t>(out_->size());
    const Flow flow = CAIRN_TRY(run_body(stmt.body));
    const auto end = static_cast<std::int64_t>(out_->size());
    if (out_ == root_ && end > begin) generation_.push_back({begin, end});
    frame_ = outer;
    return flow;
}

Status Run::assign(const Expr& target, const Value& value) {
    if (target.kind == Expr::Kind::kName) {
        set(target.symbol, value);
        return {};
    }
    if (target.kind == Expr::Kind::kNamespaceTarget) {
        Value* const found = find(target.symbol);
        auto* const names = found == nullptr ? nullptr : found->as<Namespace>();
        if (names == nullptr) {
            return template_error("attributes can be set on a namespace only, found '" +
                                  *program_.names[static_cast<std::size_t>(target.symbol)] + "'");
        }
        if (target.name->starts_with('_')) {
            return template_error("a namespace has no names with '_' in front: '" + *target.name +
                                  "'");
        }
        for (auto& [name, old] : names->attributes) {
            if (name == *target.name) {
                old = value;
                return {};
            }
        }
        names->attributes.emplace_back(*target.name, value);
        return {};
    }
    const std::vector<Value> parts = CAIRN_TRY(iterate(value));
    if (parts.size() != target.items.size()) {
        return template_error(fmt::format("expected {} values to unpack, found {}",
                                          target.items.size(), parts.size()));
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
        CAIRN_TRY(assign(*target.items[i], parts[i]));
    }
    return {};
}

}  // namespace cairn::text::jinja
