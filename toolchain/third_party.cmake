# SPDX-License-Identifier: Apache-2.0
# The third-party libraries built by toolchain/dependencies, as third_party::NAME.
execute_process(COMMAND "${CMAKE_SOURCE_DIR}/toolchain/dependencies" --print ${SEALIFT_TARGET}
  OUTPUT_VARIABLE SEALIFT_DEPS OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS toolchain/dependencies toolchain/dependencies.lock)
if(NOT EXISTS "${SEALIFT_DEPS}")
  message(FATAL_ERROR "the dependencies of ${SEALIFT_TARGET} are not built: run toolchain/dependencies ${SEALIFT_TARGET}")
endif()

# third_party(NAME ARCHIVE…): archives in link order, without lib and .a
function(third_party name)
  add_library(third_party_${name} INTERFACE)
  target_include_directories(third_party_${name} SYSTEM INTERFACE "${SEALIFT_DEPS}/include")
  foreach(archive ${ARGN})
    target_link_libraries(third_party_${name} INTERFACE "${SEALIFT_DEPS}/lib/lib${archive}.a")
  endforeach()
endfunction()

find_package(Threads REQUIRED)
third_party(zstd zstd)
third_party(mbedtls mbedtls mbedx509 mbedcrypto everest p256m)
third_party(yaml-cpp yaml-cpp)
third_party(json)
third_party(httplib)
third_party(libssh ssh)
target_link_libraries(third_party_libssh INTERFACE third_party_mbedtls)
third_party(isal isal)
third_party(libarchive archive zstd lzma z)
third_party(cli11)
third_party(mimalloc mimalloc)
third_party(catch2 Catch2Main Catch2)
