// SPDX-License-Identifier: Apache-2.0
// The arithmetic of Cairn: matrix products, quantised rows, norms, RoPE, softmax, attention. Plain
// pointers, row-major, sizes in elements as int64. The instruction set is chosen once at run time
// (CAIRN_FORCE_ISA overrides it).
//
// Promises: no result depends on the number of threads (work is cut over outputs, never over a
// reduction), and in the inference kernels a row's result does not depend on the other rows of the
// batch, bit for bit. `pool` may be null: then the calling thread does all the work. Inputs and
// outputs may not overlap unless said.
#pragma once

#include <cstdint>
#include <functional>

#include "cairn/base/tensor_type.h"
#include "cairn/base/thread_pool.h"

namespace cairn::kernels {

// ---- instruction sets ----

/// kAmx is kAvx512 with tile instructions for gemm_bf16.
enum class Isa : std::uint8_t { kReference, kAvx2, kAvx512, kAmx };
inline constexpr int kIsaCount = 4;

/// True when this build holds the ISA and this machine can run it.
bool isa_supported(Isa isa) noexcept;
/// The ISA in use: the best supported, or CAIRN_FORCE_ISA=reference|avx2|avx512|amx (ignored when
/// not supported).
Isa isa() noexcept;
/// "reference", "avx2", "avx512", "amx".
const char* isa_name(Isa isa) noexcept;
const char* isa_name() noexcept;

// ---- rows of weights ----

/// Storage of a weight row, as in GGUF; block sizes are in cairn/base/tensor_type.h.
using DType = TensorType;

inline constexpr std::int64_t kQ8BlockSize = 32;
inline constexpr std::int64_t kQ8BlockBytes = 34;

/// "F32", "F16", "BF16", "Q8_0".
const char* dtype_name(DType dtype) noexcept;
/// Bytes of one row; `columns` is a multiple of the type's block.
std::int64_t bytes_per_row(DType dtype, std::int64_t columns) noexcept;
void dequantise_row(DType dtype, const void* row, float* out, std::int64_t columns) noexcept;
/// f16/bf16 round to nearest even; Q8_0 as ggml's reference: d = amax / 127, q = round half away(x
/// * (1 / d)). All others search scale and minimum of the least squared error, weighted by
/// `importance` (a weight >= 0 per column, the mean square of the input there) when given.
void quantise_row(DType dtype, const float* in, void* row, std::int64_t columns,
                  const float* importance = nullptr) noexcept;

float bf16_to_f32(std::uint16_t bits) noexcept;
std::uint16_t f32_to_bf16(float value) noexcept;
float f16_to_f32(std::uint16_t bits) noexcept;
std::uint16_t f32_to_f16(float value) noexcept;

// ---- matrix products ----

/// Inference: y[m, n] = x[m, k] * w[n, k]^T, w of any DType, f32 accumulation. Batch invariant.
/// kF32, kF16, kBF16: x stays f32. Quantised types: rows of x are quantised per block of 32 (int8,
/// f32 scale) and multiplied as integers; blocks are added in order, so these are bit-equal on
/// every ISA.
void matmul_nt(ThreadPool* pool, float* y, const float* x, const void* w, DType dtype,
               std::int64_t m, std::int64_t n, std::int64_t k) noexcept;

/// While it lives it is shown every matmul_nt of the thread that made it, before the product: the
/// weights' address and the rows of x. One a thread; for statistics of what weights are multiplied
/// with.
class ProductObserver {
  public:
    struct Product {
        const void* w;
        const float* x;
        std::int64_t m, n, k;
    };
    explicit ProductObserver(std::function<void(const Product&)> seen);
    ~ProductObserver();
    ProductObserver(const ProductObserver&) = delete;
    ProductObserver& operator=(const ProductObserver&) = delete;
    void show(const Product& product) const { seen_(product); }

  private:
    std::function<void(const Product&)> seen_;
};

enum class Op : std::uint8_t { kNone, kTransposed };

/// Training: c[m, n] = alpha * op(a)[m, k] * op(b)[k, n] + beta * c. Leading dimensions are row
/// strides of the stored matrices (a is [m, k], or [k, m] when transposed). beta == 0 does not read
/// c.
void gemm_f32(ThreadPool* pool, Op op_a, Op op_b, std::int64_t m, std::int64_t n, std::int64_t k,
              float alpha, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
              float beta, float* c, std::int64_t ldc) noexcept;

/// As gemm_f32, with the elements of a and b rounded to bf16 (nearest even) and f32 accumulation.
void gemm_bf16(ThreadPool* pool, Op op_a, Op op_b, std::int64_t m, std::int64_t n, std::int64_t k,
               float alpha, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
               float beta, float* c, std::int64_t ldc) noexcept;

// ---- rows: bit-equal on every ISA ----

/// out[r, :] = x[r, :] / sqrt(mean(x[r, :]^2) + epsilon) * weight. out may be x.
void rmsnorm(ThreadPool* pool, float* out, const float* x, const float* weight, std::int64_t rows,
             std::int64_t columns, float epsilon) noexcept;
/// out[r, :] = (x[r, :] - mean) / sqrt(variance + epsilon) * weight + bias; bias may be null. out
/// may be x.
void layernorm(ThreadPool* pool, float* out, const float* x, const float* weight, const float* bias,
               std::int64_t rows, std::int64_t columns, float epsilon) noexcept;
/// In place: each row becomes softmax(scale * row). -inf is allowed, a row of only -inf gives NaN.
void softmax_rows(ThreadPool* pool, float* x, std::int64_t rows, std::int64_t columns,
                  float scale) noexcept;
/// log(sum(exp(x))), stable.
float log_sum_exp(const float* x, std::int64_t count) noexcept;
/// out = silu(gate) * up, silu(z) = z / (1 + exp(-z)). out may be gate or up.
void silu_mul(ThreadPool* pool, float* out, const float* gate, const float* up,
              std::int64_t count) noexcept;
/// out = gelu(x), gelu(z) = z * (1 + erf(z / sqrt(2))) / 2 within 2e-7 of |z|. out may be x.
void gelu(ThreadPool* pool, float* out, const float* x, std::int64_t count) noexcept;
/// out = gelu(gate) * up. out may be gate or up.
void gelu_mul(ThreadPool* pool, float* out, const float* gate, const float* up,
              std::int64_t count) noexcept;
/// out = a + b. out may be a or b.
void add(float* out, const float* a, const float* b, std::int64_t count) noexcept;
/// out = exp(x), relative error below 2 ulp, subnormal results kept. out may be x.
void exp_array(float* out, const float* x, std::int64_t count) noexcept;

// ---- rotary positions ----

/// kInterleaved rotates (x0,x1),(x2,x3).. (GGUF Llama); kHalves rotates (x0,x[d/2]).. (NeoX,
/// Hugging Face).
enum class RopeStyle : std::uint8_t { kInterleaved, kHalves };

/// cosines[i], sines[i] of position * base^(-2i / rotary_width) for i < rotary_width / 2, computed
/// in double.
void rope_angles(float* cosines, float* sines, std::int64_t position, std::int64_t rotary_width,
                 double base) noexcept;
/// In place on one position's [heads, head_width]; the first rotary_width values of each head turn.
/// Bit-equal on every ISA.
void rope(float* x, const float* cosines, const float* sines, std::int64_t heads,
          std::int64_t head_width, std::int64_t rotary_width, RopeStyle style) noexcept;

// ---- attention ----

struct AttentionShape {
    std::int64_t heads = 0;
    std::int64_t kv_heads =
        0;  ///< divides heads: query head h reads kv head h / (heads / kv_heads)
    std::int64_t head_width = 0;   ///< of queries and keys, at most kHeadWidthMax
    std::int64_t value_width = 0;  ///< of values and out; 0: head_width
    /// Floats from one position to the next; 0: kv_heads times the width.
    std::int64_t key_stride = 0;
    std::int64_t value_stride = 0;
    float scale = 0;               ///< usually 1 / sqrt(head_width)
    float softcap = 0;             ///< score = softcap * tanh(score / softcap); 0: as it is
    const float* sinks = nullptr;  ///< [heads] scores of a position without a value, or null
};
inline constexpr std::int64_t kHeadWidthMax = 1024;

/// One query row over its own cache: keys are [positions, kv_heads, head_width], values
/// [positions, kv_heads, value_width]. They may be the same memory.
struct AttentionRow {
    const float* query = nullptr;  ///< [heads, head_width]
    const float* keys = nullptr;
    const float* values = nullptr;
    float* out = nullptr;        ///< [heads, value_width]
    std::int64_t positions = 0;  ///< >= 1
};

/// Softmax attention of each row, independent of the other rows (prefill: one row per new
/// position). Batch invariant.
void attention(ThreadPool* pool, const AttentionRow* rows, std::int64_t row_count,
               const AttentionShape& shape) noexcept;

}  // namespace cairn::kernels
