// SPDX-License-Identifier: Apache-2.0
//
// Requirements on what a Host says is on its machine.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "payload/base/format.h"
#include "runtime/host/netlink.h"
#include "tests/conformance/each_host.h"
#include "tests/support/own_namespaces.h"
#include "tests/support/temporary_folder.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

using namespace sealift;
using namespace sealift::tests;
using Kind = host::Trace::Kind;

namespace {

void put(const std::string& path, std::string_view text, mode_t mode = 0644) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::trunc) << text;
  ::chmod(path.c_str(), mode);
}

std::map<std::string, std::string> of_kind(Kind kind, const host::Footprint& footprint) {
  std::map<std::string, std::string> out;
  for (const auto& trace : footprint) {
    if (trace.kind == kind) out.emplace(trace.name, trace.value);
  }
  return out;
}

std::string owner() { return base::format("{}:{}", ::geteuid(), ::getegid()); }
std::string digest(std::string_view text) { return hash::sha256(base::as_bytes(text)).text(); }

}  // namespace

TEMPLATE_TEST_CASE("footprint: paths, with what is in small files; of data folders only the entries", "", Local,
                   Remote) {
  const tests::TemporaryFolder root;
  const mode_t old = ::umask(0022);
  put(root / "etc/file", "one", 0640);
  put(root / "etc/deep/er/file", "two");
  put(root / "opt/large", std::string((1 << 20) + 1, 'x'));
  put(root / "opt/largest that is read", std::string(1 << 20, 'x'));
  put(root / "usr/local/bin/program", "x", 0755);
  put(root / "usr/libexec/kubernetes/x", "x");
  put(root / "usr/bin/other", "x");
  put(root / "var/lib/kubelet/pods/secret", "x");
  put(root / "var/lib/other/inside", "x");
  put(root / "var/log/pods/a/0.log", "x");
  put(root / "var/spool/cron/crontabs/root", "x");
  put(root / "run/netns/cni-1", "x");
  put(root / "home/user/file", "x");
  put(root / "etc/\xff", "bytes");
  for (const auto* own : {"var/lib/sealift/x", "usr/local/lib/sealift/agent", "opt/sealift/agent", "run/sealift/lock"})
    put(root / own, "x");
  std::filesystem::create_symlink("/etc/shadow", root / "etc/link");
  std::filesystem::create_directory_symlink("/", root / "etc/link to a folder");
  REQUIRE(::mkfifo((root / "etc/fifo").c_str(), 0600) == 0);
  ::umask(old);
  const TestType made(root.path());
  const auto footprint = made.host->footprint();
  INFO((footprint ? "" : footprint.error().text()));
  REQUIRE(footprint);
  CHECK(std::ranges::is_sorted(*footprint));
  const std::string folder = "folder 0755 " + owner(), plain = "file 0644 " + owner();
  CHECK(
      of_kind(Kind::path, *footprint) ==
      std::map<std::string, std::string>{{"/etc", folder},
                                         {"/etc/\\xff", plain + " " + digest("bytes")},
                                         {"/etc/deep", folder},
                                         {"/etc/deep/er", folder},
                                         {"/etc/deep/er/file", plain + " " + digest("two")},
                                         {"/etc/fifo", "other 0600 " + owner()},
                                         {"/etc/file", "file 0640 " + owner() + " " + digest("one")},
                                         {"/etc/link", "link 0777 " + owner() + " /etc/shadow"},
                                         {"/etc/link to a folder", "link 0777 " + owner() + " /"},
                                         {"/opt", folder},
                                         {"/opt/large", plain + " size:1048577"},
                                         {"/opt/largest that is read", plain + " " + digest(std::string(1 << 20, 'x'))},
                                         {"/run/netns", folder},
                                         {"/run/netns/cni-1", plain},
                                         {"/usr/libexec", folder},
                                         {"/usr/libexec/kubernetes", folder},
                                         {"/usr/libexec/kubernetes/x", plain + " " + digest("x")},
                                         {"/usr/local", folder},
                                         {"/usr/local/bin", folder},
                                         {"/usr/local/bin/program", "file 0755 " + owner() + " " + digest("x")},
                                         {"/usr/local/lib", folder},
                                         {"/var/lib/kubelet", folder},
                                         {"/var/lib/kubelet/pods", folder},
                                         {"/var/lib/other", folder},
                                         {"/var/log/pods", folder},
                                         {"/var/log/pods/a", folder},
                                         {"/var/spool/cron", folder},
                                         {"/var/spool/cron/crontabs", folder},
                                         {"/var/spool/cron/crontabs/root", plain + " " + digest("x")}});
  CHECK(of_kind(Kind::path, made.host->footprint().value()) == of_kind(Kind::path, *footprint));
  CHECK(host::parse_footprint(host::footprint_lines(*footprint)).value() == *footprint);
}

TEMPLATE_TEST_CASE("footprint: units, modules, sysctls, users and programs", "", Local, Remote) {
  const tests::TemporaryFolder root, machine;
  put(root / "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbroken\netcd:x:997:990::/:/bin/false\n");
  put(machine / "systemctl", R"(#!/bin/sh
[ "$*" = "list-unit-files --no-legend --no-pager --full --plain" ] || exit 1
echo 'kubelet.service enabled  enabled'
echo 'cron.service    disabled enabled'
echo 'session-1.scope transient -'
)",
      0755);
  put(machine / "modules/overlay/initstate", "live\n");
  put(machine / "modules/built_in/parameters/x", "1\n");
  for (const auto* key :
       {"vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "kernel/ostype", "kernel/keys/root_maxkeys",
        "kernel/keys/maxkeys", "net/ipv4/ip_forward", "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter",
        "net/ipv4/conf/eth0/rp_filter", "net/ipv6/conf/all/forwarding", "net/bridge/bridge-nf-call-iptables",
        "net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_count", "net/core/somaxconn",
        "fs/inotify/max_user_watches", "fs/file-max"})
    put(machine / ("sys/" + std::string(key)), "1\t2\n");
  put(machine / "sys/vm/drop_caches", "1\n", 0200);
  put(machine / "sys/net/ipv4/tcp_fastopen_key", "secret\n", 0600);
  host::MachinePaths paths;
  paths.systemctl = machine / "systemctl";
  paths.modules = machine / "modules";
  paths.sysctls = machine / "sys";
  const TestType made(root.path(), paths);
  auto footprint = made.host->footprint();
  REQUIRE(footprint);
  using Map = std::map<std::string, std::string>;
  CHECK(of_kind(Kind::unit, *footprint) == Map{{"cron.service", "disabled"}, {"kubelet.service", "enabled"}});
  CHECK(of_kind(Kind::module, *footprint) == Map{{"overlay", ""}});
  Map expected;
  for (const auto* key : {"vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops", "kernel.keys.root_maxkeys",
                          "net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter",
                          "net.ipv6.conf.all.forwarding", "net.bridge.bridge-nf-call-iptables",
                          "net.netfilter.nf_conntrack_max", "fs.inotify.max_user_watches"})
    expected[key] = "1\t2";
  CHECK(of_kind(Kind::sysctl, *footprint) == expected);
  CHECK(of_kind(Kind::user, *footprint) == Map{{"etcd", "997"}, {"root", "0"}});
  const auto programs = of_kind(Kind::process, *footprint);
  CHECK_FALSE(programs.empty());
  CHECK(programs.contains(base::program_of(::getppid()).value_or("")));
  CHECK_FALSE(programs.contains(base::own_program().value()));
  SECTION("a host whose systemd does not answer") {
    put(machine / "systemctl", "#!/bin/sh\nexit 1\n", 0755);
    footprint = made.host->footprint();
    REQUIRE(footprint);
    CHECK(of_kind(Kind::unit, *footprint).empty());
    CHECK(of_kind(Kind::module, *footprint) == Map{{"overlay", ""}});
  }
}

TEMPLATE_TEST_CASE("footprint: mounts, and no path beyond them", "", Local, Remote) {
  const tests::TemporaryFolder root;
  for (const auto* folder :
       {"etc/other disk", "var/lib/kubelet/pods/a", "run/user/0", "run/systemd/x", "sys/fs/x", "opt"})
    std::filesystem::create_directories(root / folder);
  bool mounted = true;
  std::optional<host::Footprint> footprint;
  tests::in_own_mounts([&] {
    for (const auto* point : {"etc/other disk", "var/lib/kubelet/pods/a", "run/user/0", "run/systemd/x", "sys/fs/x"})
      mounted &= ::mount("none", (root / point).c_str(), "tmpfs", 0, nullptr) == 0;
    std::ofstream(root / "etc/other disk/file") << "x";
    const TestType made(root.path());
    if (auto read = made.host->footprint()) footprint = std::move(*read);
  });
  REQUIRE(mounted);
  REQUIRE(footprint);
  CHECK(of_kind(Kind::mount, *footprint) ==
        std::map<std::string, std::string>{{"/etc/other disk", "tmpfs"}, {"/var/lib/kubelet/pods/a", "tmpfs"}});
  const auto paths = of_kind(Kind::path, *footprint);
  CHECK(paths.contains("/etc/other disk"));
  CHECK_FALSE(paths.contains("/etc/other disk/file"));
}

TEMPLATE_TEST_CASE("footprint: network interfaces, and one that is taken away", "", Local, Remote) {
  const tests::TemporaryFolder root;
  std::map<std::string, std::map<std::string, std::string>> links;
  int made_link = -1;
  bool taken = false, again = false, loopback = true, recorded = false;
  tests::in_own_network([&] {
    const TestType made(root.path());
    const auto look = [&](const std::string& when) {
      links[when] = of_kind(Kind::link, made.host->footprint().value_or(host::Footprint{}));
    };
    look("before");
    Bytes info;
    host::put_attribute(info, IFLA_INFO_KIND, "bridge");
    host::NetlinkMessage link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, ifinfomsg{});
    link.put(IFLA_IFNAME, "cni0").put(IFLA_LINKINFO, ByteView(info));
    made_link = host::netlink_request(NETLINK_ROUTE, {link});
    look("with");
    taken = made.host->take_away(Kind::link, "cni0", kReason).has_value();
    recorded = made.host->ledger()->back().change == host::Change(host::TakenAway{Kind::link, "cni0"});
    look("after");
    again = made.host->take_away(Kind::link, "cni0", kReason).has_value();
    loopback = made.host->take_away(Kind::link, "lo", kReason).has_value();
  });
  REQUIRE(made_link == 0);
  using Map = std::map<std::string, std::string>;
  CHECK(links["before"] == Map{{"lo", ""}});
  CHECK(links["with"] == Map{{"cni0", ""}, {"lo", ""}});
  CHECK(taken);
  CHECK(recorded);
  CHECK(links["after"] == Map{{"lo", ""}});
  CHECK(again);
  CHECK_FALSE(loopback);
}

TEST_CASE("footprint: what the fake shows follows what was done to it") {
  const tests::TemporaryFolder root;
  FakeMachine machine(root.path());
  const auto connected = connect_fake(machine);
  REQUIRE(connected);
  host::Host& host = **connected;
  const auto before = host.footprint();
  REQUIRE(before);
  CHECK(std::ranges::is_sorted(*before));
  REQUIRE(write(host, "/etc/file", "x", {0600, 0, 0}));
  REQUIRE(host.load_module("overlay", kReason));
  REQUIRE(host.set_sysctl("vm.x", "1", kReason));
  REQUIRE(host.unit_action("a.service", host::UnitAction::enable, kReason));
  machine.world.traces = {{Kind::mount, "/var/lib/kubelet/a"},
                          {Kind::table, "ip filter"},
                          {Kind::chain, "ip filter A"},
                          {Kind::process, "/bin/x"},
                          {Kind::user, "etcd"}};
  const auto now = host.footprint();
  REQUIRE(now);
  host::Footprint more;
  std::ranges::set_difference(*now, *before, std::back_inserter(more));
  CHECK(more == host::Footprint{{Kind::path, "/etc/file", "file 0600 0:0 " + digest("x")},
                                {Kind::unit, "a.service", "enabled"},
                                {Kind::module, "overlay", ""},
                                {Kind::sysctl, "vm.x", "1"},
                                {Kind::mount, "/var/lib/kubelet/a", ""},
                                {Kind::table, "ip filter", "1"},
                                {Kind::chain, "ip filter A", ""},
                                {Kind::user, "etcd", ""},
                                {Kind::process, "/bin/x", ""}});
  CHECK(host.take_away(Kind::path, "/var/lib", kReason).error().code == ErrorCode::busy);  // there is a mount in it
  for (const auto& [kind, name] : std::map<Kind, std::string>{{Kind::mount, "/var/lib/kubelet/a"},
                                                              {Kind::table, "ip filter"},
                                                              {Kind::process, "x"},
                                                              {Kind::module, "overlay"}})
    CHECK(host.take_away(kind, name, kReason));
  CHECK(machine.world.traces == std::set<std::pair<Kind, std::string>>{{Kind::user, "etcd"}});
  CHECK(machine.world.modules.empty());
  CHECK(std::ranges::contains(machine.changes, "take table ip filter"));
  machine.world.traces.emplace(Kind::link, "cni0");
  machine.power_cut();
  CHECK(machine.world.traces == std::set<std::pair<Kind, std::string>>{{Kind::user, "etcd"}});
}
