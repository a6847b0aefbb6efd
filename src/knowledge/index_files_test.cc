// SPDX-License-Identifier: Apache-2.0
// Generations stay as they were: while others are built, after a kill in the middle, with readers.
#include "cairn/knowledge/index_files.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "cairn/base/files.h"

namespace cairn::knowledge {
namespace {

std::vector<text::Document> policy(const std::string& days, int others = 3) {
    std::vector<text::Document> documents;
    for (int i = 0; i <= others; ++i) {
        text::Document document;
        document.id = "d" + std::to_string(i);
        document.source = "documents";
        document.path = document.id + ".md";
        document.text = i == 0 ? "Everybody has " + days + " days of annual leave."
                               : "Boat number " + std::to_string(i) + " lies at the north pier.";
        document.sections.push_back({{}, {0, static_cast<std::int64_t>(document.text.size())}, 0});
        documents.push_back(std::move(document));
    }
    return documents;
}

std::string answer(const Index& index) {
    const auto found = index.retrieve("How many days of annual leave?");
    EXPECT_TRUE(found);
    return found && !found->hits.empty() ? found->hits.front().text : "";
}

class IndexFilesTest : public testing::Test {
  protected:
    std::string build(const std::vector<text::Document>& documents, const std::string& previous) {
        auto report = files_.build(documents, {}, previous);
        EXPECT_TRUE(report) << report.error().to_string();
        changed_ = report ? report->documents_changed : -1;
        return report ? report->digest : "";
    }
    ScopedFolder folder_{"cairn-index"};
    IndexFiles files_{folder_.path() / "index"};
    int changed_ = 0;
};

TEST_F(IndexFilesTest, GenerationsStandSideBySide) {
    const std::string first = build(policy("27"), "");
    EXPECT_EQ(changed_, 4);
    auto old = files_.open(first);
    ASSERT_TRUE(old) << old.error().to_string();
    const std::string second = build(policy("30"), first);
    EXPECT_EQ(changed_, 1) << "a copy of the first: only the changed document is cut again";
    EXPECT_NE(first, second);
    EXPECT_NE(answer(*old).find("27"), std::string::npos);
    EXPECT_NE(answer(*files_.open(first)).find("27"), std::string::npos);
    EXPECT_NE(answer(*files_.open(second)).find("30"), std::string::npos);
    EXPECT_EQ(build(policy("27"), second), first) << "named by what it holds, not by its history";
}

TEST_F(IndexFilesTest, CollectingSparesReadersAndWhatIsKept) {
    const std::string first = build(policy("27"), "");
    const std::string second = build(policy("30"), first);
    auto reader = files_.open(first);
    ASSERT_TRUE(reader);
    EXPECT_EQ(*files_.remove_all_but({second}), 1);
    EXPECT_FALSE(files_.has(first));
    EXPECT_TRUE(files_.has(second));
    EXPECT_NE(answer(*reader).find("27"), std::string::npos);
    auto gone = files_.open(first);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, Code::kNotFound);
}

TEST_F(IndexFilesTest, RefusesWhatIsNotItsName) {
    EXPECT_FALSE(files_.open("../../etc/passwd"));
    const std::string first = build(policy("27"), "");
    const std::string other(64, 'a');
    std::filesystem::copy_file(folder_.path() / "index" / (first + ".index"),
                               folder_.path() / "index" / (other + ".index"));
    auto wrong = files_.open(other);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Code::kIo);
    const std::string broken(64, 'b');
    std::ofstream(folder_.path() / "index" / (broken + ".index")) << "not a database";
    EXPECT_FALSE(files_.open(broken));
    EXPECT_EQ(build(policy("27"), broken), first) << "a broken former generation is left alone";
}

TEST_F(IndexFilesTest, TellsWhereTheTextIs) {
    auto report = files_.build(policy("27"), {{"d0", "blob0"}}, "");
    ASSERT_TRUE(report);
    auto index = files_.open(report->digest);
    ASSERT_TRUE(index);
    EXPECT_EQ(*index->text_blob("d0"), "blob0");
    EXPECT_EQ(*index->text_blob("d1"), "");
    EXPECT_FALSE(index->text_blob("d9"));
}

/// A child builds and is killed after a while; what was finished before answers as before, and the
/// next build ends at the same digest as one that was never disturbed.
TEST_F(IndexFilesTest, SurvivesAKillAtAnyMoment) {
    const std::string first = build(policy("27"), "");
    const auto next = policy("30", 400);
    IndexFiles calm(folder_.path() / "calm");
    const auto expected = calm.build(next, {}, "");
    ASSERT_TRUE(expected);
    int killed = 0;
    for (int delay_ms = 1; delay_ms <= 64; delay_ms *= 2) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            (void)files_.build(next, {}, first);
            ::_exit(0);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        killed += WIFSIGNALED(status) ? 1 : 0;
        auto old = files_.open(first);
        ASSERT_TRUE(old) << old.error().to_string();
        EXPECT_NE(answer(*old).find("27"), std::string::npos);
        if (files_.has(expected->digest)) {
            EXPECT_TRUE(files_.open(expected->digest)) << "a name stands for a whole index only";
        }
    }
    EXPECT_GT(killed, 0) << "no kill met a build";
    EXPECT_EQ(build(next, first), expected->digest);
    EXPECT_NE(answer(*files_.open(expected->digest)).find("30"), std::string::npos);
}

}  // namespace
}  // namespace cairn::knowledge
