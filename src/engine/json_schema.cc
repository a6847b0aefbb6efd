// SPDX-License-Identifier: Apache-2.0
// JSON schemas to grammars. What is not understood is refused by name: a keyword that silently did
// nothing would let values through that the caller excluded.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cairn/text/json.h"
#include "json_grammar.h"

namespace cairn::engine {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kSchemaBytesMax = 256 * 1024;
constexpr std::size_t kNodesMax = 4096;
constexpr std::size_t kChoicesMax = 1024;
constexpr int kDepthMax = 64;

/// They describe and do not restrict; `format` is a hint by the standard's own words.
constexpr std::string_view kNotes[] = {
    "title", "description", "default", "examples", "$schema",   "$id",       "$comment",
    "$defs", "definitions", "format",  "readOnly", "writeOnly", "deprecated"};
constexpr std::string_view kKeywords[] = {"type",  "properties", "required", "additionalProperties",
                                          "items", "minItems",   "maxItems", "enum",
                                          "const", "anyOf",      "oneOf",    "allOf",
                                          "$ref"};

struct TypeName {
    std::string_view name;
    JsonNode::Type type;
};
constexpr TypeName kTypes[] = {{"object", JsonNode::kObject},   {"array", JsonNode::kArray},
                               {"string", JsonNode::kString},   {"number", JsonNode::kNumber},
                               {"integer", JsonNode::kInteger}, {"boolean", JsonNode::kBoolean},
                               {"null", JsonNode::kNull}};

Error invalid(const std::string& at, std::string_view expected) {
    return make_error(Code::kInvalid, fmt::format("JSON schema, {}: expected {}", at, expected));
}

class Compiler {
  public:
    explicit Compiler(const Json& root) : root_(root) { grammar_.nodes.emplace_back(); }

    Result<JsonGrammar> compile() {
        grammar_.root = CAIRN_TRY(node_of(root_, "#", 0));
        CAIRN_TRY(find_first());
        return std::move(grammar_);
    }

  private:
    Result<JsonNodeIndex> node_of(const Json& schema, const std::string& at, int depth) {
        if (schema.is_boolean() && schema.get<bool>()) return JsonNodeIndex{0};
        if (!schema.is_object()) return invalid(at, "an object");
        if (depth > kDepthMax || grammar_.nodes.size() >= kNodesMax) {
            return make_error(Code::kTooLarge, "JSON schema: too deep or too large at " + at);
        }
        CAIRN_TRY(check_keywords(schema, at));
        if (schema.contains("$ref")) return reference(schema["$ref"], at, depth);
        if (schema.contains("allOf")) {
            const Json& parts = schema["allOf"];
            if (!parts.is_array() || parts.size() != 1) {
                return make_error(Code::kUnsupported,
                                  "JSON schema, " + at + ": allOf of several is not supported");
            }
            return node_of(parts[0], at + "/allOf/0", depth + 1);
        }
        const auto index = static_cast<JsonNodeIndex>(grammar_.nodes.size());
        grammar_.nodes.emplace_back();
        const JsonNode made = CAIRN_TRY(read_node(schema, at, depth));
        grammar_.nodes[index] = made;
        return index;
    }

    static Status check_keywords(const Json& schema, const std::string& at) {
        for (const auto& [key, value] : schema.items()) {
            if (std::ranges::find(kNotes, key) != std::end(kNotes)) continue;
            if (std::ranges::find(kKeywords, key) != std::end(kKeywords)) continue;
            return make_error(Code::kUnsupported,
                              fmt::format("JSON schema, {}: the keyword '{}' is not supported", at,
                                          key.substr(0, 60)),
                              "leave it out and check the answer for it");
        }
        return {};
    }

    /// A reference seen before is the node that it led to: schemas may contain themselves.
    Result<JsonNodeIndex> reference(const Json& value, const std::string& at, int depth) {
        const std::string name = value.is_string() ? value.get<std::string>() : "";
        if (name == "#") return make_error(Code::kUnsupported, "JSON schema: $ref to the whole");
        if (!name.starts_with("#/$defs/") && !name.starts_with("#/definitions/")) {
            return invalid(at, "$ref to #/$defs/NAME");
        }
        if (const auto known = references_.find(name); known != references_.end()) {
            return known->second;
        }
        const Json* found = nullptr;
        const std::size_t slash = name.find('/', 2);
        const std::string group = name.substr(2, slash - 2);
        const std::string key = name.substr(slash + 1);
        if (root_.contains(group) && root_[group].is_object() && root_[group].contains(key)) {
            found = &root_[group][key];
        }
        if (found == nullptr) return invalid(at, "a definition of " + name.substr(0, 60));
        // Through a node of its own, so that what leads back to it has somewhere to lead.
        const auto index = static_cast<JsonNodeIndex>(grammar_.nodes.size());
        grammar_.nodes.emplace_back();
        references_[name] = index;
        const JsonNodeIndex target = CAIRN_TRY(node_of(*found, name, depth + 1));
        grammar_.nodes[index].branches = {target};
        return index;
    }

    Result<JsonNode> read_node(const Json& schema, const std::string& at, int depth) {
        JsonNode node;
        for (const char* key : {"anyOf", "oneOf"}) {
            if (!schema.contains(key)) continue;
            if (!schema[key].is_array() || schema[key].empty()) return invalid(at, "a list");
            for (const Json& branch : schema[key])
                node.branches.push_back(CAIRN_TRY(node_of(branch, at + "/" + key, depth + 1)));
            return node;
        }
        if (schema.contains("const")) node.choices = {text_of(schema["const"])};
        if (schema.contains("enum")) {
            const Json& values = schema["enum"];
            if (!values.is_array() || values.empty() || values.size() > kChoicesMax) {
                return invalid(at + "/enum", fmt::format("a list of 1 to {} values", kChoicesMax));
            }
            for (const Json& value : values)
                node.choices.push_back(text_of(value));
        }
        if (!node.choices.empty()) return node;
        if (schema.contains("type")) node.types = CAIRN_TRY(types_of(schema["type"], at));
        CAIRN_TRY(read_object(schema, at, depth, node));
        CAIRN_TRY(read_array(schema, at, depth, node));
        return node;
    }

    static std::string text_of(const Json& value) {
        return value.dump(-1, ' ', false, Json::error_handler_t::replace);
    }

    static Result<std::uint8_t> types_of(const Json& value, const std::string& at) {
        const Json list = value.is_string() ? Json::array({value}) : value;
        if (!list.is_array() || list.empty()) return invalid(at + "/type", "a name or a list");
        std::uint8_t types = 0;
        for (const Json& name : list) {
            const auto* const known = std::ranges::find_if(
                kTypes, [&](const TypeName& entry) { return name == entry.name; });
            if (known == std::end(kTypes)) return invalid(at + "/type", "a type of JSON schema");
            types |= known->type;
        }
        return types;
    }

    Status read_object(const Json& schema, const std::string& at, int depth, JsonNode& node) {
        const Json extra = schema.value("additionalProperties", Json(true));
        if (extra.is_boolean()) {
            node.free_keys = extra.get<bool>();
        } else {
            node.members = CAIRN_TRY(node_of(extra, at + "/additionalProperties", depth + 1));
        }
        const Json required = schema.value("required", Json::array());
        const Json properties = schema.value("properties", Json::object());
        if (!required.is_array() || !properties.is_object()) {
            return invalid(at, "properties as an object and required as a list");
        }
        for (const auto& [key, value] : properties.items()) {
            JsonProperty property;
            property.key = text_of(Json(key));
            property.value = CAIRN_TRY(node_of(value, at + "/properties/" + key, depth + 1));
            property.required = std::ranges::find(required, Json(key)) != required.end();
            node.properties.push_back(std::move(property));
        }
        for (const Json& name : required) {
            if (!name.is_string() || !properties.contains(name.get<std::string>())) {
                return invalid(at + "/required", "names that 'properties' has");
            }
        }
        return {};
    }

    Status read_array(const Json& schema, const std::string& at, int depth, JsonNode& node) {
        if (schema.contains("items")) {
            node.items = CAIRN_TRY(node_of(schema["items"], at + "/items", depth + 1));
        }
        for (const auto& [key, count] :
             {std::pair{"minItems", &node.items_min}, {"maxItems", &node.items_max}}) {
            if (!schema.contains(key)) continue;
            const Json& value = schema[key];
            if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 10'000) {
                return invalid(at + "/" + key, "a whole number up to 10000");
            }
            *count = value.get<std::uint16_t>();
        }
        if (node.items_min > node.items_max) return invalid(at, "minItems up to maxItems");
        return {};
    }

    /// What each value may begin with, from the leaves up: the first character decides between
    /// branches, so that no text is read in two ways at a time.
    Status find_first() {
        std::vector<std::size_t> open;
        for (std::size_t i = 0; i < grammar_.nodes.size(); ++i)
            open.push_back(i);
        while (!open.empty()) {
            const std::size_t before = open.size();
            for (auto at = open.begin(); at != open.end();) {
                const auto known = [&](JsonNodeIndex branch) {
                    return grammar_.nodes[branch].first != 0;
                };
                JsonNode& node = grammar_.nodes[*at];
                if (!std::ranges::all_of(node.branches, known)) {
                    ++at;
                    continue;
                }
                node.first = CAIRN_TRY(first_of(node));
                at = open.erase(at);
            }
            if (open.size() == before) {
                return invalid("$ref", "definitions that do not lead only to themselves");
            }
        }
        return {};
    }

    Result<std::uint32_t> first_of(const JsonNode& node) const {
        std::uint32_t first = 0;
        for (const JsonNodeIndex branch : node.branches) {
            const std::uint32_t more = grammar_.nodes[branch].first;
            if ((first & more) != 0) {
                return make_error(Code::kUnsupported,
                                  "JSON schema: branches of anyOf must be of different types",
                                  "merge them into one object whose properties are optional");
            }
            first |= more;
        }
        const auto add = [&](std::string_view characters) {
            for (const char c : characters)
                first |= 1U << kJsonFirst.find(c);
        };
        for (const std::string& choice : node.choices)
            add(choice.substr(0, 1));
        if (!node.branches.empty() || !node.choices.empty()) return first;
        constexpr std::pair<int, std::string_view> kBegin[] = {
            {JsonNode::kObject, "{"},   {JsonNode::kArray, "["},
            {JsonNode::kString, "\""},  {JsonNode::kNumber | JsonNode::kInteger, "-0123456789"},
            {JsonNode::kBoolean, "tf"}, {JsonNode::kNull, "n"}};
        for (const auto& [types, characters] : kBegin) {
            if ((node.types & types) != 0) add(characters);
        }
        return first;
    }

    const Json& root_;
    JsonGrammar grammar_;
    std::map<std::string, JsonNodeIndex> references_;
};

}  // namespace

Result<JsonGrammar> compile_json_schema(std::string_view schema) {
    if (schema.empty()) schema = R"({"type":"object"})";
    if (schema.size() > kSchemaBytesMax) {
        return make_error(Code::kTooLarge, fmt::format("JSON schema: at most {} bytes, found {}",
                                                       kSchemaBytesMax, schema.size()));
    }
    const auto checked = text::parse_json(schema, {.refuse_duplicate_keys = true});
    if (!checked) return checked.error().with_context("JSON schema");
    const Json root = Json::parse(schema, nullptr, false);  // the same in the writer's order
    return Compiler(root).compile();
}

}  // namespace cairn::engine
