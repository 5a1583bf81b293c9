// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "payload/yaml/node.h"
#include "runtime/delivery/delivery.h"
#include "runtime/engine/journal.h"
#include "tests/support/fake_charts.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;

namespace {

constexpr std::string_view kAdmin =
    "apiVersion: v1\nkind: Config\ncurrent-context: admin@plant7\n"
    "clusters:\n- name: plant7\n  cluster: {server: \"https://127.0.0.1:7443\", certificate-authority-data: QQ==}\n"
    "users:\n- name: admin\n  user: {client-certificate-data: Qg==, client-key-data: Qw==}\n";

// Reaches the control plane under any configured address.
struct OneHost : tests::Site, delivery::HostConnector {
  std::vector<delivery::Connection> connect(const std::vector<config::HostConfig>& hosts,
                                            host::Purpose purpose) override {
    CHECK(hosts.size() == 1);
    CHECK(purpose == host::Purpose::look);
    std::vector<delivery::Connection> out;
    out.push_back({hosts[0].address, tests::connect_fake(control_plane.machine)});
    return out;
  }
  Result<std::unique_ptr<host::Host>> reconnect(const config::HostConfig&, host::Purpose) override {
    return tests::connect_fake(control_plane.machine);
  }

  Result<std::string> kubeconfig(const std::string& address) {
    config.hosts[0].address = address;
    config.api.port = 6443;
    engine::NoJournal journal;
    tests::FakeCharts charts;
    delivery::Input input{model().payload,     config, *this, journal, control_plane.events,
                          control_plane.clock, {},     charts};
    return delivery::kubeconfig(input).transform([](const Secret& secret) { return std::string(secret.reveal()); });
  }
};

}  // namespace

TEST_CASE("kubeconfig: the administrator's, for people who work elsewhere") {
  OneHost site;
  site.control_plane.put(std::string(steps::kAdminKubeconfig), kAdmin);
  for (const auto& [address, server] : {std::pair{"10.7.0.11", "https://10.7.0.11:6443"},
                                        {"cp.example", "https://cp.example:6443"},
                                        {"fd00::11", "https://[fd00::11]:6443"}}) {
    const auto text = site.kubeconfig(address);
    REQUIRE(text);
    auto documents = yaml::parse(*text, "kubeconfig"), wanted = yaml::parse(kAdmin, "admin.conf");
    REQUIRE((documents && wanted && documents->size() == 1));
    CHECK(documents->at(0).find("clusters")->items[0].find("cluster")->find("server")->text == server);
    // nothing else is changed
    wanted->at(0).find("clusters")->items[0].find("cluster")->set("server", yaml::Node::make_string(server));
    CHECK(yaml::same_value(documents->at(0), wanted->at(0)));
  }
  CHECK(site.control_plane.machine.changes.empty());
}

TEST_CASE("kubeconfig: what is not there, or is none, is named") {
  OneHost site;
  const auto none = site.kubeconfig("10.7.0.11");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::not_found);
  CHECK(none.error().text().contains("there is no cluster on 10.7.0.11 yet"));
  for (const auto* text : {"x: 1\n", "clusters: []\n", "clusters: [{name: plant7}]\n"}) {
    INFO(text);
    site.control_plane.put(std::string(steps::kAdminKubeconfig), text);
    const auto other = site.kubeconfig("10.7.0.11");
    REQUIRE_FALSE(other);
    CHECK(other.error().code == ErrorCode::protocol);
    CHECK(other.error().text().contains("/etc/kubernetes/admin.conf is not a kubeconfig"));
  }
}
