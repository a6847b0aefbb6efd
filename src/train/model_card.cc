// SPDX-License-Identifier: Apache-2.0
// Markdown from facts; no figure here that was not measured or counted.
#include "model_card.h"

#include <fmt/format.h>

#include <algorithm>

#include "cairn/base/progress.h"

namespace cairn::train {
namespace {

/// The manifest from one heading of level two to the next.
std::string_view section(std::string_view text, std::string_view heading) {
    const std::string line = "## " + std::string(heading) + "\n";
    const std::size_t begin = text.find(line);
    if (begin == std::string_view::npos) return {};
    const std::size_t end = text.find("\n## ", begin + line.size());
    return text.substr(begin + line.size(),
                       end == std::string_view::npos ? end : end - begin - line.size());
}

std::string stage_row(const char* name, const StageRecipe& stage, const StageResult& result) {
    return fmt::format("| {} | {:.2f} M | {} | {} | {:.1e} | {} | {:.0f} | {:.3f} |\n", name,
                       static_cast<double>(result.tokens) / 1e6, result.steps, stage.row_tokens,
                       stage.optimiser.rate_peak, human_seconds(result.seconds),
                       static_cast<double>(result.tokens) / std::max(1.0, result.seconds),
                       result.last_loss);
}

std::string score_row(const char* name, const ReadingScores& scores) {
    return fmt::format("| {} | {:.3f} | {:.3f} | {:.3f} | {:.3f} |\n", name, scores.exact,
                       scores.f1, scores.refused, scores.right);
}

std::string figures(const Measurement& m) {
    std::string out = fmt::format(
        "## Figures\n\nOn held-out documents (1 % by hash of id; nothing of them was trained on), "
        "with the Q8_0 file:\n\n- **{:.3f} bits per byte** on {} bytes of plain text (f32 "
        "arithmetic over the file's weights; at most one context of each document).\n- Reading "
        "tasks: {} "
        "questions that the shown passages answer, {} that they do not. A system chooses one "
        "sentence of the passages, or refuses.\n\n",
        m.bits_per_byte, m.bytes, m.answerable, m.unanswerable);
    out += "| system | exact | F1 | refused when due | right of all |\n|---|---|---|---|---|\n";
    out += score_row("model, most probable sentence or refusal", m.model);
    out += score_row("model, by mean log-probability per token", m.model_mean);
    out += score_row("BM25, best sentence, never refuses", m.bm25);
    out += score_row("BM25 that refuses below a threshold fit on training tasks", m.bm25_refusing);
    if (std::max(m.model.f1, m.model_mean.f1) < m.bm25.f1) {
        out +=
            "\n**The baseline is better.** On these tasks the model does not find the sentence "
            "that "
            "answers; it has only learnt to repeat one and to refuse. Leave the choice to lexical "
            "evidence and take a larger base for real work.\n";
    }
    out +=
        "\nThe questions are made by rules from the sentence that answers them (quote_tasks.h), so "
        "they share words with it more than questions of people do. That favours BM25 and the "
        "model alike; neither figure says how well people's questions are answered.\n\n";
    return out;
}

}  // namespace

std::string model_card(const CardFacts& facts) {
    const Recipe& recipe = facts.recipe;
    const Shape& shape = recipe.shape;
    std::string out = fmt::format(
        "# {}\n\nA **demo base model**: small enough to be trained on two CPU cores in about an "
        "hour and to travel with the program. It was trained to pick the sentence of given "
        "passages that answers a question, or to refuse. It knows nothing beyond the passages, "
        "writes no reliable free text, and is no model for production; it stands in so that the "
        "whole way from documents to a measured, billed service runs on any machine.\n\n",
        recipe.name);
    out += fmt::format(
        "| | |\n|---|---|\n| architecture | Llama: {} layers, width {}, {} heads of {} ({} for "
        "keys), feed-forward {}, tied head |\n| parameters | {:.2f} M |\n| vocabulary | {} "
        "(byte-level BPE, trained on the corpus) |\n| context | {} tokens |\n| file | Q8_0, norms "
        "f32, {} |\n| sha256 | `{}` |\n| licence | Apache-2.0 (weights); sources of the text "
        "below |\n\n",
        shape.layers, shape.width, shape.heads, shape.head_width, shape.kv_heads, shape.ff_width,
        static_cast<double>(base_layout(shape).size) / 1e6, shape.vocabulary, shape.context,
        human_bytes(static_cast<double>(facts.model_bytes)), facts.model_digest);
    out += fmt::format(
        "## How it was made\n\n`cairn pretrain recipes/{}.toml` on {}:\n\n", recipe.name,
        facts.threads == 1 ? "one thread" : fmt::format("{} threads", facts.threads));
    out +=
        "| stage | tokens | steps | row | peak rate | wall time | tokens/s | last loss "
        "(nats/token) |\n|---|---|---|---|---|---|---|---|\n";
    out += stage_row("1 plain text", recipe.stage1, facts.text_stage);
    for (std::size_t i = 0; i < facts.chat_stages.size(); ++i) {
        const std::string name = fmt::format("{} reading tasks as chats", i + 2);
        out += stage_row(name.c_str(), recipe.chats[i], facts.chat_stages[i]);
    }
    out += fmt::format(
        "\nThe chosen part of the corpus has {:.1f} M tokens. Chat stages ask questions made by "
        "rules "
        "about sentences of the training documents, {:.0f} % plain text mixed in; their loss "
        "counts "
        "the answers' tokens (and those of the plain text). The recipe:\n\n```toml\n{}```\n\n",
        static_cast<double>(facts.corpus_tokens) / 1e6, recipe.chats.front().plain_share * 100,
        recipe.text);
    out += figures(facts.measurement);
    out +=
        "## Limits\n\n- English only; other languages pass through the byte-level tokenizer but "
        "were not learnt.\n- Answers are quotations. Without the quote constraint it invents.\n"
        "- Questions that share no words with the answer are mostly missed or refused.\n"
        "- The texts may hold the views and mistakes of their sources and times.\n\n"
        "## Data and attributions\n\nText of these repositories, cleaned and cut; the table names "
        "licence and commit of each. Sources under CC-BY-3.0 and CC-BY-4.0 (Microsoft "
        "documentation, tldr-pages, opensource.guide, artsy/README, google/eng-practices) are "
        "used with this attribution; changes: code blocks, tables and link targets removed.\n";
    out += section(facts.manifest, "Sources");
    return out;
}

}  // namespace cairn::train
