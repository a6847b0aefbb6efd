// SPDX-License-Identifier: Apache-2.0
// Every quantised type: values against the definition of another program, products on every ISA
// against the reference, and how well rows are quantised.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "blocks.h"
#include "cairn/base/files.h"
#include "cairn/base/rng.h"
#include "cairn/kernels/kernels.h"
#include "dispatch.h"

namespace cairn::kernels {
namespace {

using Floats = std::vector<float>;

Floats random_floats(std::int64_t count, std::uint64_t seed) {
    Rng rng(seed);
    Floats values(static_cast<std::size_t>(count));
    for (float& value : values)
        value = static_cast<float>(rng.normal());
    return values;
}

std::vector<DType> quantised_types() {
    std::vector<DType> types;
    for (const TensorTypeInfo& info : kTensorTypes) {
        if (detail::block_kind(info.type) != nullptr) types.push_back(info.type);
    }
    return types;
}

std::vector<std::uint8_t> quantised(DType dtype, const Floats& w, std::int64_t columns,
                                    const float* importance = nullptr) {
    const std::int64_t bytes = bytes_per_row(dtype, columns);
    const auto rows = static_cast<std::int64_t>(w.size()) / columns;
    std::vector<std::uint8_t> out(static_cast<std::size_t>(rows * bytes));
    for (std::int64_t r = 0; r < rows; ++r)
        quantise_row(dtype, w.data() + r * columns, out.data() + r * bytes, columns, importance);
    return out;
}

Floats dequantised(DType dtype, const std::vector<std::uint8_t>& rows, std::int64_t columns) {
    const std::int64_t bytes = bytes_per_row(dtype, columns);
    const auto count = static_cast<std::int64_t>(rows.size()) / bytes;
    Floats out(static_cast<std::size_t>(count * columns));
    for (std::int64_t r = 0; r < count; ++r)
        dequantise_row(dtype, rows.data() + r * bytes, out.data() + r * columns, columns);
    return out;
}

double nmse(const Floats& got, const Floats& expected, const Floats* weight = nullptr) {
    double error = 0;
    double power = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const double w = weight == nullptr ? 1 : (*weight)[i % weight->size()];
        const double difference = static_cast<double>(got[i]) - expected[i];
        error += w * difference * difference;
        power += w * static_cast<double>(expected[i]) * expected[i];
    }
    return error / power;
}

// Written by tools/golden/make_quant_golden.py with the Python package gguf.
TEST(Quantised, ValuesAreBitEqualToTheDefinition) {
    constexpr std::int64_t kRows = 2;
    constexpr std::int64_t kColumns = 512;
    const auto file =
        read_file(std::string(CAIRN_SOURCE_DIR) + "/src/kernels/testdata/dequantised.bin", 1 << 20);
    ASSERT_TRUE(file) << file.error().to_string();
    const char* at = file->data();
    for (const TensorTypeInfo& info : kTensorTypes) {
        const auto bytes = static_cast<std::size_t>(kRows * bytes_per_row(info.type, kColumns));
        std::vector<std::uint8_t> rows(bytes);
        std::memcpy(rows.data(), at, bytes);
        Floats expected(kRows * kColumns);
        std::memcpy(expected.data(), at + bytes, expected.size() * 4);
        at += bytes + expected.size() * 4;
        const Floats got = dequantised(info.type, rows, kColumns);
        EXPECT_EQ(std::memcmp(got.data(), expected.data(), expected.size() * 4), 0) << info.name;
    }
    EXPECT_EQ(at, file->data() + file->size());
}

/// Random bytes (or all `fixed`) with finite scales: more than our own quantiser would ever write.
std::vector<std::uint8_t> random_rows(DType dtype, std::int64_t rows, std::int64_t columns,
                                      int fixed = -1) {
    Rng rng(31);
    std::vector<std::uint8_t> out(static_cast<std::size_t>(rows * bytes_per_row(dtype, columns)));
    for (auto& byte : out)
        byte = static_cast<std::uint8_t>(fixed < 0 ? rng.below(256) : fixed);
    const auto block = static_cast<std::size_t>(kTensorTypes[tensor_type_index(dtype)].bytes);
    const std::vector<std::uint8_t> sample = quantised(dtype, random_floats(256, 5), 256);
    for (std::size_t begin = 0; begin < out.size(); begin += block) {
        for (const std::size_t offset : {0, 2, 80, 82, 108, 208}) {  // all places of fp16 scales
            if (offset + 2 > block) continue;
            std::memcpy(out.data() + begin + offset, sample.data() + offset, 2);
        }
    }
    return out;
}

class QuantisedProducts : public testing::TestWithParam<Isa> {
  protected:
    void SetUp() override {
        before_ = isa();
        if (!detail::use_isa(GetParam()))
            GTEST_SKIP() << "this machine has no " << isa_name(GetParam());
    }
    void TearDown() override { detail::use_isa(before_); }

  private:
    Isa before_ = Isa::kReference;
};
INSTANTIATE_TEST_SUITE_P(Isa, QuantisedProducts,
                         testing::Values(Isa::kReference, Isa::kAvx2, Isa::kAvx512, Isa::kAmx),
                         [](const auto& info) { return std::string(isa_name(info.param)); });

Floats product(ThreadPool* pool, DType dtype, const std::vector<std::uint8_t>& w, const Floats& x,
               std::int64_t n, std::int64_t k) {
    const auto m = static_cast<std::int64_t>(x.size()) / k;
    Floats y(static_cast<std::size_t>(m * n));
    matmul_nt(pool, y.data(), x.data(), w.data(), dtype, m, n, k);
    return y;
}

TEST_P(QuantisedProducts, AreBitEqualToTheReference) {
    constexpr std::int64_t n = 37;  // two whole groups of rows and a part of one
    for (const std::int64_t k : {256, 1280}) {
        const Floats x = random_floats(21 * k, 40);
        for (const DType dtype : quantised_types()) {
            const auto w = random_rows(dtype, n, k);
            const Floats y = product(nullptr, dtype, w, x, n, k);
            detail::use_isa(Isa::kReference);
            const Floats expected = product(nullptr, dtype, w, x, n, k);
            detail::use_isa(GetParam());
            EXPECT_EQ(y, expected) << dtype_name(dtype) << " k " << k;
        }
    }
}

/// The largest integers on both sides: no sum of an instruction may saturate or wrap.
TEST_P(QuantisedProducts, HoldTheLargestSums) {
    constexpr std::int64_t n = 16;
    constexpr std::int64_t k = 512;
    Floats x(2 * k, 1.0F);
    std::fill(x.begin() + k, x.end(), -1.0F);
    for (const DType dtype : quantised_types()) {
        for (const int fixed : {0x00, 0x7F, 0x80, 0xFF}) {
            const auto w = random_rows(dtype, n, k, fixed);
            const Floats y = product(nullptr, dtype, w, x, n, k);
            detail::use_isa(Isa::kReference);
            const Floats expected = product(nullptr, dtype, w, x, n, k);
            detail::use_isa(GetParam());
            EXPECT_EQ(y, expected) << dtype_name(dtype) << " bytes " << fixed;
        }
    }
}

TEST_P(QuantisedProducts, AreCloseToTheProductsOfDequantisedWeights) {
    constexpr std::int64_t n = 48;
    constexpr std::int64_t k = 1024;
    const Floats x = random_floats(6 * k, 41);
    const Floats w = random_floats(n * k, 42);
    for (const DType dtype : quantised_types()) {
        const auto rows = quantised(dtype, w, k);
        const Floats values = dequantised(dtype, rows, k);
        Floats expected(6 * n);
        for (std::size_t i = 0; i < 6; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                double sum = 0;
                for (std::size_t l = 0; l < k; ++l)
                    sum += static_cast<double>(x[i * k + l]) * values[j * k + l];
                expected[i * n + j] = static_cast<float>(sum);
            }
        }
        EXPECT_LT(nmse(product(nullptr, dtype, rows, x, n, k), expected), 5e-4)
            << dtype_name(dtype);
    }
}

TEST_P(QuantisedProducts, DoNotDependOnBatchOrThreads) {
    constexpr std::int64_t n = 83;
    constexpr std::int64_t k = 512;
    constexpr std::int64_t m = 37;
    const Floats x = random_floats(m * k, 43);
    ThreadPool pool(3);
    for (const DType dtype : quantised_types()) {
        const auto w = random_rows(dtype, n, k);
        const Floats all = product(&pool, dtype, w, x, n, k);
        for (const std::int64_t batch : {1, 3, 16, 19}) {
            Floats part(m * n);
            for (std::int64_t i = 0; i < m; i += batch) {
                matmul_nt(nullptr, part.data() + i * n, x.data() + i * k, w.data(), dtype,
                          std::min(batch, m - i), n, k);
            }
            EXPECT_EQ(all, part) << dtype_name(dtype) << " in batches of " << batch;
        }
    }
}

/// Weights lie at the end of a mapping: a read behind the last byte would fault.
TEST_P(QuantisedProducts, ReadOnlyTheirRows) {
    constexpr std::int64_t n = 3;
    constexpr std::int64_t k = 512;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const Floats x = random_floats(k, 44);
    for (const DType dtype : quantised_types()) {
        const auto rows = random_rows(dtype, n, k);
        const std::size_t pages = (rows.size() + page - 1) / page;
        auto* memory =
            static_cast<std::uint8_t*>(mmap(nullptr, (pages + 1) * page, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        ASSERT_NE(memory, MAP_FAILED);
        ASSERT_EQ(mprotect(memory + pages * page, page, PROT_NONE), 0);
        std::uint8_t* end = memory + pages * page;
        std::memcpy(end - rows.size(), rows.data(), rows.size());
        Floats y(n);
        matmul_nt(nullptr, y.data(), x.data(), end - rows.size(), dtype, 1, n, k);
        EXPECT_EQ(y, product(nullptr, dtype, rows, x, n, k)) << dtype_name(dtype);
        munmap(memory, (pages + 1) * page);
    }
}

struct Bound {
    DType dtype;
    double normal;  ///< NMSE on normally distributed weights
};
const Bound kBounds[] = {
    {DType::kQ8_0, 3.2e-5},  {DType::kQ6_K, 3.0e-4},   {DType::kQ5_K, 1.3e-3},
    {DType::kQ5_1, 1.25e-3}, {DType::kQ5_0, 1.75e-3},  {DType::kQ4_K, 5.3e-3},
    {DType::kQ4_1, 5.2e-3},  {DType::kIQ4_NL, 5.9e-3}, {DType::kIQ4_XS, 6.0e-3},
    {DType::kQ4_0, 7.1e-3},  {DType::kMXFP4, 1.35e-2}, {DType::kQ3_K, 2.25e-2},
    {DType::kQ2_K, 7.5e-2},
};

TEST(Quantised, ErrorOfEachTypeIsWithinItsBound) {
    const Floats w = random_floats(64 * 1024, 50);
    ASSERT_EQ(std::size(kBounds), quantised_types().size());
    for (const Bound& bound : kBounds) {
        const double error =
            nmse(dequantised(bound.dtype, quantised(bound.dtype, w, 1024), 1024), w);
        RecordProperty(dtype_name(bound.dtype), std::to_string(error));
        EXPECT_LT(error, bound.normal) << dtype_name(bound.dtype);
        EXPECT_GT(error, 0.8 * bound.normal) << dtype_name(bound.dtype) << ": the bound is loose";
    }
}

TEST(Quantised, ImportanceMovesTheErrorToUnimportantColumns) {
    const Floats w = random_floats(32 * 512, 51);
    Floats importance(512);
    Rng rng(52);
    for (float& value : importance)
        value = std::exp(2.0F * static_cast<float>(rng.normal()));
    for (const DType dtype : quantised_types()) {
        if (dtype == DType::kQ8_0 || dtype == DType::kMXFP4) continue;  // nothing to choose
        const double plain =
            nmse(dequantised(dtype, quantised(dtype, w, 512), 512), w, &importance);
        const double weighted = nmse(
            dequantised(dtype, quantised(dtype, w, 512, importance.data()), 512), w, &importance);
        EXPECT_LT(weighted, 0.97 * plain) << dtype_name(dtype);
    }
}

TEST(Quantised, KeepsZerosConstantsAndTinyRows) {
    for (const DType dtype : quantised_types()) {
        for (const float value : {0.0F, 1.0F, -2.5F, 1e-3F}) {
            const Floats w(256, value);
            const Floats got = dequantised(dtype, quantised(dtype, w, 256), 256);
            const float allowed = std::fabs(value) * (dtype == DType::kMXFP4 ? 0.25F : 0.02F);
            for (const float v : got)
                ASSERT_NEAR(v, value, allowed) << dtype_name(dtype);
        }
    }
}

TEST(Quantised, TakesAnyFloat) {
    const float inf = std::numeric_limits<float>::infinity();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const DType dtype : quantised_types()) {
        for (const float value : {inf, -inf, nan, 1e38F, -1e-42F, 1e-30F}) {
            Floats w = random_floats(256, 53);
            w[0] = value;
            w[77] = -value;
            const auto rows = quantised(dtype, w, 256);
            EXPECT_EQ(rows, quantised(dtype, w, 256)) << dtype_name(dtype);
        }
    }
}

}  // namespace
}  // namespace cairn::kernels
