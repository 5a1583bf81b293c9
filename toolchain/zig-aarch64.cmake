# SPDX-License-Identifier: Apache-2.0
# What ships: zig's clang and libc++ on musl, static, aarch64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(SEALIFT_TARGET aarch64)
include("${CMAKE_CURRENT_LIST_DIR}/zig.cmake")
