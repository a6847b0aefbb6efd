// SPDX-License-Identifier: Apache-2.0
// One function per kind. The habits are those of the programs that the models were trained with.
#include "tokenizer_rules.h"

#include <algorithm>

#include "pre_tokenizer.h"

namespace cairn::text {
namespace {

using Step = NormalizerStep::Kind;
using Model = TokenizerRules::Model;
using Decoder = TokenizerRules::Decoder;

TemplatePiece token(TokenId id, std::uint8_t type = 0) {
    return {TemplatePiece::Kind::kToken, id, type};
}
TemplatePiece first() {
    return {TemplatePiece::Kind::kFirst, kNoToken, 0};
}
TemplatePiece second(std::uint8_t type = 0) {
    return {TemplatePiece::Kind::kSecond, kNoToken, type};
}

Result<TokenizerRules> byte_bpe(const TokenizerParts& parts) {
    const PreKind& pre = *CAIRN_TRY(pre_kind_by_name(parts.pre));
    TokenizerRules rules;
    if (pre.nfc) rules.normalizers = {{.kind = Step::kNfc}};
    rules.cuts = cut_steps(pre);
    rules.byte_level = true;
    rules.whole_words = pre.whole_words;
    const bool listed = !parts.merges.empty() || !parts.merge_ids.empty();
    if (!listed && parts.pre == "kimi-k2") {  // tiktoken's files have no merges
        rules.model = Model::kRanks;
        rules.whole_words = true;
    }
    return rules;
}

/// SentencePiece: its compiled normalisation, then a mark for each space. Where spaces stay, the
/// mark in front does not depend on what the normalisation leaves of the text.
std::vector<NormalizerStep> marks(const TokenizerParts& parts) {
    const NormalizerStep front = {.kind = Step::kPrepend, .content = std::string(kSpaceMark)};
    std::vector<NormalizerStep> steps;
    if (parts.add_space_prefix && !parts.remove_extra_spaces) steps.push_back(front);
    if (!parts.charsmap.empty()) {
        steps.push_back({.kind = Step::kCharsmap, .content = parts.charsmap});
    }
    if (parts.remove_extra_spaces) steps.push_back({.kind = Step::kCollapseSpace});
    if (parts.add_space_prefix && parts.remove_extra_spaces) steps.push_back(front);
    steps.push_back({.kind = Step::kReplace, .pattern = " ", .content = std::string(kSpaceMark)});
    return steps;
}

TokenizerRules sentence_piece(const TokenizerParts& parts, Model model) {
    TokenizerRules rules;
    rules.normalizers = marks(parts);
    rules.model = model;
    rules.decoder = Decoder::kMarks;
    rules.byte_fallback = true;
    rules.fuse_unknown = true;
    rules.single_precision = true;
    rules.drop_first_space = parts.add_space_prefix;
    return rules;
}

/// Converted from Gemma's tokenizer.json: merges over characters.
TokenizerRules character_bpe() {
    TokenizerRules rules;
    rules.normalizers = {
        {.kind = Step::kReplace, .pattern = " ", .content = std::string(kSpaceMark)}};
    rules.decoder = Decoder::kMarks;
    rules.byte_fallback = true;
    rules.fuse_unknown = true;
    return rules;
}

/// A vocabulary without upper-case letters was made from lower-case text.
bool is_lowercase(const TokenizerParts& parts) {
    if (parts.lowercase) return *parts.lowercase;
    for (std::size_t id = 0; id < parts.tokens.size(); ++id) {
        const std::string& token = parts.tokens[id];
        const bool normal = parts.types.empty() || parts.types[id] == TokenType::kNormal;
        if (!normal || token.starts_with('[') || token.starts_with('<')) continue;
        if (std::ranges::any_of(token, [](char c) { return c >= 'A' && c <= 'Z'; })) return false;
    }
    return true;
}

TokenizerRules word_piece(const TokenizerParts& parts) {
    const bool lowercase = is_lowercase(parts);
    TokenizerRules rules;
    rules.normalizers = bert_normalizer(true, true, lowercase, lowercase);
    rules.cuts = bert_cuts();
    rules.model = Model::kWordPiece;
    rules.decoder = Decoder::kWordPiece;
    rules.word_prefix = kSpaceMark;
    rules.drop_first_space = true;
    return rules;
}

void add_templates(const TokenizerParts& parts, TokenizerRules& rules) {
    const bool bert = parts.kind == "bert";
    const TokenId begin = parts.cls != kNoToken ? parts.cls : parts.bos;
    const TokenId end = bert && parts.separator != kNoToken ? parts.separator : parts.eos;
    const bool has_begin = (bert || parts.add_bos) && begin != kNoToken;
    const bool has_end = (bert || parts.kind == "t5" || parts.add_eos) && end != kNoToken;
    if (has_begin) rules.single.push_back(token(begin));
    rules.single.push_back(first());
    if (has_end) rules.single.push_back(token(end));
    rules.pair = rules.single;
    if (has_begin && !bert && !has_end) rules.pair.push_back(token(begin));
    rules.pair.push_back(second(bert ? 1 : 0));
    if (has_end) rules.pair.push_back(token(end, bert ? 1 : 0));
}

}  // namespace

std::vector<NormalizerStep> bert_normalizer(bool clean, bool han, bool accents, bool lowercase) {
    std::vector<NormalizerStep> steps;
    if (clean) steps.push_back({.kind = Step::kBertClean});
    if (han) steps.push_back({.kind = Step::kBertHan});
    if (accents) steps.push_back({.kind = Step::kBertAccents});
    if (lowercase) steps.push_back({.kind = Step::kLowercase});
    return steps;
}

std::vector<CutStep> bert_cuts() {
    return {
        {.kind = CutStep::Kind::kSplit, .pattern = "\\s", .matches = CutStep::Matches::kRemoved},
        {.kind = CutStep::Kind::kSplit, .pattern = "[\\p{P}!-/:-@\\[-`{-~]"}};
}

Result<TokenizerRules> rules_of_kind(const TokenizerParts& parts) {
    TokenizerRules rules;
    if (parts.kind == "gpt2") {
        rules = CAIRN_TRY(byte_bpe(parts));
    } else if (parts.kind == "llama") {
        rules = sentence_piece(parts, Model::kPieces);
    } else if (parts.kind == "t5") {
        rules = sentence_piece(parts, Model::kUnigram);
    } else if (parts.kind == "gemma4") {
        rules = character_bpe();
    } else if (parts.kind == "bert") {
        rules = word_piece(parts);
    } else {
        return make_error(Code::kUnsupported,
                          "expected a tokenizer of kind gpt2, llama, t5, gemma4 or bert, found '" +
                              parts.kind + "'");
    }
    add_templates(parts, rules);
    return rules;
}

}  // namespace cairn::text
