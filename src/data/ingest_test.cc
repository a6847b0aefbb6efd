// SPDX-License-Identifier: Apache-2.0
// Ingest: every file ends with a reason, nothing is read twice, nothing that was done is lost.
#include "cairn/data/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "cairn/base/files.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class IngestTest : public testing::Test {
  protected:
    IngestTest() : folder_("ingest") {
        fs::create_directories(docs());
        Result<store::Store> opened = store::Store::open(folder_.path());
        EXPECT_TRUE(opened) << (opened ? "" : opened.error().to_string());
        store_.emplace(std::move(*opened));
    }

    fs::path docs() const { return folder_.path() / "documents"; }

    void write(const std::string& path, std::string_view content) {
        fs::create_directories((docs() / path).parent_path());
        std::ofstream(docs() / path, std::ios::binary) << content;
    }

    IngestSummary run(int threads = 2) {
        Result<IngestSummary> summary =
            ingest(*store_, {"documents", docs(), {}}, {threads}, silent_progress());
        EXPECT_TRUE(summary) << (summary ? "" : summary.error().to_string());
        return summary ? *summary : IngestSummary();
    }

    std::map<std::string, DocumentRow> rows() {
        std::map<std::string, DocumentRow> by_path;
        Result<std::vector<DocumentRow>> listed = list_documents(*store_);
        EXPECT_TRUE(listed);
        for (DocumentRow& row : *listed) {
            by_path[row.path] = row;
        }
        return by_path;
    }

    ScopedFolder folder_;
    std::optional<store::Store> store_;
};

TEST_F(IngestTest, EveryFileEndsWithAReason) {
    write("a.md", "# Title\n\ntext\n");
    write("sub/b.txt", "plain\n");
    write("empty.txt", "");
    write("logo.png", "\x89PNG\r\n");
    write("broken.pdf", "%PDF-1.4 nothing");
    write(".git/config", "not ours");
    IngestSummary summary = run();
    EXPECT_EQ(summary.files, 5);
    EXPECT_EQ(summary.done, 2);
    EXPECT_EQ(summary.skipped, 2);
    EXPECT_EQ(summary.failed, 1);
    auto all = rows();
    EXPECT_EQ(all["a.md"].state, "done");
    EXPECT_EQ(all["a.md"].title, "Title");
    EXPECT_EQ(all["a.md"].words, 2);
    EXPECT_EQ(all["empty.txt"].reason, "the file is empty");
    EXPECT_EQ(all["broken.pdf"].state, "failed");
    for (const auto& [path, row] : all) {
        EXPECT_TRUE(row.state == "done" || !row.reason.empty()) << path;
    }
}

TEST_F(IngestTest, ASecondRunReadsNothing) {
    write("a.md", "# One\n\nx\n");
    write("b.pdf", "%PDF-1.4 nothing");
    IngestSummary first = run();
    IngestSummary second = run();
    EXPECT_GT(first.bytes_read, 0);
    EXPECT_EQ(second.bytes_read, 0);
    EXPECT_EQ(second.unchanged, 2);
    EXPECT_EQ(second.corpus_digest, first.corpus_digest);
}

TEST_F(IngestTest, ANewTimeStampAloneChangesNothing) {
    write("a.md", "# One\n\nx\n");
    std::string digest = run().corpus_digest;
    fs::last_write_time(docs() / "a.md",
                        fs::last_write_time(docs() / "a.md") + std::chrono::hours(1));
    IngestSummary again = run();
    EXPECT_EQ(again.corpus_digest, digest);
    EXPECT_EQ(again.unchanged, 0);
    EXPECT_EQ(run().unchanged, 1);
}

TEST_F(IngestTest, ChangesAndRemovalsAreSeen) {
    write("a.md", "one\n");
    write("b.md", "two\n");
    std::string digest = run().corpus_digest;
    write("a.md", "one, changed\n");
    fs::remove(docs() / "b.md");
    IngestSummary second = run();
    EXPECT_EQ(second.removed, 1);
    EXPECT_EQ(second.done, 1);
    EXPECT_NE(second.corpus_digest, digest);
    EXPECT_EQ(rows()["b.md"].state, "removed");
    EXPECT_EQ(load_documents(*store_)->size(), 1U);
    // It comes back.
    write("b.md", "two\n");
    EXPECT_EQ(run().done, 2);
}

TEST_F(IngestTest, DocumentsComeBackAsTheyWere) {
    write("a.md", "# T\n\ntext\n\n## U\n\nmore\n");
    run();
    Result<std::vector<text::Document>> documents = load_documents(*store_, {"documents"});
    ASSERT_TRUE(documents);
    ASSERT_EQ(documents->size(), 1U);
    const text::Document& document = documents->front();
    EXPECT_EQ(document.text, "T\n\ntext\n\nU\n\nmore\n");
    EXPECT_EQ(document.sections.size(), 2U);
    EXPECT_EQ(document.path, "a.md");
    EXPECT_EQ(document.file_digest.size(), 64U);
    Result<text::Document> one = load_document(*store_, document.id);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->text, document.text);
    EXPECT_EQ(load_document(*store_, "d_none").error().code, Code::kNotFound);
    EXPECT_TRUE(load_documents(*store_, {"other"})->empty());
}

TEST_F(IngestTest, TheNumberOfThreadsChangesNothing) {
    for (int i = 0; i < 70; ++i) {
        write("f" + std::to_string(i) + ".md", "# F" + std::to_string(i) + "\n\ntext\n");
    }
    std::string one = run(1).corpus_digest;
    ScopedFolder other("ingest");
    Result<store::Store> store = store::Store::open(other.path());
    ASSERT_TRUE(store);
    Result<IngestSummary> summary =
        ingest(*store, {"documents", docs(), {}}, {4}, silent_progress());
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->corpus_digest, one);
}

TEST_F(IngestTest, AHugeFileIsNotRead) {
    write("huge.txt", "x");
    fs::resize_file(docs() / "huge.txt", std::uintmax_t{2} * 1024 * 1024 * 1024);
    IngestSummary summary = run();
    EXPECT_EQ(summary.bytes_read, 0);
    EXPECT_EQ(rows()["huge.txt"].state, "failed");
    EXPECT_THAT(rows()["huge.txt"].reason, HasSubstr("larger than the limit 64 MiB"));
    EXPECT_EQ(run().unchanged, 1);
}

TEST_F(IngestTest, LinksThatLeadNowhereOrOutAreNamed) {
    write("a.md", "text\n");
    fs::create_symlink(docs() / "missing", docs() / "dangling.md");
    fs::create_symlink("/etc/passwd", docs() / "outside.txt");
    IngestSummary summary = run();
    EXPECT_EQ(summary.done, 1);
    EXPECT_EQ(summary.failed, 2);
    EXPECT_THAT(rows()["outside.txt"].reason, HasSubstr("leads out"));
}

TEST_F(IngestTest, AFolderThatCannotBeOpenedLosesNothing) {
    if (::geteuid() == 0) {
        GTEST_SKIP() << "root may read every folder";
    }
    write("closed/a.md", "text\n");
    run();
    fs::permissions(docs() / "closed", fs::perms::none);
    IngestSummary summary = run();
    fs::permissions(docs() / "closed", fs::perms::owner_all);
    EXPECT_EQ(summary.removed, 0);
    EXPECT_EQ(rows()["closed/a.md"].state, "failed");
    EXPECT_EQ(run().done, 1);
}

TEST_F(IngestTest, FilesBehindABrokenFolderLinkAreFailedNotRemoved) {
    write("shelf/a.md", "text\n");
    run();
    fs::remove_all(docs() / "shelf");
    fs::create_symlink(docs() / "nowhere", docs() / "shelf");
    IngestSummary summary = run();
    EXPECT_EQ(summary.removed, 0);
    EXPECT_EQ(rows()["shelf/a.md"].state, "failed");
    EXPECT_EQ(rows()["shelf/a.md"].reason, "its folder cannot be read");
}

TEST_F(IngestTest, AMissingFolderIsAnErrorAndForgetsNothing) {
    write("a.md", "text\n");
    run();
    Result<IngestSummary> summary =
        ingest(*store_, {"documents", folder_.path() / "gone", {}}, {}, silent_progress());
    ASSERT_FALSE(summary);
    EXPECT_EQ(summary.error().code, Code::kNotFound);
    EXPECT_EQ(rows()["a.md"].state, "done");
}

TEST_F(IngestTest, AnInterruptedRunGoesOn) {
    for (int i = 0; i < 40; ++i) {
        write("f" + std::to_string(i) + ".md", "text " + std::to_string(i) + "\n");
    }
    // The first batch is committed before the interruption is seen.
    ProgressSink sink = [](const ProgressRecord& record) {
        if (record.done > 0) {
            set_interrupted(true);
        }
    };
    Result<IngestSummary> stopped = ingest(*store_, {"documents", docs(), {}}, {}, sink);
    set_interrupted(false);
    IngestSummary summary = run();
    EXPECT_EQ(summary.done, 40);
    if (!stopped) {
        EXPECT_EQ(stopped.error().code, Code::kCancelled);
        EXPECT_EQ(summary.unchanged, 32);
    }
}

}  // namespace
}  // namespace cairn::data
