# SPDX-License-Identifier: Apache-2.0
# Puts files into a binary as they are (.incbin), so that `cairn` is one file.
#
# cairn_embed(TARGET NAME FOLDER files...) gives TARGET the header "embedded/NAME.h" with
#   std::span<const cairn::EmbeddedFile> cairn::embedded::NAME();
# whose entries have the paths as given here, relative to FOLDER, in the given order. The object's
# bytes depend on the files' bytes and paths only. (ccache sees the .incbin and steps aside.)
function(cairn_embed target name folder)
  if(NOT ARGN)
    message(FATAL_ERROR "cairn_embed(${target} ${name}): no files found in ${folder}. "
      "Run scripts/build, which makes them.")
  endif()
  set(assembly "")
  set(declarations "")
  set(entries "")
  set(files "")
  set(index 0)
  foreach(path IN LISTS ARGN)
    set(file ${folder}/${path})
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "cairn_embed(${target} ${name}): ${file} does not exist. "
        "Run scripts/build, which makes it.")
    endif()
    list(APPEND files ${file})
    set(symbol cairn_embedded_${name}_${index})
    string(APPEND assembly
      "    \".balign 64\\n\"\n"
      "    \"${symbol}: .incbin \\\"${file}\\\"\\n\"\n"
      "    \"${symbol}_end: .byte 0\\n\"\n")
    string(APPEND declarations
      "extern \"C\" const char ${symbol}[];\n" "extern \"C\" const char ${symbol}_end[];\n")
    string(APPEND entries "        make(\"${path}\", ${symbol}, ${symbol}_end),\n")
    math(EXPR index "${index} + 1")
  endforeach()

  set(out ${CMAKE_CURRENT_BINARY_DIR}/embed_${name})
  file(CONFIGURE OUTPUT ${out}/embedded/${name}.h @ONLY CONTENT [[
// Made by cmake/Embed.cmake.
#pragma once

#include <span>

#include "cairn/base/embedded.h"

namespace cairn::embedded {
std::span<const EmbeddedFile> @name@();
}
]])
  file(CONFIGURE OUTPUT ${out}/${name}.cc @ONLY CONTENT [[
// Made by cmake/Embed.cmake.
#include "embedded/@name@.h"

#include <array>

__asm__(
    ".section .rodata\n"
@assembly@    ".previous\n");

@declarations@
namespace cairn::embedded {

std::span<const EmbeddedFile> @name@() {
    constexpr auto make = [](std::string_view path, const char* begin, const char* end) {
        return EmbeddedFile{path, {begin, static_cast<std::size_t>(end - begin)}};
    };
    static const std::array files = {
@entries@    };
    return files;
}

}  // namespace cairn::embedded
]])
  target_sources(${target} PRIVATE ${out}/${name}.cc)
  target_include_directories(${target} PRIVATE ${out})
  set_source_files_properties(${out}/${name}.cc TARGET_DIRECTORY ${target}
    PROPERTIES OBJECT_DEPENDS "${files}")
endfunction()
