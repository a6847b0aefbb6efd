// SPDX-License-Identifier: Apache-2.0
// Hugging Face directories: old and new styles of config.json give the same logits, and what the
// graph would compute wrongly is refused by its name.
#include "hf_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/engine/forward.h"

namespace cairn::engine {
namespace {

namespace fs = std::filesystem;
using Edit = std::function<void(nlohmann::json&)>;

/// A copy of a checkpoint of testdata/arch whose config.json was edited.
class Copy {
  public:
    Copy(const std::string& name, const Edit& edit) {
        const fs::path from = fs::path(CAIRN_SOURCE_DIR) / "src/engine/testdata/arch" / name;
        folder_ = fs::temp_directory_path() /
                  ("cairn_hf_" + std::to_string(getpid()) + "_" + std::to_string(count_++));
        fs::remove_all(folder_);
        fs::copy(from, folder_);
        auto config = nlohmann::json::parse(read_file(from / "config.json", 1 << 20).value());
        edit(config);
        const Status written = write_file_atomic(folder_ / "config.json", config.dump());
        CAIRN_ASSERT(written.has_value());
    }
    ~Copy() { fs::remove_all(folder_); }
    const fs::path& folder() const { return folder_; }

  private:
    static inline int count_ = 0;
    fs::path folder_;
};

std::vector<float> logits_of(const fs::path& folder) {
    const auto model = Model::load(folder);
    if (!model) {
        ADD_FAILURE() << model.error().to_string();
        return {};
    }
    std::vector<TokenId> ids;
    for (int i = 0; i < 40; ++i)
        ids.push_back((i * 31 + 7) % 120 + 3);
    Forward forward(*model, nullptr);
    KvCache kv((*model)->config(), std::ssize(ids));
    const BatchItem item = {&kv, ids, nullptr, Logits::kAll};
    const auto logits = forward.run({&item, 1}).value();
    return {logits.begin(), logits.end()};
}

void expect_same(const std::string& name, const Edit& edit) {
    const Copy as_it_is(name, [](nlohmann::json&) {});
    const Copy edited(name, edit);
    EXPECT_EQ(logits_of(as_it_is.folder()), logits_of(edited.folder())) << name;
}

/// How configs looked before version 5 of transformers.
void make_old(nlohmann::json& config) {
    nlohmann::json rope = config.at("rope_parameters");
    config.erase("rope_parameters");
    config["rope_theta"] = rope.at("rope_theta");
    rope.erase("rope_theta");
    if (rope.contains("partial_rotary_factor")) rope.erase("partial_rotary_factor");
    config["rope_scaling"] = rope.at("rope_type") == "default" ? nlohmann::json() : rope;
    config["torch_dtype"] = config.at("dtype");
    config.erase("dtype");
    config.erase("layer_types");
}

TEST(HfModel, OldAndNewStylesOfConfigAreTheSameModel) {
    for (const char* name : {"llama3", "llama_linear", "mistral", "mixtral", "qwen3", "gpt_oss",
                             "granite", "smollm3", "deepseek_v2", "deepseek_v3"}) {
        expect_same(name, make_old);
    }
    expect_same("qwen2", [](nlohmann::json& config) {
        make_old(config);  // which layers see a window is said by max_window_layers
        config["rope_scaling"]["type"] = config["rope_scaling"]["rope_type"];
        config["rope_scaling"].erase("rope_type");
    });
    expect_same("phi3", [](nlohmann::json& config) {
        make_old(config);
        config["partial_rotary_factor"] = 0.75;
        config["rope_scaling"].erase("rope_type");
        config["rope_scaling"].erase("original_max_position_embeddings");
        config["rope_scaling"]["type"] = "su";
        config["original_max_position_embeddings"] = 32;
    });
    expect_same("gemma3", [](nlohmann::json& config) {
        config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
        config["rope_theta"] = 1e6;
        config["rope_local_base_freq"] = 10000.0;
        config.erase("rope_parameters");
        config.erase("layer_types");
    });
    expect_same("gemma3", [](nlohmann::json& config) {  // the text part of a larger model
        config = {{"architectures", {"Gemma3ForConditionalGeneration"}}, {"text_config", config}};
        config["tie_word_embeddings"] = true;
    });
}

TEST(HfModel, RefusesByNameWhatItWouldComputeWrongly) {
    const struct {
        const char* name;
        Edit edit;
        const char* words;
    } kCases[] = {
        {"llama3", [](auto& c) { c["architectures"] = {"MambaForCausalLM"}; },
         "'MambaForCausalLM' is not known (known: "},
        {"llama3", [](auto& c) { c["architectures"] = nlohmann::json::array(); }, "architectures"},
        {"llama3", [](auto& c) { c["rope_parameters"]["rope_type"] = "dynamic"; },
         "rope type 'dynamic' is not known"},
        {"llama3", [](auto& c) { c["hidden_act"] = "relu2"; }, "expected silu, found 'relu2'"},
        {"llama3", [](auto& c) { c["num_hidden_layers"] = 1; }, "tensor blk.1."},
        {"llama3", [](auto& c) { c["num_hidden_layers"] = 3; }, "tensor blk.2."},
        {"llama3", [](auto& c) { c["num_attention_heads"] = "many"; }, "num_attention_heads"},
        {"llama3", [](auto& c) { c.erase("rms_norm_eps"); }, "layer_norm_rms_epsilon"},
        {"llama3", [](auto& c) { c["partial_rotary_factor"] = 1e300; }, "partial_rotary_factor"},
        {"qwen2", [](auto& c) { c["layer_types"][0] = "chunked_attention"; },
         "layer type 'chunked_attention' is not known"},
        {"gemma3", [](auto& c) { c["use_bidirectional_attention"] = true; },
         "use_bidirectional_attention"},
        {"smollm3",
         [](auto& c) {
             c["no_rope_layers"] = {0, 1, 1, 1, 1};
         },
         "no_rope_layers"},
        {"qwen3moe", [](auto& c) { c["mlp_only_layers"] = {0}; }, "mlp_only_layers"},
        {"gpt_oss", [](auto& c) { c["swiglu_limit"] = 3.0; }, "swiglu_limit: expected 7"},
        {"deepseek_v3", [](auto& c) { c["scoring_func"] = "tanh"; }, "scoring_func tanh"},
        {"deepseek_v2", [](auto& c) { c["rope_parameters"]["mscale"] = 1.5; }, "mscale"},
        {"minimax_01", [](auto& c) { c["mlp_alpha_factor"] = 9.0; }, "mlp_alpha_factor"},
        {"minimax_m2", [](auto& c) { c["scoring_func"] = "softmax"; }, "scoring_func"},
    };
    for (const auto& [name, edit, words] : kCases) {
        const Copy copy(name, edit);
        const auto model = Model::load(copy.folder());
        ASSERT_FALSE(model) << name << ": " << words;
        EXPECT_NE(model.error().message.find(words), std::string::npos)
            << name << ": " << model.error().message;
    }
}

TEST(HfModel, AnswersEndWithEveryTokenOfTheGenerationConfig) {
    const Copy copy("qwen3", [](nlohmann::json&) {});
    ASSERT_TRUE(write_file_atomic(copy.folder() / "generation_config.json",
                                  R"({"eos_token_id": [2, 77, 9999999]})"));
    const auto model = Model::load(copy.folder()).value();
    EXPECT_TRUE(model->tokenizer().is_end(2));
    EXPECT_TRUE(model->tokenizer().is_end(77));
    EXPECT_FALSE(model->tokenizer().is_end(78));
}

TEST(HfModel, RefusesAdaptersInTheRowOrderOfGguf) {
    const fs::path arch = fs::path(CAIRN_SOURCE_DIR) / "src/engine/testdata/arch";
    format::Adapter adapter;
    adapter.architecture = "llama";
    adapter.pairs.push_back(
        {"blk.0.attn_q.weight", 1, 32, 32, std::vector<float>(32), std::vector<float>(32)});
    const fs::path path =
        fs::temp_directory_path() / ("cairn_adapter_" + std::to_string(getpid()) + ".gguf");
    ASSERT_TRUE(format::write_adapter(path, adapter));
    const auto file = Model::load(arch / "llama3.gguf").value();
    EXPECT_TRUE(Adapter::load(path, *file));
    const auto directory = Model::load(arch / "llama3").value();
    const auto refused = Adapter::load(path, *directory);
    fs::remove(path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kUnsupported);
}

TEST(HfModel, LeavesOutLayersThatGuessFurtherAhead) {
    const Copy copy("deepseek_v3", [](nlohmann::json& config) {
        config["num_hidden_layers"] = 2;  // of the three that the file has
        config["num_nextn_predict_layers"] = 1;
    });
    const auto model = Model::load(copy.folder());
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ((*model)->config().layers, 2);
}

// The published gpt-oss: experts as MXFP4 blocks and scales. The products round their inputs to
// int8, so the logits are near those of the same weights in plain numbers, not equal.
TEST(HfModel, ReadsExpertsInMxfp4) {
    const fs::path folder = fs::path(CAIRN_SOURCE_DIR) / "src/engine/testdata/arch";
    const auto packed = Model::load(folder / "gpt_oss_mxfp4");
    ASSERT_TRUE(packed) << packed.error().to_string();
    EXPECT_EQ((*packed)->weight(0, Slot::kExpertUp).dtype, TensorType::kMXFP4);
    const std::vector<float> got = logits_of(folder / "gpt_oss_mxfp4");
    const std::vector<float> plain = logits_of(folder / "gpt_oss_plain");
    ASSERT_EQ(got.size(), plain.size());
    double error = 0;
    double power = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        error += std::pow(static_cast<double>(got[i]) - plain[i], 2);
        power += std::pow(static_cast<double>(plain[i]), 2);
    }
    EXPECT_LE(error / power, 5e-4);
}

// 2^62 key rows more and as many value rows fewer: sums and sizes in memory wrap to the right ones,
// and the copy of the rows then wrote far behind its memory.
TEST(HfModel, RefusesSizesThatFitOnlyByWrapping) {
    const Copy wrapped("deepseek_v3", [](nlohmann::json& config) {
        const std::int64_t keys = config.at("qk_nope_head_dim");
        const std::int64_t values = config.at("v_head_dim");
        config["qk_nope_head_dim"] = keys + (1LL << 62);
        config["v_head_dim"] = values - (1LL << 62);
    });
    const auto model = Model::load(wrapped.folder());
    ASSERT_FALSE(model);
    EXPECT_NE(model.error().message.find("qk_nope_head_dim: expected 1 to 1048576, found 4611"),
              std::string::npos)
        << model.error().message;
}

// 2^32 + 2 layers were read as 2.
TEST(HfModel, RefusesCountsBeyond32Bits) {
    const Copy large("llama3", [](nlohmann::json& config) {
        config["num_hidden_layers"] = (1LL << 32) + config.at("num_hidden_layers").get<int>();
    });
    const auto model = Model::load(large.folder());
    ASSERT_FALSE(model);
    EXPECT_NE(model.error().message.find("num_hidden_layers: expected 0 to 4294967295"),
              std::string::npos);
}

TEST(HfModel, WeightsStayInTheMapping) {
    const fs::path folder = fs::path(CAIRN_SOURCE_DIR) / "src/engine/testdata/arch/qwen3";
    const auto directory = format::HfDirectory::open(folder).value();
    const auto file = gguf_from_directory(directory).value();
    const auto* query = file.find_tensor("blk.1.attn_q.weight");
    ASSERT_NE(query, nullptr);
    EXPECT_EQ(query->bytes.data(),
              directory.find("model.layers.1.self_attn.q_proj.weight")->bytes.data());
}

/// llama.cpp aborted on a converted file that left it to the reader.
TEST(HfModel, MiniMaxM2SaysThatExpertsAreChosenByASigmoid) {
    const auto directory = format::HfDirectory::open(fs::path(CAIRN_SOURCE_DIR) /
                                                     "src/engine/testdata/arch/minimax_m2");
    ASSERT_TRUE(directory) << directory.error().to_string();
    const auto file = gguf_from_directory(*directory);
    ASSERT_TRUE(file) << file.error().to_string();
    EXPECT_EQ(file->get_u32("minimax-m2.expert_gating_func").value(), 2U);
}

}  // namespace
}  // namespace cairn::engine
