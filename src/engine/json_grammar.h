// SPDX-License-Identifier: Apache-2.0
// A JSON schema as a table of nodes, and the machine that reads JSON by it byte after byte. The
// machine is small and copied freely: the mask of a vocabulary is found by trying.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::engine {

using JsonNodeIndex = std::uint16_t;

struct JsonProperty {
    std::string key;  ///< as JSON text, in quotes
    JsonNodeIndex value = 0;
    bool required = false;
};

/// What one value may be.
struct JsonNode {
    enum Type : std::uint8_t {
        kObject = 1,
        kArray = 2,
        kString = 4,
        kNumber = 8,
        kInteger = 16,
        kBoolean = 32,
        kNull = 64,
        kAny = kObject | kArray | kString | kNumber | kBoolean | kNull
    };
    std::uint8_t types = kAny;
    std::vector<std::string> choices;     ///< enum, as JSON texts; empty: by type
    std::vector<JsonNodeIndex> branches;  ///< anyOf; empty: none
    std::vector<JsonProperty> properties;
    bool free_keys = true;      ///< without properties: any key
    JsonNodeIndex members = 0;  ///< what stands behind a free key
    JsonNodeIndex items = 0;    ///< of an array
    std::uint16_t items_min = 0;
    std::uint16_t items_max = 0xFFFF;
    std::uint32_t first = 0;  ///< bits of kJsonFirst: what the value may begin with
};

/// What any JSON value begins with.
inline constexpr std::string_view kJsonFirst = "{[\"-0123456789tfn";

/// Node 0 is any value.
struct JsonGrammar {
    std::vector<JsonNode> nodes;
    JsonNodeIndex root = 0;

    bool begins(JsonNodeIndex node, std::uint8_t byte) const {
        const std::size_t bit = kJsonFirst.find(static_cast<char>(byte));
        return bit != std::string_view::npos && (nodes[node].first >> bit & 1U) != 0;
    }
};

/// `schema` empty: any object. Errors as JsonConstraint::create.
Result<JsonGrammar> compile_json_schema(std::string_view schema);

/// Where in a text of JSON one is.
class JsonMachine {
  public:
    static constexpr std::size_t kDepthMax = 32;

    explicit JsonMachine(JsonNodeIndex root);
    /// False when the byte cannot come here; the machine is then of no use any more.
    bool step(const JsonGrammar& grammar, std::uint8_t byte);
    /// The text could end here.
    bool complete(const JsonGrammar& grammar) const;
    /// Nothing may follow.
    bool ended() const { return depth_ == 0; }
    /// Between two characters of a string: most of a vocabulary may follow.
    bool in_plain_string() const;

  private:
    enum class Phase : std::uint8_t;
    /// kEnds: the value ended before this byte; kAgain: a new one begins with it.
    enum class Taken : std::uint8_t { kYes, kNo, kEnds, kAgain };
    struct Frame {
        JsonNodeIndex node;
        Phase phase;
        std::uint8_t part;     ///< of a string or number
        std::uint16_t next;    ///< object: the first property that may still come
        std::uint16_t chosen;  ///< the first property or choice that fits what was written
        std::uint16_t offset;  ///< bytes done of it; items of an array
    };

    Taken take(const JsonGrammar& grammar, std::uint8_t byte);
    Taken begin_value(const JsonGrammar& grammar, JsonNodeIndex index, std::uint8_t byte);
    Taken take_choice(const JsonNode& node, std::uint8_t byte);
    Taken take_key(const JsonNode& node, std::uint8_t byte);
    Taken take_in_object(const JsonNode& node, std::uint8_t byte);
    Taken take_in_array(const JsonNode& node, std::uint8_t byte);
    Taken take_number(const JsonNode& node, std::uint8_t byte);
    Taken push(JsonNodeIndex node);
    Taken pop();
    Frame& top() { return stack_[depth_ - 1U]; }
    const Frame& top() const { return stack_[depth_ - 1U]; }

    std::array<Frame, kDepthMax> stack_;
    std::uint8_t depth_ = 0;
    std::uint8_t spaces_ = 0;
};

/// The inside of strings: what a byte makes of a state; kStringEnd behind the closing quote.
inline constexpr std::uint8_t kStringPlain = 0;
inline constexpr std::uint8_t kStringEnd = 0xFE;
inline constexpr std::uint8_t kStringRefused = 0xFF;
std::uint8_t string_step(std::uint8_t state, std::uint8_t byte);

}  // namespace cairn::engine
