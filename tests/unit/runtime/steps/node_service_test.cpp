// SPDX-License-Identifier: Apache-2.0
//
// The node service: its configuration on each host, and the certificates by which its hosts authenticate each other.
#include "runtime/steps/node_service.h"

#include "payload/json/value.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using tests::FakeMachine;

namespace {

void put(FakeMachine& machine, const std::string& path, std::string_view text) {
  machine.world.files[path] = {host::FileType::regular, {0600, 0, 0}, base::to_bytes(text), {}};
}

// Hosts with a simulated node program: it prints what the real one prints, and leaves the same files.
struct Services : tests::Site {
  std::vector<std::string> issued;  // "usage: name addresses for key"

  Services() {
    add_file("program", "the program itself");
    contents.stubs.push_back({Architecture::amd64, contents.tree.at("program").object});
    config.api.port = 6443;
    config.api.local_port = 7443;
    config.registry.port = 5000;
    for (auto* bench : {&control_plane, &worker}) {
      bench->folder("/etc/sealift");
      bench->machine.programs["node-" + contents.stubs[0].object.digest.hex().substr(0, 16)] =
          [this](FakeMachine& self, const base::Command& command,
                 const base::CommandIo& io) -> Result<base::ExitStatus> {
        CHECK(tests::word_after(command, "--dir") == "/etc/sealift/pki");
        if (tests::has_word(command, "make-ca")) {
          CHECK(tests::word_after(command, "--name") == "plant7");
          put(self, "/etc/sealift/pki/ca.crt", "authority");
          put(self, "/etc/sealift/pki/ca.key", "its key");
          return tests::ended();
        }
        const auto usage = tests::word_after(command, "--usage");
        if (tests::has_word(command, "make-key")) {
          put(self, std::format("/etc/sealift/pki/{}.key", usage), "private key of " + self.name());
          return tests::ended(std::format("{} key of {}", usage, self.name()));
        }
        CHECK(self.name() == "cp1");
        issued.push_back(std::format("{}: {} {} for {}", usage, tests::word_after(command, "--name"),
                                     tests::word_after(command, "--addresses"), base::as_text(io.input)));
        return tests::ended("certificate " + issued.back());
      };
    }
  }
  json::Value told(const steps::Node& node, const std::string& path) {
    const auto files = steps::node_service_files(model(), node);
    REQUIRE(files);
    const auto found = std::ranges::find(*files, path, &steps::WantedFile::path);
    REQUIRE(found != files->end());
    auto value = json::parse(found->text);
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
    CHECK(mirror->text_or("ca", "") == "/etc/sealift/pki/ca.crt");
    for (const std::string usage : {"server", "client"}) {
      const auto* identity = mirror->find(usage);
      REQUIRE(identity != nullptr);
      CHECK(identity->text_or("certificate", "") == "/etc/sealift/pki/" + usage + ".crt");
      CHECK(identity->text_or("key", "") == "/etc/sealift/pki/" + usage + ".key");
    }
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
    auto files = steps::node_service_files(site.model(), node);
    REQUIRE(files);
    std::ranges::move(steps::socket_files(site.model(), node), std::back_inserter(*files));
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
  for (const auto* node : {&first, &other}) {
    for (const auto* name : {"mirror", "api"}) {
      const auto unit = text(*node, std::format("/etc/systemd/system/sealift-{}.service", name));
      INFO(unit);
      CHECK(unit.contains(std::format("\nRequires=sealift-{}.socket\n", name)));
      CHECK(unit.contains(std::format("\nRootDirectory=/var/lib/sealift/roots/{}\n", name)));
      CHECK(unit.contains("\nDynamicUser=yes\n"));
      CHECK_FALSE(unit.contains('@' + std::string("P")));
      CHECK_FALSE(unit.contains("ca.key"));
      CHECK(text(*node, std::format("/var/lib/sealift/roots/{}/README", name)).contains("root"));
    }
  }
  // Payloads and records are in sight where they are served from, and nowhere else.
  CHECK(text(first, "/etc/systemd/system/sealift-mirror.service")
            .contains("\nBindReadOnlyPaths=/var/lib/sealift/artifacts /var/lib/sealift/payloads\n"));
  CHECK_FALSE(text(other, "/etc/systemd/system/sealift-mirror.service").contains("/artifacts"));
}

TEST_CASE("certificates: the key stays where it was made, the authority signs for name and address") {
  Services site;
  steps::AuthorityStep authority(site.model(), site.control_plane_node());
  site.control_plane.bring(authority);
  steps::CertificateStep own(site.model(), site.control_plane_node()), other(site.model(), site.worker_node());
  site.control_plane.bring(own);
  site.worker.bring(other);
  CHECK(site.issued == std::vector<std::string>{"server: cp1 10.7.0.11,127.0.0.1 for server key of cp1",
                                                "client: cp1  for client key of cp1",
                                                "server: w1 10.7.0.12,127.0.0.1 for server key of w1",
                                                "client: w1  for client key of w1"});
  CHECK(site.worker.text("/etc/sealift/pki/server.crt") == "certificate " + site.issued[2]);
  CHECK(site.worker.text("/etc/sealift/pki/client.crt") == "certificate " + site.issued[3]);
  CHECK(site.worker.text("/etc/sealift/pki/ca.crt") == "authority");
  CHECK_FALSE(site.worker.has("/etc/sealift/pki/ca.key"));
  for (auto* bench : {&site.control_plane, &site.worker}) {
    CHECK(bench->machine.world.files.at("/etc/sealift/pki").spec.mode == 0700);
    for (const auto& change : bench->machine.changes) CHECK_FALSE(change.contains("private key"));
  }
}

TEST_CASE("certificates: whatever of them is gone is made anew") {
  for (const auto* gone : {"ca.crt", "server.crt", "server.key", "client.crt", "client.key"}) {
    INFO(gone);
    Services site;
    steps::AuthorityStep authority(site.model(), site.control_plane_node());
    site.control_plane.bring(authority);
    steps::CertificateStep step(site.model(), site.worker_node());
    site.worker.bring(step);
    site.worker.machine.world.files.erase(std::string("/etc/sealift/pki/") + gone);
    site.worker.bring(step);
    CHECK(site.issued.size() == 4);
  }
  for (const auto* gone : {"ca.crt", "ca.key"}) {
    INFO(gone);
    Services site;
    steps::AuthorityStep step(site.model(), site.control_plane_node());
    site.control_plane.bring(step);
    site.control_plane.machine.world.files.erase(std::string("/etc/sealift/pki/") + gone);
    site.control_plane.bring(step);
  }
}
