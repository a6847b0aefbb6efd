// SPDX-License-Identifier: Apache-2.0
// cairn chat: a conversation with a released scenario, the base model, or any model on this disk,
// for which no workspace is needed.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "cairn/text/chat_template.h"
#include "command.h"
#include "models_store.h"
#include "serving.h"
#include "session.h"
#include "terminal_meter.h"

namespace cairn::cli {

namespace {

struct ChatOptions {
    std::string model;
    std::string system;
    std::int64_t max_tokens = 1024;
    engine::SamplingOptions sampling;
};

bool show(std::string_view piece) {
    std::cout << piece << std::flush;
    return !interrupted();
}

/// Ctrl-C ends an answer and not the conversation.
bool was_stopped() {
    if (!interrupted()) return false;
    set_interrupted(false);
    install_interrupt_handlers();
    return true;
}

/// Turns with a model that generates. What no longer fits is forgotten, oldest turn first.
class Conversation {
  public:
    Conversation(std::shared_ptr<engine::Scheduler> scheduler, const ChatOptions& options,
                 std::shared_ptr<const engine::Adapter> adapter)
        : scheduler_(std::move(scheduler)), options_(options), adapter_(std::move(adapter)) {
        forget();
    }

    void forget() {
        messages_.clear();
        if (!options_.system.empty()) messages_.push_back({"system", options_.system});
    }

    /// Streams the reply to standard output.
    Result<engine::GenerateResult> say(const std::string& line) {
        messages_.push_back({"user", line});
        engine::GenerateRequest request;
        request.prompt = CAIRN_TRY(fitting_prompt());
        const std::int64_t room =
            scheduler_->model()->config().context - std::ssize(request.prompt);
        request.max_tokens = std::clamp<std::int64_t>(room, 1, options_.max_tokens);
        request.sampling = options_.sampling;
        request.adapter = adapter_;
        request.on_token = [](const engine::TokenEvent& event) { return show(event.text); };
        auto result = CAIRN_TRY(scheduler_->generate(std::move(request)));
        std::cout << "\n" << std::flush;
        if (result.finish_reason == engine::FinishReason::kLength) {
            std::cerr << fmt::format("(cut after {} tokens: --max-tokens)\n",
                                     result.usage.output_tokens);
        }
        messages_.push_back({"assistant", result.text});
        return result;
    }

  private:
    Result<std::vector<engine::TokenId>> fitting_prompt() {
        const engine::Model& model = *scheduler_->model();
        const std::int64_t context = model.config().context;
        const std::int64_t answer = std::min(options_.max_tokens, context / 4);
        const std::size_t first = options_.system.empty() ? 0 : 1;
        while (true) {
            auto ids = CAIRN_TRY(text::render_chat(model.tokenizer(), messages_, true)).ids;
            if (std::ssize(ids) + answer <= context || messages_.size() < first + 3) return ids;
            messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(first),
                            messages_.begin() + static_cast<std::ptrdiff_t>(first) + 2);
            std::cerr << fmt::format("(the oldest turn is forgotten: this model reads {} tokens)\n",
                                     context);
        }
    }

    std::shared_ptr<engine::Scheduler> scheduler_;
    const ChatOptions& options_;
    std::shared_ptr<const engine::Adapter> adapter_;
    std::vector<text::ChatMessage> messages_;
};

/// Reads lines until an empty one or the end; "/new" begins a new conversation.
Status read_lines(const std::string& name, const std::function<Status(const std::string&)>& say,
                  const std::function<void()>& forget) {
    std::cerr << "Talking to " << name
              << ". Ctrl-C stops an answer, /new starts over, an empty line or Ctrl-D ends.\n";
    std::string line;
    while (std::cerr << "> " && std::getline(std::cin, line) && !line.empty()) {
        if (line == "/new") {
            forget();
            continue;
        }
        CAIRN_TRY(say(line));
        if (was_stopped()) std::cerr << "(stopped)\n";
    }
    return {};
}

/// A scenario that quotes: nothing is generated, so nothing can be set.
Status chat_grounded(const serve::ServedModel& model, TerminalMeter& meter,
                     const ChatOptions& options) {
    if (!options.system.empty() || options.sampling.temperature != 0) {
        return make_error(Code::kInvalid,
                          "'" + model.name +
                              "' answers by quoting documents; --system and "
                              "--temperature have no effect on that",
                          "leave them out, or name the base model");
    }
    std::vector<std::string> questions;
    const auto say = [&](const std::string& line) -> Status {
        apps::AssistantRequest request;
        request.question = line;
        request.earlier_questions = questions;
        request.keep_going = [] { return !interrupted(); };
        const apps::Answer answer = CAIRN_TRY(model.answer(request));
        CAIRN_TRY(meter.chosen(model, answer));
        if (answer.cancelled) return {};
        std::cout << answer_text(answer) << std::flush;
        questions.push_back(line);
        return {};
    };
    CAIRN_TRY(read_lines(model.name, say, [&] { questions.clear(); }));
    return meter.close();
}

Status chat_served(Session& session, const serve::ServedModel& model, const ChatOptions& options) {
    TerminalMeter meter = CAIRN_TRY(TerminalMeter::open(session));
    if (model.kind == serve::ModelKind::kQa) return chat_grounded(model, meter, options);
    Conversation conversation(CAIRN_TRY(session.scheduler()), options, model.adapter);
    const auto say = [&](const std::string& line) -> Status {
        return meter.generated(model, CAIRN_TRY(conversation.say(line)));
    };
    CAIRN_TRY(read_lines(model.name, say, [&] { conversation.forget(); }));
    return meter.close();
}

/// A model that no workspace serves: nothing is metered.
Status chat_with_file(const Globals& globals, const ChatOptions& options) {
    const auto path = CAIRN_TRY(find_model_path(globals, "", options.model));
    engine::SchedulerOptions how;
    how.threads = globals.threads;
    auto model = CAIRN_TRY(engine::Model::load(path));
    Conversation conversation(std::make_shared<engine::Scheduler>(std::move(model), how), options,
                              nullptr);
    const auto say = [&](const std::string& line) -> Status {
        CAIRN_TRY(conversation.say(line));
        return {};
    };
    return read_lines(options.model, say, [&] { conversation.forget(); });
}

Status chat(const Globals& globals, const ChatOptions& options) {
    const auto root = find_workspace(globals.workspace);
    if (!root && options.model.empty()) return root.error();
    if (!root) return chat_with_file(globals, options);
    Session session = CAIRN_TRY(Session::open(globals));
    const auto served = choose_model(session, options.model);
    if (served) return chat_served(session, *served, options);
    const bool elsewhere = served.error().code == Code::kNotFound && !options.model.empty() &&
                           find_model_path(globals, "", options.model);
    return elsewhere ? chat_with_file(globals, options) : Status(served.error());
}

}  // namespace

void add_chat(CLI::App& root, const Globals& globals, Action& action) {
    add_command<ChatOptions>(
        root, action, "chat", "Talk to a released scenario, the base model or any model on disk",
        [](CLI::App& app, ChatOptions& options) {
            app.add_option("model", options.model,
                           "scenario, base, a stored model, model.gguf or a folder (default: the "
                           "first scenario that is released, else the base)");
            app.add_option("--system", options.system, "what the model is told first");
            app.add_option("--max-tokens", options.max_tokens, "of one answer (default 1024)")
                ->check(CLI::Range(1, 1 << 20));
            app.add_option("--temperature", options.sampling.temperature,
                           "0 (default): the same question gets the same answer; up to 2")
                ->check(CLI::Range(0.0, 2.0));
            app.add_option("--top-p", options.sampling.top_p, "likeliest share (default 1: all)")
                ->check(CLI::Range(0.0, 1.0));
            app.add_option("--seed", options.sampling.seed, "of the draw (default 1)");
        },
        [&globals](const ChatOptions& options) { return chat(globals, options); });
}

}  // namespace cairn::cli
