# SPDX-License-Identifier: MPL-2.0
# How everything is compiled: options, warnings, hardening, and the verbs the rooms' lists use.
include(GNUInstallDirs)
include(CheckCCompilerFlag)
include(CheckPIESupported)
find_package(PkgConfig REQUIRED)

option(RELAY_TESTS "build the tests" OFF)
option(RELAY_FUZZ "build the libFuzzer targets (clang)" OFF)
option(RELAY_COVERAGE "count executed lines (gcov)" OFF)
option(RELAY_LTO "optimise across files in release builds" ON)
set(RELAY_SANITIZE "" CACHE STRING "address or thread: instrument everything")
set_property(CACHE RELAY_SANITIZE PROPERTY STRINGS "" address thread)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or RelWithDebInfo" FORCE)
endif()

# -- language and places --
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
check_pie_supported(LANGUAGES C)

# Where the plugins are installed: absolute, and as seen from the directory of the binary.
set(RELAY_PLUGIN_DIR ${CMAKE_INSTALL_FULL_LIBDIR}/scp2p-relay/plugins)
cmake_path(RELATIVE_PATH RELAY_PLUGIN_DIR BASE_DIRECTORY ${CMAKE_INSTALL_FULL_BINDIR}
  OUTPUT_VARIABLE RELAY_PLUGIN_DIR_FROM_BIN)

find_program(RELAY_CCACHE ccache)
if(RELAY_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${RELAY_CCACHE})
endif()

# -- warnings: every one is an error --
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
  -Wvla -Wformat=2 -Wundef -Werror -fno-strict-aliasing -fno-omit-frame-pointer)
add_link_options(-Wl,--as-needed)

# -- kinds of build --
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 -g")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")

if(RELAY_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
elseif(RELAY_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
  add_compile_definitions(CK_USE_CC_BUILTINS=1)
elseif(RELAY_SANITIZE)
  message(FATAL_ERROR "RELAY_SANITIZE is '${RELAY_SANITIZE}': address, thread or nothing")
endif()

# Instrumented code confuses gcc's guesses at values; the release build is where they count.
if(RELAY_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-format-truncation -Wno-maybe-uninitialized)
endif()

if(RELAY_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "RELAY_FUZZ needs clang")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(RELAY_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT RELAY_SANITIZE)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong)
  foreach(flag -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER "RELAY_HAS${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
      add_compile_options(${flag})
    endif()
  endforeach()
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  if(RELAY_LTO)
    include(CheckIPOSupported)
    check_ipo_supported(RESULT lto_works LANGUAGES C)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${lto_works})
  endif()
endif()

# -- libraries: found once, named PkgConfig::UV and so on --
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CK REQUIRED IMPORTED_TARGET ck)
pkg_check_modules(GNUTLS REQUIRED IMPORTED_TARGET gnutls)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)

# libunistring has no pkg-config file.
find_path(UNISTRING_INCLUDE unicase.h REQUIRED)
find_library(UNISTRING_LIBRARY unistring REQUIRED)
add_library(Unistring INTERFACE)
target_include_directories(Unistring SYSTEM INTERFACE ${UNISTRING_INCLUDE})
target_link_libraries(Unistring INTERFACE ${UNISTRING_LIBRARY})

# relay_library(NAME SOURCES a.c b.c DEPS other ...): a static, position independent room.
function(relay_library name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/runtime ${CMAKE_SOURCE_DIR}/schemas
    ${CMAKE_SOURCE_DIR}/actors)
  target_link_libraries(${name} PUBLIC ${A_DEPS})
endfunction()

# relay_plugin(NAME SOURCES ... DEPS ...): plugins/NAME.so, which needs nothing of the daemon.
function(relay_plugin name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} MODULE ${A_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/runtime)
  target_link_libraries(${name} PRIVATE ${A_DEPS})
  target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL)
  if(NOT RELAY_SANITIZE AND NOT RELAY_FUZZ)
    target_link_options(${name} PRIVATE -Wl,--no-undefined)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/scp2p-relay/plugins)
endfunction()
