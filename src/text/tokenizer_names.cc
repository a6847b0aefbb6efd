// SPDX-License-Identifier: Apache-2.0
// Finds the name under which GGUF files know the steps of a tokenizer.json, so that programs that
// read only names cut words rightly.
#include <algorithm>
#include <set>

#include "byte_alphabet.h"
#include "cairn/text/tokenizer_json.h"
#include "pre_tokenizer.h"
#include "tokenizer_rules.h"

namespace cairn::text {
namespace {

bool is_plain_split(const CutStep& step) {
    return step.kind == CutStep::Kind::kSplit && step.matches == CutStep::Matches::kIsolated &&
           !step.invert;
}

/// Expressions are compared as they work: files spell the same sets in many ways.
bool same_cuts(const std::vector<CutStep>& cuts, const PreKind& kind) {
    const std::vector<CutStep> named = cut_steps(kind);
    return std::ranges::equal(cuts, named, [](const CutStep& a, const CutStep& b) {
        if (!is_plain_split(a)) return false;
        if (a.pattern == b.pattern) return true;
        const auto first = SplitPattern::compile(a.pattern);
        const auto second = SplitPattern::compile(b.pattern);
        return first && second && *first == *second;
    });
}

bool is_nfc(const std::vector<NormalizerStep>& steps) {
    return steps.size() == 1 && steps[0].kind == NormalizerStep::Kind::kNfc;
}

/// The types of the second text, which only encoders read, are left aside.
bool same_template(const std::vector<TemplatePiece>& a, const std::vector<TemplatePiece>& b) {
    return std::ranges::equal(a, b, [](const TemplatePiece& x, const TemplatePiece& y) {
        return x.kind == y.kind && x.id == y.id;
    });
}

/// Only a tokenizer.json says what becomes of bytes without a token.
bool has_all_bytes(const TokenizerParts& parts) {
    const std::set<std::string_view> tokens(parts.tokens.begin(), parts.tokens.end());
    return std::ranges::all_of(byte_alphabet(),
                               [&](const std::string& byte) { return tokens.contains(byte); });
}

/// Would a reader of kind and name build these rules?
bool says_all(const TokenizerParts& parts, const std::string& pre) {
    const TokenizerRules& rules = *parts.rules;
    TokenizerParts named = parts;
    named.pre = pre;
    named.rules.reset();
    const auto built = rules_of_kind(named);
    const bool flags = std::ranges::any_of(parts.added, [&](const AddedToken& token) {
        return token.left_strip || token.right_strip || token.single_word ||
               (token.normalized && !rules.normalizers.empty());
    });
    const bool bytes = parts.unknown == kNoToken || has_all_bytes(parts);
    return built && !flags && bytes && is_nfc(rules.normalizers) == is_nfc(built->normalizers) &&
           rules.normalizers.size() == built->normalizers.size() && rules.model == built->model &&
           rules.decoder == built->decoder && rules.byte_fallback == built->byte_fallback &&
           rules.fuse_unknown == built->fuse_unknown && rules.whole_words == built->whole_words &&
           rules.drop_first_space == built->drop_first_space &&
           same_template(rules.single, built->single) && same_template(rules.pair, built->pair);
}

}  // namespace

StepsName name_steps(const TokenizerParts& parts) {
    StepsName found;
    if (!parts.rules || !parts.rules->byte_level ||
        parts.rules->model != TokenizerRules::Model::kMerges) {
        return found;
    }
    std::vector<CutStep> cuts = parts.rules->cuts;
    if (!cuts.empty() && cuts.back().kind == CutStep::Kind::kToAlphabet) cuts.pop_back();
    for (const PreKind& kind : all_pre_kinds()) {
        if (kind.whole_words != parts.rules->whole_words || !same_cuts(cuts, kind)) continue;
        const std::string name(kind.names.substr(0, kind.names.find(' ')));
        if (says_all(parts, name)) return {name, true};
        // Names with and without NFC share their cuts; other programs do not normalise anyway.
        if (found.pre.empty() || kind.nfc == is_nfc(parts.rules->normalizers)) found.pre = name;
    }
    return found;
}

}  // namespace cairn::text
