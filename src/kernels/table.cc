// SPDX-License-Identifier: Apache-2.0
// Run-time dispatch: which tables this machine can run, which one is in use, and CAIRN_FORCE_ISA.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "dispatch.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace cairn::kernels {
namespace detail {
namespace {

#ifdef CAIRN_KERNELS_X86

/// Half floats: cpuid 1 ecx bit 29. (clang++-14 does not know the name "f16c" below.)
bool has_f16c() {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & (1U << 29)) != 0;
}

/// __builtin_cpu_supports also asks whether the operating system saves the registers.
bool has_avx2() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}

bool has_avx512_bf16() {
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

/// AMX needs three things: the processor (cpuid 7.0 edx bits 22 and 24), an operating system that
/// saves tiles (xgetbv bits 17 and 18), and a permission that each process asks for once
/// (arch_prctl ARCH_REQ_XCOMP_PERM).
bool has_amx() {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (!has_avx512_bf16() || __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
    constexpr unsigned kAmxBf16 = 1U << 22;
    constexpr unsigned kAmxTile = 1U << 24;
    if ((edx & kAmxBf16) == 0 || (edx & kAmxTile) == 0) return false;
    unsigned low = 0;
    unsigned high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    constexpr unsigned kTileState = (1U << 17) | (1U << 18);
    if ((low & kTileState) != kTileState) return false;
    constexpr long kRequestPermission = 0x1023;
    constexpr long kTileData = 18;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

#endif

/// All tables, composed once; tables[i] is null when not supported.
struct Tables {
    Table avx512;
    Table amx;
    const Table* by_isa[kIsaCount];

    Tables() : avx512{}, amx{}, by_isa{&kReferenceTable, nullptr, nullptr, nullptr} {
#ifdef CAIRN_KERNELS_X86
        __builtin_cpu_init();
        if (!has_avx2()) return;
        by_isa[static_cast<int>(Isa::kAvx2)] = &kAvx2Table;
        if (!has_avx512()) return;
        avx512 = kAvx512Table;
        if (has_avx512_bf16()) {
            avx512.gemm_bf16 = &kAvx512Bf16.gemm;
            avx512.peak_bf16 = kAvx512Bf16.peak;
        }
        by_isa[static_cast<int>(Isa::kAvx512)] = &avx512;
        if (!has_amx()) return;
        amx = avx512;
        amx.name = "amx";
        amx.gemm_bf16 = &kAmxBf16.gemm;
        amx.peak_bf16 = kAmxBf16.peak;
        by_isa[static_cast<int>(Isa::kAmx)] = &amx;
#endif
    }
};

const Tables& tables() {
    static const Tables all;
    return all;
}

Isa choose() {
    const char* wanted = std::getenv("CAIRN_FORCE_ISA");
    Isa best = Isa::kReference;
    for (int i = 0; i < kIsaCount; ++i) {
        if (tables().by_isa[i] == nullptr) continue;
        best = static_cast<Isa>(i);
        if (wanted != nullptr && std::strcmp(wanted, isa_name(best)) == 0) return best;
    }
    return best;
}

std::atomic<Isa>& current() {
    static std::atomic<Isa> isa{choose()};
    return isa;
}

}  // namespace

const Table* table_for(Isa isa) noexcept {
    return tables().by_isa[static_cast<int>(isa)];
}

const Table& active_table() noexcept {
    return *table_for(isa());
}

bool use_isa(Isa isa) noexcept {
    if (table_for(isa) == nullptr) return false;
    current().store(isa, std::memory_order_relaxed);
    return true;
}

}  // namespace detail

bool isa_supported(Isa isa) noexcept {
    return detail::table_for(isa) != nullptr;
}

Isa isa() noexcept {
    return detail::current().load(std::memory_order_relaxed);
}

const char* isa_name(Isa isa) noexcept {
    constexpr const char* kNames[kIsaCount] = {"reference", "avx2", "avx512", "amx"};
    return kNames[static_cast<int>(isa)];
}

const char* isa_name() noexcept {
    return isa_name(isa());
}

}  // namespace cairn::kernels
