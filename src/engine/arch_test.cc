// SPDX-License-Identifier: Apache-2.0
// Every architecture against transformers on tiny random checkpoints (testdata/arch): a GGUF file
// in mainline's names, the Hugging Face directory, and the GGUF file that we convert it to.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include "cairn/engine/convert.h"
#include "cairn/engine/forward.h"
#include "cairn/engine/scheduler.h"

namespace cairn::engine {
namespace {

std::filesystem::path folder() {
    return std::filesystem::path(CAIRN_SOURCE_DIR) / "src" / "engine" / "testdata" / "arch";
}

/// One row per checkpoint: NAME_golden.gguf.
std::vector<std::string> checkpoints() {
    constexpr std::string_view kEnding = "_golden.gguf";
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
        std::string name = entry.path().filename().string();
        if (!name.ends_with(kEnding)) continue;
        name.resize(name.size() - kEnding.size());
        names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
}

struct Golden {
    std::vector<TokenId> ids;  ///< prompt and greedy continuation
    std::size_t prompt = 0;
    std::vector<float> logits;  ///< behind all but the last
};

std::vector<Golden> read_goldens(const std::string& name) {
    const auto file = format::GgufFile::open(folder() / (name + "_golden.gguf")).value();
    std::vector<Golden> goldens;
    for (std::uint32_t i = 0; i < file.get_u32("golden.count").value(); ++i) {
        const std::string key = "golden." + std::to_string(i);
        Golden golden;
        for (const char* part : {".prompt", ".greedy"}) {
            for (const std::int64_t id : file.get_integers(key + part).value())
                golden.ids.push_back(static_cast<TokenId>(id));
            if (golden.prompt == 0) golden.prompt = golden.ids.size();
        }
        const auto* tensor = file.find_tensor("logits." + std::to_string(i));
        golden.logits.resize(tensor->elements());
        std::memcpy(golden.logits.data(), tensor->bytes.data(), tensor->bytes.size());
        goldens.push_back(std::move(golden));
    }
    return goldens;
}

float max_difference(std::span<const float> got, std::span<const float> expected) {
    if (got.size() != expected.size()) return std::numeric_limits<float>::infinity();
    float worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const float difference = std::fabs(got[i] - expected[i]);
        if (std::isnan(difference)) return std::numeric_limits<float>::infinity();
        worst = std::max(worst, difference);
    }
    return worst;
}

bool same_bytes(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// Logits behind every token, in pieces of `chunk`.
std::vector<float> logits_of(const std::shared_ptr<const Model>& model, ThreadPool* pool,
                             std::span<const TokenId> ids, std::size_t chunk) {
    Forward forward(model, pool);
    KvCache kv(model->config(), std::ssize(ids));
    std::vector<float> all;
    for (std::size_t begin = 0; begin < ids.size(); begin += chunk) {
        const auto part = ids.subspan(begin, std::min(chunk, ids.size() - begin));
        const BatchItem item = {&kv, part, nullptr, Logits::kAll};
        const auto logits = forward.run({&item, 1}).value();
        all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
}

/// Prefill, then decoding from the best token that is not the end.
void expect_parity(const std::shared_ptr<const Model>& model, const Golden& golden) {
    constexpr TokenId kEnd = 2;
    constexpr float kLimit = 1e-4F;
    const auto vocabulary = static_cast<std::size_t>(model->config().vocabulary);
    const std::span<const float> expected = golden.logits;
    Forward forward(model, nullptr);
    KvCache kv(model->config(), std::ssize(golden.ids) - 1);
    BatchItem item = {&kv, std::span(golden.ids).first(golden.prompt), nullptr, Logits::kAll};
    std::span<const float> logits = forward.run({&item, 1}).value();
    ASSERT_LE(max_difference(logits, expected.first(golden.prompt * vocabulary)), kLimit)
        << "prefill";
    for (std::size_t at = golden.prompt; at < golden.ids.size(); ++at) {
        std::vector<float> last(logits.end() - static_cast<std::ptrdiff_t>(vocabulary),
                                logits.end());
        last[kEnd] = -std::numeric_limits<float>::infinity();
        const auto best = std::max_element(last.begin(), last.end()) - last.begin();
        ASSERT_EQ(best, golden.ids[at]) << "greedy token " << at - golden.prompt;
        if (at + 1 == golden.ids.size()) return;
        item = {&kv, {&golden.ids[at], 1}, nullptr, Logits::kLast};
        logits = forward.run({&item, 1}).value();
        ASSERT_LE(max_difference(logits, expected.subspan(at * vocabulary, vocabulary)), kLimit)
            << "decode step " << at - golden.prompt;
    }
}

class Arch : public ::testing::TestWithParam<std::string> {};

TEST_P(Arch, FileEqualsTransformers) {
    const auto model = Model::load(folder() / (GetParam() + ".gguf"));
    ASSERT_TRUE(model) << model.error().to_string();
    for (const Golden& golden : read_goldens(GetParam()))
        expect_parity(*model, golden);
}

TEST_P(Arch, DirectoryEqualsTransformersAndItsConversion) {
    const auto model = Model::load(folder() / GetParam());
    ASSERT_TRUE(model) << model.error().to_string();
    for (const Golden& golden : read_goldens(GetParam()))
        expect_parity(*model, golden);
    auto bytes = converted_bytes(folder() / GetParam());
    ASSERT_TRUE(bytes) << bytes.error().to_string();
    // Tensors that the file has under the same names are the same bytes.
    const auto file = format::GgufFile::open(folder() / (GetParam() + ".gguf")).value();
    const auto ours = format::GgufFile::parse(std::as_bytes(std::span(*bytes))).value();
    std::size_t equal = 0;
    for (const format::GgufTensor& tensor : ours.tensors()) {
        const format::GgufTensor* other = file.find_tensor(tensor.name);
        if (other == nullptr) continue;
        EXPECT_EQ(tensor.dims, other->dims) << tensor.name;
        EXPECT_EQ(tensor.type, other->type) << tensor.name;
        EXPECT_TRUE(std::ranges::equal(tensor.bytes, other->bytes)) << tensor.name;
        ++equal;
    }
    EXPECT_GE(equal, file.tensors().size() * 3 / 4);
    const auto converted = Model::from_bytes(std::move(*bytes));
    ASSERT_TRUE(converted) << converted.error().to_string();
    for (const Golden& golden : read_goldens(GetParam()))
        expect_parity(*converted, golden);
}

/// Written by another program; tools/golden/convert_with_peer.py says how.
TEST_P(Arch, PeerFileEqualsTransformers) {
    const char* files = std::getenv("CAIRN_PEER_FILES");
    if (files == nullptr) {
        GTEST_SKIP() << "SKIPPED: CAIRN_PEER_FILES does not name the folder of a peer's files";
    }
    const auto model = Model::load(std::filesystem::path(files) / (GetParam() + ".gguf"));
    ASSERT_TRUE(model) << model.error().to_string();
    for (const Golden& golden : read_goldens(GetParam()))
        expect_parity(*model, golden);
}

TEST_P(Arch, SameBytesAloneBatchedChunkedThreadedAndBehindAPrefix) {
    const auto model = Model::load(folder() / (GetParam() + ".gguf")).value();
    const auto vocabulary = static_cast<std::size_t>(model->config().vocabulary);
    std::vector<TokenId> first;
    std::vector<TokenId> second;
    for (int i = 0; i < 90; ++i) {
        first.push_back((i * 31 + 7) % 120 + 3);
        second.push_back((i * 17 + 11) % 120 + 3);
    }
    second.resize(71);
    const auto alone = logits_of(model, nullptr, first, first.size());
    const auto other = logits_of(model, nullptr, second, second.size());
    for (const int threads : {1, 3}) {
        ThreadPool pool(threads);
        for (const std::size_t chunk : {1UL, 7UL, 32UL}) {
            EXPECT_TRUE(same_bytes(alone, logits_of(model, &pool, first, chunk)))
                << threads << " threads, chunks of " << chunk;
        }
        Forward forward(model, &pool);
        KvCache kv(model->config(), std::ssize(first));
        KvCache kv2(model->config(), std::ssize(second));
        const std::vector<BatchItem> items = {{&kv2, second, nullptr, Logits::kAll},
                                              {&kv, first, nullptr, Logits::kAll}};
        const auto batched = forward.run(items).value();
        EXPECT_TRUE(same_bytes(other, batched.first(other.size())));
        EXPECT_TRUE(same_bytes(alone, batched.last(alone.size())));

        // Another sequence goes on from what this one has computed, as far as that is kept.
        for (const std::int64_t wanted : {90L, 80L, 40L}) {
            const std::int64_t known = kv.usable_prefix(std::min<std::int64_t>(wanted, 89));
            KvCache copy(model->config(), std::ssize(first));
            copy.copy_prefix(kv, known);
            const auto rest = std::span(first).subspan(static_cast<std::size_t>(known));
            const BatchItem item = {&copy, rest, nullptr, Logits::kAll};
            EXPECT_TRUE(same_bytes(forward.run({&item, 1}).value(),
                                   std::span(alone).last(rest.size() * vocabulary)))
                << "behind " << known;
        }
        kv.truncate(0);
        const BatchItem again = {&kv, first, nullptr, Logits::kAll};
        EXPECT_TRUE(same_bytes(alone, forward.run({&again, 1}).value())) << "used again";
    }
}

/// Two prompts with a common beginning, one after the other; once with reuse of prefixes.
TEST_P(Arch, SchedulerAnswersTheSameBehindAKnownPrefix) {
    const auto model = Model::load(folder() / (GetParam() + ".gguf")).value();
    std::vector<std::vector<TokenId>> prompts(3);
    for (int i = 0; i < 80; ++i) {
        prompts[0].push_back((i * 31 + 7) % 120 + 3);
        prompts[1].push_back(i < 70 ? prompts[0].back() : (i * 17 + 5) % 120 + 3);
        prompts[2].push_back(i < 30 ? prompts[0].back() : (i * 13 + 1) % 120 + 3);
    }
    std::vector<std::vector<float>> logprobs[2];
    std::int64_t cached = 0;
    for (const bool reuse : {false, true}) {
        Scheduler scheduler(model, {.threads = 2, .prefill_chunk = 11, .reuse_prefixes = reuse});
        for (const auto& prompt : prompts) {
            GenerateRequest request;
            request.prompt = prompt;
            request.max_tokens = 12;
            const auto result = scheduler.generate(request).value();
            logprobs[reuse ? 1 : 0].push_back(result.logprobs);
            if (reuse) cached += result.usage.cached_tokens;
        }
    }
    EXPECT_EQ(logprobs[0], logprobs[1]);
    EXPECT_GE(cached, 64);
}

TEST_P(Arch, AdaptersChangeTheirOwnRowsOnly) {
    const auto model = Model::load(folder() / (GetParam() + ".gguf")).value();
    format::Adapter parts;
    parts.architecture = model->config().architecture;
    parts.alpha = 8;
    for (const TensorSpec& spec : model_tensors(model->config())) {
        if (spec.layer < 0 || spec.is_vector || spec.experts != 0 || spec.optional) continue;
        format::LoraPair pair = {
            spec.name, 2, static_cast<int>(spec.columns), static_cast<int>(spec.rows), {}, {}};
        for (std::int64_t i = 0; i < 2 * spec.columns; ++i)
            pair.a.push_back(0.05F * static_cast<float>(i % 7 - 3));
        for (std::int64_t i = 0; i < 2 * spec.rows; ++i)
            pair.b.push_back(0.05F * static_cast<float>(i % 5 - 2));
        parts.pairs.push_back(std::move(pair));
    }
    ASSERT_GE(parts.pairs.size(), 4U);
    const auto adapter = Adapter::from_parts(parts, *model, "a").value();
    std::vector<TokenId> ids;
    for (int i = 0; i < 40; ++i)
        ids.push_back((i * 31 + 7) % 120 + 3);
    const auto plain = logits_of(model, nullptr, ids, ids.size());
    Forward forward(model, nullptr);
    KvCache first(model->config(), 40);
    KvCache second(model->config(), 40);
    const std::vector<BatchItem> items = {{&first, ids, adapter.get(), Logits::kAll},
                                          {&second, ids, nullptr, Logits::kAll}};
    const auto both = forward.run(items).value();
    EXPECT_GT(max_difference(both.first(plain.size()), plain), 1e-2F);
    EXPECT_TRUE(same_bytes(both.last(plain.size()), plain));
}

/// A tensor that could be left out without a difference would hide that the graph forgot it.
TEST_P(Arch, EveryTensorChangesTheLogits) {
    const auto path = folder() / (GetParam() + ".gguf");
    const auto file = format::GgufFile::open(path).value();
    const auto run = [&](const Model& model) {
        std::vector<float> all;
        const std::shared_ptr<const Model> shared(&model, [](const Model*) {});
        for (const Golden& golden : read_goldens(GetParam())) {
            const auto logits = logits_of(shared, nullptr, golden.ids, golden.ids.size());
            all.insert(all.end(), logits.begin(), logits.end());
        }
        return all;
    };
    const std::vector<float> whole = run(*Model::load(path).value());
    for (const format::GgufTensor& changed : file.tensors()) {
        format::GgufWriter writer;
        for (const auto& [key, value] : file.metadata())
            writer.set(key, value);
        const std::vector<std::byte> zeros(changed.bytes.size());
        for (const format::GgufTensor& tensor : file.tensors()) {
            const auto bytes =
                &tensor == &changed ? std::span<const std::byte>(zeros) : tensor.bytes;
            ASSERT_TRUE(writer.add_tensor(tensor.name, tensor.type, tensor.dims, bytes));
        }
        const auto model = Model::from_bytes(writer.to_bytes());
        ASSERT_TRUE(model) << model.error().to_string();
        const float difference = max_difference(run(**model), whole);
        EXPECT_FALSE(difference < 1e-3F) << changed.name << " as zeros: " << difference;
    }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Arch, ::testing::ValuesIn(checkpoints()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace cairn::engine
