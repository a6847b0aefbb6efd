// SPDX-License-Identifier: Apache-2.0
// One function per "type". Everything is expressed by few kinds of steps: most pre-tokenizers are
// cuts by an expression.
#include "tokenizer_json_steps.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cairn/text/json.h"
#include "charsmap.h"
#include "pre_tokenizer.h"
#include "tokenizer_rules.h"

namespace cairn::text {
namespace {

using nlohmann::json;
using Step = NormalizerStep::Kind;
using Cut = CutStep::Kind;
using Matches = CutStep::Matches;

constexpr int kSequenceDepthMax = 8;
constexpr std::size_t kStepsMax = 64;
constexpr std::string_view kPunctuation = "[\\p{P}!-/:-@\\[-`{-~]";

Error unknown(std::string_view what, std::string_view name) {
    return make_error(
        Code::kUnsupported,
        fmt::format("tokenizer.json: expected a {} that is known here, found '{}'", what, name),
        "without it text would be cut in another way than the model was trained with");
}

const json& member(const json& object, const char* key) {
    static const json kNull;
    const auto found = object.find(key);
    return found == object.end() ? kNull : *found;
}

/// The lists of a "Sequence", in order; any other step is a list of one.
template <typename Read>
Status for_each_step(const json& value, const char* list, int depth, const Read& read) {
    if (value.is_null()) return {};
    if (!value.is_object() || depth > kSequenceDepthMax) {
        return make_error(Code::kInvalid, "tokenizer.json: expected steps as objects, found other");
    }
    const std::string type = CAIRN_TRY(get_string(value, "type"));
    if (type != "Sequence") return read(type, value);
    const json& steps = member(value, list);
    if (!steps.is_array() || steps.size() > kStepsMax) {
        return make_error(Code::kInvalid,
                          fmt::format("tokenizer.json: expected a list '{}' of at most {} steps",
                                      list, kStepsMax));
    }
    for (const json& step : steps) {
        CAIRN_TRY(for_each_step(step, list, depth + 1, read));
    }
    return {};
}

struct Pattern {
    std::string text;
    bool expression = false;
};

Result<Pattern> read_pattern(const json& value) {
    const json& pattern = member(value, "pattern");
    if (pattern.is_string()) return Pattern{pattern.get<std::string>(), false};
    if (pattern.is_object() && pattern.contains("String")) {
        return Pattern{CAIRN_TRY(get_string(pattern, "String")), false};
    }
    if (pattern.is_object() && pattern.contains("Regex")) {
        return Pattern{CAIRN_TRY(get_string(pattern, "Regex")), true};
    }
    return make_error(Code::kInvalid,
                      "tokenizer.json: expected 'pattern' with String or Regex, found neither");
}

/// A literal as an expression.
std::string as_expression(std::string_view literal) {
    std::string out;
    for (const char c : literal) {
        if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

Status add_bert_normalizer(const json& value, TokenizerRules& rules) {
    const bool lowercase = CAIRN_TRY(get_bool_or(value, "lowercase", true));
    const bool accents = CAIRN_TRY(get_bool_or(value, "strip_accents", lowercase));
    const auto steps = bert_normalizer(CAIRN_TRY(get_bool_or(value, "clean_text", true)),
                                       CAIRN_TRY(get_bool_or(value, "handle_chinese_chars", true)),
                                       accents, lowercase);
    rules.normalizers.insert(rules.normalizers.end(), steps.begin(), steps.end());
    return {};
}

Status add_precompiled(const json& value, TokenizerRules& rules) {
    const std::string text = CAIRN_TRY(get_string_or(value, "precompiled_charsmap", ""));
    if (text.empty()) return {};
    std::optional<std::string> blob = decode_base64(text);
    if (!blob) {
        return make_error(Code::kInvalid,
                          "tokenizer.json: expected 'precompiled_charsmap' in base64");
    }
    rules.normalizers.push_back({.kind = Step::kCharsmapHf, .content = std::move(*blob)});
    return {};
}

Status add_normalizer(const std::string& type, const json& value, TokenizerRules& rules) {
    const auto add = [&](Step kind) -> Status {
        rules.normalizers.push_back({.kind = kind});
        return {};
    };
    if (type == "NFC") return add(Step::kNfc);
    if (type == "NFD") return add(Step::kNfd);
    if (type == "NFKC") return add(Step::kNfkc);
    if (type == "NFKD") return add(Step::kNfkd);
    if (type == "Lowercase") return add(Step::kLowercase);
    if (type == "StripAccents") return add(Step::kRemoveMarks);
    if (type == "BertNormalizer") return add_bert_normalizer(value, rules);
    if (type == "Precompiled") return add_precompiled(value, rules);
    if (type == "Strip") {
        if (CAIRN_TRY(get_bool_or(value, "strip_left", true))) CAIRN_TRY(add(Step::kStripLeft));
        if (CAIRN_TRY(get_bool_or(value, "strip_right", true))) CAIRN_TRY(add(Step::kStripRight));
        return {};
    }
    if (type == "Prepend") {
        rules.normalizers.push_back(
            {.kind = Step::kPrepend, .content = CAIRN_TRY(get_string(value, "prepend"))});
        return {};
    }
    if (type == "Replace") {
        Pattern pattern = CAIRN_TRY(read_pattern(value));
        rules.normalizers.push_back(
            {.kind = pattern.expression ? Step::kReplaceMatch : Step::kReplace,
             .pattern = std::move(pattern.text),
             .content = CAIRN_TRY(get_string(value, "content"))});
        return {};
    }
    return unknown("normalizer", type);
}

Result<Matches> read_behavior(const json& value, std::string_view other) {
    const std::string name = CAIRN_TRY(get_string_or(value, "behavior", other));
    if (name == "Isolated") return Matches::kIsolated;
    if (name == "Removed") return Matches::kRemoved;
    if (name == "MergedWithPrevious") return Matches::kJoinPrevious;
    if (name == "MergedWithNext") return Matches::kJoinNext;
    if (name == "Contiguous") return Matches::kContiguous;
    return unknown("behavior of Split", name);
}

Status add_metaspace(const json& value, TokenizerRules& rules) {
    const std::string mark = CAIRN_TRY(get_string_or(value, "replacement", kSpaceMark));
    if (mark != kSpaceMark) return unknown("replacement of Metaspace", mark);
    const bool prefix = CAIRN_TRY(get_bool_or(value, "add_prefix_space", true));
    const std::string scheme =
        CAIRN_TRY(get_string_or(value, "prepend_scheme", prefix ? "always" : "never"));
    CutStep step{.kind = Cut::kMetaspace};
    if (scheme == "first") {
        step.prepend = CutStep::Prepend::kFirst;
    } else if (scheme == "never") {
        step.prepend = CutStep::Prepend::kNever;
    } else if (scheme != "always") {
        return unknown("prepend_scheme", scheme);
    }
    step.split = CAIRN_TRY(get_bool_or(value, "split", true));
    rules.cuts.push_back(std::move(step));
    return {};
}

Status add_byte_level(const json& value, TokenizerRules& rules) {
    if (CAIRN_TRY(get_bool_or(value, "add_prefix_space", true))) {
        rules.cuts.push_back({.kind = Cut::kSpaceBefore});
    }
    if (CAIRN_TRY(get_bool_or(value, "use_regex", true))) {
        rules.cuts.push_back({.kind = Cut::kSplit, .pattern = std::string(gpt2_pattern())});
    }
    rules.cuts.push_back({.kind = Cut::kToAlphabet});
    rules.byte_level = true;
    return {};
}

Status add_pre_tokenizer(const std::string& type, const json& value, TokenizerRules& rules) {
    const auto split = [&](std::string_view pattern, Matches matches,
                           bool invert = false) -> Status {
        rules.cuts.push_back({.kind = Cut::kSplit,
                              .pattern = std::string(pattern),
                              .matches = matches,
                              .invert = invert});
        return {};
    };
    if (type == "ByteLevel") return add_byte_level(value, rules);
    if (type == "Metaspace") return add_metaspace(value, rules);
    if (type == "Split") {
        const Pattern pattern = CAIRN_TRY(read_pattern(value));
        return split(pattern.expression ? pattern.text : as_expression(pattern.text),
                     CAIRN_TRY(read_behavior(value, "")),
                     CAIRN_TRY(get_bool_or(value, "invert", false)));
    }
    if (type == "Digits") {
        const bool each = CAIRN_TRY(get_bool_or(value, "individual_digits", false));
        return split(each ? "\\p{N}" : "\\p{N}+", Matches::kIsolated);
    }
    if (type == "Punctuation") {
        return split(kPunctuation, CAIRN_TRY(read_behavior(value, "Isolated")));
    }
    if (type == "WhitespaceSplit") return split("\\s+", Matches::kRemoved);
    if (type == "Whitespace") return split("\\w+|[^\\w\\s]+", Matches::kRemoved, true);
    if (type == "CharDelimiterSplit") {
        return split(as_expression(CAIRN_TRY(get_string(value, "delimiter"))), Matches::kRemoved);
    }
    if (type == "BertPreTokenizer") {
        const auto steps = bert_cuts();
        rules.cuts.insert(rules.cuts.end(), steps.begin(), steps.end());
        return {};
    }
    return unknown("pre-tokenizer", type);
}

Status add_decoder(const std::string& type, const json& value, TokenizerRules& rules) {
    using Decoder = TokenizerRules::Decoder;
    if (type == "ByteLevel") {
        rules.decoder = Decoder::kBytes;
    } else if (type == "WordPiece") {
        rules.decoder = Decoder::kWordPiece;
        rules.drop_first_space = true;
    } else if (type == "Metaspace") {
        rules.decoder = Decoder::kMarks;
        const bool prefix = CAIRN_TRY(get_bool_or(value, "add_prefix_space", true));
        const std::string scheme =
            CAIRN_TRY(get_string_or(value, "prepend_scheme", prefix ? "always" : "never"));
        rules.drop_first_space = scheme != "never";
    } else if (type == "Replace") {
        const Pattern pattern = CAIRN_TRY(read_pattern(value));
        const std::string content = CAIRN_TRY(get_string(value, "content"));
        if (pattern.text != kSpaceMark || content != " ") {
            return unknown("Replace in the decoder", pattern.text);
        }
        rules.decoder = Decoder::kMarks;
    } else if (type == "Strip") {
        const bool one_space = CAIRN_TRY(get_string_or(value, "content", " ")) == " " &&
                               CAIRN_TRY(get_int_or(value, "start", 0)) == 1;
        rules.drop_first_space = one_space;
    } else if (type != "ByteFallback" && type != "Fuse") {
        return unknown("decoder", type);
    }
    return {};
}

Result<std::uint8_t> type_id(const json& value) {
    const std::int64_t id = CAIRN_TRY(get_int_or(value, "type_id", 0));
    if (id < 0 || id > 255) {
        return make_error(Code::kInvalid,
                          fmt::format("tokenizer.json: expected type_id 0 to 255, found {}", id));
    }
    return static_cast<std::uint8_t>(id);
}

/// A special token of a template: its ids are listed beside it, or it is named.
Status add_special(const json& value, const json& special_tokens, const TokenLookup& id_of,
                   std::vector<TemplatePiece>& pieces) {
    const std::string name = CAIRN_TRY(get_string(value, "id"));
    const std::uint8_t type = CAIRN_TRY(type_id(value));
    if (special_tokens.is_object() && special_tokens.contains(name)) {
        const json& listed = member(special_tokens, name.c_str());
        static const json kNone;
        const json& ids = listed.is_object() ? member(listed, "ids") : kNone;
        for (std::size_t i = 0; ids.is_array() && i < ids.size() && i < kStepsMax; ++i) {
            if (!ids[i].is_number_integer()) break;
            const auto id = ids[i].get<std::int64_t>();
            if (!std::in_range<TokenId>(id)) break;
            pieces.push_back({TemplatePiece::Kind::kToken, static_cast<TokenId>(id), type});
        }
        return {};
    }
    const auto id = id_of(name);
    if (!id) return unknown("special token in the template", name);
    pieces.push_back({TemplatePiece::Kind::kToken, *id, type});
    return {};
}

Status read_template(const json& list, const json& special_tokens, const TokenLookup& id_of,
                     std::vector<TemplatePiece>& pieces) {
    pieces.clear();
    if (!list.is_array() || list.size() > kStepsMax) {
        return make_error(Code::kInvalid, "tokenizer.json: expected a template as a short list");
    }
    for (const json& item : list) {
        if (item.is_object() && item.contains("SpecialToken")) {
            CAIRN_TRY(add_special(member(item, "SpecialToken"), special_tokens, id_of, pieces));
            continue;
        }
        const json& sequence = item.is_object() ? member(item, "Sequence") : item;
        const std::string name = CAIRN_TRY(get_string(sequence, "id"));
        pieces.push_back({name == "A" ? TemplatePiece::Kind::kFirst : TemplatePiece::Kind::kSecond,
                          kNoToken, CAIRN_TRY(type_id(sequence))});
    }
    return {};
}

/// ["[SEP]", 102]
Result<TokenId> named_id(const json& value, const char* key) {
    const json& pair = member(value, key);
    if (!pair.is_array() || pair.size() != 2 || !pair[1].is_number_integer() ||
        !std::in_range<TokenId>(pair[1].get<std::int64_t>())) {
        return make_error(Code::kInvalid,
                          fmt::format("tokenizer.json: expected '{}' as [token, id]", key));
    }
    return static_cast<TokenId>(pair[1].get<std::int64_t>());
}

Status add_cls_and_sep(const json& value, bool bert, TokenizerRules& rules) {
    using Kind = TemplatePiece::Kind;
    const TokenId cls = CAIRN_TRY(named_id(value, "cls"));
    const TokenId sep = CAIRN_TRY(named_id(value, "sep"));
    rules.single = {{Kind::kToken, cls, 0}, {Kind::kFirst, kNoToken, 0}, {Kind::kToken, sep, 0}};
    rules.pair = rules.single;
    const std::uint8_t type = bert ? 1 : 0;
    if (!bert) rules.pair.push_back({Kind::kToken, sep, 0});  // RoBERTa: two between the texts
    rules.pair.push_back({Kind::kSecond, kNoToken, type});
    rules.pair.push_back({Kind::kToken, sep, type});
    return {};
}

}  // namespace

Status read_normalizer(const json& value, TokenizerRules& rules) {
    return for_each_step(value, "normalizers", 0, [&](const std::string& type, const json& step) {
        return add_normalizer(type, step, rules);
    });
}

Status read_pre_tokenizer(const json& value, TokenizerRules& rules) {
    return for_each_step(value, "pretokenizers", 0, [&](const std::string& type, const json& step) {
        return add_pre_tokenizer(type, step, rules);
    });
}

Status read_decoder(const json& value, TokenizerRules& rules) {
    return for_each_step(value, "decoders", 0, [&](const std::string& type, const json& step) {
        return add_decoder(type, step, rules);
    });
}

Status read_post_processor(const json& value, const TokenLookup& id_of, TokenizerRules& rules) {
    rules.single = {{TemplatePiece::Kind::kFirst, kNoToken, 0}};
    rules.pair = {{TemplatePiece::Kind::kFirst, kNoToken, 0},
                  {TemplatePiece::Kind::kSecond, kNoToken, 1}};
    const auto read = [&](const std::string& type, const json& step) -> Status {
        if (type == "ByteLevel") return {};  // changes offsets only
        if (type == "BertProcessing") return add_cls_and_sep(step, true, rules);
        if (type == "RobertaProcessing") return add_cls_and_sep(step, false, rules);
        if (type != "TemplateProcessing") return unknown("post-processor", type);
        const json& special = member(step, "special_tokens");
        CAIRN_TRY(read_template(member(step, "single"), special, id_of, rules.single));
        return read_template(member(step, "pair"), special, id_of, rules.pair);
    };
    return for_each_step(value, "processors", 0, read);
}

}  // namespace cairn::text
