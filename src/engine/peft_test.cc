// SPDX-License-Identifier: Apache-2.0
// PEFT adapters against what peft and transformers compute with them
// (tools/golden/make_peft_golden.py), and back to PEFT.
#include "cairn/engine/peft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "cairn/base/files.h"
#include "cairn/engine/adapter.h"
#include "cairn/engine/forward.h"
#include "cairn/format/safetensors.h"

namespace cairn::engine {
namespace {

const std::filesystem::path kData = std::string(CAIRN_SOURCE_DIR) + "/src/engine/testdata";

class PeftErrors : public ::testing::Test {
  protected:
    std::shared_ptr<const Model> model_ = Model::load(kData / "llama_untied.gguf").value();
    ScopedFolder folder_{"cairn-peft-"};
};
class Peft : public PeftErrors, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Adapters, Peft, ::testing::Values("default", "rslora"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Peft, ComputesWhatPeftComputes) {
    const auto folder = kData / "peft" / GetParam();
    ASSERT_TRUE(is_peft_folder(folder));
    const auto parts = read_peft(folder, *model_);
    ASSERT_TRUE(parts) << parts.error().to_string();
    EXPECT_EQ(parts->pairs.size(), 14U);
    const auto adapter = Adapter::from_parts(*parts, *model_, "test");
    ASSERT_TRUE(adapter) << adapter.error().to_string();
    const auto expected = format::SafetensorsFile::open(folder / "expected.safetensors");
    ASSERT_TRUE(expected);
    std::vector<std::int32_t> ids(16);
    std::memcpy(ids.data(), expected->find("ids")->bytes.data(), 64);
    std::vector<float> wanted(16 * 128);
    ASSERT_EQ(expected->find("logits")->bytes.size(), wanted.size() * 4);
    std::memcpy(wanted.data(), expected->find("logits")->bytes.data(), wanted.size() * 4);
    const std::vector<TokenId> tokens(ids.begin(), ids.end());
    Forward forward(model_, nullptr);
    KvCache kv(model_->config(), 16);
    const BatchItem item = {&kv, tokens, adapter->get(), Logits::kAll};
    const auto logits = forward.run(std::span(&item, 1));
    ASSERT_TRUE(logits);
    double largest = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        largest = std::max(largest, std::fabs(static_cast<double>((*logits)[i]) - wanted[i]));
    EXPECT_LT(largest, 1e-4);
}

TEST_P(Peft, WritesWhatItReads) {
    const auto read = read_peft(kData / "peft" / GetParam(), *model_);
    ASSERT_TRUE(read);
    // To check with peft: CAIRN_PEFT_OUT=FOLDER, then make_peft_golden.py FOLDER.
    const char* named = std::getenv("CAIRN_PEFT_OUT");
    const std::filesystem::path out = named != nullptr ? named : folder_.path() / "out";
    const Status written = write_peft(out, *read, *model_, "base");
    ASSERT_TRUE(written) << written.error().to_string();
    const auto again = read_peft(out, *model_);
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_EQ(again->alpha, read->alpha);
    ASSERT_EQ(again->pairs.size(), read->pairs.size());
    for (const format::LoraPair& pair : read->pairs) {
        const auto same = std::ranges::find(again->pairs, pair.target, &format::LoraPair::target);
        ASSERT_NE(same, again->pairs.end()) << pair.target;
        EXPECT_EQ(same->a, pair.a);
        EXPECT_EQ(same->b, pair.b);
    }
}

TEST_F(PeftErrors, RefusesWhatIsMoreThanLora) {
    std::filesystem::copy(kData / "peft" / "default", folder_.path(),
                          std::filesystem::copy_options::recursive);
    const auto message = [&](const std::string& setting) {
        std::ofstream(folder_.path() / "adapter_config.json")
            << R"({"lora_alpha": 6, "r": 4, )" << setting << "}";
        const auto adapter = read_peft(folder_.path(), *model_);
        return adapter ? "no error" : adapter.error().message;
    };
    EXPECT_EQ(message(R"("bias": "none")"), "no error");
    const auto expect = [&](const std::string& setting, const char* words) {
        EXPECT_NE(message(setting).find(words), std::string::npos) << message(setting);
    };
    expect(R"("modules_to_save": ["lm_head", "embed_tokens"])",
           "expected no modules_to_save, found lm_head, embed_tokens");
    expect(R"("use_dora": true)", "use_dora");
    expect(R"("peft_type": "IA3")", "found IA3");
    expect(R"("bias": "all")", "found all");
    // One alpha moves into the adapter, what differs into B: neither may become infinite.
    expect(R"("alpha_pattern": {"mlp.up_proj": 0})", "lora_alpha of size 1e-6 to 1e6, found 0");
    expect(R"("alpha_pattern": {"mlp.up_proj": 1e300})", "found 1e+300");
    const auto weights = [&](const std::string& bytes) {
        std::ofstream(folder_.path() / "adapter_model.safetensors", std::ios::binary) << bytes;
        return message(R"("bias": "none")");
    };
    const std::vector<float> values(64, 1.0F);
    const auto bytes = std::as_bytes(std::span(values));
    const auto tensor = [&](const std::string& module, std::uint64_t rows, std::uint64_t columns) {
        return format::SafetensorsTensor{"base_model.model." + module + ".weight",
                                         format::SafetensorsType::kF32,
                                         {rows, columns},
                                         bytes.first(4 * rows * columns)};
    };
    const std::string up = "model.layers.0.mlp.up_proj.";
    EXPECT_NE(weights(format::write_safetensors({tensor(up + "lora_A", 2, 32)}).value())
                  .find("expected lora_A and lora_B"),
              std::string::npos);
    EXPECT_NE(weights(format::write_safetensors(
                          {tensor(up + "lora_A", 2, 32), tensor(up + "lora_B", 4, 3)})
                          .value())
                  .find("found [2, 32] and [4, 3]"),
              std::string::npos);
    EXPECT_NE(weights(format::write_safetensors(
                          {tensor("lm_head.lora_A", 2, 32), tensor("lm_head.lora_B", 4, 2)})
                          .value())
                  .find("found 'lm_head'"),
              std::string::npos);
    EXPECT_NE(weights(format::write_safetensors(
                          {tensor(up + "lora_A", 0, 32), tensor(up + "lora_B", 4, 0)})
                          .value())
                  .find("as a matrix of floats"),
              std::string::npos);
    EXPECT_NE(weights(format::write_safetensors({}).value()).find("found none"), std::string::npos);
}

}  // namespace
}  // namespace cairn::engine
