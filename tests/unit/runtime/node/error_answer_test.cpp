// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/error_answer.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::node;

namespace {

// As a client gets it: names in lower case.
http::Reply reply_to(const http::Response& response, bool head) {
  http::Reply out;
  out.status = response.status;
  if (!head) out.text = response.text;
  if (const auto warning = response.headers.find("Warning"); warning != response.headers.end())
    out.headers["warning"] = warning->second;
  return out;
}

}  // namespace

TEST_CASE("the reason of an answer: from its body, and from its header where it has none") {
  const auto plain = message(503, "UNAVAILABLE", "50 requests at once");
  CHECK(reason_of(reply_to(plain, false)) == "50 requests at once");
  CHECK(reason_of(reply_to(plain, true)).empty());

  const auto warned = message_with_warning(502, "UNAVAILABLE", "https://a.lan refuses \"robot\"");
  CHECK(warned.headers.at("Warning") == "299 - \"https://a.lan refuses 'robot'\"");
  CHECK(reason_of(reply_to(warned, false)) == "https://a.lan refuses \"robot\"");
  CHECK(reason_of(reply_to(warned, true)) == "https://a.lan refuses 'robot'");
}

TEST_CASE("the reason of an answer that others made") {
  http::Reply reply;
  reply.text = "<html>Bad\x1bGateway</html>";
  const auto shown = reason_of(reply);
  CHECK(shown.starts_with("<html>Bad"));
  CHECK_FALSE(shown.contains('\x1b'));
  reply.text = R"({"errors":[]})";
  CHECK(reason_of(reply) == R"({"errors":[]})");
  reply.text = std::string(5000, 'x');
  CHECK(reason_of(reply).size() < 1100);
  reply.text.clear();
  reply.headers["warning"] = "199 other \"text\"";
  CHECK(reason_of(reply) == "199 other \"text\"");
  reply.headers["warning"] = "299 - \"";
  CHECK(reason_of(reply).size() < 10);
}
