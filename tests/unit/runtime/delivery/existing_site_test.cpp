// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/existing_site.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::delivery;

namespace {

constexpr std::string_view kNodes = R"({"items": [
  {"metadata": {"name": "ip-10-7-0-11.plant.internal"},
   "status": {"addresses": [{"type": "InternalIP", "address": "10.7.0.11"}],
              "nodeInfo": {"containerRuntimeVersion": "containerd://2.1.4"}}},
  {"metadata": {"name": "w1"},
   "status": {"addresses": [{"type": "InternalIP", "address": "10.7.0.12"}],
              "nodeInfo": {"containerRuntimeVersion": "cri-o://1.34.0"}}}]})";

ExistingSite site() {
  auto nodes = read_nodes(kNodes);
  REQUIRE(nodes);
  return {"v1.34.4", std::move(*nodes)};
}

host::Facts facts(std::string hostname, const std::vector<std::string>& addresses) {
  host::Facts out;
  out.hostname = std::move(hostname);
  for (const auto& address : addresses) out.addresses.push_back({"eth0", address, 24});
  return out;
}

}  // namespace

TEST_CASE("a host is known to its cluster by one of its addresses, else by its name") {
  const auto all = site();
  config::HostConfig host;
  host.address = "192.168.7.11";
  const auto* by_address = all.find(host, facts("anything", {"192.168.7.11", "10.7.0.11", "10.244.0.1"}));
  REQUIRE(by_address != nullptr);
  CHECK(by_address->name == "ip-10-7-0-11.plant.internal");
  CHECK(all.find(host, facts("W1", {"192.168.7.11"})) == &all.nodes[1]);
  host.name = "w1";
  CHECK(all.find(host, facts("x", {"192.168.7.11"})) == &all.nodes[1]);
  host.name = "w2";
  CHECK(all.find(host, facts("w1", {"192.168.7.11"})) == nullptr);
}

TEST_CASE("a host of several networks becomes the node that the cluster knows, at the address that it knows") {
  const auto all = site();
  config::HostConfig host;
  host.address = "plant-11.lan";
  const auto of_host = facts("localhost", {"192.168.7.11", "10.7.0.11", "10.244.0.1"});
  const auto node = node_of(all.nodes[0], host, of_host);
  REQUIRE(node);
  CHECK(node->name == "ip-10-7-0-11.plant.internal");
  CHECK(node->ip == "10.7.0.11");
  CHECK(node->config.address == "plant-11.lan");
  CHECK_FALSE(node->config.name);
  CHECK(node->facts.addresses.size() == 3);
}

TEST_CASE("only nodes whose containers containerd runs are delivered to") {
  const auto all = site();
  CHECK(judge_node(&all.nodes[0], "h").empty());
  const auto other = judge_node(&all.nodes[1], "h");
  REQUIRE(other.size() == 1);
  CHECK(other[0].blocks());
  CHECK(other[0].evidence.contains("cri-o://1.34.0"));
  const auto unknown = judge_node(nullptr, "h");
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].blocks());
}
