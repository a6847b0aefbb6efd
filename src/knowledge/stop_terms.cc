// SPDX-License-Identifier: Apache-2.0
// Words that ask or bind, for the languages the assistant answers in. Other languages do without:
// frequent words weigh little by idf anyway.
#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include "cairn/knowledge/fts_tokenizer.h"

namespace cairn::knowledge {
namespace {

// Folded, not stemmed. Each list in byte order of nothing in particular; is_stop_term sorts once.
constexpr std::string_view kStopTerms[] = {
    // English
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been",
    "before", "being", "but", "by", "can", "could", "did", "do", "does", "doing", "done", "each",
    "else", "ever", "for", "from", "get", "gets", "give", "given", "go", "goes", "got", "had",
    "has", "have", "having", "he", "her", "here", "him", "his", "how", "i", "if", "in", "into",
    "is", "it", "its", "just", "know", "let", "like", "long", "made", "make", "many", "may", "me",
    "might", "much", "must", "my", "need", "no", "not", "of", "off", "on", "one", "or", "our",
    "out", "over", "please", "put", "shall", "she", "should", "so", "some", "such", "take", "tell",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to",
    "too", "under", "up", "us", "use", "very", "want", "was", "we", "were", "what", "when", "where",
    "whether", "which", "while", "who", "whom", "whose", "why", "will", "with", "would", "yes",
    "you", "your", "s", "t", "don't", "i'm", "what's",
    // German
    "ab", "aber", "alle", "allen", "aller", "alles", "als", "an", "auch", "auf", "aus", "bei",
    "beim", "bin", "bis", "bitte", "da", "damit", "dann", "darf", "das", "dass", "dein", "dem",
    "den", "denn", "der", "des", "die", "diese", "diesem", "diesen", "dieser", "dieses", "doch",
    "du", "durch", "ein", "eine", "einem", "einen", "einer", "eines", "er", "es", "falls", "für",
    "gibt", "habe", "haben", "hat", "ich", "ihm", "ihn", "ihr", "ihre", "ihren", "im", "in", "ist",
    "ja", "kann", "kein", "keine", "können", "lange", "man", "mein", "meine", "meinem", "meinen",
    "meiner", "mich", "mir", "mit", "muss", "müssen", "nach", "nicht", "noch", "nur", "ob", "oder",
    "sein", "seine", "sich", "sie", "sind", "so", "soll", "sollen", "sollte", "über", "um", "und",
    "uns", "unser", "unsere", "unter", "viel", "viele", "vom", "von", "vor", "wann", "war", "warum",
    "was", "welche", "welchem", "welchen", "welcher", "welches", "wem", "wen", "wenn", "wer",
    "werde", "werden", "wie", "wir", "wird", "wo", "wofür", "wurde", "zu", "zum", "zur",
    // French, Spanish
    "au", "aux", "avec", "ce", "ces", "cette", "combien", "comment", "dans", "de", "du", "elle",
    "en", "est", "et", "il", "je", "la", "le", "les", "mes", "mon", "ne", "nous", "ou", "par",
    "pas", "peut", "peux", "pour", "quand", "que", "quel", "quelle", "quelles", "quels", "qui",
    "sont", "sur", "un", "une", "vous", "como", "con", "cual", "cuando", "cuanto", "cuantos",
    "cuál", "cuándo", "cuánto", "cuántos", "cómo", "del", "donde", "dónde", "el", "es", "hay",
    "las", "lo", "los", "mi", "no", "o", "para", "por", "puede", "puedo", "qué", "se", "si", "son",
    "su", "tengo", "una", "y",
    // Chinese question words and particles, as the bigrams that queries are made of
    "什么", "多少", "怎么", "怎样", "如何", "哪些", "哪个", "哪里", "是否", "可以", "需要", "我们",
    "你们", "他们", "能否", "为什", "多久", "几天", "多长", "时候", "的是", "是什", "是多", "有多",
    "要多", "么时", "请问", "这个", "那个", "一个", "应该", "吗", "呢", "的", "了", "是"};

}  // namespace

bool is_stop_term(std::string_view term) {
    static const auto sorted = [] {
        std::array<std::string_view, std::size(kStopTerms)> terms;
        std::copy(std::begin(kStopTerms), std::end(kStopTerms), terms.begin());
        std::sort(terms.begin(), terms.end());
        return terms;
    }();
    return std::binary_search(sorted.begin(), sorted.end(), term);
}

}  // namespace cairn::knowledge
