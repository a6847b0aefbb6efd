// SPDX-License-Identifier: Apache-2.0
// The store: what is pulled or imported is whole or absent, found by the names that people write,
// and damage on disk is noticed.
#include "cairn/operate/model_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/format/gguf.h"
#include "test_hub.h"

namespace cairn::operate {
namespace {

using ::testing::HasSubstr;
using testing::Seen;
using testing::TestHub;

std::string small_gguf(std::size_t values = 1000) {
    const std::vector<float> ones(values, 1.0F);
    format::GgufWriter writer;
    writer.set("general.architecture", "llama");
    EXPECT_TRUE(
        writer.add_tensor("t", format::TensorType::kF32, {values}, std::as_bytes(std::span(ones))));
    return writer.to_bytes();
}

TEST(ModelKind, IsReadFromWhatTheFilesSay) {
    const ScopedFolder folder("kind");
    const auto gguf = [&](const std::function<void(format::GgufWriter&)>& describe) {
        format::GgufWriter writer;
        describe(writer);
        EXPECT_TRUE(writer.write(folder.path() / "m.gguf"));
        return model_kind(folder.path() / "m.gguf").value();
    };
    const auto head = [](format::GgufWriter& writer, std::uint64_t labels) {
        const std::vector<float> ones(4 * labels, 1.0F);
        writer.set("general.architecture", "bert");
        EXPECT_TRUE(writer.add_tensor("cls.output.weight", format::TensorType::kF32, {4, labels},
                                      std::as_bytes(std::span(ones))));
    };
    EXPECT_EQ(gguf([](auto& w) { w.set("general.architecture", "llama"); }), "base");
    EXPECT_EQ(gguf([](auto& w) {
                  w.set("general.architecture", "llama");
                  w.set("tokenizer.chat_template", "{{ messages }}");
              }),
              "chat");
    EXPECT_EQ(gguf([](auto& w) { w.set("general.architecture", "modern-bert"); }), "embedder");
    EXPECT_EQ(gguf([&](auto& w) { head(w, 1); }), "reranker");
    EXPECT_EQ(gguf([&](auto& w) { head(w, 3); }), "classifier");
    EXPECT_EQ(gguf([](auto& w) {
                  w.set("general.type", "adapter");
                  w.set("general.architecture", "llama");
              }),
              "adapter");
    const auto hugging_face = [&](const std::string& name, const std::string& config) {
        EXPECT_TRUE(make_folders(folder.path() / "hf"));
        EXPECT_TRUE(write_file_atomic(folder.path() / "hf" / name, config));
        return model_kind(folder.path() / "hf").value();
    };
    EXPECT_EQ(hugging_face("config.json", R"({"architectures":["BertModel"]})"), "embedder");
    EXPECT_EQ(hugging_face("config.json", R"({"architectures":["XForSequenceClassification"],
                                              "id2label":{"0":"LABEL_0"}})"),
              "reranker");
    EXPECT_EQ(hugging_face("config.json", R"({"architectures":["LlamaForCausalLM"]})"), "base");
    EXPECT_EQ(hugging_face("tokenizer_config.json", R"({"chat_template":"{{ messages }}"})"),
              "chat");
    EXPECT_EQ(hugging_face("adapter_config.json", "{}"), "adapter");
    EXPECT_FALSE(model_kind(folder.path() / "absent.gguf"));
}

TEST(ReadModelFiles, ChecksAModelOutsideOfTheStore) {
    const ScopedFolder folder("outside");
    const std::filesystem::path file = folder.path() / "m.gguf";
    const std::string bytes = small_gguf();
    ASSERT_TRUE(write_file_atomic(file, bytes));
    const auto files = read_model_files(file, silent_progress()).value();
    ASSERT_EQ(files.size(), 1U);
    EXPECT_EQ(files[0].bytes, bytes.size());
    EXPECT_EQ(files[0].sha256, sha256_hex(bytes));
    ASSERT_TRUE(write_file_atomic(file, bytes.substr(0, bytes.size() - 100)));
    EXPECT_FALSE(read_model_files(file, silent_progress())) << "weights are cut off";
}

HubOptions quick(const TestHub& hub) {
    HubOptions options;
    options.address = hub.address();
    options.backoff_seconds = 0.01;
    return options;
}

Result<StoredModel> pull(ModelStore& store, const TestHub& hub, const std::string& name,
                         std::uint64_t piece_bytes = 1000) {
    const HubReference reference = CAIRN_TRY(parse_hub_reference(name));
    const HubModel model = CAIRN_TRY(find_hub_model(reference, quick(hub)));
    const HubChoice choice = CAIRN_TRY(choose(model, reference.selection));
    return store.pull(model, choice, quick(hub), {2, piece_bytes, silent_progress()});
}

struct Stored {
    ScopedFolder folder{"store"};
    ModelStore store = ModelStore::open(folder.path() / "models").value();
    TestHub hub;
    Stored() {
        hub.files["m-Q8_0.gguf"] = small_gguf();
        hub.files["m-F16.gguf"] = small_gguf(3000);
        hub.extra = "\"cardData\":{\"license\":\"apache-2.0\",\"license_link\":\"https://x\"},";
    }
};

TEST(ModelStore, FindsWhatWasPulledByTheNamesPeopleWrite) {
    Stored s;
    const auto pulled = pull(s.store, s.hub, "hf:Org/Name:Q8_0");
    ASSERT_TRUE(pulled) << pulled.error().to_string();
    EXPECT_EQ(pulled->id, "Org--Name--Q8_0--0123456789ab");
    EXPECT_EQ(pulled->licence, "apache-2.0");
    EXPECT_EQ(pulled->commit, TestHub::kCommit);
    EXPECT_TRUE(std::filesystem::is_regular_file(s.store.path(*pulled)));
    for (const char* name :
         {"hf:Org/Name", "hf:Org/Name:Q8_0", "hf:Org/Name:q8_0", "hf:Org/Name:m-Q8_0.gguf",
          "hf:Org/Name@0123456", "hf:Org/Name@0123456789abcdef0123456789abcdef01234567:Q8_0",
          "Org--Name--Q8_0--0123456789ab"}) {
        const auto found = s.store.find(name);
        ASSERT_TRUE(found) << name << found.error().to_string();
        EXPECT_EQ(found->digest(), pulled->digest());
    }
    for (const char* name : {"hf:Org/Name:F16", "hf:Org/Other", "hf:Org/Name@other", "x"}) {
        EXPECT_EQ(s.store.find(name).error().code, Code::kNotFound) << name;
    }
    EXPECT_THAT(s.store.find("hf:Org/Name:F16").error().hint,
                HasSubstr("cairn models pull hf:Org/Name:F16"));
    ASSERT_TRUE(pull(s.store, s.hub, "hf:Org/Name:F16"));
    EXPECT_EQ(s.store.list().value().size(), 2);
    const std::size_t before = s.hub.storage().seen().size();
    ASSERT_TRUE(pull(s.store, s.hub, "hf:Org/Name:F16"));
    EXPECT_EQ(s.hub.storage().seen().size(), before) << "what is there is not fetched again";
}

TEST(ModelStore, KeepsTheShardsOfAModelTogether) {
    Stored s;
    for (const std::uint16_t number : {0, 1}) {
        const std::vector<float> ones(100, 1.0F);
        format::GgufWriter writer;
        writer.set("split.no", number);
        writer.set("split.count", std::uint16_t{2});
        ASSERT_TRUE(writer.add_tensor(number == 0 ? "a" : "b", format::TensorType::kF32, {100},
                                      std::as_bytes(std::span(ones))));
        s.hub.files["big-Q4_0-0000" + std::to_string(number + 1) + "-of-00002.gguf"] =
            writer.to_bytes();
    }
    const auto pulled = pull(s.store, s.hub, "hf:Org/Name:Q4_0");
    ASSERT_TRUE(pulled) << pulled.error().to_string();
    EXPECT_EQ(pulled->files.size(), 2);
    EXPECT_EQ(pulled->entry, "big-Q4_0-00001-of-00002.gguf");
    EXPECT_EQ(format::GgufFile::open(s.store.path(*pulled)).value().tensors().size(), 2);
}

TEST(ModelStore, NoticesDamageAndRemoves) {
    Stored s;
    const StoredModel model = pull(s.store, s.hub, "hf:Org/Name:Q8_0").value();
    EXPECT_TRUE(s.store.verify(model, silent_progress()).value().empty());
    {
        std::fstream file(s.store.path(model), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(500);
        file.put('\x55');
    }
    const auto bad = s.store.verify(model, silent_progress()).value();
    ASSERT_EQ(bad.size(), 1);
    EXPECT_THAT(bad[0], HasSubstr("m-Q8_0.gguf: expected SHA-256"));
    std::filesystem::remove(s.store.path(model));
    EXPECT_EQ(s.store.verify(model, silent_progress()).value().size(), 1);
    ASSERT_TRUE(s.store.remove(model));
    EXPECT_TRUE(s.store.list().value().empty());
}

TEST(ModelStore, WhatDoesNotOpenIsNotStored) {
    Stored s;
    s.hub.files["m-Q8_0.gguf"] = std::string(5000, 'x');
    const auto failed = pull(s.store, s.hub, "hf:Org/Name:Q8_0");
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().message, HasSubstr("expected a GGUF file"));
    EXPECT_TRUE(s.store.list().value().empty());
}

TEST(ModelStore, ImportsFilesAndFolders) {
    Stored s;
    const auto file = s.folder.path() / "my model.gguf";
    ASSERT_TRUE(write_file_atomic(file, small_gguf()));
    const auto copied = s.store.import(file, {"", false, silent_progress()});
    ASSERT_TRUE(copied) << copied.error().to_string();
    EXPECT_EQ(copied->id, "my-model");
    EXPECT_FALSE(std::filesystem::is_symlink(s.store.path(*copied)));
    EXPECT_TRUE(s.store.find("model:" + copied->id)) << "the words that `import` prints";
    const auto linked = s.store.import(file, {"linked", true, silent_progress()});
    ASSERT_TRUE(linked) << linked.error().to_string();
    EXPECT_TRUE(std::filesystem::is_symlink(s.store.path(*linked)));
    EXPECT_EQ(linked->digest(), copied->digest());
    const auto standing = s.store.import(file, {"hf:Org/Name:Q8_0", false, silent_progress()});
    ASSERT_TRUE(standing) << standing.error().to_string();
    EXPECT_TRUE(s.store.find("hf:Org/Name:Q8_0")) << "a machine without network reads the same "
                                                     "cairn.toml";
    EXPECT_EQ(s.store.import(file, {"linked", true, silent_progress()}).error().code,
              Code::kExists);
    const auto pickle = s.folder.path() / "model.bin";
    ASSERT_TRUE(write_file_atomic(pickle, "x"));
    EXPECT_EQ(s.store.import(pickle, {"", false, silent_progress()}).error().code,
              Code::kUnsupported);
    const auto damaged = s.folder.path() / "damaged.gguf";
    ASSERT_TRUE(write_file_atomic(damaged, small_gguf().substr(0, 2000)));
    EXPECT_FALSE(s.store.import(damaged, {"", false, silent_progress()}));
    EXPECT_EQ(s.store.list().value().size(), 3);
}

TEST(ModelStore, ADamagedManifestIsNamed) {
    Stored s;
    const StoredModel model = pull(s.store, s.hub, "hf:Org/Name:Q8_0").value();
    const auto manifest = s.store.folder() / model.id / "model.json";
    nlohmann::json json = model.to_json();
    json["entry"] = "../../../etc/passwd";
    ASSERT_TRUE(write_file_atomic(manifest, json.dump()));
    EXPECT_THAT(s.store.list().error().message, HasSubstr("entry"));
    json = model.to_json();
    json["files"][0]["path"] = "/etc/passwd";
    ASSERT_TRUE(write_file_atomic(manifest, json.dump()));
    EXPECT_THAT(s.store.list().error().message, HasSubstr("not a safe name"));
    ASSERT_TRUE(write_file_atomic(manifest, "{"));
    EXPECT_THAT(s.store.list().error().message, HasSubstr(model.id));
}

TEST(ModelStore, APullThatIsKilledGoesOn) {
    // The pull runs in a child that is killed with SIGKILL after 1, 2, 3 ... requests; the last one
    // stores the model.
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer does not start threads in a forked child";
#endif
    Stored s;
    s.hub.files["m-Q8_0.gguf"] = small_gguf(2'000'000);  // 8 MB
    std::atomic<pid_t> child = 0;
    std::atomic<int> until = 0;
    s.hub.on_storage = [&](const Seen&) {
        if (until > 0 && --until == 0) ::kill(child, SIGKILL);
    };
    for (int kill_after = 2; kill_after <= 4; ++kill_after) {
        until = kill_after;
        child = ::fork();
        if (child == 0) {
            const auto pulled = pull(s.store, s.hub, "hf:Org/Name:Q8_0", 2'000'000);
            ::_exit(pulled ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        until = 0;
        EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        if (!WIFSIGNALED(status)) break;
        EXPECT_TRUE(s.store.list().value().empty());
    }
    const auto pulled = pull(s.store, s.hub, "hf:Org/Name:Q8_0", 2'000'000);
    ASSERT_TRUE(pulled) << pulled.error().to_string();
    EXPECT_TRUE(s.store.verify(*pulled, silent_progress()).value().empty());
    EXPECT_LE(s.hub.storage().seen().size(), 13) << "4 pieces, and at most 2 in work at each kill";
}

}  // namespace
}  // namespace cairn::operate
