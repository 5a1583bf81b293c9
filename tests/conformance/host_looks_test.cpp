// SPDX-License-Identifier: Apache-2.0
//
// Requirements on every Host's looks at its machine: facts, disks, name servers, listeners, what the kernel can do.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "payload/base/file.h"
#include "payload/base/process.h"
#include "tests/conformance/each_host.h"
#include "tests/support/own_namespaces.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::tests;

TEMPLATE_TEST_CASE("facts and looks at the machine", "", Local, Remote) {
  const tests::TemporaryFolder root;
  const TestType made(root.path());
  host::Host& host = *made.host;
  const auto facts = host.facts();
  REQUIRE(facts);
  CHECK(facts->architecture == base::own_architecture());
  CHECK(facts->cpus > 0);
  CHECK(facts->memory_bytes > (uint64_t{64} << 20));
  CHECK_FALSE(facts->hostname.empty());
  CHECK(std::ranges::any_of(facts->addresses,
                            [](const auto& address) { return address.address == "127.0.0.1" && address.prefix == 8; }));
  CHECK(facts->clock_ms > 1'600'000'000'000);
  const auto space = host.disk("/not/there/yet");
  REQUIRE(space);
  CHECK(space->total_bytes >= space->free_bytes);
  CHECK_FALSE(space->mount_point.empty());
  CHECK(*host.can_execute_in("/not/there/yet") == host::ProgramFolder::usable);
  CHECK(root.empty());
  CHECK(*host.sysctl("kernel.ostype") == "Linux");
  CHECK_FALSE(*host.sysctl("kernel.no_such_key"));
  CHECK_FALSE(host.sysctl("../../etc/passwd"));
  CHECK_FALSE(host.sysctl("kernel/ostype"));
  CHECK(host.try_feature("no such feature").error().code == ErrorCode::internal);
}

namespace {

// A scripted name server on 127.0.0.77; port 53 needs root.
class NameServer {
 public:
  NameServer() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    REQUIRE(::inet_pton(AF_INET, "127.0.0.77", &address.sin_addr) == 1);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    auto started = Thread::start([this] { serve(); });
    REQUIRE(started);
    thread_.emplace(std::move(*started));
  }
  ~NameServer() {
    stopping = true;
    thread_->join();
  }
  std::atomic<int> code = 0, answers = 1,
                   ignored = 0;  // RCODE, ANCOUNT, questions left unanswered, or answered for another question
  std::atomic<bool> stopping = false;
  std::string asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void serve() {
    while (!stopping) {
      pollfd waiting{fd_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 50) <= 0) continue;
      std::array<uint8_t, 512> packet{};
      sockaddr_in peer{};
      socklen_t length = sizeof peer;
      const ssize_t size =
          ::recvfrom(fd_.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&peer), &length);
      if (size < 12) continue;
      {
        const std::lock_guard lock(mutex_);
        asked_.clear();
        for (size_t at = 12; packet.at(at) != 0; at += packet.at(at) + 1U)
          asked_ += std::string(reinterpret_cast<const char*>(&packet.at(at + 1)), packet.at(at)) + ".";
      }
      packet[2] |= 0x80;
      packet[3] = static_cast<uint8_t>(code.load());
      packet[7] = static_cast<uint8_t>(answers.load());
      if (ignored > 0) {
        --ignored;
        packet[0] ^= 1;  // answers another question
      }
      ::sendto(fd_.get(), packet.data(), static_cast<size_t>(size), 0, reinterpret_cast<const sockaddr*>(&peer),
               length);
    }
  }
  base::Fd fd_;
  std::mutex mutex_;
  std::string asked_;
  std::optional<Thread> thread_;
};

}  // namespace

TEMPLATE_TEST_CASE("a name server is asked directly, and its answer believed only if it is one", "", Local, Remote) {
  tests::require_or_skip(::geteuid() == 0, "root (for port 53)");
  const tests::TemporaryFolder root;
  TestType made(root.path());
  host::Host& host = *made.host;
  const auto ask = [&](const std::string& server) {
    const auto answer = host.ask_name_server(server, "kubernetes.default.svc.cluster.local");
    REQUIRE(answer);
    return answer->works ? "works" : answer->detail;
  };
  CHECK(ask("127.0.0.77") == "Connection refused");  // nobody listens
  NameServer server;
  CHECK(ask("127.0.0.77") == "works");
  CHECK(server.asked() == "kubernetes.default.svc.cluster.local.");
  server.ignored = 2;  // neither a lost answer nor one to another question counts
  CHECK(ask("127.0.0.77") == "works");
  server.ignored = 3;
  CHECK(ask("127.0.0.77") == "no answer");
  server.answers = 0;
  CHECK(ask("127.0.0.77") == "no address for kubernetes.default.svc.cluster.local");
  server.code = 3;
  CHECK(ask("127.0.0.77") == "no such name for kubernetes.default.svc.cluster.local");
  server.code = 2;
  CHECK(ask("127.0.0.77") == "server failure for kubernetes.default.svc.cluster.local");
  for (const char* wrong : {"", "localhost", "10.0.0.1:53", "10.0.0.256"})
    CHECK(host.ask_name_server(wrong, "a.b").error().code == ErrorCode::invalid_input);
  for (const std::string& wrong : {std::string(), std::string("a..b"), std::string(64, 'x')})
    CHECK(host.ask_name_server("127.0.0.77", wrong).error().code == ErrorCode::invalid_input);
}

TEST_CASE("a listener is seen with its port") {
  const tests::TemporaryFolder root;
  const Local made(root.path());
  const base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::listen(fd.get(), 1) == 0);  // binds to a free port on all addresses
  const auto facts = made.host->facts();
  REQUIRE(facts);
  std::string name;
  std::ifstream("/proc/self/comm") >> name;
  CHECK(std::ranges::any_of(facts->listeners, [&](const auto& one) {
    return one.process == name && one.address == "0.0.0.0" && one.port != 0;
  }));
}

TEMPLATE_TEST_CASE("a folder that takes no programs says why", "", Local, Remote) {
  const tests::TemporaryFolder root;
  for (const auto* folder : {"no-exec", "read-only", "plain"}) std::filesystem::create_directory(root / folder);
  std::map<std::string, Result<host::ProgramFolder>> can;
  bool no_exec_mounted = false, read_only_mounted = false, read_only = false;
  tests::in_own_mounts([&] {
    no_exec_mounted = ::mount("none", (root / "no-exec").c_str(), "tmpfs", MS_NOEXEC, nullptr) == 0;
    read_only_mounted = ::mount("none", (root / "read-only").c_str(), "tmpfs", MS_RDONLY, nullptr) == 0;
    const TestType made(root.path());
    for (const auto* folder : {"/no-exec", "/read-only", "/read-only/below", "/plain", "/file"})
      can.emplace(folder, made.host->can_execute_in(folder));
    read_only = made.host->disk("/read-only/below").value_or(host::DiskSpace{}).read_only;
  });
  REQUIRE((no_exec_mounted && read_only_mounted));
  CHECK(can.at("/no-exec") == host::ProgramFolder::no_exec);
  CHECK(can.at("/read-only") == host::ProgramFolder::read_only);
  CHECK(can.at("/read-only/below") == host::ProgramFolder::read_only);
  CHECK(can.at("/plain") == host::ProgramFolder::usable);
  CHECK(read_only);
  CHECK(std::filesystem::is_empty(root / "plain"));
}

// This machine's own programs on a feature; nothing if they are absent.
std::optional<bool> works_by_hand(const std::string& feature) {
  const auto run = [](const std::string& program, const std::string& script) -> std::optional<bool> {
    const auto there = base::run({{"sh", "-c", "command -v " + program}, {}, "/", {}});
    if (!there || !there->ok()) return std::nullopt;
    const auto said = base::run({{"unshare", "--mount", "--net", "sh", "-c", script}, {}, "/", {}});
    return said && said->ok();
  };
  if (feature == "overlay") {
    return run(
        "mount",
        "d=$(mktemp -d /var/lib/.overlay-XXXXXX); mkdir $d/l $d/u $d/w $d/m; mount -t overlay -o lowerdir=$d/l,upperdir=$d/u,workdir=$d/w overlay $d/m; "
        "r=$?; umount $d/m; rm -rf $d; exit $r");
  }
  if (feature == "vxlan") return run("ip", "ip link add x0 type vxlan id 1 dstport 4789");
  if (feature == "nftables") return run("nft", "nft add table inet x");
  return run("modprobe", "test -e /proc/sys/net/bridge || modprobe --dry-run --quiet br_netfilter");
}

TEST_CASE("kernel features are tried without a trace, and found as they are") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const tests::TemporaryFolder root;
  const Local made(root.path());
  const auto trials = [] {
    std::set<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator("/var/lib")) {
      if (entry.path().filename().string().starts_with(".sealift-")) out.insert(entry.path());
    }
    return out;
  };
  const auto before = trials();
  int compared = 0;
  for (const auto* feature : {"overlay", "nftables", "vxlan", "br_netfilter"}) {
    const auto result = made.host->try_feature(feature);
    REQUIRE(result);
    INFO(feature << ": " << result->detail);
    if (!result->works) CHECK_FALSE(result->detail.empty());
    const auto works = works_by_hand(feature);
    if (works) CHECK(result->works == *works);
    compared += works ? 1 : 0;
  }
  CHECK(compared > 0);  // mount is on every Linux
  CHECK(root.empty());
  CHECK(soon([&] { return std::ranges::includes(before, trials()); }));
}
