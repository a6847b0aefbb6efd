// SPDX-License-Identifier: Apache-2.0
// Every kernel on odd shapes: against plain double arithmetic, every ISA of this machine against
// the reference, any number of threads, alone and in a batch.
#include "cairn/kernels/kernels.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/rng.h"
#include "dispatch.h"

namespace cairn::kernels {
namespace {

using Floats = std::vector<float>;

Floats random_floats(std::int64_t count, std::uint64_t seed, float scale = 1.0F) {
    Rng rng(seed);
    Floats values(static_cast<std::size_t>(count));
    for (float& value : values)
        value = static_cast<float>(rng.normal()) * scale;
    return values;
}

/// Mean squared error over mean square of what is expected.
double nmse(const Floats& got, const std::vector<double>& expected) {
    double error = 0;
    double power = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const double difference = static_cast<double>(got[i]) - expected[i];
        error += difference * difference;
        power += expected[i] * expected[i];
    }
    return power == 0 ? error : error / power;
}

std::vector<std::uint8_t> quantised(DType dtype, const Floats& w, std::int64_t rows,
                                    std::int64_t columns) {
    const std::int64_t bytes = bytes_per_row(dtype, columns);
    std::vector<std::uint8_t> out(static_cast<std::size_t>(rows * bytes));
    for (std::int64_t r = 0; r < rows; ++r)
        quantise_row(dtype, w.data() + r * columns, out.data() + r * bytes, columns);
    return out;
}

/// Runs each test once for every ISA that this machine supports.
class Kernels : public testing::TestWithParam<Isa> {
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

INSTANTIATE_TEST_SUITE_P(Isa, Kernels,
                         testing::Values(Isa::kReference, Isa::kAvx2, Isa::kAvx512, Isa::kAmx),
                         [](const auto& info) { return std::string(isa_name(info.param)); });

TEST(Convert, HalfRoundTripsEveryBitPattern) {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const float value = f16_to_f32(static_cast<std::uint16_t>(bits));
        if (std::isnan(value)) continue;
        ASSERT_EQ(f32_to_f16(value), bits);
    }
}

TEST(Convert, RoundsHalfToNearestEven) {
    EXPECT_EQ(f32_to_f16(1.0F + 0x1p-11F), 0x3C00);  // a tie goes to the even mantissa
    EXPECT_EQ(f32_to_f16(1.0F + 3 * 0x1p-11F), 0x3C02);
    EXPECT_EQ(f32_to_f16(65519.9F), 0x7BFF);
    EXPECT_EQ(f32_to_f16(65520.0F), 0x7C00);
    EXPECT_EQ(f32_to_f16(0x1p-25F), 0x0000);
    EXPECT_EQ(f32_to_f16(0x1.8p-25F), 0x0001);
    EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(Convert, RoundsBf16ToNearestEven) {
    EXPECT_EQ(f32_to_bf16(1.0F + 0x1p-8F), 0x3F80);
    EXPECT_EQ(f32_to_bf16(1.0F + 3 * 0x1p-8F), 0x3F82);
    EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
    EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7F800001U)))));
}

TEST(Convert, Q8BlockHasGgmlLayout) {
    Floats row(32);
    for (int i = 0; i < 32; ++i)
        row[static_cast<std::size_t>(i)] = static_cast<float>(i - 16) * 0.5F;
    std::vector<std::uint8_t> block(34);
    quantise_row(DType::kQ8_0, row.data(), block.data(), 32);
    EXPECT_EQ(block[0] | block[1] << 8, f32_to_f16(8.0F / 127.0F));
    EXPECT_EQ(static_cast<std::int8_t>(block[2]), -127);
    EXPECT_EQ(static_cast<std::int8_t>(block[2 + 31]), 119);  // 7.5 * 127 / 8 = 119.06
    EXPECT_EQ(bytes_per_row(DType::kQ8_0, 64), 68);
    Floats zeros(32, 0.0F);
    quantise_row(DType::kQ8_0, zeros.data(), block.data(), 32);
    dequantise_row(DType::kQ8_0, block.data(), row.data(), 32);
    EXPECT_EQ(row, zeros);
}

struct GemmCase {
    std::int64_t m, n, k;
    float alpha, beta;
};

const GemmCase kGemmCases[] = {{1, 1, 1, 1, 0},          {3, 5, 7, 1, 1},     {14, 32, 256, 1, 0},
                               {33, 65, 300, 0.5, 0.25}, {100, 40, 31, 1, 0}, {64, 96, 1030, 1, 1},
                               {129, 17, 513, -1, 2},    {6, 16, 2, 1, 0},    {200, 130, 70, 1, 0}};

using Gemm = void (*)(ThreadPool*, Op, Op, std::int64_t, std::int64_t, std::int64_t, float,
                      const float*, std::int64_t, const float*, std::int64_t, float, float*,
                      std::int64_t);

/// Checks one product in all four transpositions, with leading dimensions wider than the rows;
/// returns the worst NMSE.
double worst_gemm_error(Gemm gemm, const GemmCase& s, bool round) {
    double worst = 0;
    for (int form = 0; form < 4; ++form) {
        const bool ta = (form & 1) != 0;
        const bool tb = (form & 2) != 0;
        const std::int64_t lda = (ta ? s.m : s.k) + 3;
        const std::int64_t ldb = (tb ? s.k : s.n) + 5;
        const std::int64_t ldc = s.n + 1;
        const Floats a = random_floats((ta ? s.k : s.m) * lda, 1);
        const Floats b = random_floats((tb ? s.n : s.k) * ldb, 2);
        Floats c = random_floats(s.m * ldc, 3);
        if (s.beta == 0) std::fill(c.begin(), c.end(), std::numeric_limits<float>::quiet_NaN());
        const Floats before = c;
        const auto at = [round](const Floats& v, std::int64_t i) {
            const float value = v[static_cast<std::size_t>(i)];
            return static_cast<double>(round ? bf16_to_f32(f32_to_bf16(value)) : value);
        };
        gemm(nullptr, ta ? Op::kTransposed : Op::kNone, tb ? Op::kTransposed : Op::kNone, s.m, s.n,
             s.k, s.alpha, a.data(), lda, b.data(), ldb, s.beta, c.data(), ldc);
        Floats got;
        std::vector<double> expected;
        for (std::int64_t i = 0; i < s.m; ++i) {
            for (std::int64_t j = 0; j < s.n; ++j) {
                double sum = 0;
                for (std::int64_t l = 0; l < s.k; ++l) {
                    sum += at(a, ta ? l * lda + i : i * lda + l) *
                           at(b, tb ? j * ldb + l : l * ldb + j);
                }
                const auto index = static_cast<std::size_t>(i * ldc + j);
                expected.push_back(s.alpha * sum +
                                   (s.beta == 0 ? 0 : s.beta * static_cast<double>(before[index])));
                got.push_back(c[index]);
            }
            const auto guard =
                static_cast<std::size_t>(i * ldc + s.n);  // the gap between rows stays untouched
            EXPECT_EQ(std::bit_cast<std::uint32_t>(c[guard]),
                      std::bit_cast<std::uint32_t>(before[guard]));
        }
        worst = std::max(worst, nmse(got, expected));
    }
    return worst;
}

TEST_P(Kernels, GemmF32MatchesDouble) {
    for (const GemmCase& s : kGemmCases) {
        EXPECT_LT(worst_gemm_error(gemm_f32, s, false), 1e-11) << s.m << "x" << s.n << "x" << s.k;
    }
}

TEST_P(Kernels, GemmBf16MatchesDoubleOfRoundedInputs) {
    for (const GemmCase& s : kGemmCases) {
        EXPECT_LT(worst_gemm_error(gemm_bf16, s, true), 1e-10) << s.m << "x" << s.n << "x" << s.k;
    }
}

/// Floats that end at a page which may not be touched.
class GuardedFloats {
  public:
    explicit GuardedFloats(std::int64_t count) : bytes_(static_cast<std::size_t>(count) * 4) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        size_ = (bytes_ + page - 1) / page * page + page;
        void* memory =
            mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CAIRN_ASSERT(memory != MAP_FAILED);
        memory_ = static_cast<char*>(memory);
        CAIRN_ASSERT(mprotect(memory_ + size_ - page, page, PROT_NONE) == 0);
        data_ = reinterpret_cast<float*>(memory_ + size_ - page - bytes_);
        std::fill(data_, data_ + count, 1.0F);
    }
    GuardedFloats(const GuardedFloats&) = delete;
    GuardedFloats& operator=(const GuardedFloats&) = delete;
    ~GuardedFloats() { munmap(memory_, size_); }
    float* data() { return data_; }

  private:
    std::size_t bytes_;
    std::size_t size_ = 0;
    char* memory_ = nullptr;
    float* data_ = nullptr;
};

/// Once, packing bf16 for fewer than 17 columns shifted a mask by a negative count and read beyond
/// the operand.
TEST_P(Kernels, GemmReadsAndWritesOnlyItsOperands) {
    for (const std::int64_t side : {1, 3, 5, 15, 16, 17, 31, 33}) {
        GuardedFloats a(side * side);
        GuardedFloats b(side * side);
        GuardedFloats c(side * side);
        for (const Gemm gemm : {Gemm{gemm_f32}, Gemm{gemm_bf16}}) {
            for (int form = 0; form < 4; ++form) {
                const Op op_a = (form & 1) != 0 ? Op::kTransposed : Op::kNone;
                const Op op_b = (form & 2) != 0 ? Op::kTransposed : Op::kNone;
                gemm(nullptr, op_a, op_b, side, side, side, 1, a.data(), side, b.data(), side, 0,
                     c.data(), side);
                EXPECT_EQ(c.data()[side * side - 1], static_cast<float>(side));
            }
        }
        GuardedFloats x(side * 32);
        GuardedFloats w(side * 32);
        matmul_nt(nullptr, c.data(), x.data(), w.data(), DType::kF32, side, side, 32);
        EXPECT_EQ(c.data()[side * side - 1], 32.0F);
    }
}

TEST_P(Kernels, GemmDoesNotDependOnThreads) {
    constexpr std::int64_t m = 333;
    constexpr std::int64_t n = 190;
    constexpr std::int64_t k = 777;
    const Floats a = random_floats(m * k, 4);
    const Floats b = random_floats(n * k, 5);
    for (const Gemm gemm : {Gemm{gemm_f32}, Gemm{gemm_bf16}}) {
        Floats one(m * n);
        gemm(nullptr, Op::kNone, Op::kTransposed, m, n, k, 1, a.data(), k, b.data(), k, 0,
             one.data(), n);
        for (const int threads : {2, 3, 7}) {
            ThreadPool pool(threads);
            Floats many(m * n);
            gemm(&pool, Op::kNone, Op::kTransposed, m, n, k, 1, a.data(), k, b.data(), k, 0,
                 many.data(), n);
            EXPECT_EQ(one, many) << threads;
        }
    }
}

struct MatmulCase {
    std::int64_t m, n, k;
};
const MatmulCase kMatmulCases[] = {{1, 1, 32},   {1, 37, 96},   {2, 16, 64},
                                   {5, 33, 160}, {17, 50, 288}, {70, 100, 320}};

constexpr DType kDTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0};

TEST_P(Kernels, MatmulMatchesDoubleOfStoredWeights) {
    for (const MatmulCase& s : kMatmulCases) {
        const Floats x = random_floats(s.m * s.k, 6);
        const Floats w = random_floats(s.n * s.k, 7);
        for (const DType dtype : kDTypes) {
            const auto stored = quantised(dtype, w, s.n, s.k);
            Floats y(static_cast<std::size_t>(s.m * s.n));
            matmul_nt(nullptr, y.data(), x.data(), stored.data(), dtype, s.m, s.n, s.k);
            Floats row(static_cast<std::size_t>(s.k));
            std::vector<double> expected(y.size());
            for (std::int64_t j = 0; j < s.n; ++j) {
                dequantise_row(dtype, stored.data() + j * bytes_per_row(dtype, s.k), row.data(),
                               s.k);
                for (std::int64_t i = 0; i < s.m; ++i) {
                    double sum = 0;
                    for (std::int64_t l = 0; l < s.k; ++l) {
                        sum += static_cast<double>(x[static_cast<std::size_t>(i * s.k + l)]) *
                               row[static_cast<std::size_t>(l)];
                    }
                    expected[static_cast<std::size_t>(i * s.n + j)] = sum;
                }
            }
            EXPECT_LT(nmse(y, expected), dtype == DType::kQ8_0 ? 5e-4 : 1e-11)
                << dtype_name(dtype) << " " << s.m;
        }
    }
}

TEST_P(Kernels, MatmulTakesOddDepthsExceptForBlocks) {
    for (const std::int64_t k : {1, 7, 15, 17, 31, 47, 100}) {
        const Floats x = random_floats(3 * k, 8);
        const Floats w = random_floats(19 * k, 9);
        for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
            const auto stored = quantised(dtype, w, 19, k);
            Floats y(3 * 19);
            matmul_nt(nullptr, y.data(), x.data(), stored.data(), dtype, 3, 19, k);
            Floats row(static_cast<std::size_t>(k));
            for (std::int64_t j = 0; j < 19; ++j) {
                dequantise_row(dtype, stored.data() + j * bytes_per_row(dtype, k), row.data(), k);
                double sum = 0;
                for (std::int64_t l = 0; l < k; ++l) {
                    sum += static_cast<double>(x[static_cast<std::size_t>(k + l)]) *
                           row[static_cast<std::size_t>(l)];
                }
                ASSERT_NEAR(y[static_cast<std::size_t>(19 + j)], sum, 1e-4) << k;
            }
        }
    }
}

/// A row gives the same bits alone, in any batch and on any number of threads.
TEST_P(Kernels, MatmulRowDoesNotDependOnBatchOrThreads) {
    constexpr std::int64_t n = 83;
    constexpr std::int64_t k = 352;
    constexpr std::int64_t m = 77;
    const Floats x = random_floats(m * k, 10);
    const Floats w = random_floats(n * k, 11);
    ThreadPool pool(3);
    for (const DType dtype : kDTypes) {
        const auto stored = quantised(dtype, w, n, k);
        Floats all(m * n);
        matmul_nt(&pool, all.data(), x.data(), stored.data(), dtype, m, n, k);
        for (const std::int64_t batch : {1, 2, 3, 5, 8, 16, 33}) {
            Floats part(m * n);
            for (std::int64_t i = 0; i < m; i += batch) {
                matmul_nt(nullptr, part.data() + i * n, x.data() + i * k, stored.data(), dtype,
                          std::min(batch, m - i), n, k);
            }
            EXPECT_EQ(all, part) << dtype_name(dtype) << " in batches of " << batch;
        }
    }
}

TEST_P(Kernels, Q8MatmulIsBitEqualToReference) {
    constexpr std::int64_t m = 19;
    constexpr std::int64_t n = 45;
    constexpr std::int64_t k = 416;
    const Floats x = random_floats(m * k, 12);
    auto stored = quantised(DType::kQ8_0, random_floats(n * k, 13), n, k);
    stored[2] = 0x80;  // -128: never written by us, but a foreign file may hold it
    Floats y(m * n);
    Floats expected(m * n);
    matmul_nt(nullptr, y.data(), x.data(), stored.data(), DType::kQ8_0, m, n, k);
    detail::use_isa(Isa::kReference);
    matmul_nt(nullptr, expected.data(), x.data(), stored.data(), DType::kQ8_0, m, n, k);
    EXPECT_EQ(y, expected);
}

struct AttentionData {
    AttentionShape shape;
    std::int64_t positions;
    Floats q, k, v;
};

AttentionData attention_data(std::int64_t heads, std::int64_t kv_heads, std::int64_t width,
                             std::int64_t positions) {
    return {{.heads = heads,
             .kv_heads = kv_heads,
             .head_width = width,
             .scale = 1.0F / std::sqrt(static_cast<float>(width))},
            positions,
            random_floats(heads * width, 18),
            random_floats(positions * kv_heads * width, 19),
            random_floats(positions * kv_heads * width, 20)};
}

/// The vector ISAs share one order of sums, so their float products agree bit for bit as well.
TEST(Isas, FloatProductsAreBitEqualOnVectorIsas) {
    if (!isa_supported(Isa::kAvx2) || !isa_supported(Isa::kAvx512)) {
        GTEST_SKIP() << "this machine does not run two vector ISAs";
    }
    constexpr std::int64_t m = 61;
    constexpr std::int64_t n = 77;
    constexpr std::int64_t k = 523;
    const Floats x = random_floats(m * k, 21);
    const Floats w = random_floats(n * k, 22);
    const Isa before = isa();
    std::vector<Floats> results;
    for (const Isa used : {Isa::kAvx2, Isa::kAvx512}) {
        ASSERT_TRUE(detail::use_isa(used));
        Floats all;
        Floats y(m * n);
        for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
            const auto stored = quantised(dtype, w, n, k);
            matmul_nt(nullptr, y.data(), x.data(), stored.data(), dtype, m, n, k);
            all.insert(all.end(), y.begin(), y.end());
        }
        gemm_f32(nullptr, Op::kNone, Op::kTransposed, m, n, k, 1, x.data(), k, w.data(), k, 0,
                 y.data(), n);
        all.insert(all.end(), y.begin(), y.end());
        for (const std::int64_t kv_heads : {1, 2, 4}) {
            const AttentionData d = attention_data(4, kv_heads, 88, 100);
            Floats out(d.q.size());
            const AttentionRow row{d.q.data(), d.k.data(), d.v.data(), out.data(), d.positions};
            attention(nullptr, &row, 1, d.shape);
            all.insert(all.end(), out.begin(), out.end());
        }
        results.push_back(all);
    }
    detail::use_isa(before);
    EXPECT_EQ(results[0], results[1]);
}

/// Run by ctest once for each value of CAIRN_FORCE_ISA.
TEST(Isas, EnvironmentChoosesTheIsa) {
    const char* wanted = std::getenv("CAIRN_FORCE_ISA");
    if (wanted == nullptr) {
        for (int i = static_cast<int>(isa()) + 1; i < kIsaCount; ++i) {
            EXPECT_FALSE(isa_supported(static_cast<Isa>(i))) << "a better ISA is not in use";
        }
        return;
    }
    for (int i = 0; i < kIsaCount; ++i) {
        const auto candidate = static_cast<Isa>(i);
        if (isa_supported(candidate) && std::string(wanted) == isa_name(candidate)) {
            EXPECT_STREQ(isa_name(), wanted);
            return;
        }
    }
    GTEST_SKIP() << "this machine has no " << wanted;
}

TEST_P(Kernels, ExpIsWithinTwoUlp) {
    Floats x;
    for (float value = -87.3F; value < 88.7F; value += 0.00377F)
        x.push_back(value);
    Floats y(x.size());
    exp_array(y.data(), x.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = std::exp(static_cast<double>(x[i]));
        const auto nearest = static_cast<float>(expected);
        const double ulp =
            std::nextafter(nearest, std::numeric_limits<float>::infinity()) - nearest;
        ASSERT_LT(std::fabs(y[i] - expected) / ulp, 2.0) << x[i];
    }
}

TEST_P(Kernels, ExpHandlesTheEnds) {
    const float infinity = std::numeric_limits<float>::infinity();
    const Floats x = {-infinity, -200,     -103,
                      -88,       0,        88.8F,
                      200,       infinity, std::numeric_limits<float>::quiet_NaN()};
    Floats y(x.size());
    exp_array(y.data(), x.data(), static_cast<std::int64_t>(x.size()));
    EXPECT_EQ(y[0], 0);
    EXPECT_EQ(y[1], 0);
    EXPECT_NEAR(y[2] / std::exp(-103.0), 1, 0.4);  // subnormal: one bit of precision
    EXPECT_NEAR(y[3] / std::exp(-88.0), 1, 1e-5);
    EXPECT_EQ(y[4], 1);
    EXPECT_EQ(y[5], infinity);
    EXPECT_EQ(y[6], infinity);
    EXPECT_EQ(y[7], infinity);
    EXPECT_TRUE(std::isnan(y[8]));
}

/// All row kernels in one buffer, for a bitwise comparison between ISAs and thread counts.
Floats run_row_kernels(ThreadPool* pool, std::int64_t rows, std::int64_t columns) {
    const Floats x = random_floats(rows * columns, 14, 3.0F);
    const Floats up = random_floats(rows * columns, 15);
    Floats out(x.size());
    Floats all;
    const auto keep = [&] { all.insert(all.end(), out.begin(), out.end()); };
    rmsnorm(pool, out.data(), x.data(), up.data(), rows, columns, 1e-5F);
    keep();
    out = x;
    softmax_rows(pool, out.data(), rows, columns, 0.7F);
    keep();
    silu_mul(pool, out.data(), x.data(), up.data(), rows * columns);
    keep();
    gelu(pool, out.data(), x.data(), rows * columns);
    keep();
    gelu_mul(pool, out.data(), x.data(), up.data(), rows * columns);
    keep();
    layernorm(pool, out.data(), x.data(), up.data(), up.data(), rows, columns, 1e-5F);
    keep();
    layernorm(pool, out.data(), x.data(), up.data(), nullptr, rows, columns, 1e-5F);
    keep();
    add(out.data(), x.data(), up.data(), rows * columns);
    keep();
    exp_array(out.data(), x.data(), rows * columns);
    keep();
    all.push_back(log_sum_exp(x.data(), columns));
    Floats cosines(static_cast<std::size_t>(columns / 2) + 1);
    Floats sines(cosines.size());
    const std::int64_t rotary = columns / 4 * 2;
    rope_angles(cosines.data(), sines.data(), 17, rotary, 10000);
    for (const RopeStyle style : {RopeStyle::kInterleaved, RopeStyle::kHalves}) {
        out = x;
        rope(out.data(), cosines.data(), sines.data(), rows, columns, rotary, style);
        keep();
    }
    return all;
}

TEST_P(Kernels, RowKernelsAreBitEqualToReference) {
    for (const std::int64_t columns : {1, 2, 8, 15, 16, 17, 32, 63, 100, 257}) {
        const Floats got = run_row_kernels(nullptr, 3, columns);
        detail::use_isa(Isa::kReference);
        const Floats expected = run_row_kernels(nullptr, 3, columns);
        detail::use_isa(GetParam());
        ASSERT_EQ(got, expected) << columns << " columns";
    }
}

TEST_P(Kernels, RowKernelsDoNotDependOnThreads) {
    ThreadPool pool(3);
    EXPECT_EQ(run_row_kernels(&pool, 300, 129), run_row_kernels(nullptr, 300, 129));
}

TEST_P(Kernels, RowKernelsMatchDouble) {
    constexpr std::int64_t n = 100;
    const Floats x = random_floats(n, 16, 2.0F);
    const Floats weight = random_floats(n, 17);
    double squares = 0;
    double exps = 0;
    for (const float value : x) {
        squares += static_cast<double>(value) * value;
        exps += std::exp(static_cast<double>(value));
    }
    Floats norm(n);
    Floats soft = x;
    Floats gated(n);
    rmsnorm(nullptr, norm.data(), x.data(), weight.data(), 1, n, 1e-6F);
    softmax_rows(nullptr, soft.data(), 1, n, 1.0F);
    silu_mul(nullptr, gated.data(), x.data(), weight.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
        EXPECT_NEAR(norm[i], x[i] / std::sqrt(squares / n + 1e-6) * weight[i], 1e-5);
        EXPECT_NEAR(soft[i], std::exp(static_cast<double>(x[i])) / exps, 1e-7);
        EXPECT_NEAR(gated[i], x[i] / (1 + std::exp(-static_cast<double>(x[i]))) * weight[i], 1e-5);
    }
    EXPECT_NEAR(log_sum_exp(x.data(), n), std::log(exps), 1e-5);
}

TEST_P(Kernels, GeluMatchesDouble) {
    Floats x;
    for (int i = -1200; i <= 1200; ++i)
        x.push_back(static_cast<float>(i) * 0.01F);
    const Floats up = random_floats(static_cast<std::int64_t>(x.size()), 18);
    Floats alone(x.size());
    Floats gated(x.size());
    const auto count = static_cast<std::int64_t>(x.size());
    gelu(nullptr, alone.data(), x.data(), count);
    gelu_mul(nullptr, gated.data(), x.data(), up.data(), count);
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double z = x[i];
        const double expected = z * 0.5 * std::erfc(-z / std::sqrt(2.0));
        EXPECT_NEAR(alone[i], expected, 2e-7 * std::max(1.0, std::abs(z))) << z;
        EXPECT_EQ(gated[i], alone[i] * up[i]);
    }
}

TEST_P(Kernels, LayernormMatchesDouble) {
    constexpr std::int64_t n = 100;
    const Floats x = random_floats(n, 19, 2.0F);
    const Floats weight = random_floats(n, 20);
    const Floats bias = random_floats(n, 21);
    double mean = 0;
    double variance = 0;
    for (const float value : x)
        mean += value / static_cast<double>(n);
    for (const float value : x)
        variance += (value - mean) * (value - mean) / static_cast<double>(n);
    Floats out(n);
    layernorm(nullptr, out.data(), x.data(), weight.data(), bias.data(), 1, n, 1e-6F);
    for (std::size_t i = 0; i < n; ++i) {
        const double normed = (x[i] - mean) / std::sqrt(variance + 1e-6) * weight[i];
        EXPECT_NEAR(out[i], normed + bias[i], 1e-5);
    }
}

TEST(Rope, TurnsPairsByThePosition) {
    const float cosines[2] = {0.0F, 1.0F};
    const float sines[2] = {1.0F, 0.0F};
    Floats x = {1, 2, 3, 4, 5};
    rope(x.data(), cosines, sines, 1, 5, 4, RopeStyle::kInterleaved);
    EXPECT_EQ(x, (Floats{-2, 1, 3, 4, 5}));
    x = {1, 2, 3, 4, 5};
    rope(x.data(), cosines, sines, 1, 5, 4, RopeStyle::kHalves);
    EXPECT_EQ(x, (Floats{-3, 2, 1, 4, 5}));
}

TEST_P(Kernels, AttentionMatchesDouble) {
    for (const std::int64_t width : {8, 24, 32, 33, 64, 128}) {
        for (const std::int64_t positions : {1, 2, 63, 64, 65, 200}) {
            const AttentionData d = attention_data(6, 2, width, positions);
            Floats out(d.q.size());
            const AttentionRow row{d.q.data(), d.k.data(), d.v.data(), out.data(), positions};
            attention(nullptr, &row, 1, d.shape);
            std::vector<double> expected(out.size(), 0.0);
            for (std::int64_t h = 0; h < 6; ++h) {
                std::vector<double> weight;
                double sum = 0;
                for (std::int64_t p = 0; p < positions; ++p) {
                    double dot = 0;
                    for (std::int64_t i = 0; i < width; ++i) {
                        dot += static_cast<double>(d.q[static_cast<std::size_t>(h * width + i)]) *
                               d.k[static_cast<std::size_t>((p * 2 + h / 3) * width + i)];
                    }
                    weight.push_back(std::exp(dot * d.shape.scale));
                    sum += weight.back();
                }
                for (std::int64_t p = 0; p < positions; ++p) {
                    for (std::int64_t i = 0; i < width; ++i) {
                        expected[static_cast<std::size_t>(h * width + i)] +=
                            weight[static_cast<std::size_t>(p)] / sum *
                            d.v[static_cast<std::size_t>((p * 2 + h / 3) * width + i)];
                    }
                }
            }
            ASSERT_LT(nmse(out, expected), 1e-11)
                << width << " wide, " << positions << " positions";
        }
    }
}

// Keys and values in one memory of stride 24: keys 24 wide, values their first 16 (as in latent
// attention), with capped scores and a sink per head.
TEST_P(Kernels, AttentionKnowsSinksCapsAndSharedValues) {
    constexpr std::int64_t kHeads = 3, kKey = 24, kValue = 16, kPositions = 70;
    const Floats query = random_floats(kHeads * kKey, 21);
    const Floats cache = random_floats(kPositions * kKey, 22);
    const Floats sinks = {0.5F, -2.0F, 3.0F};
    AttentionShape shape = {.heads = kHeads, .kv_heads = 1, .head_width = kKey};
    shape.value_width = kValue;
    shape.value_stride = kKey;
    shape.scale = 0.7F;
    shape.softcap = 2.5F;
    shape.sinks = sinks.data();
    Floats out(kHeads * kValue);
    const AttentionRow row{query.data(), cache.data(), cache.data(), out.data(), kPositions};
    attention(nullptr, &row, 1, shape);
    std::vector<double> expected(out.size(), 0.0);
    for (std::size_t h = 0; h < kHeads; ++h) {
        double sum = std::exp(static_cast<double>(sinks[h]));
        std::vector<double> weight;
        for (std::size_t p = 0; p < kPositions; ++p) {
            double dot = 0;
            for (std::size_t i = 0; i < kKey; ++i)
                dot += static_cast<double>(query[h * kKey + i]) * cache[p * kKey + i];
            weight.push_back(std::exp(2.5 * std::tanh(dot * 0.7 / 2.5)));
            sum += weight.back();
        }
        for (std::size_t p = 0; p < kPositions; ++p) {
            for (std::size_t i = 0; i < kValue; ++i)
                expected[h * kValue + i] += weight[p] / sum * cache[p * kKey + i];
        }
    }
    EXPECT_LT(nmse(out, expected), 1e-11);
}
// Whatever rows and heads share a tile: rows of one prompt, then of another with its own cache.
TEST_P(Kernels, AttentionRowDoesNotDependOnBatchOrThreads) {
    const std::int64_t shapes[][2] = {{8, 4}, {6, 2}, {5, 1}, {4, 4}, {40, 1}};
    for (const auto& [heads, kv_heads] : shapes) {
        const AttentionData d = attention_data(heads, kv_heads, 80, 150);
        const Floats other = random_floats(std::ssize(d.k), 23);
        const auto width = std::ssize(d.q);
        Floats batch(d.q.size() * 20);
        std::vector<AttentionRow> rows;
        for (std::int64_t i = 0; i < 20; ++i) {
            const Floats& keys = i < 13 ? d.k : other;
            rows.push_back({d.q.data(), keys.data(), d.v.data(), batch.data() + i * width,
                            i < 13 ? 55 + i : 7 * (i + 1)});
        }
        ThreadPool pool(3);
        for (ThreadPool* threads : {&pool, static_cast<ThreadPool*>(nullptr)}) {
            attention(threads, rows.data(), 20, d.shape);
            for (std::int64_t i = 0; i < 20; ++i) {
                Floats alone(d.q.size());
                AttentionRow row = rows[static_cast<std::size_t>(i)];
                row.out = alone.data();
                attention(nullptr, &row, 1, d.shape);
                EXPECT_TRUE(std::equal(alone.begin(), alone.end(), batch.begin() + i * width))
                    << heads << " heads over " << kv_heads << ", row " << i;
            }
        }
    }
}

}  // namespace
}  // namespace cairn::kernels
