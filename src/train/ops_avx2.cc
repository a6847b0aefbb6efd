// SPDX-License-Identifier: Apache-2.0
// Ops compiled for AVX2 (flags in CMakeLists.txt).
#include "ops_impl.h"

namespace cairn::train {

Ops<float> ops_avx2() {
    return make_ops<float>();
}

}  // namespace cairn::train
