// SPDX-License-Identifier: Apache-2.0
//
// cpp-httplib as this library uses it. Included by its .cpp files only.
#pragma once

#define CPPHTTPLIB_MBEDTLS_SUPPORT
#define CPPHTTPLIB_KEEPALIVE_TIMEOUT_SECOND 15
#define CPPHTTPLIB_PAYLOAD_MAX_LENGTH (1024 * 1024)
#define CPPHTTPLIB_LISTEN_BACKLOG 128
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <httplib.h>
#pragma clang diagnostic pop
