// SPDX-License-Identifier: Apache-2.0
// Ops compiled for AVX512 (flags in CMakeLists.txt).
#include "ops_impl.h"

namespace cairn::train {

Ops<float> ops_avx512() {
    return make_ops<float>();
}

}  // namespace cairn::train
