// SPDX-License-Identifier: Apache-2.0
// Normal forms, encodings, words, sentences, languages and search terms on real scripts.
#include "cairn/text/unicode.h"

#include <gtest/gtest.h>

#include "cairn/text/encoding.h"
#include "cairn/text/search_terms.h"
#include "cairn/text/segment.h"
#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

using Words = std::vector<std::string>;

Words texts(std::string_view text, const std::vector<Span>& spans) {
    Words words;
    for (const Span& span : spans) {
        words.emplace_back(span.of(text));
    }
    return words;
}
Words words_of(std::string_view text) {
    return texts(text, words(text));
}
Words sentences_of(std::string_view text) {
    return texts(text, sentences(text));
}

Words terms_of(std::string_view text) {
    Words terms;
    for (const SearchTerm& term : search_terms(text)) {
        EXPECT_LE(term.end, text.size());
        EXPECT_LT(term.begin, term.end);
        terms.push_back((term.overlap ? "+" : "") + term.text);
    }
    return terms;
}

TEST(Unicode, NormalizesFoldsAndRepairs) {
    EXPECT_EQ(nfc("u\xCC\x88"), "ü");
    EXPECT_EQ(nfkc("ﬁ①Ａ"), "fi1A");
    EXPECT_EQ(casefold("STRASSE Straße ÄÖ"), "strasse strasse äö");
    EXPECT_EQ(nfc("a\xFF"), "a\xEF\xBF\xBD");
    EXPECT_EQ(fold_width("ＡＢＣ１２！　ｶﾞﾗｽ①"), "ABC12! ガラス①");
}

TEST(Unicode, KnowsScripts) {
    EXPECT_EQ(script_of(U'a'), Script::kOther);
    EXPECT_EQ(script_of(U'你'), Script::kHan);
    EXPECT_EQ(script_of(U'ー'), Script::kKana);
    EXPECT_EQ(script_of(U'한'), Script::kHangul);
    EXPECT_EQ(script_of(U'ไ'), Script::kThaiLike);
    EXPECT_TRUE(is_space(0x3000));
}

TEST(Encoding, SeesCertainSigns) {
    EXPECT_EQ(detect_encoding("plain").name, "UTF-8");
    EXPECT_EQ(to_utf8("\xEF\xBB\xBFü").value().text, "ü");
    EXPECT_EQ(to_utf8(std::string("\xFF\xFEG\0r\0\xFC\0", 8)).value().text, "Grü");
    EXPECT_EQ(to_utf8(std::string("\0G\0r\0\xFC\0n", 8)).value().text, "Grün");  // no mark
    EXPECT_EQ(detect_encoding("").name, "UTF-8");
}

TEST(Encoding, GuessesLegacyEncodings) {
    const std::string german =
        "Sehr geehrte Damen und Herren, die Reisekosten m\xFCssen sp\xE4testens zehn Tage nach der "
        "R\xFC"
        "ckkehr eingereicht werden. F\xFCr \xDC"
        "bernachtungen gelten die folgenden H\xF6"
        "chsts\xE4tze.";
    const DecodedText decoded = to_utf8(german).value();
    EXPECT_NE(decoded.text.find("müssen spätestens"), std::string::npos) << decoded.encoding.name;
    EXPECT_NE(decoded.text.find("Übernachtungen"), std::string::npos);
    const std::string chinese =
        "\xD4\xB1\xB9\xA4\xBF\xC9\xD2\xD4\xC9\xEA\xC7\xEB\xC4\xEA\xBC\xD9\xA3\xAC\xB1\xA8\xCF\xFA"
        "\xB1\xD8\xD0\xEB\xB8\xBD\xB7\xA2\xC6\xB1\xA1\xA3";
    EXPECT_EQ(to_utf8(chinese).value().text, "员工可以申请年假，报销必须附发票。")
        << detect_encoding(chinese).name;
}

TEST(Encoding, CountsReplacementsAndNamesUnknownEncodings) {
    std::string text;
    for (int i = 0; i < 20; ++i) {
        text += "ü";
    }
    const DecodedText cut = to_utf8(text + "\xC3").value();  // UTF-8 that was cut, not Latin-1
    EXPECT_EQ(cut.encoding.name, "UTF-8");
    EXPECT_EQ(cut.replaced, 1U);
    EXPECT_NE(to_utf8("x", {"KLINGON-8", "", 0}).error().message.find("'KLINGON-8'"),
              std::string::npos);
}

TEST(Segment, FindsWords) {
    EXPECT_EQ(words_of("Don't re-use it, über 3 Tage!"),
              (Words{"Don't", "re-use", "it", "über", "3", "Tage"}));
    EXPECT_EQ(words_of("用AI模型。"), (Words{"用", "AI", "模", "型"}));
    EXPECT_EQ(words_of("- ' -x-"), Words{"x"});
}

TEST(Segment, FindsSentences) {
    EXPECT_EQ(sentences_of("It works. Does it? \"Yes!\" he said.  End"),
              (Words{"It works.", "Does it?", "\"Yes!\" he said.", "End"}));
    EXPECT_EQ(sentences_of("Dr. J. Finch paid 3.50 EUR, e.g. for tea. In 2024. Then no."),
              (Words{"Dr. J. Finch paid 3.50 EUR, e.g. for tea.", "In 2024.", "Then no."}));
    EXPECT_EQ(sentences_of("Am 3. Mai gilt z.B. Nr. 5 der Liste. Danach nicht."),
              (Words{"Am 3. Mai gilt z.B. Nr. 5 der Liste.", "Danach nicht."}));
    EXPECT_EQ(sentences_of("员工有年假。“可以吗？”他问。"),
              (Words{"员工有年假。", "“可以吗？”", "他问。"}));
    EXPECT_EQ(sentences_of("# Leave\nEach year\nyou get\n\n- ten days\n- more days\n1. first"),
              (Words{"# Leave", "Each year\nyou get", "- ten days", "- more days", "1. first"}));
    EXPECT_EQ(sentences_of("„Ja.“ Er ging."), (Words{"„Ja.“", "Er ging."}));
    EXPECT_EQ(sentences_of(" \n "), Words{});
}

TEST(Segment, GuessesLanguages) {
    EXPECT_EQ(guess_language("Employees may take parental leave after the birth of a child.").code,
              "en");
    EXPECT_EQ(
        guess_language("Mitarbeitende können nach der Geburt eines Kindes Elternzeit nehmen.").code,
        "de");
    EXPECT_EQ(guess_language("员工在孩子出生后可以休育儿假。").code, "zh");
    EXPECT_EQ(guess_language("年假").code, "zh");
    EXPECT_EQ(guess_language("12345 ???").code, "und");
}

// The fuzzer's find: CLD2 leaves its results unset at a control character, and PDF text has form
// feeds.
TEST(Segment, GuessesLanguagesOfTextWithControlCharacters) {
    const std::string text = "Employees may take parental leave\fafter the birth of a child.";
    EXPECT_EQ(guess_language(text).code, "en");
    EXPECT_EQ(guess_language(text + std::string(1, '\0')).code, "en");
    EXPECT_EQ(guess_language(text + "\xFF\xEF\xBF\xBF").code, "en");
}

TEST(SearchTerms, FoldsWordsAndMeetsPlurals) {
    EXPECT_EQ(terms_of("Policies for the Straßen, DAYS!"),
              (Words{"policy", "for", "the", "strassen", "day"}));
    EXPECT_EQ(terms_of("status class bus"), (Words{"status", "class", "bus"}));
}

TEST(SearchTerms, KeepsIdentifiersWholeWithTheirParts) {
    EXPECT_EQ(terms_of("HR-204."), (Words{"hr-204", "+hr", "+204"}));
    EXPECT_EQ(terms_of("a_b v1.2"), (Words{"a_b", "+a", "+b", "v1.2", "+v1", "+2"}));
    EXPECT_EQ(terms_of("EUR 1,234.50, end"),
              (Words{"eur", "1,234.50", "+1", "+234", "+50", "end"}));
    EXPECT_EQ(terms_of("end.\nStart"), (Words{"end", "start"}));
    EXPECT_EQ(search_terms(std::string(60, 'a') + "/" + std::string(80, 'b')).size(), 2U);
}

TEST(SearchTerms, CutsScriptsWithoutSpaces) {
    EXPECT_EQ(terms_of("年假申请"), (Words{"年", "+年假", "假", "+假申", "申", "+申请", "请"}));
    EXPECT_EQ(terms_of("AI模"), (Words{"ai", "模"}));
    EXPECT_EQ(terms_of("ลาพัก"), (Words{"ลาพ", "าพั", "พัก"}));
    EXPECT_EQ(terms_of("ลา"), Words{"ลา"});
    EXPECT_EQ(terms_of("\xFF\xC3"), Words{});
}

TEST(SearchTerms, SpansPointIntoTheOriginal) {
    const std::string text = "Größe: Ｈ１, ﬁn";
    for (const SearchTerm& term : search_terms(text)) {
        EXPECT_EQ(casefold(nfkc(std::string_view(text).substr(term.begin, term.end - term.begin))),
                  term.text);
    }
}

}  // namespace
}  // namespace cairn::text
