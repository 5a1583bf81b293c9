// SPDX-License-Identifier: Apache-2.0
//
// What etcd's JSON API answers, as it was recorded from etcd 3.6.5. The end-to-end tests ask a real one.
#include "runtime/node/etcd.h"

#include <catch2/catch_test_macros.hpp>
#include <mutex>

#include "payload/base/format.h"
#include "payload/json/value.h"
#include "tests/support/tls_hand_server.h"

using namespace sealift;

TEST_CASE("etcd: the members of an answer") {
  const auto members = node::members_of_answer(
      R"({"header":{"cluster_id":"17237436991929493444","member_id":"9372538179322589801","raft_term":"3"},"members":[)"
      R"({"ID":"9372538179322589801","name":"cp1","peerURLs":["https://10.7.0.11:2380"],"clientURLs":["https://10.7.0.11:2379"]},)"
      R"({"ID":"10501334649042878790","peerURLs":["https://10.7.0.12:2380"],"isLearner":true}]})");
  REQUIRE(members);
  CHECK(
      *members ==
      R"({"members":[{"id":"9372538179322589801","learner":false,"name":"cp1","peerURLs":["https://10.7.0.11:2380"]},)"
      R"({"id":"10501334649042878790","learner":true,"name":"","peerURLs":["https://10.7.0.12:2380"]}]})"
      "\n");
}

TEST_CASE("etcd: an answer that is none") {
  for (const auto* bad : {"", "{}", R"({"members":{}})", R"({"members":[{"name":"cp1"}]})"})
    CHECK_FALSE(node::members_of_answer(bad));
}

TEST_CASE("etcd: without the keys of a control plane nobody is asked") {
  const auto asked = node::etcd_of_control_plane("/nonexistent");
  REQUIRE_FALSE(asked);
  CHECK(asked.error().text().contains("/nonexistent/ca.crt"));
}

namespace {

// One member of an etcd of the site. What it is asked is kept: a target a line.
struct Member {
  std::string count = R"("count":"312")";
  std::string status_body = R"({"header":{},"version":"3.6.5"})";
  int status = 200;
  std::mutex mutex;
  std::string asked;
  tests::TlsHandServer server{[this](tests::TlsConnection& connection) {
    for (;;) {
      const auto head = connection.request();
      if (head.empty()) return;
      const auto target = head.substr(head.find(' ') + 1, head.find(" HTTP") - head.find(' ') - 1);
      {
        const std::lock_guard lock(mutex);
        asked += target + "\n";
      }
      std::string body = status_body;
      if (target.contains("range")) body = base::format("{{{}}}", count);
      if (status != 200) body = R"({"error":"x","code":14,"message":"etcdserver: no leader"})";
      if (!connection.send(tests::answer_of(status, body))) return;
    }
  }};

  std::string endpoint() const { return base::format("https://127.0.0.1:{}", server.port()); }
  node::EtcdAccess access(std::vector<std::string> endpoints) const {
    const auto client = server.authority().identity({"client", {}, {}}, "");
    return {std::move(endpoints), server.authority().certificate, client.certificate, client.key};
  }
};

json::Value looked(const node::EtcdAccess& access) {
  auto value = json::parse(node::look_at_etcd(access, "/registry/"));
  REQUIRE(value);
  return std::move(*value);
}

}  // namespace

TEST_CASE("etcd of the site: each endpoint is asked, and how much of a cluster there is") {
  Member member;
  const auto look = looked(member.access({"https://127.0.0.1:1", member.endpoint()}));
  CHECK(look.natural_or("objects", 0) == 312);
  const auto& endpoints = *look.find("endpoints")->elements();
  REQUIRE(endpoints.size() == 2);
  CHECK(endpoints[0].text_or("endpoint", "") == "https://127.0.0.1:1");
  CHECK_FALSE(endpoints[0].text_or("error", "").empty());
  CHECK(endpoints[1].text_or("version", "") == "3.6.5");
  CHECK(endpoints[1].find("error") == nullptr);
  CHECK(member.asked == "/v3/maintenance/status\n/v3/kv/range\n");
  member.count = R"("more":false)";  // protocol buffers leave a 0 out
  CHECK(looked(member.access({member.endpoint()})).natural_or("objects", 1) == 0);
}

TEST_CASE("etcd of the site: what it answers instead, and a number that is none") {
  Member member;
  member.count = R"("count":"many")";
  CHECK(looked(member.access({member.endpoint()})).at_path("endpoints/0/error")->string()->contains("no number"));
  member.status = 503;
  const auto look = looked(member.access({member.endpoint()}));
  CHECK(look.at_path("endpoints/0/error")->string()->contains("etcd answers 503: etcdserver: no leader"));
  CHECK(look.find("objects") == nullptr);
  CHECK_FALSE(node::clear_etcd(member.access({member.endpoint()}), "/registry/"));
}

TEST_CASE("etcd of the site: a server of another authority gets no question") {
  Member member;
  auto access = member.access({member.endpoint()});
  access.authority = tests::Authority().certificate;
  CHECK(looked(access).at_path("endpoints/0/error") != nullptr);
  CHECK(member.asked.empty());
}

TEST_CASE("etcd of the site: it is emptied by the first endpoint that answers") {
  Member member;
  member.count = R"("deleted":"312")";
  const auto deleted = node::clear_etcd(member.access({"https://127.0.0.1:1", member.endpoint()}), "/registry/");
  REQUIRE(deleted);
  CHECK(*deleted == 312);
  CHECK(member.asked == "/v3/kv/deleterange\n");
}

TEST_CASE("etcd: a member that leads hands over, any other has nothing to do") {
  for (const auto* leader : {"7", "8"}) {
    Member member;
    member.status_body = base::format(R"({{"header":{{"member_id":"7"}},"leader":"{}"}})", leader);
    CHECK(node::etcd_hand_over(member.access({member.endpoint()}), "9"));
    const bool leads = leader == std::string_view("7");
    CHECK(member.asked.contains("/v3/maintenance/transfer-leadership") == leads);
  }
}

TEST_CASE("etcd of the site: endpoints and keys come by the program's input") {
  const auto access = node::etcd_of_input(R"({"endpoints":["https://a:1"],"ca":"A","certificate":"C","key":"K"})");
  REQUIRE(access);
  CHECK(access->endpoints == std::vector<std::string>{"https://a:1"});
  CHECK(access->key.reveal() == "K");
  for (const auto* bad : {"", "{}", R"({"endpoints":[]})", R"({"endpoints":[1],"ca":"","certificate":"","key":""})",
                          R"({"endpoints":["https://a:1"],"ca":"A","certificate":"C"})"})
    CHECK_FALSE(node::etcd_of_input(bad));
}
