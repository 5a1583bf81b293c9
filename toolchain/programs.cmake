# SPDX-License-Identifier: Apache-2.0
# The two programs. Their main functions are in stub/: sealift_main.cpp and stub_main.cpp.
file(GLOB license_files CONFIGURE_DEPENDS "${SEALIFT_DEPS}/share/licenses/*")
set(licenses_source "${CMAKE_BINARY_DIR}/licenses.cpp")
add_custom_command(OUTPUT "${licenses_source}"
  COMMAND "${CMAKE_COMMAND}" -D "FOLDER=${SEALIFT_DEPS}/share/licenses" -D "OWN=${CMAKE_SOURCE_DIR}/LICENSE"
    -D "RELINKING=${CMAKE_SOURCE_DIR}/toolchain/RELINKING.md" -D "ROOT=${CMAKE_SOURCE_DIR}" -D "RELEASE=${SEALIFT_RELEASE}"
    -D "OUTPUT=${licenses_source}" -P "${CMAKE_SOURCE_DIR}/toolchain/licenses.cmake"
  DEPENDS toolchain/licenses.cmake toolchain/linked toolchain/dependencies.lock toolchain/zig payload/base/version.h LICENSE
    toolchain/RELINKING.md ${license_files} VERBATIM)
add_library(licenses STATIC "${licenses_source}")
target_link_libraries(licenses PRIVATE sealift_flags)

function(sealift_program name main)
  if(NOT EXISTS "${CMAKE_SOURCE_DIR}/${main}")
    return()
  endif()
  add_executable(${name} "${main}")
  if(SEALIFT_THREADED_TESTS_ONLY)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  if(SEALIFT_RELEASE) # first in the link order, so that malloc is its
    target_sources(${name} PRIVATE stub/aligned_alloc.c)
    target_link_libraries(${name} PRIVATE third_party_mimalloc)
  endif()
  target_link_libraries(${name} PRIVATE ${ARGN} licenses)
endfunction()
sealift_program(sealift stub/sealift_main.cpp packer_cli)
sealift_program(stub stub/stub_main.cpp runtime_cli)

# A program that deliberately reads out of range: tests/cli shows that it dies, with the flags of the programs above.
if(SEALIFT_RELEASE)
  add_executable(hardening_probe tests/cli/hardening_probe.cpp)
  target_link_libraries(hardening_probe PRIVATE sealift_flags)
  # Used only by tests/bench/ssh-stream.
  add_executable(ssh_stream_probe EXCLUDE_FROM_ALL tests/bench/ssh_stream_probe.cpp stub/aligned_alloc.c)
  target_link_libraries(ssh_stream_probe PRIVATE third_party_mimalloc runtime_host)
endif()
