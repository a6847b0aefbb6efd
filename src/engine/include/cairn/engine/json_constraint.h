// SPDX-License-Identifier: Apache-2.0
// Generation that cannot but write JSON: any object, or what a JSON schema describes.
#pragma once

#include <memory>
#include <string_view>

#include "cairn/base/result.h"
#include "cairn/engine/quote_constraint.h"

namespace cairn::engine {

/// Objects are written with their properties in the schema's order; white space between them is the
/// model's to choose, up to a bound. Of a schema are understood: type (one or a list), properties,
/// required, additionalProperties, items, minItems, maxItems, enum, const, anyOf whose branches
/// begin with different characters, and $ref to #/$defs or #/definitions. An object with properties
/// gets only those.
class JsonConstraint final : public Constraint {
  public:
    /// `schema` empty: any object. Errors: kInvalid for a schema that is none, kUnsupported naming
    /// a keyword that is not understood.
    static Result<std::shared_ptr<JsonConstraint>> create(std::shared_ptr<const TokenTrie> trie,
                                                          std::string_view schema = {});
    ~JsonConstraint() override;
    void fill(TokenMask& mask) override;
    bool accept(TokenId token) override;
    bool finished() const override;

  private:
    struct State;
    explicit JsonConstraint(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cairn::engine
