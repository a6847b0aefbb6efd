// SPDX-License-Identifier: Apache-2.0
// cairn ask: one question to a released qa scenario. cairn chat: a conversation with any released
// scenario or the base.
#include <fmt/format.h>

#include <iostream>

#include "cairn/text/chat_template.h"
#include "command.h"
#include "serving.h"
#include "session.h"
#include "terminal_meter.h"

namespace cairn::cli {

namespace {

constexpr int kReplyTokensMax = 256;

struct AskOptions {
    std::string question;
    std::string scenario;
    bool trace = false;
};

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

class Conversation {
  public:
    Conversation(Session& session, serve::ServedModel model, TerminalMeter& meter)
        : session_(session), model_(std::move(model)), meter_(meter) {}

    /// Streams the reply to standard output.
    Status say(const std::string& line) {
        return model_.kind == serve::ModelKind::kQa ? say_grounded(line) : say_generated(line);
    }

  private:
    static bool show(std::string_view piece) {
        std::cout << piece << std::flush;
        return !interrupted();
    }

    Status say_grounded(const std::string& line) {
        apps::AssistantRequest request;
        request.question = line;
        request.earlier_questions = questions_;
        request.keep_going = [] { return !interrupted(); };
        const apps::Answer answer = CAIRN_TRY(model_.answer(request));
        CAIRN_TRY(meter_.chosen(model_, answer));
        if (answer.cancelled) return {};
        std::cout << answer_text(answer) << std::flush;
        questions_.push_back(line);
        return {};
    }

    Status say_generated(const std::string& line) {
        auto scheduler = CAIRN_TRY(session_.scheduler());
        messages_.push_back({"user", line});
        engine::GenerateRequest request;
        request.prompt =
            CAIRN_TRY(text::render_chat(scheduler->model()->tokenizer(), messages_, true)).ids;
        request.max_tokens = kReplyTokensMax;
        request.adapter = model_.adapter;
        request.on_token = [](const engine::TokenEvent& event) { return show(event.text); };
        const engine::GenerateResult result = CAIRN_TRY(scheduler->generate(std::move(request)));
        std::cout << "\n" << std::flush;
        CAIRN_TRY(meter_.generated(model_, result));
        messages_.push_back({"assistant", result.text});
        return {};
    }

    Session& session_;
    serve::ServedModel model_;
    TerminalMeter& meter_;
    std::vector<std::string> questions_;
    std::vector<text::ChatMessage> messages_;
};

Status chat(const Globals& globals, const std::string& name) {
    Session session = CAIRN_TRY(Session::open(globals));
    serve::ServedModel model = CAIRN_TRY(choose_model(session, name));
    std::cerr << "Talking to " << model.name << ". An empty line or Ctrl-D ends.\n";
    TerminalMeter meter = CAIRN_TRY(TerminalMeter::open(session));
    Conversation conversation(session, std::move(model), meter);
    std::string line;
    while (std::cerr << "> " && std::getline(std::cin, line) && !line.empty()) {
        CAIRN_TRY(conversation.say(line));
        if (interrupted()) break;
    }
    return meter.close();
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

void add_chat(CLI::App& root, const Globals& globals, Action& action) {
    add_command<std::string>(
        root, action, "chat", "Talk to a released scenario or the base model",
        [](CLI::App& app, std::string& name) {
            app.add_option("model", name, "scenario or base (default: the first scenario)");
        },
        [&globals](const std::string& name) { return chat(globals, name); });
}

}  // namespace cairn::cli
