// SPDX-License-Identifier: Apache-2.0
// One rendering of a template: frames of variables, the objects it owns, and the limits it counts
// against. Nothing of the host is reachable: a template sees its context and the tables of
// jinja_library.h.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cairn/text/jinja.h"
#include "jinja_ast.h"
#include "jinja_library.h"

namespace cairn::text::jinja {

struct Frame {
    std::shared_ptr<Frame> parent;
    std::vector<std::pair<int, Value>> values;
};
using FramePtr = std::shared_ptr<Frame>;

struct Macro : Object {
    static constexpr Kind kKind = Kind::kMacro;
    Macro(const MacroDef& d, FramePtr f) : Object(kKind), def(d), frame(std::move(f)) {}
    const MacroDef& def;
    FramePtr frame;  ///< where it was defined
};

struct Method : Object {
    static constexpr Kind kKind = Kind::kMethod;
    Method(Value s, const MethodEntry& e) : Object(kKind), self(std::move(s)), entry(e) {}
    Value self;
    const MethodEntry& entry;
};

struct Loop : Object {
    static constexpr Kind kKind = Kind::kLoop;
    explicit Loop(const Stmt& s) : Object(kKind), stmt(s) {}
    const Stmt& stmt;
    FramePtr outer;  ///< for recursive calls
    std::vector<Value> items;
    std::size_t index = 0;
    int depth = 1;
    std::optional<Value> changed;
};

class Run {
  public:
    Run(const Program& program, const JinjaLimits& limits, std::int64_t now_s)
        : program_(program), limits_(limits), now_s_(now_s) {}

    /// Renders the whole template with these variables.
    Result<JinjaOutput> render(std::vector<std::pair<std::string, Value>> context);

    /// Counts work against the limits: one step, and bytes that are made.
    Status charge(std::size_t bytes);
    Result<Value> text(MarkedText text);
    std::int64_t now_s() const { return now_s_; }

    template <typename T, typename... Parts>
    Result<Value> own(Parts&&... parts) {
        CAIRN_TRY(charge(sizeof(T) + 64));
        objects_.push_back(std::make_unique<T>(std::forward<Parts>(parts)...));
        return Value::object(objects_.back().get());
    }

    Result<Value> call(const Value& callee, Arguments& arguments);
    Result<Value> getattr(const Value& object, const Name& name);
    Result<Value> getitem(const Value& object, const Value& key);
    Result<Value> slice(const Value& object, const Value& begin, const Value& end,
                        const Value& step);
    /// All elements; iterators are then empty. Errors: not iterable.
    Result<std::vector<Value>> iterate(const Value& value);
    Result<bool> contains(const Value& container, const Value& item);
    Result<Value> binary(Op op, const Value& left, const Value& right);
    Result<bool> relate(Relation relation, const Value& left, const Value& right);
    Result<Value> apply_filter(std::string_view name, const Value& value, Arguments& arguments);
    Result<bool> apply_test(std::string_view name, const Value& value, Arguments& arguments);
    /// Like jinja2's make_attrgetter: "a.b.0" step by step.
    Result<Value> attribute_path(Value value, const Value& path,
                                 const std::optional<Value>& missing);

  private:
    enum class Flow { kNext, kBreak, kContinue };

    Result<Flow> run_body(const Body& body);
    Result<Flow> run_stmt(const Stmt& stmt);
    Status run_print(const Expr& expr);
    Result<Flow> run_if(const Stmt& stmt);
    Status run_for(const Stmt& stmt);
    Status run_loop(const Stmt& stmt, std::vector<Value> items, const FramePtr& outer, int depth);
    Result<std::vector<Value>> filtered(const Stmt& stmt, std::vector<Value> items);
    Result<Flow> run_with(const Stmt& stmt);
    Status run_set(const Stmt& stmt);
    Status run_call_block(const Stmt& stmt);
    Result<Flow> run_generation(const Stmt& stmt);
    Result<Value> capture(const Body& body);
    Status assign(const Expr& target, const Value& value);
    Status emit(const Value& value);

    Result<Value> eval(const Expr& expr);
    Result<Value> eval_kind(const Expr& expr);
    Result<Value> eval_name(const Expr& expr);
    Result<Value> eval_items(const Expr& expr, bool tuple);
    Result<Value> eval_dict(const Expr& expr);
    Result<Value> eval_getitem(const Expr& expr);
    Result<Value> eval_call(const Expr& expr);
    Result<Value> eval_filter(const Expr& expr, const Value* value);
    Result<Value> eval_test(const Expr& expr);
    Result<Value> eval_sign(const Expr& expr);
    Result<Value> eval_concat(const Expr& expr);
    Result<Value> eval_compare(const Expr& expr);
    Result<Arguments> eval_arguments(const Expr& expr);

    Result<Value> call_macro(const Macro& macro, Arguments& arguments);
    Result<Value> call_loop(Loop& loop, Arguments& arguments);
    Result<Value> loop_attribute(const Value& self, const Loop& loop, std::string_view name);
    Value* find(int symbol);
    void set(int symbol, Value value);
    void push_frame(FramePtr parent);

    const Program& program_;
    const JinjaLimits& limits_;
    std::int64_t now_s_;
    FramePtr frame_;
    MarkedText* out_ = nullptr;   ///< where text goes now
    MarkedText* root_ = nullptr;  ///< the template's own output
    std::vector<Span> generation_;
    std::vector<std::unique_ptr<Object>> objects_;
    std::int64_t steps_ = 0;
    std::size_t bytes_ = 0;
    int depth_ = 0;
};

}  // namespace cairn::text::jinja
