// SPDX-License-Identifier: Apache-2.0
// The table of the ways to cut. The expressions are those of the models' own tokenizer.json files;
// names are GGUF's.
#include "pre_tokenizer.h"

#include <array>
#include <utility>

namespace cairn::text {
namespace {

// clang-format off
// Between the expressions of one kind.
#define NEXT "\x1F"

// What many share: contractions, what may stand before a word, symbols, line ends, other space.
#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SPACE "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define BEFORE "[^\\r\\n\\p{L}\\p{N}]?"
#define SYMBOLS " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define UPPER_NO_HAN "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
#define LOWER_NO_HAN "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
// An upper-case run and its lower-case run: HelloWorld is two words.
#define CASED(before, upper, lower, behind) \
    before upper "*" lower "+" behind "|" before upper "+" lower "*" behind "|"
#define GPT4O CASED(BEFORE, UPPER, LOWER, CONTRACTION "?") \
    "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACE
#define LLAMA3(numbers) CONTRACTION "|" BEFORE "\\p{L}+|" numbers "|" SYMBOLS SPACE
#define ASCII_SYMBOL "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]"

// The cased letters of Unicode 13 as DeepSeek lists them.
#define CASED_LETTERS \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}\\x{1C4}" \
    "-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}\\x{37F}" \
    "\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}" \
    "\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}\\x{13F8}-" \
    "\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}\\x{1D00}-\\x{1D2B}\\x{1D6B}-" \
    "\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}\\x{1F20}-" \
    "\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-" \
    "\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}" \
    "-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-" \
    "\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-" \
    "\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}" \
    "\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}" \
    "\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}" \
    "-\\x{A69B}\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-" \
    "\\x{ABBF}\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-" \
    "\\x{FF5A}\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-" \
    "\\x{10CB2}\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"

// As GPT-2, with four changes: a run has at most 24 characters (a space in front not counted), each
// number character is a word of its own (with the space in front), marks belong to letters, and
// line ends form words without other space: numbers stay copyable digit by digit and lines stay
// separable.
#define PEBBLE "'s|'t|'re|'ve|'m|'ll|'d| ?[\\p{L}\\p{M}]{1,24}| ?\\p{N}|" \
    " ?[^\\s\\p{L}\\p{M}\\p{N}]{1,24}|[\\r\\n]{1,24}|" \
    "[\\s&&[^\\r\\n]]{1,24}(?!\\S)|[\\s&&[^\\r\\n]]{1,24}"

constexpr PreKind kKinds[] = {
    {"pebble", PEBBLE},
    {"gpt-2 phi-2 jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe "
     "mellum modern-bert jais trillion granite-docling a.x-4.0 gigachat", GPT2},
    {"mpt olmo gpt-neox", GPT2, false, true},
    {"default", "[\\p{P}\\$\\+<=>\\^~\\|]+" NEXT GPT2 NEXT "\\p{N}+" NEXT "[0-9][0-9][0-9]"},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2", LLAMA3("\\p{N}{1,3}"),
     true},
    {"dbrx smaug-bpe glm4 chatglm-bpe", LLAMA3("\\p{N}{1,3}")},
    {"qwen2 deepseek-r1-qwen megrez kormo f2llmv2", LLAMA3("\\p{N}"), false, true},
    {"stablelm2 hunyuan grok-2 solar-open", LLAMA3("\\p{N}")},
    {"qwen35", CONTRACTION "|" BEFORE "[\\p{L}\\p{M}]+|\\p{N}|"
               " ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACE, false, true},
    {"deepseek-llm", "[\\r\\n]" NEXT "\\s?[" CASED_LETTERS "]+" NEXT
                     "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}"
                     "\\x{3000}-\\x{3002}]+" NEXT "\\s+$" NEXT
                     "[\\x{4E00}-\\x{9FA5}\\x{0800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+" NEXT
                     "\\p{N}+"},
    {"deepseek-coder", "[\\r\\n]" NEXT "\\s?\\p{L}+" NEXT "\\s?\\p{P}+" NEXT
                       "[\\x{4E00}-\\x{9FA5}\\x{0800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+" NEXT
                       "\\p{N}"},
    {"deepseek-v3 hunyuan-dense joyai-llm",
     "\\p{N}{1,3}" NEXT "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+" NEXT
     ASCII_SYMBOL "[A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
     " ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACE},
    {"falcon", "[\\p{P}\\$\\+<=>\\^~\\|`]+" NEXT GPT2 NEXT "[0-9][0-9][0-9]"},
    {"starcoder refact smollm codeshell exaone minerva-7b mellum2", "\\p{N}" NEXT GPT2},
    {"command-r", "\\p{N}" NEXT GPT2, false, true},
    {"tekken", CASED(BEFORE, UPPER, LOWER, "")
               "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACE, true},
    {"gpt-4o llama4 kanana2 minimax-m2", GPT4O},
    {"kimi-k2", "\\p{Han}+|" CASED(BEFORE, UPPER_NO_HAN, LOWER_NO_HAN, CONTRACTION "?")
                "\\p{N}{1,3}|" SYMBOLS SPACE, true},
    {"poro-chat bloom gpt3-finnish",
     " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{0964}\\x{06D4}\\x{060C})]+"},
    {"viking", " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{0964}\\x{06D4}\\x{060C})]+"
               NEXT "\\p{N}"},
    {"bailingmoe llada-moe", "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}|"
                   " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"},
    {"seed-coder", CONTRACTION "|" BEFORE "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACE},
};
// clang-format on

std::vector<std::string_view> split_at(std::string_view text, char border) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(border, begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

}  // namespace

Result<const PreKind*> pre_kind_by_name(std::string_view name) {
    for (const PreKind& kind : kKinds) {
        for (const std::string_view known : split_at(kind.names, ' ')) {
            if (known == name) return &kind;
        }
    }
    return make_error(
        Code::kUnsupported,
        "expected a pre-tokenizer that is known here, found '" + std::string(name) + "'",
        "a wrong cut of words would silently harm the model: use a model with a known one, or its "
        "Hugging Face folder, whose tokenizer.json says how to cut");
}

std::span<const PreKind> all_pre_kinds() {
    return kKinds;
}

std::vector<CutStep> cut_steps(const PreKind& kind) {
    std::vector<CutStep> steps;
    for (const std::string_view pattern : split_at(kind.patterns, '\x1F')) {
        steps.push_back({.kind = CutStep::Kind::kSplit, .pattern = std::string(pattern)});
    }
    return steps;
}

std::string_view gpt2_pattern() {
    return GPT2;
}

Result<PreTokenizer> PreTokenizer::compile(std::vector<CutStep> steps) {
    PreTokenizer made;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        Step step{std::move(steps[i]), std::nullopt};
        if (step.cut.kind == CutStep::Kind::kSplit) {
            step.pattern = CAIRN_TRY(SplitPattern::compile(step.cut.pattern));
        }
        if (step.cut.kind == CutStep::Kind::kToAlphabet) {
            if (i + 1 == steps.size()) break;  // nothing sees it: words stay bytes
            made.to_alphabet_ = true;
        }
        made.steps_.push_back(std::move(step));
    }
    return made;
}

Result<PreTokenizer> PreTokenizer::by_name(std::string_view name) {
    return compile(cut_steps(*CAIRN_TRY(pre_kind_by_name(name))));
}

}  // namespace cairn::text
