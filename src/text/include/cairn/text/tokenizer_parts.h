// SPDX-License-Identifier: Apache-2.0
// What a tokenizer is made of, as plain data: the vocabulary of a GGUF file, or the steps of a
// tokenizer.json. Tokenizer::from_parts checks it and builds the tables.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cairn::text {

using TokenId = std::int32_t;
inline constexpr TokenId kNoToken = -1;

/// The values of `tokenizer.ggml.token_type`.
enum class TokenType : std::int32_t {
    kUndefined = 0,
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,      ///< never made from user text
    kUserDefined = 4,  ///< whole piece, found in any text before merging
    kUnused = 5,
    kByte = 6,
};

/// A token that is found whole in text, before anything is cut (control and user-defined tokens).
struct AddedToken {
    TokenId id = kNoToken;
    bool left_strip = false;   ///< takes the white space before it
    bool right_strip = false;  ///< takes the white space behind it
    bool single_word = false;  ///< only where no letter or digit stands beside it
    bool normalized = false;   ///< looked for in the normalised text
};

/// One change of the text before it is cut; the steps run in order.
struct NormalizerStep {
    enum class Kind {
        kNfc,
        kNfd,
        kNfkc,
        kNfkd,
        kLowercase,      ///< by character, as tokenizer.json has it
        kRemoveMarks,    ///< drops category M
        kBertClean,      ///< drops control characters, white space becomes a space
        kBertHan,        ///< spaces around each Chinese character
        kBertAccents,    ///< NFD, then drops category Mn
        kStripLeft,      ///< white space at the begin
        kStripRight,     ///< white space at the end
        kReplace,        ///< each `pattern`, a literal, becomes `content`
        kReplaceMatch,   ///< each match of the expression `pattern` becomes `content`
        kPrepend,        ///< `content` in front of a text that is not empty
        kCharsmap,       ///< SentencePiece's compiled table in `content`, longest match
        kCharsmapHf,     ///< the same by grapheme, as the library behind tokenizer.json does
        kCollapseSpace,  ///< no space at the ends, one between words
    };
    Kind kind = Kind::kNfc;
    std::string pattern;
    std::string content;
};

/// One cut of the text into words; each step cuts the pieces of the one before.
struct CutStep {
    enum class Kind {
        kSplit,        ///< by the expression `pattern`
        kMetaspace,    ///< space becomes U+2581; see `prepend` and `split`
        kSpaceBefore,  ///< a space in front of each piece without one
        kToAlphabet,   ///< bytes become GPT-2's printable characters for the steps behind
    };
    /// What becomes of the matches of kSplit.
    enum class Matches { kIsolated, kRemoved, kJoinPrevious, kJoinNext, kContiguous };
    enum class Prepend { kAlways, kFirst, kNever };
    Kind kind = Kind::kSplit;
    std::string pattern;
    Matches matches = Matches::kIsolated;
    bool invert = false;  ///< kSplit: what does not match is the match
    Prepend prepend = Prepend::kAlways;
    bool split = true;  ///< kMetaspace: cut before each U+2581
};

/// How a text (or a pair) is dressed for the model.
struct TemplatePiece {
    enum class Kind { kToken, kFirst, kSecond };
    Kind kind = Kind::kToken;
    TokenId id = kNoToken;  ///< of kToken
    std::uint8_t type = 0;  ///< token type id, which BERT reads
};

/// The steps of a tokenizer, spelled out.
struct TokenizerRules {
    enum class Model {
        kMerges,     ///< BPE by a list of merges
        kPieces,     ///< BPE by the scores of the pieces (SentencePiece)
        kRanks,      ///< BPE by the ids of the pieces (tiktoken)
        kUnigram,    ///< the best-scored way to cut
        kWordPiece,  ///< the longest piece first
    };
    enum class Decoder { kBytes, kMarks, kWordPiece, kPlain };

    std::vector<NormalizerStep> normalizers;
    std::vector<CutStep> cuts;
    Model model = Model::kMerges;
    Decoder decoder = Decoder::kBytes;
    bool byte_level = false;        ///< tokens are in GPT-2's byte alphabet
    bool byte_fallback = false;     ///< unknown characters become <0x..> tokens
    bool fuse_unknown = false;      ///< neighbours that are unknown become one token
    bool whole_words = false;       ///< a word that is a token is not merged (ignore_merges)
    bool single_precision = false;  ///< kUnigram: scores are added as SentencePiece does
    bool drop_first_space = false;  ///< decoding drops the space that encoding put in front
    std::string word_prefix;        ///< kWordPiece: of pieces that begin a word
    std::string continuing_prefix;  ///< kWordPiece: of pieces inside a word
    std::int32_t word_characters_max = 100;  ///< kWordPiece: longer words are unknown
    std::vector<TemplatePiece> single;
    std::vector<TemplatePiece> pair;
};

/// What a tokenizer is made of, as it is stored in a file.
struct TokenizerParts {
    /// GGUF's names: "gpt2" (byte-level BPE), "llama" (SentencePiece BPE), "t5" (Unigram), "bert"
    /// (WordPiece), "gemma4" (BPE with U+2581 for space).
    std::string kind;
    std::string pre;  ///< kind gpt2: how words are cut, a name of pre_tokenizer.cc
    std::vector<std::string>
        tokens;  ///< by id; kind gpt2: in the GPT-2 byte alphabet; kind llama: U+2581 for space
    std::vector<TokenType> types;     ///< empty, or one per token
    std::vector<float> scores;        ///< kinds llama and t5: one per token, the larger is better
    std::vector<std::string> merges;  ///< kinds gpt2 and gemma4: "left right" in order of rank
    /// The same as ids {left, right, both}, where tokens may hold spaces; instead of `merges`.
    std::vector<std::array<TokenId, 3>> merge_ids;
    TokenId bos = kNoToken;  ///< begin of a sequence
    TokenId eos = kNoToken;  ///< end of a sequence
    TokenId eot = kNoToken;  ///< end of a turn
    TokenId unknown = kNoToken;
    TokenId padding = kNoToken;
    TokenId separator = kNoToken;  ///< between two texts
    TokenId cls = kNoToken;        ///< begin, where it is not bos
    TokenId mask = kNoToken;
    bool add_bos = false;                 ///< the model was trained with bos in front
    bool add_eos = false;                 ///< ... and with eos behind
    bool add_space_prefix = false;        ///< kinds llama, t5: a space is put in front of the text
    bool remove_extra_spaces = false;     ///< kinds llama, t5
    std::optional<bool> lowercase;        ///< kind bert; absent: told by the vocabulary
    std::string charsmap;                 ///< SentencePiece's compiled normalisation, or empty
    std::vector<AddedToken> added;        ///< flags; tokens by type alone have none
    std::optional<TokenizerRules> rules;  ///< absent: those of `kind` and `pre`
    std::string chat_template;            ///< as stored; kept for writing, not executed
    std::string steps_json;  ///< tokenizer.json without its vocabulary; kept for writing
};

}  // namespace cairn::text
