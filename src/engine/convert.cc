// SPDX-License-Identifier: Apache-2.0
// What a directory holds in another order than GGUF is put in order here; all other tensors are
// written straight from the mapping.
#include "cairn/engine/convert.h"

#include <fmt/format.h>

#include <deque>
#include <unordered_set>

#include "arch.h"
#include "cairn/format/tokenizer_gguf.h"
#include "hf_model.h"

namespace cairn::engine {
namespace {

using Bytes = std::vector<std::byte>;

/// Rows of queries or keys from the order that turns halves to the one that turns neighbours.
Bytes interleave_rows(const format::GgufTensor& tensor, std::int64_t heads) {
    const std::size_t rows = tensor.dims.size() == 1 ? tensor.dims[0] : tensor.dims[1];
    const std::size_t row_bytes = tensor.bytes.size() / rows;
    const std::size_t half = rows / static_cast<std::size_t>(heads) / 2;
    Bytes out(tensor.bytes.size());
    for (std::size_t row = 0; row < rows; ++row) {
        const std::size_t head = row / (2 * half);
        const std::size_t place = row % (2 * half);
        const std::size_t from = head * 2 * half + place % 2 * half + place / 2;
        std::copy_n(tensor.bytes.begin() + static_cast<std::ptrdiff_t>(from * row_bytes), row_bytes,
                    out.begin() + static_cast<std::ptrdiff_t>(row * row_bytes));
    }
    return out;
}

class Conversion {
  public:
    static Result<std::unique_ptr<Conversion>> make(const std::filesystem::path& path) {
        const format::HfDirectory directory = CAIRN_TRY(format::HfDirectory::open(path));
        auto conversion = std::make_unique<Conversion>(CAIRN_TRY(gguf_from_directory(directory)));
        CAIRN_TRY(conversion->write(CAIRN_TRY(tokenizer_from_directory(directory))));
        return conversion;
    }

    explicit Conversion(format::GgufFile file) : file_(std::move(file)) {}
    const format::GgufWriter& writer() const { return writer_; }

  private:
    Status write(const text::Tokenizer& tokenizer) {
        const ModelConfig config = CAIRN_TRY(read_model_config(file_));
        const ArchSpec* arch = find_arch(config.architecture);
        reorder_ = config.rope_style != arch->rope_style;
        writer_.set("general.architecture", config.architecture);
        for (const auto& [key, value] : file_.metadata()) {
            if (!key.starts_with("cairn.")) writer_.set(key, value);
        }
        format::write_tokenizer(writer_, tokenizer);
        std::unordered_set<std::string> written;
        for (const TensorSpec& spec : model_tensors(config)) {
            const bool found = file_.find_tensor(spec.name) != nullptr;
            if (!found && spec.experts != 0 && !spec.is_bias) {
                CAIRN_TRY(add_experts(spec, written));
            } else if (found || !spec.optional) {
                CAIRN_TRY(add(spec, config));
                written.insert(spec.name);
            }
        }
        for (const format::GgufTensor& tensor : file_.tensors()) {
            if (written.contains(tensor.name)) continue;
            return make_error(Code::kUnsupported,
                              fmt::format("tensor {} is not known for architecture {}", tensor.name,
                                          config.architecture));
        }
        return {};
    }

    Status add(const TensorSpec& spec, const ModelConfig& config) {
        const format::GgufTensor* tensor = file_.find_tensor(spec.name);
        if (tensor == nullptr) {
            return make_error(Code::kInvalid, "the directory has no tensor for " + spec.name);
        }
        format::GgufTensor stored = *tensor;
        const bool turns = spec.slot == Slot::kQuery || spec.slot == Slot::kKey;
        if (reorder_ && turns) {
            const LayerShape shape = config.layer(spec.layer);
            const std::int64_t heads = spec.slot == Slot::kQuery ? shape.heads : shape.kv_heads;
            const auto rows = static_cast<std::int64_t>(stored.dims.back());
            if (rows != heads * config.head_width) {
                return make_error(Code::kInvalid,
                                  fmt::format("tensor {}: expected {} rows, found {}", spec.name,
                                              heads * config.head_width, rows));
            }
            stored.bytes = kept_.emplace_back(interleave_rows(stored, heads));
        }
        if (spec.is_vector) {
            std::vector<float> values(stored.elements());
            kernels::dequantise_row(stored.type, stored.bytes.data(), values.data(),
                                    std::ssize(values));
            const auto wide = std::as_bytes(std::span(values));
            stored.bytes = kept_.emplace_back(wide.begin(), wide.end());
            stored.type = TensorType::kF32;
        }
        return writer_.add_tensor(spec.name, stored.type, stored.dims, stored.bytes);
    }

    /// One tensor from one for each expert.
    Status add_experts(const TensorSpec& spec, std::unordered_set<std::string>& written) {
        Bytes& joined = kept_.emplace_back();
        const format::GgufTensor* first = nullptr;
        for (std::int64_t expert = 0; expert < spec.experts; ++expert) {
            std::string name = expert_tensor_name(spec, expert);
            const format::GgufTensor* tensor = file_.find_tensor(name);
            if (tensor == nullptr || (first != nullptr && (tensor->type != first->type ||
                                                           tensor->dims != first->dims))) {
                return make_error(Code::kInvalid,
                                  fmt::format("tensor {}: expected one like that of the first "
                                              "expert",
                                              name));
            }
            if (first == nullptr) first = tensor;
            joined.insert(joined.end(), tensor->bytes.begin(), tensor->bytes.end());
            written.insert(std::move(name));
        }
        std::vector<std::uint64_t> dims = first->dims;
        dims.push_back(static_cast<std::uint64_t>(spec.experts));
        return writer_.add_tensor(spec.name, first->type, std::move(dims), joined);
    }

    format::GgufFile file_;
    format::GgufWriter writer_;
    std::deque<Bytes> kept_;  ///< what is written from elsewhere than the mapping
    bool reorder_ = false;
};

}  // namespace

Status convert_directory(const std::filesystem::path& directory, const std::filesystem::path& out) {
    const auto conversion = Conversion::make(directory);
    if (!conversion) return conversion.error().with_context(directory.string());
    return (*conversion)->writer().write(out);
}

Result<std::string> converted_bytes(const std::filesystem::path& directory) {
    const auto conversion = Conversion::make(directory);
    if (!conversion) return conversion.error().with_context(directory.string());
    return (*conversion)->writer().to_bytes();
}

}  // namespace cairn::engine
