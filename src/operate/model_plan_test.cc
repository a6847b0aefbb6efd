// SPDX-License-Identifier: Apache-2.0
// Plans against numbers that the makers of well-known models publish, and against arithmetic done
// by hand.
#include "cairn/operate/model_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cairn/base/files.h"
#include "cairn/format/gguf.h"

namespace cairn::operate {
namespace {

using ::testing::HasSubstr;

Machine machine(double gigabytes) {
    Machine made;
    made.memory_bytes = gigabytes * 1e9;
    made.read_gb_per_s = 40;
    made.int8_gop_per_s = 2000;
    return made;
}

constexpr Efficiency kHalf = {0.5, 0.5};

TEST(ModelShape, CountsParametersAsTheMakersDo) {
    struct Case {
        const char* name;
        const char* config;
        double billions;  ///< as published
        double active;
        double kv_values;
    };
    const Case cases[] = {
        {"Qwen3-0.6B",
         R"({"model_type":"qwen3","hidden_size":1024,"num_hidden_layers":28,
             "num_attention_heads":16,"num_key_value_heads":8,"head_dim":128,
             "intermediate_size":3072,"vocab_size":151936,"tie_word_embeddings":true,
             "max_position_embeddings":40960})",
         0.596, 0.596, 28 * 2 * 8 * 128},
        {"Llama-3.1-8B",
         R"({"model_type":"llama","hidden_size":4096,"num_hidden_layers":32,
             "num_attention_heads":32,"num_key_value_heads":8,"intermediate_size":14336,
             "vocab_size":128256})",
         8.03, 7.50, 32 * 2 * 8 * 128},
        {"Mixtral-8x7B",
         R"({"model_type":"mixtral","hidden_size":4096,"num_hidden_layers":32,
             "num_attention_heads":32,"num_key_value_heads":8,"intermediate_size":14336,
             "vocab_size":32000,"num_local_experts":8,"num_experts_per_tok":2})",
         46.7, 12.75, 32 * 2 * 8 * 128},
        {"DeepSeek-V3",
         R"({"model_type":"deepseek_v3","hidden_size":7168,"num_hidden_layers":61,
             "num_attention_heads":128,"num_key_value_heads":128,"intermediate_size":18432,
             "moe_intermediate_size":2048,"n_routed_experts":256,"n_shared_experts":1,
             "num_experts_per_tok":8,"first_k_dense_replace":3,"vocab_size":129280,
             "kv_lora_rank":512,"q_lora_rank":1536,"qk_nope_head_dim":128,
             "qk_rope_head_dim":64,"v_head_dim":128})",
         671, 36.6, 61 * 576},
    };
    for (const Case& model : cases) {
        const auto shape = shape_of_config(model.config);
        ASSERT_TRUE(shape) << model.name << ": " << shape.error().to_string();
        EXPECT_NEAR(shape->parameters / 1e9, model.billions, 0.005 * model.billions) << model.name;
        EXPECT_NEAR(shape->active_parameters / 1e9, model.active, 0.02 * model.active)
            << model.name;
        EXPECT_EQ(shape->kv_values_per_position, model.kv_values) << model.name;
    }
}

TEST(ModelShape, ConfigsThatDoNotSayEnoughAreRefused) {
    const std::pair<const char*, const char*> cases[] = {
        {"[]", "object"},
        {"{}", "hidden_size"},
        {R"({"hidden_size":"x"})", "hidden_size"},
        {R"({"hidden_size":-1,"num_hidden_layers":1,"vocab_size":1})", "hidden_size"},
        {R"({"hidden_size":1e30,"num_hidden_layers":1,"vocab_size":1})", "hidden_size"},
        {R"({"hidden_size":64,"num_hidden_layers":2,"vocab_size":9,"num_attention_heads":0})",
         "num_attention_heads"},
        {R"({"hidden_size":64,"num_hidden_layers":9999,"vocab_size":9})", "num_hidden_layers"},
    };
    for (const auto& [config, message] : cases) {
        const auto shape = shape_of_config(config);
        ASSERT_FALSE(shape) << config;
        EXPECT_THAT(shape.error().message, HasSubstr(message)) << config;
    }
}

TEST(ModelShape, ReadsGgufHeaders) {
    const std::vector<float> values(64 * 64, 1.0F);
    format::GgufWriter writer;
    writer.set("general.architecture", "llama");
    writer.set("general.name", "tiny");
    writer.set("llama.block_count", std::uint32_t{2});
    writer.set("llama.context_length", std::uint32_t{512});
    writer.set("llama.embedding_length", std::uint32_t{64});
    writer.set("llama.attention.head_count", std::uint32_t{4});
    writer.set("llama.attention.head_count_kv", std::vector<std::int32_t>{2, 1});
    ASSERT_TRUE(writer.add_tensor("blk.0.attn_q.weight", format::TensorType::kF32, {64, 64},
                                  std::as_bytes(std::span(values))));
    const ScopedFolder folder("plan");
    ASSERT_TRUE(writer.write(folder.path() / "tiny.gguf"));
    const ModelShape shape = read_model_shape(folder.path() / "tiny.gguf").value();
    EXPECT_EQ(shape.parameters, 64 * 64);
    EXPECT_EQ(shape.stored_bytes, 64 * 64 * 4);
    EXPECT_EQ(shape.stored_type, "F32");
    EXPECT_EQ(shape.kv_values_per_position, (2 + 1) * 2 * 16);
    EXPECT_EQ(shape.context, 512);
}

ModelShape eight_billion() {
    ModelShape shape;
    shape.name = "eight";
    shape.parameters = shape.active_parameters = 8e9;
    shape.kv_values_per_position = 65'536;
    shape.context = 8192;
    shape.layers = 32;
    return shape;
}

TEST(ModelPlan, FollowsTheArithmetic) {
    const Plan plan = plan_model(eight_billion(), machine(64), kHalf, {4096, 2, 4});
    const auto row = std::ranges::find(plan.rows, "Q8_0", &PlanRow::type);
    ASSERT_NE(row, plan.rows.end());
    EXPECT_NEAR(row->weight_bytes, 8.5e9, 1);
    EXPECT_NEAR(row->kv_bytes, 65'536.0 * 4 * 4096 * 2, 1);
    EXPECT_NEAR(row->prefill_tokens_per_s, 2000e9 * 0.5 / 16e9, 0.01)
        << "no attention in this shape";
    EXPECT_NEAR(row->decode_tokens_per_s, 20e9 / (8.5e9 + 65'536.0 * 4 * 2048), 0.001);
    EXPECT_NEAR(row->decode_all_tokens_per_s, 2 * 20e9 / (8.5e9 + 2 * 65'536.0 * 4 * 2048), 0.001);
    EXPECT_TRUE(row->fits);
    EXPECT_EQ(row->context_max, 8192) << "memory would allow more than the model knows";
}

TEST(ModelPlan, AttentionOfALongPromptRunsInFloats) {
    ModelShape shape = eight_billion();
    shape.attention_operations = 32 * 4 * 4096;  // 32 layers, two products of width 4096
    Machine here = machine(64);
    here.f32_gflop_per_s = 200;
    const Efficiency share = {0.5, 0.5, 0.25, true};
    const PlanRow row = plan_model(shape, here, share, {8192, 1, 4}).rows[0];
    const double products = 16e9 / 1000e9;
    const double attention = 32 * 4 * 4096 * 2048.0 / 50e9;  // a quarter of the context, on average
    EXPECT_NEAR(row.prefill_tokens_per_s, 1 / (products + attention), 0.01);
}

TEST(ModelPlan, ProposesNoMoreBitsThanThereAre) {
    ModelShape shape = eight_billion();
    shape.stored_bytes = 4.5e9;
    shape.stored_type = "Q4_K";
    const Plan plan = plan_model(shape, machine(64), kHalf, {});
    ASSERT_FALSE(plan.rows.empty());
    EXPECT_EQ(plan.rows[0].type, "as stored");
    for (std::size_t i = 1; i < plan.rows.size(); ++i)
        EXPECT_LT(plan.rows[i].weight_bytes, 4.5e9) << plan.rows[i].type;
    EXPECT_EQ(plan.take, "IQ4_XS") << "as it is, it answers slower than people read";
    shape.parameters = shape.active_parameters = 1e9;
    shape.stored_bytes = 0.56e9;
    const Plan small = plan_model(shape, machine(64), kHalf, {});
    EXPECT_EQ(small.take, "as stored");
    EXPECT_THAT(small.advice, HasSubstr("as it is (Q4_K)"));
    shape.stored_type = "BF16";
    shape.stored_bytes = 2e9;
    EXPECT_EQ(plan_model(shape, machine(64), kHalf, {}).take, "Q8_0");
}

TEST(ModelPlan, TheContextIsTheModelsWhenThatIsShort) {
    ModelShape shape = eight_billion();
    EXPECT_EQ(plan_model(shape, machine(64), kHalf, {}).context, 4096);
    shape.context = 512;
    const Plan plan = plan_model(shape, machine(64), kHalf, {});
    EXPECT_EQ(plan.context, 512);
    EXPECT_NEAR(plan.rows[0].kv_bytes, 65'536.0 * 4 * 512, 1);
    EXPECT_THAT(plan_model(shape, machine(64), kHalf, {4096, 1, 4}).advice,
                HasSubstr("knows only 512"));
}

TEST(ModelPlan, AdvisesByMemoryAndSpeed) {
    ModelShape shape = eight_billion();
    EXPECT_EQ(plan_model(shape, machine(8), kHalf, {4096, 1, 4}).take, "IQ4_XS");
    EXPECT_THAT(plan_model(shape, machine(8), kHalf, {4096, 1, 4}).advice, HasSubstr("wait"));
    EXPECT_EQ(plan_model(shape, machine(4.7), kHalf, {1024, 1, 4}).take, "Q3_K");
    EXPECT_THAT(plan_model(shape, machine(4.7), kHalf, {1024, 1, 4}).advice,
                HasSubstr("loses quality"));
    shape.parameters = shape.active_parameters = 1e9;
    shape.kv_values_per_position = 16'384;
    EXPECT_EQ(plan_model(shape, machine(16), kHalf, {4096, 1, 4}).take, "Q8_0");
    EXPECT_EQ(plan_model(shape, machine(1.2), kHalf, {1024, 1, 4}).take, "Q6_K");
    const Plan none = plan_model(eight_billion(), machine(2), kHalf, {4096, 1, 4});
    EXPECT_EQ(none.take, "");
    EXPECT_THAT(none.advice, HasSubstr("does not fit this machine"));
    const Plan shorter = plan_model(eight_billion(), machine(4), kHalf, {8192, 4, 4});
    EXPECT_THAT(shorter.advice, HasSubstr("would fit with"));
}

TEST(ModelPlan, MeasuresTheMemoryOfThisMachine) {
    const Machine here = measure_memory();
    EXPECT_GT(here.memory_bytes, 1e8);
    EXPECT_GT(here.free_bytes, 0);
    EXPECT_LE(here.free_bytes, 1.01 * here.memory_bytes);
}

}  // namespace
}  // namespace cairn::operate
