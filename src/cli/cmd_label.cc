// SPDX-License-Identifier: Apache-2.0
// cairn label: the queue in the terminal, and data in and out in the formats that people have.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>

#include "cairn/data/examples.h"
#include "cairn/data/label.h"
#include "cairn/format/jsonl.h"
#include "command.h"
#include "datasets.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

struct WorkOptions {
    std::string scenario;
    std::string annotator;
};

struct ConvertOptions {
    std::string in;
    std::string out;
    std::string format = "openai";
};

struct ExportOptions {
    std::string scenario;
    std::string out;
};

std::string ask_line(const std::string& prompt, const std::string& old) {
    std::cerr << prompt << (old.empty() ? "" : " [" + old + "]") << ": ";
    std::string line;
    if (!std::getline(std::cin, line) || line.empty()) return old;
    return line;
}

void show_item(const data::LabelItem& item, std::int64_t left) {
    std::cerr << "\n"
              << left << " left. " << item.document << "\n  Question: " << item.question
              << "\n  Answer:   " << item.answer << "\n  Quote:    " << item.quote << "\n";
}

/// False ends the work.
Result<bool> decide(data::LabelQueue& queue, data::LabelItem item, const std::string& annotator) {
    const std::string key = ask_line("(a)ccept  (f)ix  (r)eject  (u)nanswerable  (q)uit", "");
    if (key == "a") {
        CAIRN_TRY(queue.accept(item.id, annotator));
    } else if (key == "r") {
        CAIRN_TRY(queue.reject(item.id, annotator));
    } else if (key == "u") {
        item.answerable = false;
        item.answer.clear();
        CAIRN_TRY(queue.fix(item, annotator));
    } else if (key == "f") {
        item.question = ask_line("Question", item.question);
        item.answer = ask_line("Answer", item.answer);
        item.quote = ask_line("Quote", item.quote);
        CAIRN_TRY(queue.fix(item, annotator));
    } else if (key == "q" || std::cin.eof()) {
        return false;
    } else {
        std::cerr << "a, f, r, u or q\n";
    }
    return true;
}

Status work(const Globals& globals, const WorkOptions& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    const ScenarioConfig* scenario = CAIRN_TRY(session.scenario(options.scenario));
    auto queue = CAIRN_TRY(data::LabelQueue::open(session.store.database()));
    const char* user = std::getenv("USER");
    const std::string annotator =
        !options.annotator.empty() ? options.annotator : (user != nullptr ? user : "unknown");
    while (!interrupted()) {
        const auto item = CAIRN_TRY(queue.next(scenario->name));
        if (!item) {
            std::cerr << "Nothing waits in the queue of " << scenario->name << ".\n";
            break;
        }
        show_item(*item, CAIRN_TRY(queue.counts(scenario->name)).open);
        if (!CAIRN_TRY(decide(queue, *item, annotator))) break;
    }
    const data::LabelCounts counts = CAIRN_TRY(queue.counts(scenario->name));
    print_result(globals,
                 {{"open", counts.open},
                  {"accepted", counts.accepted},
                  {"fixed", counts.fixed},
                  {"rejected", counts.rejected}},
                 fmt::format("{} open, {} accepted, {} fixed, {} rejected", counts.open,
                             counts.accepted, counts.fixed, counts.rejected));
    return {};
}

Status convert(const Globals& globals, const ConvertOptions& options) {
    const auto format = CAIRN_TRY(data::parse_example_format(options.format));
    const data::ExampleFile file = CAIRN_TRY(data::read_examples(options.in));
    CAIRN_TRY(data::write_examples(options.out, file.examples, format));
    nlohmann::json problems = nlohmann::json::array();
    std::string text =
        fmt::format("{} examples written to {}\n", file.examples.size(), options.out);
    for (const data::LineProblem& problem : file.problems) {
        problems.push_back({{"line", problem.line}, {"reason", problem.reason}});
        text += fmt::format("line {} left out: {}\n", problem.line, problem.reason);
    }
    print_result(globals, {{"examples", file.examples.size()}, {"problems", problems}}, text);
    return {};
}

Status export_questions(const Globals& globals, const ExportOptions& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    const ScenarioConfig* scenario = CAIRN_TRY(session.scenario(options.scenario));
    std::vector<nlohmann::json> lines;
    for (const eval::QaQuestion& question : CAIRN_TRY(load_questions(session, *scenario))) {
        nlohmann::json line = {{"id", question.id},
                               {"question", question.question},
                               {"answerable", question.answerable}};
        if (question.answerable) {
            line["answer"] = question.answer;
            line["quote"] = question.quote;
            line["document"] = question.document;
        }
        lines.push_back(std::move(line));
    }
    CAIRN_TRY(format::write_jsonl(options.out, lines));
    print_result(globals, {{"questions", lines.size()}},
                 fmt::format("{} questions written to {}", lines.size(), options.out));
    return {};
}

Status build(const Globals& globals, const std::string& scenario) {
    Session session = CAIRN_TRY(Session::open(globals));
    return walk(session, globals, "label", scenario);
}

}  // namespace

void add_label(CLI::App& root, const Globals& globals, Action& action) {
    CLI::App* label = root.add_subcommand("label", "Datasets and the label queue");
    label->require_subcommand(1);
    add_command<std::string>(
        *label, action, "build", "Build the datasets and propose what is missing (as in `up`)",
        [](CLI::App& app, std::string& scenario) {
            app.add_option("--scenario", scenario, "only this one (default: all)");
        },
        [&globals](const std::string& scenario) { return build(globals, scenario); });
    add_command<WorkOptions>(
        *label, action, "work", "Confirm, correct or reject what waits in the queue",
        [](CLI::App& app, WorkOptions& options) {
            app.add_option("scenario", options.scenario, "whose queue")->required();
            app.add_option("--annotator", options.annotator, "who decides (default: $USER)");
        },
        [&globals](const WorkOptions& options) { return work(globals, options); });
    add_command<ExportOptions>(
        *label, action, "export",
        "Write a scenario's test questions, confirmed ones too, as JSON lines",
        [](CLI::App& app, ExportOptions& options) {
            app.add_option("scenario", options.scenario, "a qa scenario")->required();
            app.add_option("out", options.out, "file to write")->required();
        },
        [&globals](const ExportOptions& options) { return export_questions(globals, options); });
    add_command<ConvertOptions>(
        *label, action, "convert",
        "Convert examples between OpenAI chat JSONL, ShareGPT and Alpaca (input is recognised)",
        [](CLI::App& app, ConvertOptions& options) {
            app.add_option("in", options.in, "file to read")->required();
            app.add_option("out", options.out, "file to write")->required();
            app.add_option("--format", options.format, "openai, sharegpt or alpaca")
                ->check(CLI::IsMember({"openai", "sharegpt", "alpaca"}));
        },
        [&globals](const ConvertOptions& options) { return convert(globals, options); });
}

}  // namespace cairn::cli
