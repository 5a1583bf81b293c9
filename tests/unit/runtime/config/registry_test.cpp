// SPDX-License-Identifier: Apache-2.0
//
// spec.registry.
#include "payload/base/format.h"
#include "tests/unit/runtime/config/one_field.h"

using namespace sealift;
using namespace sealift::config;

namespace {

using Hosts = RegistryConfig::Hosts;

std::string external(std::string_view rest) { return base::format("  registry: {{external: {{{}}}}}\n", rest); }
std::string upstream(std::string_view rest) { return base::format("  registry: {{upstreams: [{{{}}}]}}\n", rest); }
std::string domain(std::string_view rest) { return base::format("  registry: {{domain: {{{}}}}}\n", rest); }
std::string readers(std::string_view rest) {
  return domain(base::format("name: images.plant7.lan, credentials: [{}]", rest));
}

}  // namespace

TEST_CASE("registry.hosts: control planes, all, or some by name") {
  CHECK(good("").registry.on == Hosts::control_planes);
  CHECK(good("  registry: {hosts: control-planes}\n").registry.on == Hosts::control_planes);
  CHECK(good("  registry: {hosts: all}\n").registry.on == Hosts::all);
  const auto named = good("  registry: {hosts: [10.7.0.11]}\n").registry;
  CHECK(named.on == Hosts::named);
  CHECK(named.hosts == std::vector<std::string>{"10.7.0.11"});
  bad("  registry: {hosts: workers}\n", "hosts", "control-planes, all, or a list of hosts");
  bad("  registry: {hosts: []}\n", "hosts", "names no host");
  bad("  registry: {hosts: [w1]}\n", "w1", "no host of this file");
  bad("  registry: {hosts: [all]}\n", "all", "\"all\" stands alone and not in a list");
  bad("  registry: {hosts: [10.7.0.11, 10.7.0.11]}\n", "10.7.0.11]", "twice");
}

TEST_CASE("registry.domain: a name, a port, users, and a certificate or none") {
  const auto plain = good(readers("{user: reader, password: {file: password}}")).registry.domain;
  REQUIRE(plain);
  CHECK(plain->name == "images.plant7.lan");
  CHECK(plain->port == 5443);
  CHECK(plain->certificate.empty());
  REQUIRE(plain->readers.size() == 1);
  CHECK(plain->readers[0].user == "reader");
  CHECK(plain->readers[0].source.kind == SecretSource::Kind::file);
  CHECK(plain->readers[0].source.argument == "site/password");
  const auto own = good(domain("name: images.plant7.lan, port: 443, certFile: server.crt, keyFile: client.key, "
                               "credentials: [{user: a, password: {env: A}}, {user: b, password: {prompt: B}}]"))
                       .registry.domain;
  CHECK(own->port == 443);
  CHECK(own->certificate.contains("CERTIFICATE"));
  CHECK(own->key.reveal().contains("PRIVATE KEY"));
  CHECK(own->key_file == "site/client.key");
  CHECK(own->readers.size() == 2);
}

TEST_CASE("registry.domain: what can't be one") {
  const std::string one = "credentials: [{user: a, password: {env: A}}]";
  bad(domain(one), "domain", "\"name\" is missing");
  bad(domain("name: a.lan"), "domain", "\"credentials\" is missing");
  bad(domain("name: a.lan, credentials: []"), "credentials", "at least one");
  bad(domain("name: images, " + one), "name", "with a dot in it");
  bad(domain("name: Images.lan, " + one), "name", "lower case");
  bad(domain("name: 10.7.0.11, " + one), "name", "is an address");
  bad(domain("name: a.lan, port: 0, " + one), "port", "1 to 65535");
  bad(domain("name: a.lan, port: 5001, " + one), "port", "must differ");
  bad(domain("name: a.lan, port: 10250, " + one), "port", "taken by Kubernetes");
  bad(domain("name: images.plant7.lan, certFile: server.crt, " + one), "domain", "needs \"certFile\" and \"keyFile\"");
  bad(domain("name: a.lan, keyFile: client.key, " + one), "domain", "needs \"certFile\" and \"keyFile\"");
  bad(domain("name: images.plant7.lan, certFile: server.crt, keyFile: other.key, " + one), "keyFile",
      "does not belong");
  for (const auto* name : {"a.lan", "images.plant7.lan.example", "site.lan", "a.b.site.lan"})
    bad(domain(base::format("name: {}, certFile: server.crt, keyFile: client.key, ", name) + one), "certFile",
        "is for *.site.lan, images.plant7.lan, and tools ask for");
  good(domain("name: any.site.lan, certFile: server.crt, keyFile: client.key, " + one));
  bad(domain("name: a.lan, certFile: client.crt, keyFile: client.key, " + one), "certFile", "is for no name");
  bad(domain("name: a.lan, certFile: none.pem, keyFile: client.key, " + one), "certFile", "can't be used");
  bad(domain("name: a.lan, certFile: gone.pem, keyFile: client.key, " + one), "certFile", "not there");
  bad(readers("{user: a}"), "{user", "\"password\" is missing");
  bad(readers("{password: {env: A}}"), "{password", "\"user\" is missing");
  bad(readers("{user: \"a:b\", password: {env: A}}"), "user: ", "a colon");
  bad(readers("{user: a, password: open}"), "password: ", "must not stand in the file itself");
  bad(readers("{user: a, password: {env: A}}, {user: a, password: {env: B}}"), "user: a, password: {env: B",
      "second user");
  bad(domain("name: a.lan, tls: x, " + one), "tls", "is not known");
}

TEST_CASE("registry.external: a URL with the path of a project, and a login") {
  const auto plain = good(external("url: \"https://harbor.plant7.lan\"")).registry.external;
  REQUIRE(plain);
  CHECK(plain->url == "https://harbor.plant7.lan");
  CHECK_FALSE(plain->login);
  const auto whole = good(external("url: \"https://[fd00::5]:8443/plant7/k8s\", caFile: ca.crt, user: robot$a+b, "
                                   "password: {file: password}"))
                         .registry.external;
  CHECK(whole->authority.contains("CERTIFICATE"));
  REQUIRE(whole->login);
  CHECK(whole->login->user == "robot$a+b");
}

TEST_CASE("registry.external: what can't be one") {
  bad(external("user: a, password: {env: A}"), "external", "\"url\" is missing");
  bad(external("url: \"http://harbor.lan\""), "url", "not encrypted");
  bad(external("url: harbor.lan/x"), "url", "write https://");
  bad(external("url: \"https://a:b@harbor.lan/x\""), "url", "must hold no login");
  bad(external("url: \"https://harbor.lan:99999\""), "url", "has a port that is none");
  bad(external("url: \"https://Harbor.lan\""), "url", "lower case");
  bad(external("url: \"https://harbor.lan/Plant\""), "url", "can't be the path of a project");
  bad(external("url: \"https://harbor.lan/plant/\""), "url", "can't be the path of a project");
  bad(external("url: \"https://harbor.lan\", user: a"), "user", "needs a \"password\"");
  bad(external("url: \"https://harbor.lan\", password: {env: A}"), "password", "needs a \"user\"");
  bad(external("url: \"https://harbor.lan\", caFile: none.pem"), "caFile", "can't be used");
  bad("  registry: {hosts: all, external: {url: \"https://harbor.lan\"}}\n", "hosts", "no registry hosts to choose");
  bad("  registry: {upstreams: [{match: a.lan/*}], external: {url: \"https://harbor.lan\"}}\n", "upstreams",
      "proxy cache project");
  bad("  registry: {external: {url: \"https://harbor.lan\"}, domain: {name: a.lan, credentials: [{user: a, password: "
      "{env: A}}]}}\n",
      "domain", "people get them there");
}

TEST_CASE("registry.upstreams: several, each with its own places and logins") {
  const auto registry =
      good(
          "  registry: {cache: 50Gi, upstreams: [{match: harbor-a.example/*, user: a, password: {env: A}},\n"
          "    {match: \"docker.io/*\", mirrors: [{url: \"https://m.lan/dockerhub\", user: m, password: {env: M}}]},\n"
          "    {match: \"b.example:8443/team/*\", url: \"https://10.7.0.9:8443\", caFile: ca.crt}]}\n")
          .registry;
  CHECK(registry.cache_bytes == uint64_t{50} << 30);
  REQUIRE(registry.upstreams.size() == 3);
  CHECK(registry.upstreams[0].places[0].url == "https://harbor-a.example");
  CHECK(registry.upstreams[0].places[0].login->user == "a");
  CHECK(registry.upstreams[1].places.size() == 2);
  CHECK(registry.upstreams[1].places[0].url == "https://registry-1.docker.io");
  CHECK_FALSE(registry.upstreams[1].places[0].login);
  CHECK(registry.upstreams[1].places[1].login->user == "m");
  CHECK(registry.upstreams[2].places[0].url == "https://10.7.0.9:8443");
}

TEST_CASE("registry.upstreams: what can't be one") {
  bad("  registry: {upstreams: []}\n", "upstreams", "at least one");
  bad("  registry: {upstreams: [x]}\n", "x]", "must be a mapping");
  bad(upstream("url: \"https://a.lan\""), "{url", "\"match\" is missing");
  bad(upstream("match: \"*\""), "match", "would match several registries");
  bad(upstream("match: \"*.lan/x\""), "match", "would match several registries");
  bad(upstream("match: a.lan"), "match", "is no pattern of images");
  bad(upstream("match: library/*"), "match", "is no pattern of images");
  bad(upstream("match: a.lan/*, mirrors: https"), "mirrors", "must be a list of places");
  bad(upstream("match: a.lan/*, mirrors: [{url: 'https://a.lan'}]"), "url", "one of its places already");
  bad(upstream("match: a.lan/*, mirrors: [{user: a, password: {env: A}}]"), "{user", "\"url\" is missing");
  bad("  registry: {upstreams: [{match: a.lan/*}, {match: a.lan/team/*}]}\n", "match: a.lan/team", "never reached");
  bad("  registry: {cache: 20Gi}\n", "cache", "there are none");
  bad("  registry: {cache: 20G, upstreams: [{match: a.lan/*}]}\n", "cache", "no size of at least 1Gi");
  bad("  registry: {cache: 1Mi, upstreams: [{match: a.lan/*}]}\n", "cache", "no size of at least 1Gi");
  bad("  registry: {cache: 99999999999Ti, upstreams: [{match: a.lan/*}]}\n", "cache", "no size of at least 1Gi");
}
