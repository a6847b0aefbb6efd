// SPDX-License-Identifier: Apache-2.0
// A parsed template. Names are numbered, so that variables are found by comparing integers.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jinja_value.h"

namespace cairn::text::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;
struct Stmt;
using StmtPtr = std::unique_ptr<Stmt>;
using Body = std::vector<StmtPtr>;
using Name = std::shared_ptr<const std::string>;

struct FilterEntry;
struct TestEntry;

enum class Op { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
enum class Relation { kEq, kNe, kLt, kLe, kGt, kGe, kIn, kNotIn };

struct Expr {
    enum class Kind {
        kConst,
        kName,
        kNamespaceTarget,  ///< `ns.x` on the left of `set`
        kGetattr,
        kGetitem,
        kSlice,
        kList,
        kTuple,
        kDict,
        kCall,
        kFilter,
        kTest,
        kNot,
        kNegate,
        kPlus,
        kBinary,
        kConcat,
        kCompare,
        kAnd,
        kOr,
        kIf,
    };
    Kind kind = Kind::kConst;
    int line = 1;
    int depth = 1;
    Value value;      ///< kConst
    Name name;        ///< kName, kNamespaceTarget (attribute), kGetattr, kFilter, kTest
    int symbol = -1;  ///< kName, kNamespaceTarget
    /// Operands. kCall: the callee, then arguments; kFilter (first null in a filter block) and
    /// kTest: the value, then arguments; kIf: condition, then, else (may be null); kDict: key,
    /// value, key, ...; kSlice: three, any may be null.
    std::vector<ExprPtr> items;
    std::vector<std::pair<std::string, ExprPtr>> named;  ///< arguments by name
    ExprPtr more_items;                                  ///< *arguments
    ExprPtr more_named;                                  ///< **arguments
    Op op = Op::kAdd;
    std::vector<Relation> relations;
    const FilterEntry* filter = nullptr;
    const TestEntry* test = nullptr;
};

/// A macro, or the body of a call block.
struct MacroDef {
    std::string name;
    std::vector<int> parameters;
    std::vector<std::string> parameter_names;
    std::vector<ExprPtr> defaults;  ///< of the last parameters
    Body body;
    bool uses_caller = false;
    bool uses_kwargs = false;
    bool uses_varargs = false;
};

struct Stmt {
    enum class Kind {
        kText,
        kPrint,
        kIf,
        kFor,
        kSet,
        kSetBlock,
        kMacro,
        kCallBlock,
        kFilterBlock,
        kWith,
        kGeneration,
        kBreak,
        kContinue,
    };
    Kind kind = Kind::kText;
    int line = 1;
    std::string text;   ///< kText
    ExprPtr expr;       ///< what is printed, iterated, set, called or filtered
    ExprPtr target;     ///< kFor, kSet, kSetBlock
    ExprPtr condition;  ///< kFor: `if` behind the iterated
    bool recursive = false;
    Body body;
    Body otherwise;                                  ///< else
    std::vector<std::pair<ExprPtr, Body>> branches;  ///< kIf: if and elif
    std::vector<std::pair<int, ExprPtr>> bindings;   ///< kWith
    std::unique_ptr<MacroDef> macro;                 ///< kMacro, kCallBlock
};

/// Symbols that the program itself knows; the parser numbers them first.
enum KnownSymbol : int { kLoop, kCaller, kKwargs, kVarargs, kKnownSymbols };

struct Program {
    Body body;
    std::vector<Name> names;  ///< by symbol
};

/// Errors: kInvalid with the line; kUnsupported for tags that load other templates; kTooLarge.
Result<Program> parse(std::string_view source);

}  // namespace cairn::text::jinja
