// SPDX-License-Identifier: Apache-2.0
// One row per language; a language that is not here is answered in English.
#include "phrases.h"

#include <algorithm>
#include <iterator>

#include "cairn/apps/assistant.h"
#include "cairn/text/quote_prompt.h"
#include "cairn/text/segment.h"
#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::apps {
namespace {

struct Phrases {
    std::string_view language;
    std::string_view lead_in;
    std::string_view refusal;
};

constexpr Phrases kPhrases[] = {
    {"en", "The documents say:", text::kRefusal},
    {"de", "In den Dokumenten steht:", "Die Dokumente beantworten diese Frage nicht."},
    {"zh", "文件中写道：", "文件中没有这个问题的答案。"},
    {"ja", "文書にはこうあります：", "文書にはこの質問の答えがありません。"},
    {"ko", "문서에 따르면:", "문서에는 이 질문에 대한 답이 없습니다."},
    {"fr", "Les documents indiquent :", "Les documents ne répondent pas à cette question."},
    {"es", "Los documentos dicen:", "Los documentos no responden a esta pregunta."},
    {"it", "I documenti dicono:", "I documenti non rispondono a questa domanda."},
    {"pt", "Os documentos dizem:", "Os documentos não respondem a esta pergunta."},
    {"nl", "In de documenten staat:", "De documenten beantwoorden deze vraag niet."},
    {"da", "I dokumenterne står:", "Dokumenterne besvarer ikke dette spørgsmål."},
    {"ru", "В документах сказано:", "В документах нет ответа на этот вопрос."},
};

const Phrases& phrases_of(std::string_view language) {
    const auto* found = std::find_if(std::begin(kPhrases), std::end(kPhrases),
                                     [&](const Phrases& p) { return p.language == language; });
    return found == std::end(kPhrases) ? kPhrases[0] : *found;
}

}  // namespace

std::string question_language(std::string_view question) {
    const text::LanguageGuess guess = text::guess_language(question);
    const bool known = std::any_of(std::begin(kPhrases), std::end(kPhrases),
                                   [&](const Phrases& p) { return p.language == guess.code; });
    if (guess.reliable && known) {
        return guess.code;
    }
    // A few words are too little for statistics, but a script is a strong sign.
    bool han = false;
    for (std::size_t at = 0; at < question.size();) {
        const text::CodePoint point = text::code_point_at(question, at);
        at += std::max<std::size_t>(point.bytes, 1);
        const text::Script script = text::script_of(point.value);
        if (script == text::Script::kKana) {
            return "ja";
        }
        if (script == text::Script::kHangul) {
            return "ko";
        }
        han = han || script == text::Script::kHan;
    }
    if (han) {
        return "zh";
    }
    return known ? guess.code : "en";
}

std::string_view lead_in(std::string_view language) {
    return phrases_of(language).lead_in;
}

std::string_view refusal_text(std::string_view language) {
    return phrases_of(language).refusal;
}

}  // namespace cairn::apps
