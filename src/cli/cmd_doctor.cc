// SPDX-License-Identifier: Apache-2.0
// cairn doctor: is this machine and workspace in order, and what to do when not.
#include "cairn/kernels/kernels.h"
#include "cairn/operate/doctor.h"
#include "command.h"
#include "session.h"

namespace cairn::cli {

namespace {

Status examine(const Globals& globals) {
    std::vector<operate::Check> checks;
    const auto root = find_workspace(globals.workspace);
    if (root) {
        const auto config = load_workspace_config(*root);
        if (config) {
            checks = operate::examine(&*config);
        } else {
            checks = operate::examine(nullptr);
            checks.push_back(
                {"workspace", operate::Health::kBad, config.error().message, config.error().hint});
        }
    } else {
        checks = operate::examine(nullptr);
        checks.push_back({"workspace", operate::Health::kWarning, "this folder is in no workspace",
                          "make one with `cairn init NAME`"});
    }
    checks.insert(checks.begin() + 1,
                  {"instructions", operate::Health::kGood, std::string(kernels::isa_name()), {}});
    nlohmann::json json = nlohmann::json::array();
    std::string text;
    bool bad = false;
    for (const operate::Check& check : checks) {
        const char* word = check.health == operate::Health::kGood      ? "good"
                           : check.health == operate::Health::kWarning ? "warning"
                                                                       : "bad";
        bad = bad || check.health == operate::Health::kBad;
        json.push_back({{"name", check.name},
                        {"health", word},
                        {"found", check.found},
                        {"advice", check.advice}});
        text += std::string(word) + std::string(9 - std::string(word).size(), ' ') + check.name +
                ": " + check.found + "\n";
        if (!check.advice.empty()) text += "         -> " + check.advice + "\n";
    }
    print_result(globals, json, text);
    if (bad)
        return make_error(Code::kUnavailable, "something is not in order", "see the advice above");
    return {};
}

}  // namespace

void add_doctor(CLI::App& root, const Globals& globals, Action& action) {
    struct None {};
    add_command<None>(
        root, action, "doctor", "Examine the machine and the workspace", [](CLI::App&, None&) {},
        [&globals](const None&) { return examine(globals); });
}

}  // namespace cairn::cli
