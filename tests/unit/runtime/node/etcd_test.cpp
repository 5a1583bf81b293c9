// SPDX-License-Identifier: Apache-2.0
//
// What etcd's JSON API answers, as it was recorded from etcd 3.6.5. The end-to-end tests ask a real one.
#include "runtime/node/etcd.h"

#include <catch2/catch_test_macros.hpp>

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
  const auto asked = node::etcd_members({"/nonexistent", "127.0.0.1", 1});
  REQUIRE_FALSE(asked);
  CHECK(asked.error().text().contains("/nonexistent/ca.crt"));
}
