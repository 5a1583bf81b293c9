// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/host_check.h"

#include <sys/mount.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/http/socket_address.h"
#include "runtime/node/etcd.h"
#include "runtime/node/mirror.h"
#include "runtime/node/network_check.h"
#include "tests/support/own_namespaces.h"
#include "tests/support/recorded_payloads.h"
#include "tests/support/tiny_payload.h"
#include "tests/support/tls_hand_server.h"

using namespace sealift;
using tests::TemporaryFolder;
using tests::TinyPayload;
using tests::with_certificates;

TEST_CASE("node check: questions and answers survive the way") {
  node::HostQuestion question;
  question.mirror = "127.0.0.1:5000";
  question.images = {{"docker.io/library/redis:7", "sha256:x"}};
  question.files = {"/etc/a"};
  question.etcd = true;
  question.targets = {{"w2", "10.244.2.2"}};
  const auto asked = node::parse_host_question(node::to_text(question));
  REQUIRE(asked);
  CHECK(node::to_text(*asked) == node::to_text(question));
  CHECK(asked->targets[0].address == "10.244.2.2");
  CHECK(asked->etcd);

  node::HostAnswer answer;
  answer.mirror = {2, {{"a:1", "404"}}, ""};
  answer.files = {{"/etc/a", hash::sha256({}), ""}, {"/etc/b", {}, ""}};
  answer.disks = {{"/", "/", 1, 2, 3, 4, true}};
  answer.certificates = {{"/x.crt", -1, 5}};
  answer.etcd = {"1", "2", "3.6.5", 10, 9, 8, 7, {"NOSPACE"}, 6, ""};
  answer.pod = {"10.244.1.2", "", "refused", {{"w2", "10.244.2.2", "timeout"}}, ""};
  const auto answered = node::parse_host_answer(node::to_text(answer));
  REQUIRE(answered);
  CHECK(node::to_text(*answered) == node::to_text(answer));
  CHECK_FALSE(answered->files[1].digest);
  CHECK_FALSE(answered->balancer);
  CHECK(answered->etcd->alarms == std::vector<std::string>{"NOSPACE"});

  for (const auto* bad : {"", "[]", "{}", R"({"mirror":1})"}) {
    CHECK(node::parse_host_question(bad).error().code != ErrorCode::internal);
    CHECK_FALSE(node::parse_host_answer(bad));
  }
}

TEST_CASE("node check: the mirror, with the images that it has, those that it has not, and one that is damaged") {
  const TemporaryFolder folder;
  const TinyPayload tiny(folder);
  const tests::ArrivingPayload arriving(folder, tiny);
  tiny.store(folder / "stored.payload");
  auto config = with_certificates(folder);
  config.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
  const auto authority = base::read_text_file(config.ca, 65536);
  REQUIRE(authority);
  const std::vector<node::HostQuestion::Image> images{{"docker.io/library/hello:1.0", tiny.docker_manifest.text()},
                                                      {"quay.io/library/hello:1.0", tiny.quay_manifest.text()},
                                                      {"docker.io/library/other:1.0", hash::sha256({}).text()}};
  uint16_t port = 0;
  {
    const auto mirror = node::Mirror::start(config, base::system_clock());
    REQUIRE(mirror);
    port = (*mirror)->local_port();
    const auto answer = node::check_mirror({"127.0.0.1", port, *authority}, images);
    CHECK(answer.error.empty());
    CHECK(answer.answered == 2);
    REQUIRE(answer.missing.size() == 1);
    CHECK(answer.missing[0].name == "docker.io/library/other:1.0");
    CHECK(answer.missing[0].error.starts_with("404"));
    // who is not the mirror of this cluster is none
    CHECK_FALSE(node::check_mirror({"127.0.0.1", port, tests::Authority().certificate}, images).error.empty());
  }
  {
    // The same payload, whose bytes on the disk are no longer what they were.
    const auto frame = arriving.frames(tiny.quay_manifest).front();
    std::fstream file(folder / "stored.payload", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(frame.offset));
    file.write("damage", 6);
  }
  {
    const auto mirror = node::Mirror::start(config, base::system_clock());
    REQUIRE(mirror);
    const auto answer = node::check_mirror({"127.0.0.1", (*mirror)->local_port(), *authority}, images);
    CHECK(std::ranges::contains(answer.missing, "quay.io/library/hello:1.0", &node::HostAnswer::Mirror::Missing::name));
  }
  const auto gone = node::check_mirror({"127.0.0.1", port, *authority}, images);
  CHECK_FALSE(gone.error.empty());
  CHECK(gone.missing.empty());  // said once, and not for each image
}

TEST_CASE("node check: an API server behind the balancer, one that may not tell, and one that is not ready") {
  int status = 200;
  std::string body = "ok";
  tests::TlsHandServer server([&](tests::TlsConnection& connection) {
    if (!connection.request().starts_with("GET /readyz ")) return;
    connection.send(tests::answer_of(status, body));
  });
  const auto endpoint = base::format("127.0.0.1:{}", server.port());
  const auto& authority = server.authority().certificate;
  CHECK(node::check_balancer(endpoint, authority).empty());
  status = 401;
  CHECK(node::check_balancer(endpoint, authority).empty());
  status = 500;
  body = "[+]ping ok\n[-]etcd failed: reason withheld\n";
  CHECK(node::check_balancer(endpoint, authority) == "[-]etcd failed");
  CHECK_FALSE(node::check_balancer(endpoint, tests::Authority().certificate).empty());
  CHECK_FALSE(node::check_balancer("127.0.0.1:1", authority).empty());
}

TEST_CASE("node check: the people's door, whoever its certificate is from") {
  int status = 401;
  tests::TlsHandServer server([&](tests::TlsConnection& connection) {
    if (!connection.request().starts_with("GET /v2/ ")) return;
    connection.send(tests::answer_of(status, R"({"errors":[{"message":"the disk is broken"}]})"));
  });
  const auto& authority = server.authority().certificate;
  CHECK(node::check_people_door("127.0.0.1", server.port(), authority).empty());
  status = 200;
  CHECK(node::check_people_door("127.0.0.1", server.port(), authority).empty());
  CHECK(node::check_people_door("127.0.0.1", server.port(), tests::Authority().certificate).empty());
  status = 500;
  CHECK(node::check_people_door("127.0.0.1", server.port(), authority) == "500: the disk is broken");
  CHECK(node::check_people_door("127.0.0.1", 1, authority).contains("127.0.0.1:1"));
}

TEST_CASE("node check: certificates in folders, with their keys, and in kubeconfigs") {
  const TemporaryFolder root;
  namespace fs = std::filesystem;
  const tests::Authority authority;
  const auto identity = authority.identity(tests::kLoopback, authority.certificate);
  const auto write = [&](const std::string& path, const std::string& text) {
    fs::create_directories((root / path).substr(0, (root / path).rfind('/')));
    std::ofstream(root / path) << text;
  };
  write("etc/kubernetes/pki/ca.crt", authority.certificate);
  write("etc/kubernetes/pki/broken.crt", "nonsense");
  write("etc/kubernetes/pki/ca.key", "not a certificate");
  write("etc/sealift/pki/node/server.pem", std::string(identity.key.reveal()) + identity.certificate);
  write("etc/kubernetes/admin.conf",
        "users:\n- user:\n    client-certificate-data: " + base::to_base64(base::as_bytes(identity.certificate)) +
            "\n    client-key-data: c2VjcmV0\n");
  write("etc/kubernetes/kubelet.conf", "users:\n- user:\n    client-certificate: /var/lib/x.pem\n");
  std::vector<std::string> paths;
  for (const auto& one : node::find_certificates(root.path())) {
    paths.push_back(one.path);
    CHECK(one.begins_ms < one.ends_ms);
    CHECK(one.fingerprint.size() == 64);
    if (one.path != "/etc/kubernetes/pki/ca.crt")
      CHECK(one.ends_ms == authority.validity.not_after.time_since_epoch().count() / 1000 * 1000);
  }
  CHECK(paths == std::vector<std::string>{"/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/ca.crt",
                                          "/etc/sealift/pki/node/server.pem"});
}

TEST_CASE("node check: each certificate of the authorities' bundle, its copy not again, and of other files the first") {
  const TemporaryFolder root;
  const tests::Authority newer, former;
  const std::string bundle = newer.certificate + former.certificate, pki = "etc/sealift/pki";
  std::filesystem::create_directories(root / (pki + "/node"));
  for (const auto* file : {"/ca.crt", "/node/ca.crt"}) std::ofstream(root / (pki + file)) << bundle;
  const auto identity = newer.identity(tests::kLoopback, newer.certificate);
  std::ofstream(root / (pki + "/node/server.pem")) << identity.key.reveal() << identity.certificate << bundle;
  std::vector<std::string> paths;
  for (const auto& one : node::find_certificates(root.path())) paths.push_back(one.path);
  CHECK(paths == std::vector<std::string>{"/etc/sealift/pki/ca.crt", "/etc/sealift/pki/ca.crt",
                                          "/etc/sealift/pki/node/server.pem"});
}

TEST_CASE("node check: whether packets travel both ways") {
  const auto listening = http::listen_at(*http::socket_address("127.0.0.1", 0));
  REQUIRE(listening);
  const auto port = http::own_address(listening->get()).port();
  // One connection waits to be accepted; what comes after it gets no answer.
  REQUIRE(::listen(listening->get(), 0) == 0);
  const auto errors = node::try_to_connect(
      {{"127.0.0.1", port}, {"127.0.0.1", port}, {"127.0.0.1", port}, {"127.0.0.1", 1}, {"no address", 1}},
      Duration{200});
  REQUIRE(errors.size() == 5);
  CHECK(std::ranges::count(errors, 0) == 1);
  CHECK(std::ranges::count(errors, ETIMEDOUT) == 2);
  CHECK(errors[3] == ECONNREFUSED);
  CHECK(errors[4] == EINVAL);
}

TEST_CASE("node check: the network of a pod is found by its address, and asked from inside") {
  const TemporaryFolder folder;
  const std::string entry = folder / "cni-1";
  std::ofstream(entry) << "";
  bool mounted = false;
  Result<base::Fd> listening = fail(ErrorCode::internal, "not tried");
  // A namespace with a listener on its loopback, which the tests' own network does not have. Its name keeps it.
  tests::in_own_network([&] {
    listening = http::listen_at(*http::socket_address("127.0.0.1", 39'871));
    mounted = ::mount("/proc/thread-self/ns/net", entry.c_str(), nullptr, MS_BIND, nullptr) == 0;
  });
  tests::require_or_skip(mounted, "mounts of network namespaces");
  const std::vector<node::Endpoint> listener{{"127.0.0.1", 39'871}};
  const auto outside = node::try_to_connect(listener, Duration{500});
  const auto found = node::find_pod_network({"10.244.9.9", "127.0.0.1"}, folder.path());
  std::vector<int> within;
  if (found) (void)node::inside(*found, [&] { within = node::try_to_connect(listener, Duration{500}); });
  const auto missing = node::find_pod_network({"10.244.9.9"}, folder.path());
  ::umount2(entry.c_str(), MNT_DETACH);
  CHECK(outside == std::vector<int>{ECONNREFUSED});
  REQUIRE(found);
  CHECK(found->address == "127.0.0.1");
  CHECK(within == std::vector<int>{0});
  CHECK(missing.error().code == ErrorCode::not_found);
}

TEST_CASE("node check: files and disks as they are, and no part that was not asked for") {
  const TemporaryFolder folder;
  std::ofstream(folder / "a") << "text";
  node::HostQuestion question;
  question.files = {folder / "a", folder / "none", folder.path()};
  question.disks = {folder.path(), "/nonexistent/folder"};
  const auto answer = node::check_host(question);
  REQUIRE(answer.files.size() == 3);
  CHECK(answer.files[0].digest == hash::sha256(base::as_bytes("text")));
  CHECK_FALSE(answer.files[1].digest);
  CHECK_FALSE(answer.files[2].digest);
  REQUIRE(answer.disks.size() == 1);
  CHECK(answer.disks[0].free_bytes <= answer.disks[0].total_bytes);
  CHECK_FALSE(answer.boot_id.empty());
  CHECK_FALSE(answer.mirror);
  CHECK_FALSE(answer.balancer);
  CHECK_FALSE(answer.people);
  CHECK_FALSE(answer.etcd);
  CHECK_FALSE(answer.names);
  CHECK_FALSE(answer.pod);
}

TEST_CASE("node check: how fast etcd's disk is, from its metrics") {
  const std::string metrics =
      "# TYPE etcd_disk_wal_fsync_duration_seconds histogram\n"
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.001\"} 500\n"
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.002\"} 980\n"
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.004\"} 1000\n"
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"} 1000\n"
      "etcd_disk_wal_fsync_duration_seconds_sum 1.2\n";
  CHECK(node::fsync_time(metrics) == 3'000);  // halfway from 980 to 1000
  CHECK(node::fsync_time("") == 0);
  CHECK(node::fsync_time("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.001\"} 0\n"
                         "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"} 0\n") == 0);
  // slower than the last bound: at least that
  CHECK(node::fsync_time("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"8.192\"} 0\n"
                         "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"} 9\n") == 8'192'000);
}

TEST_CASE("node check: etcd's own member") {
  std::string alarms = R"({"memberID":"1","alarm":"NOSPACE"})";
  tests::TlsHandServer server([&](tests::TlsConnection& connection) {
    for (;;) {
      const auto head = connection.request();
      if (head.empty()) return;
      const std::string body =
          head.contains("/v3/maintenance/alarm")
              ? R"({"header":{},"alarms":[)" + alarms + "]}"
              : R"({"header":{"member_id":"1"},"version":"3.6.5","dbSize":"4096","dbSizeInUse":"1024","leader":"2","raftIndex":"77"})";
      if (!connection.send(tests::answer_of(200, body))) return;
    }
  });
  const auto client = server.authority().identity({"client", {}, {}}, "");
  const auto status = node::etcd_status({{base::format("https://127.0.0.1:{}", server.port())},
                                         server.authority().certificate,
                                         client.certificate,
                                         client.key});
  if (!status) FAIL(status.error().text());
  CHECK(status->member == "1");
  CHECK(status->leader == "2");
  CHECK(status->size == 4096);
  CHECK(status->size_in_use == 1024);
  CHECK(status->raft_index == 77);
  CHECK(status->alarms == std::vector<std::string>{"NOSPACE"});
}
