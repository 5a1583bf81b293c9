// SPDX-License-Identifier: Apache-2.0
//
// The node service: its configuration and its units on each host.
#include "runtime/steps/node_service.h"

#include "payload/base/format.h"
#include "payload/json/value.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;

namespace {

struct Services : tests::Site {
  Services() {
    add_file("program", "the program itself");
    contents.stubs.push_back({Architecture::amd64, contents.tree.at("program").object});
    config.api.port = 6443;
    config.api.local_port = 7443;
    config.registry.port = 5000;
  }
  // path → text
  std::map<std::string, std::string> files(const steps::Node& node) {
    const auto wanted = steps::node_service_files(model(), node);
    REQUIRE(wanted);
    std::map<std::string, std::string> out;
    for (const auto& file : *wanted) out[file.path] = file.text;
    const auto balancer = steps::balancer_files(model(), node);
    REQUIRE(balancer);
    for (const auto& list : {*balancer, steps::backends_files(model(), node)}) {
      for (const auto& file : list) {
        CHECK_FALSE(out.contains(file.path));  // of one step only: what changes with others restarts the balancer
        out[file.path] = file.text;
      }
    }
    return out;
  }
  json::Value told(const steps::Node& node, const std::string& path) {
    auto value = json::parse(files(node).at(path));
    REQUIRE(value);
    return std::move(*value);
  }
};

}  // namespace

TEST_CASE(
    "the mirror: a registry host answers its peers from the payload, a worker answers itself from registry hosts") {
  Services site;
  const auto at_control_plane = site.told(site.control_plane_node(), "/etc/sealift/mirror.json"),
             at_worker = site.told(site.worker_node(), "/etc/sealift/mirror.json");
  for (const auto* mirror : {&at_control_plane, &at_worker}) {
    CHECK(mirror->text_or("localListen", "") == "127.0.0.1:5000");
    CHECK(mirror->text_or("ca", "") == "/etc/sealift/pki/node/ca.crt");
    for (const std::string usage : {"server", "client"})
      CHECK(mirror->text_or(usage, "") == "/etc/sealift/pki/node/" + usage + ".pem");
  }
  CHECK(at_control_plane.text_or("peerListen", "") == "10.7.0.11:5000");
  CHECK(at_control_plane.text_or("artifacts", "") == "/var/lib/sealift/artifacts");
  CHECK(json::to_canonical(*at_control_plane.find("registryHosts")) == "[]");
  CHECK(at_worker.text_or("peerListen", "?").empty());  // on no address reachable from other hosts
  CHECK(at_worker.text_or("artifacts", "?").empty());
  CHECK(json::to_canonical(*at_worker.find("registryHosts")) == "[\"10.7.0.11:5000\"]");
}

TEST_CASE("the balancer: one local address for the API servers of all control planes") {
  Services site;
  for (const auto* node : {&site.control_plane_node(), &site.worker_node()}) {
    const auto balancer = site.told(*node, "/etc/sealift/balancer.json");
    CHECK(balancer.text_or("listen", "") == "127.0.0.1:7443");
    CHECK(json::to_canonical(*balancer.find("backends")) == "[\"10.7.0.11:6443\"]");
  }
}

TEST_CASE("the doors: systemd holds the ports, and containerd believes only who has the authority's certificate") {
  Services site;
  const auto text = [&](const steps::Node& node, std::string_view path) {
    auto files = steps::node_service_files(site.model(), node), balancer = steps::balancer_files(site.model(), node);
    REQUIRE((files && balancer));
    std::ranges::move(*balancer, std::back_inserter(*files));
    std::ranges::move(steps::socket_files(site.model(), node), std::back_inserter(*files));
    std::ranges::move(steps::balancer_socket_files(site.model()), std::back_inserter(*files));
    const auto found = std::ranges::find(*files, path, &steps::WantedFile::path);
    REQUIRE(found != files->end());
    return found->text;
  };
  const auto& first = site.control_plane_node();
  const auto& other = site.worker_node();
  CHECK(text(first, "/etc/systemd/system/sealift-mirror.socket")
            .contains("\nListenStream=127.0.0.1:5000\nListenStream=10.7.0.11:5000\n"));
  CHECK(text(other, "/etc/systemd/system/sealift-mirror.socket").contains("\nListenStream=127.0.0.1:5000\nFreeBind"));
  CHECK(text(other, "/etc/systemd/system/sealift-api.socket").contains("\nListenStream=127.0.0.1:7443\nFreeBind"));
  CHECK(text(other, "/etc/containerd/certs.d/_default/hosts.toml") ==
        "server = \"https://127.0.0.1:5000\"\nca = \"/etc/sealift/pki/ca.crt\"\n");
  // The authority's door is at the port after the registry's, on the host with its key only.
  CHECK(
      text(first, "/etc/systemd/system/sealift-authority.socket").contains("\nListenStream=10.7.0.11:5001\nFreeBind"));
  CHECK_FALSE(std::ranges::contains(steps::socket_files(site.model(), other),
                                    "/etc/systemd/system/sealift-authority.socket", &steps::WantedFile::path));
  for (const auto* node : {&first, &other}) {
    for (const auto* name : {"mirror", "api"}) {
      const auto unit = text(*node, base::format("/etc/systemd/system/sealift-{}.service", name));
      INFO(unit);
      CHECK(unit.contains(base::format("\nRequires=sealift-{}.socket\n", name)));
      CHECK(unit.contains(base::format("\nRootDirectory=/var/lib/sealift/roots/{}\n", name)));
      CHECK(unit.contains("\nDynamicUser=yes\n"));
      CHECK_FALSE(unit.contains('@' + std::string("P")));
      CHECK_FALSE(unit.contains("ca.key"));
      CHECK(text(*node, base::format("/var/lib/sealift/roots/{}/README", name)).contains("root"));
    }
  }
  // Payloads and records are in sight where they are served from, and nowhere else.
  CHECK(text(first, "/etc/systemd/system/sealift-mirror.service")
            .contains("\nBindReadOnlyPaths=/var/lib/sealift/artifacts /var/lib/sealift/payloads\n"));
  CHECK_FALSE(text(other, "/etc/systemd/system/sealift-mirror.service").contains("/artifacts"));
}

TEST_CASE("renewal: every node looks once a day, and asks the host with the authority's key") {
  Services site;
  for (const auto* node : {&site.control_plane_node(), &site.worker_node()}) {
    const auto files = site.files(*node);
    const auto& unit = files.at("/etc/systemd/system/sealift-renew.service");
    CHECK(unit.contains(" node renew --dir /etc/sealift/pki --config /etc/sealift/renew.json\n"));
    CHECK(files.at("/etc/sealift/renew.json").contains("\"10.7.0.11:5001\""));
    CHECK(unit.contains("\nBindPaths=/etc/sealift/pki/node\n"));  // the one folder that it may write to
    CHECK(unit.contains("\nCapabilityBoundingSet=\n"));
    CHECK_FALSE(unit.contains("ca.key"));
    CHECK(files.at("/etc/systemd/system/sealift-renew.timer")
              .contains("\nOnCalendar=daily\nRandomizedDelaySec=6h\nPersistent=true\n"));
    CHECK(files.contains("/var/lib/sealift/roots/renew/README"));
  }
  const auto first = site.files(site.control_plane_node()), other = site.files(site.worker_node());
  const auto& door = first.at("/etc/systemd/system/sealift-authority.service");
  CHECK(door.contains(" node authority --listen 10.7.0.11:5001 --dir /etc/sealift/pki\n"));
  CHECK(door.contains("\nBindReadOnlyPaths=/etc/sealift/pki/ca.crt /etc/sealift/pki/ca.key\n"));
  CHECK(door.contains("\nDynamicUser=yes\n"));
  for (const auto& [path, content] : first)
    CHECK((path == "/etc/systemd/system/sealift-authority.service" || !content.contains("ca.key")));
  for (const auto* path :
       {"/etc/systemd/system/sealift-authority.service", "/var/lib/sealift/roots/authority/README"}) {
    CHECK(first.contains(path));
    CHECK_FALSE(other.contains(path));
  }
  // The mirror is shown the folder of the node's own keys, since it must see them when they are replaced.
  CHECK(other.at("/etc/systemd/system/sealift-mirror.service")
            .contains("\nBindReadOnlyPaths=/etc/sealift/mirror.json /etc/sealift/pki/node\n"));
}

TEST_CASE("the people's door: on registry hosts, at its own port, with the files that the mirror is shown for it") {
  Services site;
  auto& domain = site.config.registry.domain;
  domain.emplace();
  domain->name = "registry.plant7.lan";
  domain->port = 5443;
  const auto& first = site.control_plane_node();
  const auto& other = site.worker_node();
  const auto people = [&](const steps::Node& node) {
    const auto mirror = site.told(node, "/etc/sealift/mirror.json");
    const auto* found = mirror.find("people");
    return found == nullptr ? std::string() : json::to_canonical(*found);
  };
  CHECK(people(first) == R"({"certificate":"/etc/sealift/pki/node/people.pem","listen":"10.7.0.11:5443",)"
                         R"("users":"/etc/sealift/pki/people/users"})");
  CHECK(people(other).empty());
  const auto sockets = [&](const steps::Node& node) {
    const auto files = steps::socket_files(site.model(), node);
    return std::ranges::find(files, "/etc/systemd/system/sealift-mirror.socket", &steps::WantedFile::path)->text;
  };
  CHECK(sockets(first).contains(
      "\nListenStream=127.0.0.1:5000\nListenStream=10.7.0.11:5000\nListenStream=10.7.0.11:5443\nFreeBind"));
  CHECK(sockets(other).contains("\nListenStream=127.0.0.1:5000\nFreeBind"));
  const std::string unit = "/etc/systemd/system/sealift-mirror.service",
                    shown = "\nBindReadOnlyPaths=/etc/sealift/pki/people\n";
  CHECK(site.files(first).at(unit).contains(shown));
  CHECK_FALSE(site.files(other).at(unit).contains(shown));
  domain->certificate = "of the site";
  CHECK(people(first).contains("\"/etc/sealift/pki/people/site.pem\""));
  domain.reset();
  CHECK(people(first).empty());
  CHECK_FALSE(site.files(first).at(unit).contains(shown));
  CHECK_FALSE(sockets(first).contains("5443"));
}
