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
    std::string_view unsure;
};

constexpr Phrases kPhrases[] = {
    {"en", "The documents say:", text::kRefusal,
     "I found no sure answer in the documents. The nearest passages:"},
    {"de", "In den Dokumenten steht:", "Die Dokumente beantworten diese Frage nicht.",
     "Eine sichere Antwort habe ich in den Dokumenten nicht gefunden. Am nächsten kommen:"},
    {"zh", "文件中写道：", "文件中没有这个问题的答案。",
     "文件中没有找到确定的答案。最接近的段落："},
    {"ja", "文書にはこうあります：", "文書にはこの質問の答えがありません。",
     "文書に確かな答えは見つかりませんでした。最も近い箇所："},
    {"ko", "문서에 따르면:", "문서에는 이 질문에 대한 답이 없습니다.",
     "문서에서 확실한 답을 찾지 못했습니다. 가장 가까운 부분:"},
    {"fr", "Les documents indiquent :", "Les documents ne répondent pas à cette question.",
     "Je n'ai pas trouvé de réponse sûre dans les documents. Les passages les plus proches :"},
    {"es", "Los documentos dicen:", "Los documentos no responden a esta pregunta.",
     "No he encontrado una respuesta segura en los documentos. Los pasajes más cercanos:"},
    {"it", "I documenti dicono:", "I documenti non rispondono a questa domanda.",
     "Non ho trovato una risposta sicura nei documenti. I passaggi più vicini:"},
    {"pt", "Os documentos dizem:", "Os documentos não respondem a esta pergunta.",
     "Não encontrei uma resposta segura nos documentos. Os trechos mais próximos:"},
    {"nl", "In de documenten staat:", "De documenten beantwoorden deze vraag niet.",
     "Ik heb geen zeker antwoord in de documenten gevonden. De dichtstbijzijnde passages:"},
    {"da", "I dokumenterne står:", "Dokumenterne besvarer ikke dette spørgsmål.",
     "Jeg fandt intet sikkert svar i dokumenterne. De nærmeste afsnit:"},
    {"ru", "В документах сказано:", "В документах нет ответа на этот вопрос.",
     "Уверенного ответа в документах не найдено. Ближайшие отрывки:"},
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

std::string_view unsure_text(std::string_view language) {
    return phrases_of(language).unsure;
}

}  // namespace cairn::apps
