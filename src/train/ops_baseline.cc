// SPDX-License-Identifier: Apache-2.0
// Ops for any x86-64 and for double, and the choice of the instruction set at run time.
#include "ops_impl.h"

namespace cairn::train {

Ops<float> ops_baseline() {
    return make_ops<float>();
}

const Ops<float>& ops_for(float) {
    static const Ops<float> chosen = [] {
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
            return ops_avx512();
        }
        if (__builtin_cpu_supports("avx2")) return ops_avx2();
#endif
        return ops_baseline();
    }();
    return chosen;
}

const Ops<double>& ops_for(double) {
    static const Ops<double> reference = make_ops<double>();
    return reference;
}

}  // namespace cairn::train
