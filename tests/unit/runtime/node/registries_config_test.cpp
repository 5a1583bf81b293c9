// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/registries_config.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using node::parse_registries_config;

TEST_CASE("registries.json names an external registry, or upstreams with what is kept of them") {
  const auto external = parse_registries_config(
      R"({"salt":"x","external":{"url":"https://harbor.example:8443/plant7","ca":"PEM","user":"robot","password":"secret"}})");
  REQUIRE(external);
  REQUIRE(external->external);
  CHECK(external->external->url.origin.text() == "https://harbor.example:8443");
  CHECK(external->external->url.target == "/plant7");
  CHECK(external->external->authority == "PEM");
  CHECK(external->external->user == "robot");
  CHECK(external->external->password.reveal() == "secret");
  CHECK(external->upstreams.empty());
  CHECK(external->cache_folder.empty());

  // As runtime/steps/registries.cpp writes it (tests/unit/runtime/steps/registries_test.cpp).
  const auto written = parse_registries_config(
      R"({"cache":{"bytes":21474836480,"folder":"/var/lib/sealift/cache/blobs"},"salt":"x","upstreams":[)"
      R"({"match":"a.example/*","places":[{"ca":"the CA","password":"canary-a","url":"https://a.example","user":"robot-a"},)"
      R"({"ca":"the CA","url":"https://m.example/a"}]},)"
      R"({"match":"b.example/*","places":[{"ca":"the CA","password":"canary-b","url":"https://b.example:8443","user":"robot-b"}]}]})");
  REQUIRE(written);
  CHECK(written->upstreams[0].places[0].password.reveal() == "canary-a");
  CHECK(written->upstreams[0].places[1].url.target == "/a");
  CHECK(written->cache_bytes == uint64_t{20} << 30);

  const auto upstreams = parse_registries_config(
      R"({"upstreams":[{"match":"a.example/*","places":[{"url":"https://a.example"},{"url":"https://m.example/a","user":"u","password":"p"}]},
                       {"match":"b.example/*","places":[{"url":"http://b.example"}]}],
          "cache":{"folder":"/data/cache","bytes":1073741824}})");
  REQUIRE(upstreams);
  CHECK_FALSE(upstreams->external);
  REQUIRE(upstreams->upstreams.size() == 2);
  CHECK(upstreams->upstreams[0].match == "a.example/*");
  REQUIRE(upstreams->upstreams[0].places.size() == 2);
  CHECK(upstreams->upstreams[0].places[0].user.empty());
  CHECK(upstreams->upstreams[0].places[1].user == "u");
  CHECK(upstreams->upstreams[1].places[0].url.origin.scheme == "http");
  CHECK(upstreams->cache_folder == "/data/cache");
  CHECK(upstreams->cache_bytes == uint64_t{1} << 30);
}

TEST_CASE("registries.json that can't be used is refused, and no message holds a password") {
  for (const std::string_view bad :
       {"",
        "no JSON canary",
        "[]",
        "{}",
        R"({"external":{}})",
        R"({"external":{"url":"ftp://a.example"}})",
        R"({"external":{"url":"https://a.example?x=1"}})",
        R"({"external":{"url":"https://a.example","user":"u"}})",
        R"({"external":{"url":"https://a.example","password":"canary"}})",
        R"({"external":{"url":"http://a.example","user":"u","password":"canary"}})",
        R"({"external":{"url":"https://a.example"},"upstreams":[{"match":"a/*","places":[{"url":"https://a"}]}]})",
        R"({"upstreams":[]})",
        R"({"upstreams":{}})",
        R"({"upstreams":[{}]})",
        R"({"upstreams":[{"match":"a/*"}]})",
        R"({"upstreams":[{"match":"a/*","places":[]}]})",
        R"({"upstreams":[{"match":"","places":[{"url":"https://a"}]}]})",
        R"({"upstreams":[{"match":"a/*","places":[{"url":"https://a","user":"u","password":""}]}]})",
        R"({"upstreams":[{"match":"a/*","places":[{"url":"https://a"}]}],"cache":{"folder":"/x"}})",
        R"({"upstreams":[{"match":"a/*","places":[{"url":"https://a","password":"canary"}]}])"}) {
    INFO(bad);
    const auto read = parse_registries_config(bad);
    REQUIRE_FALSE(read);
    CHECK_FALSE(read.error().text().contains("canary"));
  }
  // On this host itself nobody listens.
  CHECK(parse_registries_config(R"({"external":{"url":"http://127.0.0.1:5000","user":"u","password":"p"}})"));
}
