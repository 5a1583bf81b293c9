// SPDX-License-Identifier: Apache-2.0
//
// cpp-httplib as this library uses it. Included only by this library's .cpp files.
#pragma once

#define CPPHTTPLIB_MBEDTLS_SUPPORT
#define CPPHTTPLIB_KEEPALIVE_TIMEOUT_SECOND 15
#define CPPHTTPLIB_PAYLOAD_MAX_LENGTH (1024 * 1024)
#define CPPHTTPLIB_LISTEN_BACKLOG 128
#define CPPHTTPLIB_RECV_BUFSIZ size_t(65536u)  // on the stack; blobs are large

#include <mbedtls/ssl.h>

#include <string>
#include <string_view>

namespace sealift::http {

// httplib 0.41 checks whether the peer has closed by reading a byte, and with mbedTLS that byte is lost: a response
// that arrives between a request and this check becomes unreadable (shown by
// tests/unit/runtime/node/mirror_test.cpp). Reading zero bytes still processes the next record and leaves its bytes
// in place. Remove this once is_peer_closed() peeks.
inline int ssl_read(std::string_view caller, mbedtls_ssl_context* ssl, unsigned char* buffer, size_t size) {
  if (caller != "is_peer_closed") return mbedtls_ssl_read(ssl, buffer, size);
  const int result = mbedtls_ssl_read(ssl, nullptr, 0);
  if (result != 0) return result;
  return mbedtls_ssl_get_bytes_avail(ssl) > 0 ? 1 : 0;
}

}  // namespace sealift::http

// httplib 0.41 decodes and encodes every query again, whatever set_path_encode() says, and "%2F" becomes "/": a signed
// URL no longer fits its signature. Its one caller passes a string that it could change, so this overload is chosen
// before httplib's own, which takes a constant (shown by tests/unit/payload/http/client_test.cpp). Remove this once
// set_path_encode(false) also covers queries.
namespace httplib::detail {
inline std::string normalize_query_string(std::string& query) { return query; }
}  // namespace httplib::detail

// In the same way: httplib 0.41 decodes "%2F" (and "%0A") in the value of every header but Location and Referer. URLs
// in Link and WWW-Authenticate stay as they were sent. Remove this once parse_header() keeps values.
namespace httplib {
inline std::string decode_path_component(std::string& header_value) { return header_value; }
}  // namespace httplib

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#define mbedtls_ssl_read(ssl, buffer, size) ::sealift::http::ssl_read(__func__, ssl, buffer, size)
#include <httplib.h>
#undef mbedtls_ssl_read
#pragma clang diagnostic pop
