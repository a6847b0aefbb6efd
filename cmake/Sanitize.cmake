# SPDX-License-Identifier: Apache-2.0
# CAIRN_SANITIZE=address|thread builds everything with that sanitizer (presets asan, tsan).
set(CAIRN_SANITIZE "" CACHE STRING "address (with undefined), thread, or empty")
if(CAIRN_SANITIZE STREQUAL "address")
  add_compile_options(
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(CAIRN_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  # ThreadSanitizer does not know fences; asio's mutexes order its handlers without them.
  add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
elseif(CAIRN_SANITIZE)
  message(FATAL_ERROR
    "CAIRN_SANITIZE: expected address, thread or nothing, found '${CAIRN_SANITIZE}'")
endif()
