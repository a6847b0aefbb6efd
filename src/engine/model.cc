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
#include "cairn/engine/model_digest.h"
#include "cairn/format/gguf.h"
#include "cairn/format/tokenizer_gguf.h"
#include "cairn/text/chat_template.h"
#include "hf_model.h"
#include "tensor_list.h"

namespace cairn::engine {

struct Model::State {
    MappedFile file;                   ///< of a single file
    std::string memory;                ///< or in memory
    std::span<const std::byte> bytes;  ///< of one of these two; empty: shards or a directory
    std::filesystem::path path;        ///< as given
    std::optional<format::GgufFile> gguf;
    std::optional<text::Tokenizer> tokenizer;
    ModelConfig config;
    std::string name;
    std::vector<Layer> layers;  ///< [layer + 1]; 0 holds what is outside of the layers
    std::vector<std::unique_ptr<float[]>> norms;
    std::vector<std::vector<const void*>> expert_data;
    mutable std::once_flag digest_once;
    mutable std::string digest;

    Weight& at(std::int64_t layer, Slot slot) {
        return layers[static_cast<std::size_t>(layer + 1)][static_cast<std::size_t>(slot)];
    }
    Status add(const TensorSpec& spec);
    Status add_experts(const TensorSpec& spec, Weight& weight);
    Status split_latent();
    Status open(const std::filesystem::path& from);
    std::string hash() const;
};

namespace {

std::vector<std::uint64_t> expected_dims(const TensorSpec& spec) {
    std::vector<std::uint64_t> dims = {static_cast<std::uint64_t>(spec.columns)};
    if (!spec.is_vector) dims.push_back(static_cast<std::uint64_t>(spec.rows));
    if (spec.experts != 0) dims.push_back(static_cast<std::uint64_t>(spec.experts));
    return dims;
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
    Weight weight;
    weight.data = tensor->bytes.data();
    weight.dtype = tensor->type;
    weight.rows = spec.rows;
    weight.columns = spec.columns;
    weight.experts = spec.experts;
    if (static_cast<std::uint64_t>(weight.bytes()) != tensor->bytes.size()) {
        return make_error(Code::kInvalid,
                          fmt::format("tensor {}: expected {} bytes, file has {}", spec.name,
                                      weight.bytes(), tensor->bytes.size()));
    }
    return weight;
}

bool is_split(const format::GgufFile& file, const TensorSpec& spec) {
    return spec.experts != 0 && !spec.is_bias && file.find_tensor(spec.name) == nullptr &&
           file.find_tensor(expert_tensor_name(spec, 0)) != nullptr;
}

bool is_expert(Slot slot) {
    return slot == Slot::kExpertGate || slot == Slot::kExpertUp || slot == Slot::kExpertDown;
}

/// A tensor that the graph does not read would be a part of the model that is silently left out.
Status refuse_unknown_tensors(const format::GgufFile& file, const std::vector<TensorSpec>& specs,
                              const std::string& architecture) {
    std::unordered_set<std::string> known;
    for (const TensorSpec& spec : specs) {
        if (!is_split(file, spec)) {
            known.insert(spec.name);
            continue;
        }
        for (std::int64_t expert = 0; expert < spec.experts; ++expert) {
            std::string name = expert_tensor_name(spec, expert);
            if (file.find_tensor(name) == nullptr) break;  // the file bounds what is kept
            known.insert(std::move(name));
        }
    }
    for (const format::GgufTensor& tensor : file.tensors()) {
        if (known.contains(tensor.name)) continue;
        return make_error(
            Code::kUnsupported,
            fmt::format("tensor {} is not known for architecture {}", tensor.name, architecture));
    }
    return {};
}

}  // namespace

/// Binds one tensor; vectors are widened to f32.
Status Model::State::add(const TensorSpec& spec) {
    const format::GgufFile& file = *gguf;
    const bool split = is_split(file, spec);
    if (spec.optional && !split && file.find_tensor(spec.name) == nullptr) return {};
    Weight& place = at(spec.layer, spec.slot);
    if (spec.experts != 0 && !spec.is_bias) return add_experts(spec, place);
    const Weight weight = CAIRN_TRY(bind(file, spec));
    if (!spec.is_vector) {
        const float* bias = place.bias;
        place = weight;
        place.bias = bias;
        return {};
    }
    const std::int64_t count = spec.columns * std::max<std::int64_t>(1, spec.experts);
    auto& values = norms.emplace_back(new float[static_cast<std::size_t>(count)]);
    kernels::dequantise_row(weight.dtype, weight.data, values.get(), count);
    if (spec.is_bias) {
        place.bias = values.get();
    } else {
        place = weight;
        place.data = values.get();
        place.dtype = kernels::DType::kF32;
    }
    return {};
}

std::string Model::State::hash() const {
    if (!bytes.empty())
        return sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const auto digest = model_digest(path);
    // Equal to no digest: what compares digests refuses, and shows this.
    return digest ? *digest : "unknown (" + digest.error().message + ")";
}

Status Model::State::add_experts(const TensorSpec& spec, Weight& place) {
    std::vector<const void*>& data = expert_data.emplace_back();
    const float* bias = place.bias;
    if (!is_split(*gguf, spec)) {
        place = CAIRN_TRY(bind(*gguf, spec));
        const auto* begin = static_cast<const std::byte*>(place.data);
        for (std::int64_t expert = 0; expert < spec.experts; ++expert)
            data.push_back(begin + expert * place.matrix_bytes());
    }
    for (std::int64_t expert = std::ssize(data); expert < spec.experts; ++expert) {
        TensorSpec one = spec;
        one.name = expert_tensor_name(spec, expert);
        one.experts = 0;
        const Weight weight = CAIRN_TRY(bind(*gguf, one));
        if (expert > 0 && weight.dtype != place.dtype) {
            return make_error(Code::kUnsupported,
                              fmt::format("tensor {}: expected the type {} of the first expert, "
                                          "found {}",
                                          one.name, kernels::dtype_name(place.dtype),
                                          kernels::dtype_name(weight.dtype)));
        }
        if (expert == 0) place = weight;
        data.push_back(weight.data);
    }
    place.experts = spec.experts;
    place.expert_data = data.data();
    place.bias = bias;
    return {};
}

/// Older files hold keys and values of latent attention in one matrix: the values' part is used in
/// place, the keys' part is transposed once.
Status Model::State::split_latent() {
    const LatentConfig& latent = config.latent;
    const std::int64_t head_rows = latent.plain_width + latent.value_width;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        const Weight joint = at(layer, Slot::kKeyValueUp);
        if (joint.data == nullptr) {
            if (at(layer, Slot::kKeyUp).data != nullptr &&
                at(layer, Slot::kValueUp).data != nullptr)
                continue;
            return make_error(
                Code::kInvalid,
                fmt::format("layer {}: expected attn_kv_b, or attn_k_b and attn_v_b", layer));
        }
        const std::int64_t heads = config.layer(layer).heads;
        const std::int64_t row_bytes = kernels::bytes_per_row(joint.dtype, joint.columns);
        const auto* begin = static_cast<const std::byte*>(joint.data);
        std::vector<const void*>& values = expert_data.emplace_back();
        std::vector<const void*>& keys = expert_data.emplace_back();
        std::vector<float> row(static_cast<std::size_t>(joint.columns));
        for (std::int64_t head = 0; head < heads; ++head) {
            const std::byte* rows = begin + head * head_rows * row_bytes;
            values.push_back(rows + latent.plain_width * row_bytes);
            const std::int64_t size = latent.plain_width * latent.kv_rank;
            float* turned = norms.emplace_back(new float[static_cast<std::size_t>(size)]).get();
            for (std::int64_t r = 0; r < latent.plain_width; ++r) {
                kernels::dequantise_row(joint.dtype, rows + r * row_bytes, row.data(),
                                        joint.columns);
                for (std::int64_t c = 0; c < latent.kv_rank; ++c) {
                    turned[c * latent.plain_width + r] = row[static_cast<std::size_t>(c)];
                }
            }
            keys.push_back(turned);
        }
        at(layer, Slot::kValueUp) = {values[0], joint.dtype, latent.value_width, latent.kv_rank,
                                     nullptr,   heads,       values.data()};
        at(layer, Slot::kKeyUp) = {
            keys[0], kernels::DType::kF32, latent.kv_rank, latent.plain_width, nullptr,
            heads,   keys.data()};
        at(layer, Slot::kKeyValueUp) = {};
    }
    return {};
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

/// Opens a file, the shards behind a first one, or a Hugging Face directory.
Status Model::State::open(const std::filesystem::path& from) {
    std::error_code failure;
    path = from;
    if (std::filesystem::is_directory(path, failure)) {
        const format::HfDirectory directory = CAIRN_TRY(format::HfDirectory::open(path));
        gguf = CAIRN_TRY(gguf_from_directory(directory));
        tokenizer = CAIRN_TRY(tokenizer_from_directory(directory));
        return {};
    }
    gguf = CAIRN_TRY(format::GgufFile::open(path));
    if (!gguf->has("split.count")) file = CAIRN_TRY(MappedFile::open(path));
    bytes = file.bytes();
    return {};
}

Result<std::shared_ptr<const Model>> Model::load(const std::filesystem::path& path) {
    auto state = std::make_unique<State>();
    if (const Status opened = state->open(path); !opened) {
        return opened.error().with_context(path.string());
    }
    auto model = build(std::move(state));
    if (!model) return model.error().with_context(path.string());
    return model;
}

Result<std::shared_ptr<const Model>> Model::from_bytes(std::string gguf) {
    auto state = std::make_unique<State>();
    state->memory = std::move(gguf);
    state->bytes = std::as_bytes(std::span(state->memory));
    state->gguf = CAIRN_TRY(format::GgufFile::parse(state->bytes));
    return build(std::move(state));
}

Result<std::shared_ptr<const Model>> Model::build(std::unique_ptr<State> state) {
    const format::GgufFile& file = *state->gguf;
    state->config = CAIRN_TRY(read_model_config(file));
    state->name = CAIRN_TRY(file.get_string_or("general.name", ""));
    if (!state->tokenizer) state->tokenizer = CAIRN_TRY(format::tokenizer_from_gguf(file));
    if (state->tokenizer->vocabulary_size() > state->config.vocabulary) {
        return make_error(Code::kInvalid, fmt::format("tokenizer has {} tokens, the model has {}",
                                                      state->tokenizer->vocabulary_size(),
                                                      state->config.vocabulary));
    }
    const std::vector<TensorSpec> specs = model_tensors(state->config);
    CAIRN_TRY(refuse_unknown_tensors(file, specs, state->config.architecture));
    state->layers.resize(static_cast<std::size_t>(state->config.layers + 1));
    for (const TensorSpec& spec : specs) {
        CAIRN_TRY(state->add(spec));
    }
    if (state->config.latent.kv_rank != 0) CAIRN_TRY(state->split_latent());
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
    std::int64_t count = 0;
    for (const TensorSpec& spec : model_tensors(state_->config)) {
        const std::int64_t matrices = std::max<std::int64_t>(1, spec.experts);
        if (!spec.optional || state_->gguf->find_tensor(spec.name) != nullptr)
            count += spec.rows * spec.columns * matrices;
    }
    return count;
}

std::int64_t Model::weight_bytes() const {
    std::int64_t bytes = 0;
    for (const Layer& layer : state_->layers) {
        for (std::size_t slot = 0; slot < layer.size(); ++slot) {
            if (layer[slot].data == nullptr) continue;
            const bool chosen = is_expert(static_cast<Slot>(slot));
            bytes += chosen ? layer[slot].matrix_bytes() * state_->config.experts.used
                            : layer[slot].bytes();
        }
    }
    return bytes -
           embedding().bytes();  // of the embedding only one row is read; tied heads count once
}

const std::string& Model::digest() const {
    std::call_once(state_->digest_once, [this] { state_->digest = state_->hash(); });
    return state_->digest;
}

void Model::know_digest(std::string digest) const {
    std::call_once(state_->digest_once, [&] { state_->digest = std::move(digest); });
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
