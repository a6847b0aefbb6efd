// SPDX-License-Identifier: Apache-2.0
// cairn ask: one question to a released qa scenario.
#include <fmt/format.h>

#include "command.h"
#include "serving.h"
#include "session.h"
#include "terminal_meter.h"

namespace cairn::cli {

std::string answer_text(const apps::Answer& answer) {
    std::string text = answer.text + "\n";
    const auto& shown = answer.refused ? answer.nearest : answer.quotes;
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const knowledge::Citation& quote = shown[i];
        text += fmt::format("  [{}] {}", i + 1, quote.path);
        for (const std::string& heading : quote.heading_path) {
            text += " > " + heading;
        }
        if (quote.page > 0) text += fmt::format(", page {}", quote.page);
        text += fmt::format(", bytes {}-{}\n", quote.span.begin, quote.span.end);
    }
    return text + fmt::format("  support {:.2f} (answers from {:.2f}), {:.0f} ms\n", answer.support,
                              answer.threshold, answer.total_ms);
}

namespace {

struct AskOptions {
    std::string question;
    std::string scenario;
    bool trace = false;
};

Status ask(const Globals& globals, const AskOptions& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    const serve::ModelKind kind = serve::ModelKind::kQa;
    const serve::ServedModel model = CAIRN_TRY(choose_model(session, options.scenario, &kind));
    apps::AssistantRequest request;
    request.question = options.question;
    request.keep_going = [] { return !interrupted(); };
    TerminalMeter meter = CAIRN_TRY(TerminalMeter::open(session));
    const apps::Answer answer = CAIRN_TRY(model.answer(request));
    CAIRN_TRY(meter.chosen(model, answer));
    CAIRN_TRY(meter.close());
    if (answer.cancelled) return make_error(Code::kCancelled, "interrupted");
    print_result(globals, apps::to_json(answer, options.trace), answer_text(answer));
    return {};
}

}  // namespace

void add_ask(CLI::App& root, const Globals& globals, Action& action) {
    add_command<AskOptions>(
        root, action, "ask", "Ask the documents one question",
        [](CLI::App& app, AskOptions& options) {
            app.add_option("question", options.question, "in quotes")->required();
            app.add_option("--scenario", options.scenario, "a qa scenario (default: the first)");
            app.add_flag("--trace", options.trace, "with --json: how the answer came about");
        },
        [&globals](const AskOptions& options) { return ask(globals, options); });
}

}  // namespace cairn::cli
