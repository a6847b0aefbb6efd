// SPDX-License-Identifier: Apache-2.0
// Binds the tensors of an encoder after checking every shape, and knows its kinds: a new one is its
// file and one line in kEncoders.
#include "cairn/engine/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/format/tokenizer_gguf.h"
#include "encoder_arch.h"
#include "encoder_files.h"
#include "hf_model.h"

namespace cairn::engine {

extern const EncoderArch kBertArch;
extern const EncoderArch kModernBertArch;

namespace {

constexpr std::array kEncoders = {&kBertArch, &kModernBertArch};

// Far above any known encoder, and low enough that products of three fit 64 bits.
constexpr std::int64_t kWidthMax = 1 << 18;
// llama.cpp's values of ARCH.pooling_type.
constexpr std::uint32_t kGgufMean = 1;
constexpr std::uint32_t kGgufCls = 2;
constexpr std::uint32_t kGgufLast = 3;
constexpr std::uint32_t kGgufRank = 4;

Status check_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value >= low && value <= high) return {};
    return make_error(Code::kInvalid, fmt::format("encoder {}: expected {} to {}, found {}", name,
                                                  low, high, value));
}

Status check_config(const EncoderConfig& c) {
    CAIRN_TRY(check_range("layers", c.layers, 1, limits::kLayersMax));
    CAIRN_TRY(check_range("width", c.model_width, 2, kWidthMax));
    CAIRN_TRY(check_range("heads", c.heads, 1, c.model_width));
    CAIRN_TRY(check_range("feed-forward width", c.ff_width, 1, kWidthMax));
    CAIRN_TRY(check_range("vocabulary", c.vocabulary, 1, limits::kVocabularyMax));
    CAIRN_TRY(check_range("context", c.context, 1, limits::kContextMax));
    CAIRN_TRY(check_range("token types", c.token_types, 0, 1024));
    CAIRN_TRY(check_range("head width", c.head_width(), 2, kernels::kHeadWidthMax));
    if (c.model_width % c.heads != 0 || (c.rope_base > 0 && c.head_width() % 2 != 0)) {
        return make_error(Code::kInvalid, fmt::format("encoder width {} does not fit {} heads",
                                                      c.model_width, c.heads));
    }
    if (!(c.norm_epsilon > 0 && c.norm_epsilon < 1)) {
        return make_error(Code::kInvalid, fmt::format("encoder norm epsilon: expected 0 to 1, "
                                                      "found {}",
                                                      c.norm_epsilon));
    }
    return {};
}

/// The head's tensors have the same names in every kind of encoder.
void add_head(std::vector<PartSpec>& parts, const EncoderConfig& c, bool has_norm) {
    if (c.labels.empty()) return;
    if (c.has_head_dense) {
        add_part(parts, {"cls.weight", Part::kHeadDense, -1, c.model_width, c.model_width});
    }
    if (has_norm) {
        add_part(parts, {"cls.norm.weight", Part::kHeadNorm, -1, 1, c.model_width, true});
    }
    add_part(parts, {"cls.output.weight", Part::kLabels, -1, std::ssize(c.labels), c.model_width});
}

Status read_head(const format::GgufFile& file, EncoderConfig& config) {
    config.has_head_dense = file.find_tensor("cls.weight") != nullptr;
    const format::GgufTensor* labels = file.find_tensor("cls.output.weight");
    if (labels == nullptr) return {};
    const std::uint64_t count = labels->dims.size() == 2 ? labels->dims[1] : 1;
    CAIRN_TRY(check_range(
        "labels",
        static_cast<std::int64_t>(std::min<std::uint64_t>(count, limits::kVocabularyMax + 1)), 1,
        limits::kVocabularyMax));
    const std::string key = config.architecture + ".classifier.output_labels";
    if (file.has(key)) config.labels = CAIRN_TRY(file.get_strings(key));
    if (config.labels.size() == count) return {};
    config.labels.clear();
    for (std::uint64_t i = 0; i < count; ++i)
        config.labels.push_back(fmt::format("LABEL_{}", i));
    return {};
}

Status read_pooling(const format::GgufFile& file, EncoderConfig& config) {
    const std::string key = config.architecture + ".pooling_type";
    const std::uint32_t type = CAIRN_TRY(file.get_u32_or(key, kGgufMean));
    if (type > kGgufRank) {
        return make_error(Code::kUnsupported,
                          fmt::format("{}: expected 0 to 4, found {}", key, type));
    }
    config.pooling = type == kGgufCls    ? Pooling::kCls
                     : type == kGgufLast ? Pooling::kLast
                                         : Pooling::kMean;
    return {};
}

std::vector<std::uint64_t> expected_dims(const PartSpec& spec) {
    const auto columns = static_cast<std::uint64_t>(spec.columns);
    const std::int64_t rows = spec.total_rows == 0 ? spec.rows : spec.total_rows;
    // The bias of a fused tensor is one vector of all its rows.
    if (spec.is_vector) return {spec.total_rows == 0 ? columns : static_cast<std::uint64_t>(rows)};
    return {columns, static_cast<std::uint64_t>(rows)};
}

Result<Weight> bind(const format::GgufFile& file, const PartSpec& spec) {
    const format::GgufTensor* tensor = file.find_tensor(spec.name);
    if (tensor == nullptr && spec.optional) return Weight{};
    const std::vector<std::uint64_t> expected = expected_dims(spec);
    // A matrix of one row is a vector in some files.
    const bool fits =
        tensor != nullptr &&
        (tensor->dims == expected || (spec.rows == 1 && tensor->dims == std::vector{expected[0]}) ||
         (spec.is_vector && tensor->dims == std::vector<std::uint64_t>{expected[0], 1}));
    if (!fits) {
        return make_error(
            Code::kInvalid,
            fmt::format("tensor {}: expected [{}], {}", spec.name, fmt::join(expected, ", "),
                        tensor == nullptr
                            ? "file does not have it"
                            : fmt::format("file has [{}]", fmt::join(tensor->dims, ", "))));
    }
    const std::int64_t row = kernels::bytes_per_row(
        tensor->type, spec.is_vector ? static_cast<std::int64_t>(expected[0]) : spec.columns);
    const std::byte* data = tensor->bytes.data();
    if (!spec.is_vector) data += spec.first_row * row;
    return Weight{data, tensor->type, spec.rows, spec.columns};
}

Status bind_all(Encoder::State& state) {
    std::vector<PartSpec> parts = state.arch->parts(state.config);
    add_head(parts, state.config, state.file.find_tensor("cls.norm.weight") != nullptr);
    std::unordered_map<std::string_view, bool> used;
    for (const format::GgufTensor& tensor : state.file.tensors())
        used[tensor.name] = false;
    state.layers.resize(static_cast<std::size_t>(state.config.layers + 1));
    for (const PartSpec& spec : parts) {
        Weight weight = CAIRN_TRY(bind(state.file, spec));
        if (weight.data == nullptr) continue;
        used[spec.name] = true;
        state.parameters += spec.rows * spec.columns;
        state.bytes += weight.bytes();
        if (spec.is_vector) {
            const std::int64_t all = spec.total_rows == 0 ? spec.columns : spec.total_rows;
            auto& floats = state.vectors.emplace_back(new float[static_cast<std::size_t>(all)]);
            kernels::dequantise_row(weight.dtype, weight.data, floats.get(), all);
            weight.data = floats.get() + spec.first_row;
            weight.dtype = kernels::DType::kF32;
        }
        state
            .layers[static_cast<std::size_t>(spec.layer + 1)][static_cast<std::size_t>(spec.part)] =
            weight;
    }
    for (const auto& [name, is_used] : used) {
        // A pooler without labels is left over from pre-training.
        if (is_used || (state.config.labels.empty() && name.starts_with("cls."))) continue;
        return make_error(Code::kUnsupported,
                          fmt::format("tensor {} is not known for architecture {}", name,
                                      state.config.architecture));
    }
    return {};
}

/// The tokens around a text: BERT's names, then RoBERTa's.
Status find_wrapping(Encoder::State& state) {
    const text::Tokenizer& tokenizer = *state.tokenizer;
    for (const auto& [begin, end] : {std::pair{"[CLS]", "[SEP]"}, std::pair{"<s>", "</s>"}}) {
        const auto first = tokenizer.id_of(begin);
        const auto last = tokenizer.id_of(end);
        if (!first || !last) continue;
        state.begin_token = *first;
        state.end_token = *last;
        state.doubled_separator = std::string_view(end) == "</s>";
        return {};
    }
    return make_error(Code::kUnsupported,
                      "the tokenizer has neither [CLS] and [SEP] nor <s> and </s>");
}

Status build(Encoder::State& state) {
    const std::string name = CAIRN_TRY(state.file.get_string("general.architecture"));
    state.arch = find_encoder_arch(name);
    if (state.arch == nullptr) {
        return make_error(Code::kUnsupported, fmt::format("'{}' is no encoder that is known", name),
                          "known: " + known_encoders());
    }
    state.name = CAIRN_TRY(state.file.get_string_or("general.name", ""));
    EncoderConfig& config = state.config;
    config = CAIRN_TRY(state.arch->read_config(state.file));
    const format::GgufTensor* tokens = state.file.find_tensor("token_embd.weight");
    config.vocabulary = tokens == nullptr || tokens->dims.size() != 2
                            ? 0
                            : static_cast<std::int64_t>(std::min<std::uint64_t>(
                                  tokens->dims[1], limits::kVocabularyMax + 1));
    CAIRN_TRY(read_head(state.file, config));
    CAIRN_TRY(read_pooling(state.file, config));
    CAIRN_TRY(check_config(config));
    CAIRN_TRY(bind_all(state));
    if (state.tokenizer->vocabulary_size() > config.vocabulary) {
        return make_error(Code::kInvalid,
                          fmt::format("tokenizer has {} tokens, the model has {}",
                                      state.tokenizer->vocabulary_size(), config.vocabulary));
    }
    return find_wrapping(state);
}

void apply(const EncoderSettings& settings, EncoderConfig& config) {
    if (settings.pooling) config.pooling = *settings.pooling;
    if (settings.normalise) config.normalise = *settings.normalise;
    if (settings.head_pooling) config.head_pooling = *settings.head_pooling;
    if (settings.max_tokens) config.max_tokens = std::min(*settings.max_tokens, config.context);
    config.query_prefix = settings.query_prefix;
    config.passage_prefix = settings.passage_prefix;
}

}  // namespace

void add_part(std::vector<PartSpec>& parts, PartSpec spec) {
    PartSpec bias = spec;
    constexpr std::string_view kWeight = ".weight";
    bias.name.replace(bias.name.size() - kWeight.size(), kWeight.size(), ".bias");
    bias.part = static_cast<Part>(static_cast<std::uint8_t>(spec.part) + 1);
    bias.columns = spec.is_vector ? spec.columns : spec.rows;
    bias.rows = 1;
    bias.is_vector = true;
    bias.optional = true;
    parts.push_back(std::move(spec));
    parts.push_back(std::move(bias));
}

const EncoderArch* find_encoder_arch(std::string_view name) {
    const auto found = std::ranges::find(kEncoders, name, &EncoderArch::name);
    return found == kEncoders.end() ? nullptr : *found;
}

std::string known_encoders() {
    std::string names;
    for (const EncoderArch* arch : kEncoders)
        names += (names.empty() ? "" : ", ") + std::string(arch->name);
    return names;
}

bool is_encoder(const format::GgufFile& file) {
    const auto name = file.get_string_or("general.architecture", "");
    return name && find_encoder_arch(*name) != nullptr;
}

Encoder::Encoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Encoder::~Encoder() = default;

Result<std::shared_ptr<const Encoder>> Encoder::load(const std::filesystem::path& path) {
    const auto load_state = [&]() -> Result<std::unique_ptr<State>> {
        std::error_code ignored;
        if (!std::filesystem::is_directory(path, ignored)) {
            auto file = CAIRN_TRY(format::GgufFile::open(path));
            auto tokenizer = std::make_shared<const text::Tokenizer>(
                CAIRN_TRY(format::tokenizer_from_gguf(file)));
            auto state = std::make_unique<State>(std::move(file));
            state->tokenizer = std::move(tokenizer);
            CAIRN_TRY(build(*state));
            return state;
        }
        const auto directory = CAIRN_TRY(format::HfDirectory::open(path));
        auto state = std::make_unique<State>(CAIRN_TRY(encoder_from_hf(directory)));
        state->tokenizer =
            std::make_shared<const text::Tokenizer>(CAIRN_TRY(tokenizer_from_directory(directory)));
        CAIRN_TRY(build(*state));
        apply(CAIRN_TRY(read_encoder_settings(directory)), state->config);
        return state;
    };
    auto state = load_state();
    if (!state) return state.error().with_context(path.string());
    if ((*state)->name.empty()) (*state)->name = path.stem().string();
    return std::shared_ptr<const Encoder>(new Encoder(std::move(*state)));
}

const EncoderConfig& Encoder::config() const {
    return state_->config;
}
const text::Tokenizer& Encoder::tokenizer() const {
    return *state_->tokenizer;
}
const std::string& Encoder::name() const {
    return state_->name;
}
std::int64_t Encoder::parameter_count() const {
    return state_->parameters;
}
std::int64_t Encoder::weight_bytes() const {
    return state_->bytes;
}

const std::string& Encoder::digest() const {
    std::call_once(state_->digest_once, [this] {
        const EncoderConfig& c = state_->config;
        Sha256 hash;
        hash.field(c.architecture).field(pooling_name(c.pooling)).field(c.normalise ? "1" : "0");
        hash.field(pooling_name(c.head_pooling)).field(std::to_string(c.token_limit()));
        for (const format::GgufTensor& tensor : state_->file.tensors()) {
            hash.field(tensor.name)
                .field(format::tensor_type_name(static_cast<std::uint32_t>(tensor.type)));
            hash.field({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
        }
        for (std::int32_t id = 0; id < state_->tokenizer->vocabulary_size(); ++id)
            hash.field(state_->tokenizer->token_bytes(id));
        state_->digest = hash.hex();
    });
    return state_->digest;
}

EncoderSequence Encoder::wrap(std::span<const TokenId> first,
                              std::span<const TokenId> second) const {
    EncoderSequence out;
    out.tokens.reserve(first.size() + second.size() + 4);
    out.tokens.push_back(state_->begin_token);
    out.tokens.insert(out.tokens.end(), first.begin(), first.end());
    out.tokens.push_back(state_->end_token);
    if (second.empty()) return out;
    if (state_->doubled_separator) out.tokens.push_back(state_->end_token);
    out.types.assign(out.tokens.size(), 0);
    out.tokens.insert(out.tokens.end(), second.begin(), second.end());
    out.tokens.push_back(state_->end_token);
    out.types.resize(out.tokens.size(), 1);
    return out;
}

std::int64_t Encoder::wrap_tokens(bool pair) const {
    return pair ? (state_->doubled_separator ? 4 : 3) : 2;
}

}  // namespace cairn::engine
