// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/distribution/registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/hand_server.h"

using namespace sealift;
using tests::HandServer;

namespace {

// `internal` if there is no error.
ErrorCode code_of(const Result<std::optional<distribution::RemoteManifest>>& result) {
  return result ? ErrorCode::internal : result.error().code;
}

}  // namespace

TEST_CASE(
    "the list of what refers to a manifest: exact if it is one page, joined if it is several, absent where there is none") {
  const Digest subject = hash::sha256(base::as_bytes("x"));
  tests::FakeClock clock;
  const distribution::Logins logins;
  std::vector<std::string> asked, answers;
  HandServer server([&](tests::Connection& connection) {
    const auto request = connection.request();
    if (request.empty()) return;
    asked.push_back(request);
    connection.send(base::replace_all(answers.at(std::min(asked.size(), answers.size()) - 1), "\r\n\r\n",
                                      "\r\nConnection: close\r\n\r\n"));
  });
  const auto list = [&](std::vector<std::string> given) {
    asked.clear();
    answers = std::move(given);
    const auto registry = distribution::Registry::open(base::format("127.0.0.1:{}", server.port()), {}, logins, clock);
    REQUIRE(registry);
    return (*registry)->referrers("team/app", subject, {});
  };
  const auto page = [](const std::string& body, const std::string& link = "") {
    return base::format("HTTP/1.1 200 OK\r\n{}Content-Length: {}\r\n\r\n{}",
                        link.empty() ? "" : "Link: " + link + "\r\n", body.size(), body);
  };
  const std::string one = R"({ "schemaVersion":2, "manifests":[{"a":1}] })";
  const auto single = list({page(one)});
  REQUIRE((single && *single));
  CHECK(base::as_text((*single)->bytes) == one);
  CHECK(asked[0].starts_with("GET /v2/team/app/referrers/" + subject.text() + " HTTP/1.1"));
  const auto joined =
      list({page(one, R"(</v2/team/app/referrers/x?last=a%2Fb>; rel="next")"), page(R"({"manifests":[{"b":2}]})")});
  REQUIRE((joined && *joined));
  CHECK(base::as_text((*joined)->bytes) ==
        R"({"manifests":[{"a":1},{"b":2}],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2})");
  CHECK((*joined)->digest == hash::sha256((*joined)->bytes));
  INFO(asked.at(1));
  CHECK(asked[1].starts_with("GET /v2/team/app/referrers/x?last=a%2Fb "));
  for (const int status : {400, 404, 405}) {
    const auto none = list({base::format("HTTP/1.1 {} No\r\nContent-Length: 0\r\n\r\n", status)});
    REQUIRE(none);
    CHECK_FALSE(*none);
  }
  const auto html = list({page("<html></html>")});
  CHECK((html && !*html));
  CHECK(code_of(list({page(one, R"(</again>; rel="next")")})) == ErrorCode::limit_exceeded);
  CHECK(code_of(list({page(one, R"(</again>; rel="next")"), page("<html>")})) == ErrorCode::protocol);
  CHECK(code_of(list({"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"})) == ErrorCode::auth_failed);
}
