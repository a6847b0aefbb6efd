// SPDX-License-Identifier: Apache-2.0
// The sample company, read and cleaned as its cairn.toml says: what was planted is found, what is
// public stays, and nothing is contradicted that is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <optional>

#include "cairn/base/config.h"
#include "cairn/base/files.h"
#include "cairn/data/clean.h"
#include "cairn/data/ingest.h"

namespace cairn::data {
namespace {

using testing::HasSubstr;
using testing::Not;

class SampleCompany : public testing::Test {
  protected:
    void SetUp() override {
        auto config =
            load_workspace_config(std::filesystem::path(CAIRN_SOURCE_DIR) / "examples/harbour");
        ASSERT_TRUE(config) << config.error().to_string();
        config_ = std::move(*config);
        store_.emplace(store::Store::open(folder_.path()).value());
        ASSERT_TRUE(
            ingest(*store_, {"documents", config_.sources[0].path, {}}, {2}, silent_progress()));
        options_.contacts.keep = config_.clean.keep;
    }

    std::string text_of(const std::string& path) {
        const auto documents = load_clean_documents(*store_);
        for (const text::Document& document : documents.value()) {
            if (document.path == path) return document.text;
        }
        return {};
    }

    ScopedFolder folder_{"sample"};
    WorkspaceConfig config_;
    std::optional<store::Store> store_;
    CleanOptions options_;
};

/// Three page lines of PDFs were reported as contradictions; the nine real ones are between the two
/// versions of the expenses policy, of which the older is left out.
TEST_F(SampleCompany, HasNoOpenContradiction) {
    const auto summary = clean_sources(*store_, {}, options_, silent_progress());
    ASSERT_TRUE(summary) << summary.error().to_string();
    EXPECT_EQ(summary->contradictions.size(), 9U);
    for (const ContradictionRow& row : summary->contradictions) {
        EXPECT_FALSE(row.open) << row.path_a << ": " << row.sentence_a << "\n"
                               << row.path_b << ": " << row.sentence_b;
        EXPECT_EQ(row.path_a, "finance/expenses-policy-2023.md");
    }
}

TEST_F(SampleCompany, KeepsPublicContactsAndMasksPersons) {
    ASSERT_TRUE(clean_sources(*store_, {}, options_, silent_progress()));
    const std::string phones = text_of("phone-list.txt");
    EXPECT_THAT(phones, HasSubstr("+44 20 7946 0150")) << "the yard's own number";
    EXPECT_THAT(phones, Not(HasSubstr("+44 20 7946 0160"))) << "a person's number";
    EXPECT_THAT(text_of("it/incident-response.md"), HasSubstr("+44 20 7946 0177"));
    const std::string mail = text_of("mail/life-jacket-recall.eml");
    EXPECT_THAT(mail, HasSubstr("all-counters@harbourandfinch.example"));
    EXPECT_THAT(mail, Not(HasSubstr("agnes.morwen@harbourandfinch.example")));
}

/// The 31 persons of the documents, by hand. Sorted words of whole names as they are written.
TEST_F(SampleCompany, NamesAreMaskedOnDemandInMostPlaces) {
    constexpr std::array kSurnames = {
        "Feld",         "Prideaux",  "Liu",      "Vennor",    "Morwen",   "Achterberg", "Roskilly",
        "Tidewell",     "Tregallas", "Brandt",   "Hartwig",   "Maartens", "Paulsen",    "Meilin",
        "Ehlers",       "Aune",      "Lattimer", "Costello",  "Adeyemi",  "Tully",      "Moynihan",
        "Quillfeather", "Aubin",     "Petersen", "Kamerling", "Osterloh"};
    const auto count = [&] {
        std::int64_t places = 0;
        const auto documents = load_clean_documents(*store_);
        for (const text::Document& document : documents.value()) {
            for (const std::string_view name : kSurnames) {
                for (std::size_t at = 0; (at = document.text.find(name, at)) != std::string::npos;
                     at += name.size()) {
                    ++places;
                }
            }
        }
        return places;
    };
    ASSERT_TRUE(clean_sources(*store_, {}, options_, silent_progress()));
    const std::int64_t before = count();
    options_.names = true;
    const auto summary = clean_sources(*store_, {}, options_, silent_progress());
    ASSERT_TRUE(summary);
    const std::int64_t after = count();
    std::cout << "surnames left: " << after << " of " << before << "\n";
    auto rows = store_->database().query("SELECT value FROM pseudonyms WHERE kind = 'PERSON'");
    while (rows->step().value()) {
        std::cout << rows->text(0) << "; ";
    }
    std::cout << "\n";
    EXPECT_GT(before, 80);
    EXPECT_LE(after * 5, before) << "at least four of five are masked";
}

}  // namespace
}  // namespace cairn::data
