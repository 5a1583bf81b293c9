# SPDX-License-Identifier: Apache-2.0
# Flags of our own code; third-party code is built by toolchain/dependencies.
add_library(sealift_flags INTERFACE)
target_include_directories(sealift_flags INTERFACE "${CMAKE_SOURCE_DIR}")
# -Wmissing-field-initializers: our aggregates have default member initializers
target_compile_options(sealift_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror -Wno-missing-field-initializers
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=." -fstack-protector-strong)
if(SEALIFT_RELEASE)
  # One set of flags per target: zig rebuilds its runtime for each different one. For size: `--info` reads most of the
  # ELF from a cold disk, and speed matters only in the dependencies (-O2) and in a few instructions for hashing.
  # zig predefines libc++'s hardening as off and its assertions as ignored: both are set here, and tests/cli shows that
  # an out-of-range access dies.
  target_compile_options(sealift_flags INTERFACE -Os -g1 -ffunction-sections -fdata-sections -fno-sanitize=undefined
    -U_LIBCPP_HARDENING_MODE -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_FAST
    -U_LIBCPP_ASSERTION_SEMANTIC_DEFAULT -D_LIBCPP_ASSERTION_SEMANTIC_DEFAULT=_LIBCPP_ASSERTION_SEMANTIC_QUICK_ENFORCE)
  target_link_options(sealift_flags INTERFACE -static -Wl,--gc-sections -g1)
else()
  target_compile_options(sealift_flags INTERFACE ${SEALIFT_FLAGS} -fexperimental-library -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_EXTENSIVE)
  target_link_options(sealift_flags INTERFACE -fexperimental-library)
  if(SEALIFT_SANITIZE)
    target_compile_options(sealift_flags INTERFACE "-fsanitize=${SEALIFT_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(sealift_flags INTERFACE "-fsanitize=${SEALIFT_SANITIZE}")
  endif()
  if(SEALIFT_FUZZ)
    target_compile_options(sealift_flags INTERFACE -fsanitize=fuzzer-no-link)
  endif()
endif()
