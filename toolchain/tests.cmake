# SPDX-License-Identifier: Apache-2.0
# Tests mirror the tree: tests/unit/payload/hash/*_test.cpp is the executable unit_payload_hash.
set(threaded payload/base payload/codec payload/http payload/distribution payload/writer packer/downloads packer/pack runtime/engine runtime/host runtime/agent runtime/node)
get_property(libraries GLOBAL PROPERTY SEALIFT_LIBRARIES)

file(GLOB support CONFIGURE_DEPENDS tests/support/*.cpp)
add_library(tests_support STATIC ${support})
target_link_libraries(tests_support PUBLIC payload_base payload_hash payload_trust payload_format payload_writer runtime_host runtime_engine)
set_source_files_properties(tests/support/source_tree.cpp PROPERTIES COMPILE_DEFINITIONS "SEALIFT_SOURCE_ROOT=\"${CMAKE_SOURCE_DIR}\"")

# sealift_test(NAME LABEL SOURCES… ): one executable, one ctest entry
function(sealift_test name label)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(NOT name STREQUAL "sim") # its deliveries run for minutes; for the others compiling is what takes time
    set_source_files_properties(${ARG_SOURCES} PROPERTIES COMPILE_OPTIONS "-O0;-fno-sanitize=fuzzer-no-link")
  endif()
  target_link_libraries(${name} PRIVATE tests_support ${ARG_LINK} third_party_catch2)
  if(name STREQUAL "sim") # whole deliveries, killed at every point, take minutes with sanitizers: in parts, and built where they are run
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    foreach(part RANGE 3)
      list(APPEND entries sim-${part})
      add_test(NAME sim-${part} COMMAND ${name} --shard-count 4 --shard-index ${part})
    endforeach()
  else()
    set(entries ${name})
    add_test(NAME ${name} COMMAND ${name})
  endif()
  # Third-party C++ archives are not instrumented: container annotations across that boundary cause false alarms.
  set_tests_properties(${entries} PROPERTIES LABELS ${label} TIMEOUT 1800
    ENVIRONMENT "ASAN_OPTIONS=detect_container_overflow=0:abort_on_error=1;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=halt_on_error=1:suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")
endfunction()

foreach(folder ${libraries})
  if(SEALIFT_THREADED_TESTS_ONLY AND NOT folder IN_LIST threaded)
    continue()
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "tests/unit/${folder}/*_test.cpp")
  if(sources)
    string(REPLACE "/" "_" target ${folder})
    sealift_test(unit_${target} unit SOURCES ${sources} LINK ${target} payload_writer)
  endif()
endforeach()
if(TARGET unit_payload_hash) # compared with another implementation
  target_link_libraries(unit_payload_hash PRIVATE third_party_mbedtls)
endif()
if(TARGET unit_runtime_ssh) # what known_hosts files say is compared with OpenSSH for hosts that are not there to be connected to
  target_link_libraries(unit_runtime_ssh PRIVATE third_party_libssh)
endif()
if(TARGET unit_packer_convert) # what it writes for a site is read by the site's own reader
  target_link_libraries(unit_packer_convert PRIVATE runtime_config)
endif()

# Compiles headers that no .cpp of their own includes first (scripts/checks), to show that they stand alone.
if(NOT SEALIFT_THREADED_TESTS_ONLY)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} payload/*.h packer/*.h runtime/*.h tests/support/*.h)
  set(alone)
  foreach(header ${headers})
    string(REGEX REPLACE "\\.h$" ".cpp" own ${header})
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${own})
      file(CONFIGURE OUTPUT headers/${own} CONTENT "#include \"${header}\"\n")
      list(APPEND alone ${CMAKE_BINARY_DIR}/headers/${own})
    endif()
  endforeach()
  add_library(headers_stand_alone OBJECT ${alone})
  target_link_libraries(headers_stand_alone PRIVATE tests_support third_party_catch2 third_party_httplib third_party_libssh third_party_mbedtls)
endif()

if(NOT SEALIFT_THREADED_TESTS_ONLY)
  foreach(suite conformance sim)
    file(GLOB sources CONFIGURE_DEPENDS "tests/${suite}/*.cpp")
    if(sources)
      sealift_test(${suite} ${suite} SOURCES ${sources} LINK runtime_delivery runtime_report runtime_node runtime_agent)
    endif()
  endforeach()
endif()

if(SEALIFT_FUZZ)
  file(GLOB sources CONFIGURE_DEPENDS tests/fuzz/*_fuzz.cpp)
  set_source_files_properties(tests/fuzz/walker_fuzz.cpp PROPERTIES COMPILE_DEFINITIONS "SEALIFT_SOURCE_ROOT=\"${CMAKE_SOURCE_DIR}\"")
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE payload_distribution payload_writer packer_resolve runtime_agent runtime_delivery runtime_node)
    # A fixed seed makes runs repeatable; long runs with other seeds are started by hand.
    # Debian's libFuzzer is built with libstdc++
    target_link_options(${name} PRIVATE -fsanitize=fuzzer -Wl,--push-state,--no-as-needed,-lstdc++,--pop-state)
    string(REPLACE "_fuzz" "" seeds ${name})
    add_test(NAME ${name} COMMAND sh -c "mkdir -p '${CMAKE_BINARY_DIR}/corpus/${seeds}' '${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${seeds}' && exec '$<TARGET_FILE:${name}>' -max_total_time=10 -seed=1 -rss_limit_mb=2048 -timeout=10 -print_final_stats=0 -verbosity=0 '${CMAKE_BINARY_DIR}/corpus/${seeds}' '${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${seeds}'")
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120 ENVIRONMENT "ASAN_OPTIONS=detect_container_overflow=0")
  endforeach()
endif()

# For developers, not a test: lists what the discovery finds in rendered YAML.
if(NOT SEALIFT_THREADED_TESTS_ONLY)
  add_executable(list_images tests/discovery/list_images.cpp)
  target_link_libraries(list_images PRIVATE payload_workloads)
endif()
