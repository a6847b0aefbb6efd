# SPDX-License-Identifier: Apache-2.0
# The house: the rooms in rank order and the one function that builds a room. A room may use only
# rooms that are allowed here; its include root reaches other rooms only through this list, so an
# undeclared include does not compile.
set(CAIRN_ROOMS
  base text format store kernels engine train data knowledge eval ledger operate apps serve cli)

set(CAIRN_MAY_USE_base)
set(CAIRN_MAY_USE_text base)
set(CAIRN_MAY_USE_format base text)
set(CAIRN_MAY_USE_store base)
set(CAIRN_MAY_USE_kernels base)
set(CAIRN_MAY_USE_engine base text format kernels)
set(CAIRN_MAY_USE_train base text format kernels engine)
set(CAIRN_MAY_USE_data base text format store)
set(CAIRN_MAY_USE_knowledge base text store engine)
set(CAIRN_MAY_USE_eval base text store engine data knowledge)
set(CAIRN_MAY_USE_ledger base store)
set(CAIRN_MAY_USE_operate base text format store ledger eval)
set(CAIRN_MAY_USE_apps base text store engine knowledge eval)
set(CAIRN_MAY_USE_serve base text store engine knowledge apps ledger operate)
set(CAIRN_MAY_USE_cli
  base text format store kernels engine train data knowledge eval ledger operate apps serve)

# cairn_room(NAME USES rooms... [USES_PRIVATE rooms...] SOURCES files... HEADERS names...
#            [TESTS files...] [LIBRARIES targets...])
#   SOURCES and TESTS are relative to src/NAME; HEADERS are names in src/NAME/include/cairn/NAME and
#   are compiled alone. A test file x_test.cc becomes the ctest `NAME.x`; its label is `fast` unless
#   cairn_test_label(NAME.x slow) says other.
function(cairn_room name)
  cmake_parse_arguments(ROOM "" "" "USES;USES_PRIVATE;SOURCES;HEADERS;TESTS;LIBRARIES" ${ARGN})
  if(ROOM_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "room ${name}: unknown words ${ROOM_UNPARSED_ARGUMENTS}")
  endif()
  foreach(used IN LISTS ROOM_USES ROOM_USES_PRIVATE)
    if(NOT used IN_LIST CAIRN_MAY_USE_${name})
      message(FATAL_ERROR "room ${name} may not use ${used} "
        "(allowed: ${CAIRN_MAY_USE_${name}}; see cmake/Rooms.cmake)")
    endif()
  endforeach()
  list(TRANSFORM ROOM_HEADERS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/include/cairn/${name}/)
  add_library(cairn_${name} STATIC ${ROOM_SOURCES})
  target_sources(cairn_${name} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${ROOM_HEADERS})
  target_include_directories(cairn_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(cairn_${name} PRIVATE cairn_warnings)
  foreach(used IN LISTS ROOM_USES)
    target_link_libraries(cairn_${name} PUBLIC cairn_${used})
  endforeach()
  foreach(used IN LISTS ROOM_USES_PRIVATE)
    target_link_libraries(cairn_${name} PRIVATE cairn_${used})
  endforeach()
  target_link_libraries(cairn_${name} PUBLIC ${ROOM_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY CAIRN_ROOM_USES "${name}:${ROOM_USES} ${ROOM_USES_PRIVATE}")
  foreach(test IN LISTS ROOM_TESTS)
    cairn_test(${name} ${test})
  endforeach()
endfunction()

# One GoogleTest executable per test file. It finds the sources by CAIRN_SOURCE_DIR; `../shared` is
# optional.
function(cairn_test room file)
  get_filename_component(stem ${file} NAME_WE)
  string(REGEX REPLACE "_test$" "" stem ${stem})
  set(target ${room}_${stem}_test)
  add_executable(${target} ${file})
  target_link_libraries(${target} PRIVATE
    cairn_${room} cairn_warnings GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src/${room})
  target_compile_definitions(${target} PRIVATE CAIRN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${room}.${stem} COMMAND ${target})
  set_tests_properties(${room}.${stem} PROPERTIES LABELS fast TIMEOUT 120)
endfunction()

# cairn_test_label(base.files slow) moves a test to another label and gives it more time.
function(cairn_test_label test label)
  set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 900)
endfunction()
