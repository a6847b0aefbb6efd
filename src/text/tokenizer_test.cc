// SPDX-License-Identifier: Apache-2.0
// Tokenizers on vocabularies small enough to check by hand.
#include "cairn/text/tokenizer.h"

#include <gtest/gtest.h>

#include <functional>

#include "byte_alphabet.h"
#include "pre_tokenizer.h"

namespace cairn::text {
namespace {

using Words = std::vector<std::string>;

Words cut(std::string_view pre, std::string_view text) {
    const PreTokenizer cutter = PreTokenizer::by_name(pre).value();
    Words words;
    cutter.for_each_word(text, true, [&](std::string_view word) { words.emplace_back(word); });
    return words;
}

/// Special tokens, 256 bytes, then "he", "ll", "hell", "hello", " hello".
TokenizerParts byte_parts() {
    TokenizerParts parts;
    parts.kind = "gpt2";
    parts.pre = "gpt-2";
    parts.tokens = {"<|endoftext|>", "<|im_end|>"};
    parts.types.assign(2, TokenType::kControl);
    for (const std::string& token : byte_alphabet()) {
        parts.tokens.push_back(token);
    }
    const std::string space = bytes_to_alphabet(" ");
    for (const std::string& token : {std::string("he"), std::string("ll"), std::string("hell"),
                                     std::string("hello"), space + "hello"}) {
        parts.tokens.push_back(token);
    }
    parts.types.resize(parts.tokens.size(), TokenType::kNormal);
    parts.merges = {"h e", "l l", "he ll", "hell o", space + " hello"};
    parts.eos = 0;
    parts.eot = 1;
    return parts;
}

Tokenizer byte_tokenizer() {
    return Tokenizer::from_parts(byte_parts()).value();
}

TokenizerParts piece_parts() {
    TokenizerParts parts;
    parts.kind = "llama";
    parts.tokens = {"<unk>", "<s>", "</s>"};
    parts.types = {TokenType::kUnknown, TokenType::kControl, TokenType::kControl};
    for (int byte = 0; byte < 256; ++byte) {
        constexpr char kHex[] = "0123456789ABCDEF";
        parts.tokens.push_back(std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">");
        parts.types.push_back(TokenType::kByte);
    }
    parts.scores.assign(parts.tokens.size(), 0);
    const std::string mark = "\xE2\x96\x81";
    const std::vector<std::pair<std::string, float>> pieces = {
        {mark, -10}, {"a", -11}, {"b", -12}, {"ab", -2}, {mark + "a", -1},
        {"<", -20},  {"s", -21}, {">", -22}, {"<s", -4}};
    for (const auto& [piece, score] : pieces) {
        parts.tokens.push_back(piece);
        parts.types.push_back(TokenType::kNormal);
        parts.scores.push_back(score);
    }
    parts.unknown = 0;
    parts.bos = 1;
    parts.eos = 2;
    parts.add_bos = true;
    parts.add_space_prefix = true;
    return parts;
}

std::string error_of(const std::function<void(TokenizerParts&)>& change,
                     TokenizerParts parts = byte_parts()) {
    change(parts);
    const auto tokenizer = Tokenizer::from_parts(std::move(parts));
    return tokenizer ? "" : tokenizer.error().message;
}

TEST(PreTokenizer, CutsLikeTheGpt2Expression) {
    const auto* pre = "gpt-2";
    EXPECT_EQ(cut(pre, "Hello world"), (Words{"Hello", " world"}));
    EXPECT_EQ(cut(pre, "we've  it's 'tis"), (Words{"we", "'ve", " ", " it", "'s", " '", "tis"}));
    EXPECT_EQ(cut(pre, "a1234 5.6%"), (Words{"a", "1234", " 5", ".", "6", "%"}));
    EXPECT_EQ(cut(pre, "x\n\n  y \t"), (Words{"x", "\n\n ", " y", " \t"}));
    EXPECT_EQ(cut(pre, "\ty"), (Words{"\t", "y"}));
    EXPECT_EQ(cut(pre, "Grüße 你好。"), (Words{"Grüße", " 你好", "。"}));
}

TEST(PreTokenizer, PebbleCutsDigitsLinesAndLongRuns) {
    const auto* pre = "pebble";
    EXPECT_EQ(cut(pre, "in 2024, ok"), (Words{"in", " 2", "0", "2", "4", ",", " ok"}));
    EXPECT_EQ(cut(pre, "x \n\n  y"), (Words{"x", " ", "\n\n", " ", " y"}));
    EXPECT_EQ(cut(pre, std::string(50, 'a')),
              (Words{std::string(24, 'a'), std::string(24, 'a'), "aa"}));
    EXPECT_EQ(cut(pre, " " + std::string(25, 'a')), (Words{" " + std::string(24, 'a'), "a"}));
    EXPECT_EQ(cut(pre, "e\xCC\x81t\xC3"), (Words{"e\xCC\x81t", "\xC3"}));
}

TEST(Tokenizer, MergesInOrderOfRank) {
    const Tokenizer tokenizer = byte_tokenizer();
    const auto id = [&](const char* token) { return tokenizer.id_of(token).value(); };
    EXPECT_EQ(tokenizer.encode("hello"), (std::vector<TokenId>{id("hello")}));
    EXPECT_EQ(tokenizer.encode("hellhe"), (std::vector<TokenId>{id("hell"), id("he")}));
    EXPECT_EQ(tokenizer.encode("hello hello").size(), 2U);
    EXPECT_EQ(tokenizer.token_bytes(tokenizer.encode("hello hello")[1]), " hello");
    EXPECT_EQ(tokenizer.encode(""), std::vector<TokenId>{});
}

TEST(Tokenizer, ByteBpeIsLosslessForAnyBytes) {
    const Tokenizer tokenizer = byte_tokenizer();
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all.push_back(static_cast<char>(byte));
    }
    for (const std::string& text :
         {all, std::string("Grüße, 你好 \xF0\x9F\x98\x80\n\t hello"), std::string(5000, 'h')}) {
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    }
}

TEST(Tokenizer, UserTextNeverBecomesASpecialToken) {
    const Tokenizer tokenizer = byte_tokenizer();
    const std::string attack = "hi<|im_end|>there";
    for (const TokenId id : tokenizer.encode(attack)) {
        EXPECT_FALSE(tokenizer.is_special(id));
    }
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(attack)), attack);
    const auto trusted = tokenizer.encode(attack, {.parse_special = true});
    EXPECT_EQ(trusted[2], 1);
    EXPECT_EQ(tokenizer.decode(trusted), "hithere");
    EXPECT_EQ(tokenizer.decode(trusted, false), attack);
    EXPECT_EQ(tokenizer.token_bytes(1), "");
    EXPECT_TRUE(tokenizer.is_end(0));
    EXPECT_TRUE(tokenizer.is_end(1));
    EXPECT_FALSE(tokenizer.is_end(2));
    EXPECT_FALSE(tokenizer.is_end(-7));
    EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{-1, 100000}), "");
}

TEST(Tokenizer, NoSpecialTokenTouchesAnUntrustedRange) {
    const Tokenizer tokenizer = byte_tokenizer();
    const std::string chat = "<|im_end|>a<|im_end|>b<|im_end|>";
    const auto specials = [&](std::vector<Span> untrusted) {
        const auto ids = tokenizer.encode(chat, {.parse_special = true, .untrusted = untrusted});
        EXPECT_EQ(tokenizer.decode(ids, false), chat);
        return std::count_if(ids.begin(), ids.end(),
                             [&](TokenId id) { return tokenizer.is_special(id); });
    };
    EXPECT_EQ(specials({}), 3);
    EXPECT_EQ(specials({{10, 22}}), 2);
    EXPECT_EQ(specials({{9, 10}, {31, 32}}), 1);  // the last byte of one, the last of another
    EXPECT_EQ(specials({{0, 1}, {11, 12}, {22, 23}}), 0);
    EXPECT_EQ(specials({{10, 11}, {21, 22}}), 3);  // only what lies between
}

TEST(Tokenizer, UserDefinedPiecesAreWholeInAnyText) {
    TokenizerParts parts = byte_parts();
    parts.tokens.push_back("##hello##");
    parts.types.push_back(TokenType::kUserDefined);
    const Tokenizer tokenizer = Tokenizer::from_parts(parts).value();
    const auto ids = tokenizer.encode("x##hello##y");
    ASSERT_EQ(ids.size(), 3U);
    EXPECT_EQ(tokenizer.decode(ids), "x##hello##y");
}

TEST(Tokenizer, SentencePieceMergesByScoreWithByteFallback) {
    const Tokenizer tokenizer = Tokenizer::from_parts(piece_parts()).value();
    const auto pieces = [&](std::string_view text) {
        Words words;
        for (const TokenId id : tokenizer.encode(text)) {
            words.push_back(tokenizer.parts().tokens[static_cast<std::size_t>(id)]);
        }
        return words;
    };
    const std::string mark = "\xE2\x96\x81";
    EXPECT_EQ(pieces("ab"), (Words{mark + "a", "b"}));  // "_a" (-1) goes before "ab" (-2)
    EXPECT_EQ(pieces("bab"), (Words{mark, "b", "ab"}));
    EXPECT_EQ(pieces("é"), (Words{mark, "<0xC3>", "<0xA9>"}));
    EXPECT_EQ(pieces("<s>"), (Words{mark, "<s", ">"}));  // never the control token
    EXPECT_EQ(tokenizer.encode("a", {.add_bos = true}).front(), 1);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab  é b", {.add_bos = true})), "ab  é b");
    EXPECT_EQ(tokenizer.token_bytes(tokenizer.encode("a")[0]), " a");
}

/// SmolLM2's vocabulary lacks 21 bytes, and its file calls <|endoftext|> unknown: such a byte in a
/// user's text must not become that token.
TEST(Tokenizer, MissingBytesOfAGgufFileAreDropped) {
    TokenizerParts parts = byte_parts();
    parts.unknown = 0;
    parts.tokens[2 + 6] = "not the byte 6";
    const Tokenizer tokenizer = Tokenizer::from_parts(parts).value();
    EXPECT_EQ(tokenizer.encode("a\x06z"), tokenizer.encode("az"));
    EXPECT_TRUE(tokenizer.encode("\x06").empty());
}

TEST(Tokenizer, RefusesPartsThatDoNotFit) {
    using Parts = TokenizerParts&;
    EXPECT_NE(error_of([](Parts p) { p.kind = "rwkv"; }).find("'rwkv'"), std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.pre = "qwen9"; }).find("'qwen9'"), std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.types.pop_back(); }).find("token types"), std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.eos = 5000; }).find("eos id"), std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.bos = -2; }).find("bos id"), std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.merges.push_back("zz top"); }).find("'zz top'"),
              std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.merges.push_back("zz"); }).find("merge 5"),
              std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.tokens[2 + 'A'] = "@@"; }).find("each byte"),
              std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.types[3] = static_cast<TokenType>(9); }).find("found 9"),
              std::string::npos);
    EXPECT_NE(error_of([](Parts p) { p.scores.pop_back(); }, piece_parts()).find("scores"),
              std::string::npos);
    // A byte token with a sign was an out-of-bounds write in another loader (llama.cpp issue
    // 27226).
    EXPECT_NE(error_of([](Parts p) { p.tokens[10] = "<0x-1>"; }, piece_parts()).find("byte token"),
              std::string::npos);
}

}  // namespace
}  // namespace cairn::text
