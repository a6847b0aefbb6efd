// SPDX-License-Identifier: Apache-2.0
// The verdict for a style: are there enough different pairs, do the replies look alike in
// structure, do similar questions get similar replies.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "assess_parts.h"
#include "cairn/data/near_duplicates.h"
#include "cairn/data/personal_data.h"
#include "cairn/text/segment.h"

namespace cairn::data {
namespace {

// Hypotheses (field notes on suitability), to be calibrated.
constexpr double kEffectiveMin = 200;
constexpr double kConsistencyMin = 0.8;
constexpr double kContradictionMax = 0.05;
constexpr double kAlike = 0.8;
constexpr double kOtherReply = 0.3;
constexpr std::size_t kListMax = 50;

constexpr std::size_t kFeatures = 5;
constexpr std::array<std::string_view, kFeatures> kFeatureNames = {
    "opening word", "closing line", "section lines", "list", "last line"};
using Features = std::array<std::string, kFeatures>;

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        std::size_t end = text.find('\n');
        std::string line(text.substr(0, end));
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) {
            line.pop_back();
        }
        if (!line.empty()) {
            lines.push_back(std::move(line));
        }
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

std::string digits_alike(std::string_view line) {
    std::string out;
    for (char c : line) {
        bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
        if (!digit) {
            out += c;
        } else if (out.empty() || out.back() != '0') {
            out += '0';
        }
    }
    return out;
}

/// What a reply looks like, without what it says.
Features features_of(std::string_view reply) {
    std::vector<std::string> lines = lines_of(reply);
    Features features;
    if (lines.empty()) {
        return features;
    }
    features[0] = lines.front().substr(0, lines.front().find_first_of(" ,!"));
    features[1] = lines.size() > 2 ? digits_alike(lines[lines.size() - 2]) : "";
    bool list = false;
    for (const std::string& line : lines) {
        features[2] += line.back() == ':' ? line + "\n" : "";
        list = list || line.starts_with("- ") || line.starts_with("* ");
    }
    features[3] = list ? "list" : "no list";
    features[4] = digits_alike(lines.back());
    return features;
}

class StyleAssessor {
  public:
    StyleAssessor(std::string_view scenario, const StyleInput& input) : input_(input) {
        assessment_.scenario = scenario;
        assessment_.kind = "style";
    }

    Assessment run() {
        select();
        pair_figures();
        consistency_figure();
        contradiction_figure();
        risk_figures();
        decide();
        return std::move(assessment_);
    }

  private:
    void add(std::string key, double value, ReportFigure shown) {
        assessment_.figures.push_back({std::move(key), value, std::move(shown)});
    }

    std::int64_t tokens(std::string_view text) const {
        return input_.count_tokens ? input_.count_tokens(text)
                                   : static_cast<std::int64_t>(text::words(text).size());
    }

    /// Pairs that can be trained on.
    void select() {
        std::set<std::string> seen;
        for (const Example& example : input_.file.examples) {
            std::int64_t length = tokens(example.reply());
            if (length == 0 || example.prompt().empty()) {
                ++empty_;
                note(example.line, "an empty turn");
            } else if (length > input_.reply_tokens_max) {
                ++too_long_;
                note(example.line, fmt::format("a reply of {} tokens", length));
            } else if (!seen.insert(example.id).second) {
                ++repeated_;
                note(example.line, "the same pair again");
            } else {
                usable_.push_back(&example);
                trainable_ += length;
            }
        }
        for (const LineProblem& problem : input_.file.problems) {
            note(problem.line, problem.reason);
        }
    }

    void note(std::int64_t line, const std::string& what) {
        assessment_.list_title = "Lines to look at";
        if (assessment_.list.size() < kListMax) {
            assessment_.list.push_back(fmt::format("line {}: {}", line, what));
        }
    }

    void pair_figures() {
        auto problems = static_cast<std::int64_t>(input_.file.problems.size());
        std::vector<Shingles> sets;
        for (const Example* example : usable_) {
            sets.push_back(shingles_of(example->prompt() + "\n" + example->reply()));
        }
        std::vector<SimilarPair> alike = similar_pairs(sets, kAlike);
        effective_ = effective_number(cluster_roots(sets.size(), alike));
        add("usable_pairs", static_cast<double>(usable_.size()),
            {"Usable pairs",
             fmt::format("{} of {}", usable_.size(),
                         static_cast<std::int64_t>(input_.file.examples.size()) + problems),
             "", "Pairs that can be trained on.",
             fmt::format("Left out: {} unreadable lines, {} empty, {} too long, {} repeated.",
                         problems, empty_, too_long_, repeated_),
             Tone::kNeutral});
        add("effective_pairs", effective_,
            {"Effectively different pairs", fmt::format("{:.0f}", effective_),
             fmt::format(">= {:.0f}", kEffectiveMin),
             "Near-copies teach nothing new: this many different pairs there really are.",
             "exp(entropy) of the clusters with a Jaccard index of at least .8 over 5-term "
             "shingles.",
             tone_if(effective_ >= kEffectiveMin, Tone::kBad)});
        add("trainable_tokens", static_cast<double>(trainable_),
            {"Trainable tokens",
             fmt::format("{} {}", trainable_, input_.count_tokens ? "tokens" : "words"), "",
             "What the loss is computed on: the replies only.", "Sum over the usable replies.",
             Tone::kNeutral});
    }

    void consistency_figure() {
        std::vector<Features> features;
        std::array<std::map<std::string, int>, kFeatures> counts;
        for (const Example* example : usable_) {
            features.push_back(features_of(example->reply()));
            for (std::size_t f = 0; f < kFeatures; ++f) {
                ++counts[f][features.back()[f]];
            }
        }
        std::array<std::string, kFeatures> usual;
        std::string method;
        for (std::size_t f = 0; f < kFeatures && !usable_.empty(); ++f) {
            auto most =
                std::max_element(counts[f].begin(), counts[f].end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; });
            usual[f] = most->first;
            double share = static_cast<double>(most->second) / static_cast<double>(usable_.size());
            consistency_ += share / static_cast<double>(kFeatures);
            method +=
                fmt::format("{}{} {:.0f} %", f > 0 ? ", " : "", kFeatureNames[f], 100 * share);
        }
        find_off_style(features, usual);
        add("consistency", consistency_,
            {"Style consistency", percent(consistency_), ">= " + percent(kConsistencyMin),
             "How alike the replies are in structure: what a tuned model can pick up.",
             "Mean share of replies with the commonest form: " + method + ".",
             tone_if(consistency_ >= kConsistencyMin, Tone::kBad)});
        add("off_style", static_cast<double>(off_style_),
            {"Replies off style", std::to_string(off_style_), "0",
             "Replies without most of the usual form: fix or reject them.",
             "Fewer than half of the five marks of the commonest form.",
             tone_if(off_style_ == 0, Tone::kWarn)});
    }

    void find_off_style(const std::vector<Features>& features,
                        const std::array<std::string, kFeatures>& usual) {
        for (std::size_t i = 0; i < features.size(); ++i) {
            std::size_t same = 0;
            for (std::size_t f = 0; f < kFeatures; ++f) {
                same += features[i][f] == usual[f] ? 1 : 0;
            }
            if (consistency_ >= 0.5 && 2 * same < kFeatures) {
                ++off_style_;
                note(usable_[i]->line, "the reply is not in the usual form");
            }
        }
    }

    void contradiction_figure() {
        std::vector<Shingles> prompts;
        std::vector<Shingles> replies;
        for (const Example* example : usable_) {
            prompts.push_back(shingles_of(example->prompt()));
            replies.push_back(shingles_of(example->reply()));
        }
        Share share;
        std::set<std::size_t> touched;
        for (const SimilarPair& pair : similar_pairs(prompts, kAlike)) {
            if (jaccard(replies[pair.a], replies[pair.b]) < kOtherReply) {
                touched.insert(pair.a);
                touched.insert(pair.b);
            }
        }
        share.hits = static_cast<std::int64_t>(touched.size());
        share.of = static_cast<std::int64_t>(usable_.size());
        contradiction_ = share.value();
        add("contradictions", contradiction_,
            {"Contradicting replies", share.text(), "<= " + percent(kContradictionMax),
             "Nearly the same question with quite another reply: the model can learn neither.",
             "Prompts with a Jaccard index of at least .8, replies below .3.",
             tone_if(contradiction_ <= kContradictionMax, Tone::kBad)});
    }

    void risk_figures() {
        std::int64_t personal = 0;
        for (const Example* example : usable_) {
            for (const PersonalDataHit& hit :
                 find_personal_data(example->prompt() + "\n" + example->reply())) {
                (hit.kind == "SECRET" ? secrets_ : personal) += 1;
            }
        }
        add_risk_figures(static_cast<std::int64_t>(usable_.size()), personal, secrets_,
                         assessment_);
    }

    void decide() {
        auto& reasons = assessment_.reasons;
        auto& flips = assessment_.flips;
        bool enough = effective_ >= kEffectiveMin;
        bool alike = consistency_ >= kConsistencyMin;
        bool agree = contradiction_ <= kContradictionMax;
        bool clean = secrets_ == 0;
        reasons.push_back(fmt::format("{:.0f} effectively different pairs (at least {:.0f} asked).",
                                      effective_, kEffectiveMin));
        reasons.push_back(
            fmt::format("{} of the form is the same in all replies (at least {} "
                        "asked).",
                        percent(consistency_), percent(kConsistencyMin)));
        if (!clean) {
            flips.push_back(fmt::format("Revoke and remove {} secrets.", secrets_));
        }
        if (!alike) {
            flips.push_back("Agree on one form of reply and bring the replies into it.");
        }
        if (!agree) {
            flips.push_back(fmt::format("Settle the {} of pairs whose replies contradict.",
                                        percent(contradiction_)));
        }
        if (!enough) {
            flips.push_back(fmt::format("Add about {:.0f} pairs that differ from those there are.",
                                        std::ceil(kEffectiveMin - effective_)));
        }
        bool tune = enough && alike && agree && clean;
        assessment_.verdict = tune ? Verdict::kTune : Verdict::kDoNot;
        assessment_.headline =
            tune ? "Enough different pairs in one recognisable form: tune, and let the evaluation "
                   "decide against the base model."
                 : "These pairs would not teach one style yet.";
        if (tune) {
            flips.push_back(
                fmt::format("With {:.0f} fewer different pairs the verdict would be \"do not\".",
                            std::floor(effective_ - kEffectiveMin) + 1));
        }
        if (tune && off_style_ > 0) {
            flips.push_back(
                fmt::format("Fix or reject {} replies that are off style: it costs "
                            "minutes and helps at once.",
                            off_style_));
        }
    }

    const StyleInput& input_;
    Assessment assessment_;
    std::vector<const Example*> usable_;
    std::int64_t empty_ = 0;
    std::int64_t too_long_ = 0;
    std::int64_t repeated_ = 0;
    std::int64_t trainable_ = 0;
    std::int64_t off_style_ = 0;
    std::int64_t secrets_ = 0;
    double effective_ = 0;
    double consistency_ = 0;
    double contradiction_ = 0;
};

}  // namespace

Assessment assess_style(std::string_view scenario, const StyleInput& input) {
    return StyleAssessor(scenario, input).run();
}

}  // namespace cairn::data
