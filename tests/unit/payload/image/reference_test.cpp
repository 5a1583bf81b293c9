// SPDX-License-Identifier: Apache-2.0
#include "payload/image/reference.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::image;

namespace {
const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string normal(std::string_view text) {
  auto reference = parse_reference(text);
  return reference ? reference->text() : reference.error().text();
}
}  // namespace

TEST_CASE("names are completed as every engine does it") {
  CHECK(normal("redis") == "docker.io/library/redis:latest");
  CHECK(normal("redis:7") == "docker.io/library/redis:7");
  CHECK(normal("bitnami/redis") == "docker.io/bitnami/redis:latest");
  CHECK(normal("docker.io/redis:7") == "docker.io/library/redis:7");
  CHECK(normal("index.docker.io/library/redis:7") == "docker.io/library/redis:7");
  CHECK(normal("registry.k8s.io/kube-apiserver:v1.34.4") == "registry.k8s.io/kube-apiserver:v1.34.4");
  CHECK(normal("localhost/x") == "localhost/x:latest");
  CHECK(normal("localhost:5000/a/b:1") == "localhost:5000/a/b:1");
  CHECK(normal("host:5000/a") == "host:5000/a:latest");
  CHECK(normal("host:5000") == "docker.io/library/host:5000");
  CHECK(normal("[fd00::1]:5000/a:1") == "[fd00::1]:5000/a:1");
  CHECK(normal("[::1]/a") == "[::1]/a:latest");
  CHECK(normal("a/b__c-d--e.f:T_1.x-y") == "docker.io/a/b__c-d--e.f:T_1.x-y");
}

TEST_CASE("a repository has at most 255 bytes, and the registry's name does not count") {
  CHECK(is_repository(std::string(255, 'a')));
  CHECK_FALSE(is_repository(std::string(256, 'a')));
  const std::string longest = "library/" + std::string(247, 'a');
  CHECK(normal("registry.example/" + longest) == "registry.example/" + longest + ":latest");
  CHECK(normal(std::string(247, 'a')) == "docker.io/" + longest + ":latest");
  CHECK_FALSE(parse_reference("registry.example/" + longest + "a"));
  CHECK_FALSE(parse_reference(std::string(248, 'a')));
}

TEST_CASE("a registry's port is a number of 16 bits, behind a name and behind an IPv6 address") {
  for (const std::string_view registry : {"host.example", "localhost", "10.0.0.1", "[fd00::1]"}) {
    INFO(registry);
    CHECK(normal(base::format("{}:65535/a", registry)) == base::format("{}:65535/a:latest", registry));
    for (const std::string_view port : {"65536", "", "-1", "+1", " 1", "0x10", "5000x", "99999999999999999999"}) {
      INFO(port);
      const auto reference = parse_reference(base::format("{}:{}/a", registry, port));
      REQUIRE_FALSE(reference);
      CHECK(reference.error().text().contains("the registry's name is not a host name with an optional port"));
    }
  }
}

TEST_CASE("tag and digest stand side by side; a digest alone gets no tag") {
  CHECK(normal("redis:7@" + kDigest) == "docker.io/library/redis:7@" + kDigest);
  CHECK(normal("redis@" + kDigest) == "docker.io/library/redis@" + kDigest);
  const auto reference = parse_reference("quay.io/a/b:1@" + kDigest);
  REQUIRE(reference);
  CHECK(reference->registry == "quay.io");
  CHECK(reference->repository == "a/b");
  CHECK(reference->tag == "1");
  CHECK(reference->digest->text() == kDigest);
  CHECK(reference->name() == "quay.io/a/b");
}

TEST_CASE("what is no name is refused with the reason") {
  for (const std::string& text : {std::string(),
                                  std::string("Redis"),
                                  std::string("a/B"),
                                  std::string("a//b"),
                                  std::string("/a"),
                                  std::string("a/"),
                                  std::string("a/../b"),
                                  std::string("a:"),
                                  std::string("a:-x"),
                                  std::string("a:.x"),
                                  "a:" + std::string(129, 'x'),
                                  std::string("a b"),
                                  std::string("a___b"),
                                  std::string("a..b"),
                                  std::string("-a"),
                                  std::string("a-"),
                                  std::string("a@sha256:12"),
                                  "a@md5:" + std::string(32, 'a'),
                                  "a@sha256:" + std::string(64, 'A'),
                                  "a@" + kDigest + "@" + kDigest,
                                  std::string("host:99999/a"),
                                  std::string("host:/a"),
                                  std::string("ho_st.x/a"),
                                  std::string(".x/a"),
                                  std::string("[::1/a"),
                                  std::string("[a..b:]/a"),
                                  std::string("[10.0.0.1]/a"),
                                  std::string("[::1]x/a"),
                                  std::string("http://x/a"),
                                  std::string("a?b"),
                                  std::string("a%2e"),
                                  std::string("x.y/a\n"),
                                  std::string(256, 'a'),
                                  std::string(5000, 'a')}) {
    INFO(text.substr(0, 80));
    const auto reference = parse_reference(text);
    REQUIRE_FALSE(reference);
    CHECK(reference.error().code == ErrorCode::invalid_input);
  }
}

TEST_CASE("tags of what refers to a manifest") {
  const std::string hex(64, 'a');
  for (const auto& tag : {"sha256-" + hex, "sha256-" + hex + ".sig", "sha256-" + hex + ".att"})
    CHECK(is_referrer_tag(tag));
  for (const auto& tag : {std::string("1.0"), std::string("sha256-"), "sha256-" + hex.substr(1), "sha256-" + hex + "a",
                          "sha512-" + hex, "sha256:" + hex, "sha256-" + hex + "-x", "sha256-" + std::string(64, 'g')})
    CHECK_FALSE(is_referrer_tag(tag));
}

TEST_CASE("a registry that holds the images of all keeps each under the registry that it is from") {
  const auto place = [](std::string_view prefix, std::string_view registry, std::string_view repository) {
    auto out = external_repository(prefix, registry, repository);
    return out ? *out : std::string(out.error().code == ErrorCode::invalid_input ? "refused" : "?");
  };
  CHECK(place("delivered", "docker.io", "library/redis") == "delivered/docker.io/library/redis");
  CHECK(place("a/b", "registry.k8s.io", "kube-proxy") == "a/b/registry.k8s.io/kube-proxy");
  CHECK(place("", "quay.io", "a/b") == "quay.io/a/b");
  CHECK(place("p", "harbor.example:8443", "a") == "p/harbor.example_8443/a");
  CHECK(place("p", "Harbor.Example", "a") == "p/harbor.example/a");
  for (const auto& [registry, component] :
       {std::pair<std::string_view, std::string_view>{"[fd00::1]:5000", "fd00__1_5000"},
        {"[fd00:0:0:0:0:0:0:1]", "fd00_0_0_0_0_0_0_1"},
        {"[::1]:5000", "0__1_5000"},
        {"[fd00::]:5000", "fd00__0_5000"},
        {"[::]", "0__0"},
        {"localhost", "localhost"},
        {"10.0.0.1:5000", "10.0.0.1_5000"}}) {
    INFO(registry);
    CHECK(place("p", registry, "a/b") == base::format("p/{}/a/b", component));
  }

  // Docker's own registry has three names.
  CHECK(place("p", "registry-1.docker.io", "library/a") == "p/docker.io/library/a");
  CHECK(place("p", "index.docker.io", "library/a") == "p/docker.io/library/a");

  for (const std::string_view bad : {"", "a/b", "a_b", "-a", "a..b", "a:", "[fd00::1", "a b", "a:99999"})
    CHECK(place("p", bad, "a") == "refused");
  CHECK(place("P", "a.example", "a") == "refused");
  CHECK(place("/p", "a.example", "a") == "refused");
  CHECK(place("p/", "a.example", "a") == "refused");
  CHECK(place("p", "a.example", "") == "refused");
  CHECK(place("p", "a.example", "../a") == "refused");
  const std::string longest(255 - std::string_view("p/a.example/").size(), 'a');
  CHECK(place("p", "a.example", longest) == "p/a.example/" + longest);
  CHECK(place("p", "a.example", longest + "a") == "refused");
}
