# SPDX-License-Identifier: Apache-2.0
# Warnings as errors for our own code; deterministic floating point everywhere.
add_library(cairn_warnings INTERFACE)
target_compile_options(cairn_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports false positives of these two inside the standard library at -O2.
  target_compile_options(cairn_warnings INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
# The compiler must not fuse multiply-add on its own: kernels do it by hand, so that results are the
# same everywhere.
target_compile_options(cairn_warnings INTERFACE -ffp-contract=off)
find_program(CAIRN_MOLD mold)
if(CAIRN_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(CAIRN_CCACHE ccache)
if(CAIRN_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CAIRN_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CAIRN_CCACHE})
endif()
