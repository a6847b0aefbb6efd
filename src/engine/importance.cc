// SPDX-License-Identifier: Apache-2.0
// The importance matrix: sums of squares of what each weight matrix is multiplied with. The
// products are observed (kernels::ProductObserver), so no architecture has to know about it.
#include <algorithm>

#include "cairn/engine/forward.h"
#include "cairn/engine/quantise_model.h"

namespace cairn::engine {
namespace {

/// Where a tensor's bytes lie, and the sums of its columns.
struct Seen {
    const format::GgufTensor* tensor = nullptr;
    std::uint64_t matrix_bytes = 0;
    std::vector<double> sums;        ///< [matrices, columns]
    std::vector<std::int64_t> rows;  ///< of x, by matrix
};

class Sums {
  public:
    explicit Sums(const format::GgufFile& file) {
        for (const format::GgufTensor& tensor : file.tensors()) {
            if (tensor.dims.size() < 2) continue;
            Seen seen;
            seen.tensor = &tensor;
            const std::uint64_t matrices = tensor.dims.size() > 2 ? tensor.dims[2] : 1;
            seen.matrix_bytes = tensor.bytes.size() / matrices;
            seen.sums.resize(matrices * tensor.dims[0]);
            seen.rows.resize(matrices);
            by_address_.emplace(tensor.bytes.data(), std::move(seen));
        }
    }

    void add(const kernels::ProductObserver::Product& product) {
        const auto* address = static_cast<const std::byte*>(product.w);
        auto found = by_address_.upper_bound(address);
        if (found == by_address_.begin()) return;
        Seen& seen = std::prev(found)->second;
        const auto offset = static_cast<std::uint64_t>(address - seen.tensor->bytes.data());
        if (offset >= seen.tensor->bytes.size()) return;  // not a weight of the file
        if (static_cast<std::int64_t>(seen.tensor->dims[0]) != product.k) return;
        const std::uint64_t matrix = offset / seen.matrix_bytes;
        double* sums = seen.sums.data() + matrix * seen.tensor->dims[0];
        for (std::int64_t i = 0; i < product.m; ++i) {
            for (std::int64_t c = 0; c < product.k; ++c) {
                const double value = product.x[i * product.k + c];
                sums[c] += value * value;
            }
        }
        seen.rows[matrix] += product.m;
    }

    Importance means() const {
        Importance importance;
        for (const auto& [address, seen] : by_address_) {
            if (std::ranges::all_of(seen.rows, [](std::int64_t rows) { return rows == 0; }))
                continue;
            importance[seen.tensor->name] = mean_of(seen);
        }
        return importance;
    }

  private:
    static std::vector<float> mean_of(const Seen& seen) {
        const std::uint64_t columns = seen.tensor->dims[0];
        std::vector<float> means(seen.sums.size(), 1.0F);
        for (std::size_t m = 0; m < seen.rows.size(); ++m) {
            if (seen.rows[m] == 0) continue;
            double total = 0;
            for (std::uint64_t c = 0; c < columns; ++c)
                total += seen.sums[m * columns + c];
            // A column that was zero on this text may count on another one.
            const double floor = 1e-3 * total / static_cast<double>(columns);
            for (std::uint64_t c = 0; c < columns; ++c) {
                means[m * columns + c] = static_cast<float>((seen.sums[m * columns + c] + floor) /
                                                            static_cast<double>(seen.rows[m]));
            }
        }
        return means;
    }

    std::map<const std::byte*, Seen> by_address_;
};

}  // namespace

Result<Importance> measure_importance(const std::shared_ptr<const Model>& model,
                                      std::span<const TokenId> tokens, std::int64_t chunk,
                                      ThreadPool& pool, const ProgressSink& sink) {
    Sums sums(model->file());
    Progress progress(sink, "importance", std::ssize(tokens), "tokens");
    Forward forward(model, &pool);
    const kernels::ProductObserver observer(
        [&](const kernels::ProductObserver::Product& product) { sums.add(product); });
    while (!tokens.empty()) {
        if (interrupted()) return make_error(Code::kCancelled, "measuring importance: interrupted");
        const std::int64_t count = std::min<std::int64_t>(chunk, std::ssize(tokens));
        KvCache kv(model->config(), count);
        const BatchItem item = {&kv, tokens.first(static_cast<std::size_t>(count)), nullptr,
                                Logits::kAll};
        CAIRN_TRY(forward.run(std::span(&item, 1)));
        tokens = tokens.subspan(static_cast<std::size_t>(count));
        progress.advance(count);
    }
    progress.finish();
    return sums.means();
}

}  // namespace cairn::engine
