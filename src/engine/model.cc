// SPDX-License-Identifier: Apache-2.0
// Binds the tensors of a GGUF mapping to the slots of an architecture after checking every shape.
#include "cairn/engine/model.h"

#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <unordered_set>
#include <utility>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/format/gguf.h"
#include "cairn/format/tokenizer_gguf.h"
#include "cairn/text/chat_template.h"

namespace cairn::engine {

struct Model::State {
    MappedFile file;  ///< one of these two holds the bytes
    std::string memory;
    std::span<const std::byte> bytes;
    std::optional<format::GgufFile> gguf;
    std::optional<text::Tokenizer> tokenizer;
    ModelConfig config;
    std::string name;
    std::vector<Layer> layers;  ///< [layer + 1]; 0 holds what is outside of the layers
    std::vector<std::unique_ptr<float[]>> norms;
    mutable std::once_flag digest_once;
    mutable std::string digest;
};

namespace {

std::vector<std::uint64_t> expected_dims(const TensorSpec& spec) {
    const auto columns = static_cast<std::uint64_t>(spec.columns);
    if (spec.is_vector) return {columns};
    return {columns, static_cast<std::uint64_t>(spec.rows)};
}

Result<Weight> bind(const format::GgufFile& file, const TensorSpec& spec) {
    const format::GgufTensor* tensor = file.find_tensor(spec.name);
    if (tensor == nullptr) {
        return make_error(Code::kInvalid,
                          fmt::format("tensor {}: expected [{}], file does not have it", spec.name,
                                      fmt::join(expected_dims(spec), ", ")));
    }
    if (tensor->dims != expected_dims(spec)) {
        return make_error(
            Code::kInvalid,
            fmt::format("tensor {}: expected [{}], file has [{}]", spec.name,
                        fmt::join(expected_dims(spec), ", "), fmt::join(tensor->dims, ", ")));
    }
    const Weight weight = {tensor->bytes.data(), tensor->type, spec.rows, spec.columns};
    if (static_cast<std::uint64_t>(weight.bytes()) != tensor->bytes.size()) {
        return make_error(Code::kInvalid,
                          fmt::format("tensor {}: expected {} bytes, file has {}", spec.name,
                                      weight.bytes(), tensor->bytes.size()));
    }
    return weight;
}

/// A tensor that the graph does not read would be a part of the model that is silently left out.
Status refuse_unknown_tensors(const format::GgufFile& file, const std::vector<TensorSpec>& specs,
                              const std::string& architecture) {
    std::unordered_set<std::string_view> known;
    for (const TensorSpec& spec : specs)
        known.insert(spec.name);
    for (const format::GgufTensor& tensor : file.tensors()) {
        if (known.contains(tensor.name)) continue;
        return make_error(
            Code::kUnsupported,
            fmt::format("tensor {} is not known for architecture {}", tensor.name, architecture));
    }
    return {};
}

}  // namespace

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

Result<std::shared_ptr<const Model>> Model::load(const std::filesystem::path& path) {
    auto state = std::make_unique<State>();
    state->file = CAIRN_TRY(MappedFile::open(path));
    state->bytes = state->file.bytes();
    auto model = build(std::move(state));
    if (!model) return model.error().with_context(path.string());
    return model;
}

Result<std::shared_ptr<const Model>> Model::from_bytes(std::string gguf) {
    auto state = std::make_unique<State>();
    state->memory = std::move(gguf);
    state->bytes = std::as_bytes(std::span(state->memory));
    return build(std::move(state));
}

Result<std::shared_ptr<const Model>> Model::build(std::unique_ptr<State> state) {
    state->gguf = CAIRN_TRY(format::GgufFile::parse(state->bytes));
    const format::GgufFile& file = *state->gguf;
    state->config = CAIRN_TRY(read_model_config(file));
    state->name = CAIRN_TRY(file.get_string_or("general.name", ""));
    state->tokenizer = CAIRN_TRY(format::tokenizer_from_gguf(file));
    if (state->tokenizer->vocabulary_size() > state->config.vocabulary) {
        return make_error(Code::kInvalid, fmt::format("tokenizer has {} tokens, the model has {}",
                                                      state->tokenizer->vocabulary_size(),
                                                      state->config.vocabulary));
    }
    const std::vector<TensorSpec> specs = model_tensors(state->config);
    CAIRN_TRY(refuse_unknown_tensors(file, specs, state->config.architecture));
    state->layers.resize(static_cast<std::size_t>(state->config.layers + 1));
    for (const TensorSpec& spec : specs) {
        Weight weight = CAIRN_TRY(bind(file, spec));
        if (spec.is_vector) {
            auto& norm =
                state->norms.emplace_back(new float[static_cast<std::size_t>(spec.columns)]);
            kernels::dequantise_row(weight.dtype, weight.data, norm.get(), spec.columns);
            weight.data = norm.get();
            weight.dtype = kernels::DType::kF32;
        }
        state->layers[static_cast<std::size_t>(spec.layer + 1)]
                     [static_cast<std::size_t>(spec.slot)] = weight;
    }
    Layer& outside = state->layers[0];
    if (state->config.tied_head) {
        outside[static_cast<std::size_t>(Slot::kHead)] =
            outside[static_cast<std::size_t>(Slot::kEmbedding)];
    }
    return std::shared_ptr<const Model>(new Model(std::move(state)));
}

const ModelConfig& Model::config() const {
    return state_->config;
}
const text::Tokenizer& Model::tokenizer() const {
    return *state_->tokenizer;
}
const std::string& Model::name() const {
    return state_->name;
}
bool Model::has_chat() const {
    return text::has_chat_tokens(*state_->tokenizer);
}
std::int64_t Model::parameter_count() const {
    return state_->config.parameter_count();
}

std::int64_t Model::weight_bytes() const {
    std::int64_t bytes = 0;
    for (const Layer& layer : state_->layers) {
        for (const Weight& weight : layer)
            bytes += weight.data == nullptr ? 0 : weight.bytes();
    }
    return bytes -
           embedding().bytes();  // of the embedding only one row is read; tied heads count once
}

const std::string& Model::digest() const {
    std::call_once(state_->digest_once, [this] {
        const auto* data = reinterpret_cast<const char*>(state_->bytes.data());
        state_->digest = sha256_hex(std::string_view(data, state_->bytes.size()));
    });
    return state_->digest;
}

const format::GgufFile& Model::file() const {
    return *state_->gguf;
}

const Weight& Model::weight(std::int64_t layer, Slot slot) const {
    return state_->layers[static_cast<std::size_t>(layer + 1)][static_cast<std::size_t>(slot)];
}
const Weight& Model::embedding() const {
    return weight(-1, Slot::kEmbedding);
}
const Weight& Model::output_norm() const {
    return weight(-1, Slot::kOutputNorm);
}
const Weight& Model::head() const {
    return weight(-1, Slot::kHead);
}

}  // namespace cairn::engine
