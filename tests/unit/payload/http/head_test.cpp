// SPDX-License-Identifier: Apache-2.0
#include "payload/http/head.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sealift;
using http::look_at_head;

TEST_CASE("a head ends with its blank line, however it comes") {
  const std::string head = "GET /v2/?ns=a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX-\xc3\xbc: no\r\n\r\n";
  const std::string good = "GET /v2/?ns=a HTTP/1.1\r\nHost: x\r\nContent-Length: 00\r\nX: \xc3\xbc\tno\r\n\r\n";
  CHECK(look_at_head(head, 0).refusal == 400);  // a name is no text
  CHECK(look_at_head(good, 0).size == good.size());
  CHECK(look_at_head(good + "GET", 0).size == good.size());
  for (size_t known = 0; known < good.size(); ++known) {
    CHECK(look_at_head(good, known).size == good.size());
    const auto part = look_at_head(good.substr(0, known), 0);
    CHECK(part.size == 0);
    CHECK(part.refusal == 0);
  }
}

TEST_CASE("a head may be 16 KiB long, with its blank line") {
  std::string head = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 2; ++i) head += "X: " + std::string(7000, 'x') + "\r\n";
  const auto filled = [&](size_t size) { return head + "Y: " + std::string(size - head.size() - 7, 'y') + "\r\n\r\n"; };
  CHECK(look_at_head(filled(http::kMaxHead), 0).size == http::kMaxHead);
  CHECK(look_at_head(filled(http::kMaxHead + 1), 0).refusal == 431);
  CHECK(look_at_head(std::string_view(filled(http::kMaxHead + 1)).substr(0, http::kMaxHead - 1), 0).refusal == 0);
  CHECK(look_at_head(std::string_view(filled(http::kMaxHead + 1)).substr(0, http::kMaxHead), 0).refusal == 431);
}
