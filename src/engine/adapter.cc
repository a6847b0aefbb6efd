// SPDX-License-Identifier: Apache-2.0
// Binds LoRA pairs to the matrices of a model after checking names and shapes.
#include "cairn/engine/adapter.h"

#include <fmt/format.h>

#include <map>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/engine/peft.h"

namespace cairn::engine {

namespace {

/// Matrices that run through LayerContext::linear; experts and the latent heads do not.
bool takes_adapter(const TensorSpec& spec) {
    return spec.layer >= 0 && !spec.is_vector && spec.experts == 0 &&
           spec.slot != Slot::kKeyValueUp;
}

Result<std::string> digest_of(const std::filesystem::path& path) {
    const MappedFile file = CAIRN_TRY(MappedFile::open(path));
    const auto* data = reinterpret_cast<const char*>(file.bytes().data());
    return sha256_hex(std::string_view(data, file.bytes().size()));
}

}  // namespace

Result<std::shared_ptr<const Adapter>> Adapter::load(const std::filesystem::path& path,
                                                     const Model& model) {
    const bool from_peft = is_peft_folder(path);
    const format::Adapter parts =
        CAIRN_TRY(from_peft ? read_peft(path, model) : format::read_adapter(path));
    if (!from_peft && model.file().has("cairn.rope.halves")) {
        return make_error(Code::kUnsupported,
                          path.string() + ": expected a PEFT folder, because the model is a " +
                              "Hugging Face directory, found a GGUF adapter, whose rows of " +
                              "queries and keys are in another order",
                          "convert the model first: cairn models convert FOLDER FILE.gguf");
    }
    std::string digest =
        CAIRN_TRY(digest_of(from_peft ? path / "adapter_model.safetensors" : path));
    if (from_peft) digest = sha256_hex(digest + CAIRN_TRY(digest_of(path / "adapter_config.json")));
    auto adapter = from_parts(parts, model, digest);
    if (!adapter) return adapter.error().with_context(path.string());
    return adapter;
}

Result<std::shared_ptr<const Adapter>> Adapter::from_parts(const format::Adapter& parts,
                                                           const Model& model, std::string digest) {
    const ModelConfig& config = model.config();
    if (parts.architecture != config.architecture) {
        return make_error(Code::kInvalid,
                          fmt::format("adapter is for architecture {}, the model is {}",
                                      parts.architecture, config.architecture));
    }
    const auto base = parts.notes.find("cairn.base.sha256");
    if (base != parts.notes.end() && base->second != model.digest()) {
        return make_error(Code::kInvalid,
                          fmt::format("adapter was made for the model {}, this is {}", base->second,
                                      model.digest()),
                          "load it with the base model that it was tuned on, or tune again");
    }
    std::map<std::string, TensorSpec> specs;
    for (TensorSpec& spec : model_tensors(config))
        specs.emplace(spec.name, spec);
    std::shared_ptr<Adapter> adapter(new Adapter);
    adapter->digest_ = std::move(digest);
    adapter->deltas_.resize(static_cast<std::size_t>(config.layers + 1));
    for (const format::LoraPair& pair : parts.pairs) {
        const auto found = specs.find(pair.target);
        if (found == specs.end() || !takes_adapter(found->second)) {
            return make_error(
                Code::kInvalid,
                fmt::format("adapter target {} is no matrix of a layer of the model", pair.target));
        }
        const TensorSpec& spec = found->second;
        if (pair.rank < 1 || pair.inputs != spec.columns || pair.outputs != spec.rows ||
            std::ssize(pair.a) != pair.rank * spec.columns ||
            std::ssize(pair.b) != pair.rank * spec.rows) {
            return make_error(
                Code::kInvalid,
                fmt::format("adapter for {}: expected {} x {}, found {} x {}, rank {}", pair.target,
                            spec.rows, spec.columns, pair.outputs, pair.inputs, pair.rank));
        }
        const float scale = parts.alpha / static_cast<float>(pair.rank);
        adapter->deltas_[static_cast<std::size_t>(spec.layer + 1)]
                        [static_cast<std::size_t>(spec.slot)] = {pair.rank, scale, pair.a, pair.b};
    }
    return std::shared_ptr<const Adapter>(std::move(adapter));
}

const LoraDelta* Adapter::delta(std::int64_t layer, Slot slot) const {
    const LoraDelta& delta =
        deltas_[static_cast<std::size_t>(layer + 1)][static_cast<std::size_t>(slot)];
    return delta.rank == 0 ? nullptr : &delta;
}

std::int64_t Adapter::parameter_count() const {
    std::int64_t count = 0;
    for (const auto& layer : deltas_) {
        for (const LoraDelta& delta : layer)
            count += std::ssize(delta.a) + std::ssize(delta.b);
    }
    return count;
}

}  // namespace cairn::engine
