// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/undo_list.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "runtime/steps/before_step.h"
#include "runtime/steps/cluster_traces.h"

using namespace sealift;
using namespace sealift::steps;
using host::PathBefore;
using Kind = host::Trace::Kind;

namespace {

const Digest kOld = hash::sha256(base::as_bytes("old")), kNew = hash::sha256(base::as_bytes("new"));

UndoList list_of(std::vector<std::pair<std::string, host::Change>> changes) {
  std::vector<host::LedgerEntry> entries;
  for (auto& [step, change] : changes) entries.push_back({entries.size() + 1, "", step, "", std::move(change)});
  return undo_list(entries);
}

}  // namespace

TEST_CASE("undo list: the first change tells what was there, the last file what was written") {
  const PathBefore file{.kind = PathBefore::Kind::file, .size = 3, .digest = kOld, .kept = true};
  const auto list = list_of({{"files", host::DirectoryMade{"/etc/a", {}}},
                             {"files", host::FileWritten{"/etc/a/f", {}, kOld}},
                             {"files", host::FileWritten{"/etc/hosts", file, kNew}},
                             {"files", host::FileWritten{"/etc/a/f", file, kNew}},
                             {"files", host::PathRemoved{"/etc/gone", file}}});
  REQUIRE(list.paths.size() == 4);
  // what was changed first is undone last: a folder after what was put into it
  CHECK(list.paths[0] == UndoList::Path{"/etc/gone", file, {}});
  CHECK(list.paths[1] == UndoList::Path{"/etc/hosts", file, kNew});
  CHECK(list.paths[2] == UndoList::Path{"/etc/a/f", {}, kNew});
  CHECK(list.paths[3] == UndoList::Path{"/etc/a", {}, {}});
  CHECK(list.find("/etc/a/f") == &list.paths[2]);
  // a link in a file's place is nobody's file
  const auto linked =
      list_of({{"files", host::FileWritten{"/etc/l", {}, kNew}}, {"files", host::SymlinkMade{"/etc/l", file}}});
  CHECK_FALSE(linked.paths.at(0).written);
  CHECK(list.find("/etc/a/g") == nullptr);
}

TEST_CASE("undo list: units, modules, sysctls and payloads by their first state") {
  const auto list = list_of(
      {{"u", host::UnitChanged{host::UnitAction::reload_daemon, "", {}}},
       {"u", host::UnitChanged{host::UnitAction::enable, "a.service", host::UnitChanged::Before{false, "inactive"}}},
       {"u", host::UnitChanged{host::UnitAction::start, "a.service", host::UnitChanged::Before{true, "inactive"}}},
       {"u", host::UnitChanged{host::UnitAction::restart, "b.service", host::UnitChanged::Before{true, "active"}}},
       {"k", host::ModuleLoaded{"overlay", true}},
       {"k", host::ModuleLoaded{"br_netfilter", false}},
       {"k", host::SysctlSet{"net.ipv4.ip_forward", "1", "0"}},
       {"k", host::SysctlSet{"net.ipv4.ip_forward", "1", "1"}},
       {"k", host::SysctlSet{"net.bridge.x", "1", {}}},
       {"p", host::PayloadStored{"/data/payloads/p", false}},
       {"p", host::PathRemoved{"/data/payloads/p", {.kind = PathBefore::Kind::file}}}});
  REQUIRE(list.units.size() == 2);
  CHECK(list.units[0] == UndoList::Unit{"b.service", {true, "active"}});
  CHECK(list.units[1] == UndoList::Unit{"a.service", {false, "inactive"}});
  CHECK(list.modules == std::vector<std::string>{"br_netfilter"});
  CHECK(list.sysctls == std::vector<std::pair<std::string, std::string>>{{"net.ipv4.ip_forward", "0"}});
  CHECK(list.payloads == std::vector<std::string>{"/data/payloads/p"});
  // a payload that a later version removed is not put back
  REQUIRE(list.find("/data/payloads/p") != nullptr);
  CHECK(list.find("/data/payloads/p")->before.kind == PathBefore::Kind::absent);
}

TEST_CASE("undo list: what a reset did is no change, and steps that began again are not completed") {
  const auto list = list_of({{"files", host::FileWritten{"/f", {}, kNew}},
                             {"files", host::Completed{}},
                             {"other", host::Completed{}},
                             {"files", host::Begun{}},
                             {"reset.restore", host::PathRestored{"/f", {.kind = PathBefore::Kind::file}}},
                             {"reset.restore", host::SysctlSet{"k", "0", "1"}},
                             {"reset.stop", host::Completed{}}});
  CHECK(list.paths.size() == 1);
  CHECK(list.sysctls.empty());
  CHECK(list.completed == std::set<std::string>{"other"});
}

TEST_CASE("compare: what the delivery or a cluster makes is left, what others did is named") {
  const auto undo = list_of({{"f", host::FileWritten{"/usr/local/bin/kubelet", {}, kNew}},
                             {"u", host::UnitChanged{host::UnitAction::enable, "kubelet.service",
                                                     host::UnitChanged::Before{false, "inactive"}}},
                             {"k", host::SysctlSet{"net.ipv4.ip_forward", "1", "0"}}});
  const host::Footprint before{{Kind::path, "/etc/hosts", "file 0644 0:0 sha256:1"},
                               {Kind::path, "/etc/motd", "file 0644 0:0 sha256:2"},
                               {Kind::sysctl, "kernel.panic", "0"},
                               {Kind::sysctl, "net.ipv4.ip_forward", "0"},
                               {Kind::link, "eth0", ""}};
  host::Footprint now{{Kind::path, "/etc/hosts", "file 0644 0:0 sha256:9"},
                      {Kind::path, "/etc/kubernetes", "folder 0755 0:0"},
                      {Kind::path, "/usr/local/bin/kubelet", "file 0755 0:0 " + kNew.text()},
                      {Kind::path, "/usr/local/bin/other", "file 0755 0:0 sha256:3"},
                      {Kind::unit, "kubelet.service", "disabled"},
                      {Kind::unit, "ntp.service", "enabled"},
                      {Kind::module, "vxlan", ""},
                      {Kind::sysctl, "kernel.panic", "10"},
                      {Kind::sysctl, "net.ipv4.ip_forward", "1"},
                      {Kind::mount, "/mnt/backup", "nfs"},
                      {Kind::mount, "/var/lib/kubelet/pods/x", "tmpfs"},
                      {Kind::link, "cni0", ""},
                      {Kind::link, "docker0", ""},
                      {Kind::link, "eth0", ""},
                      {Kind::table, "inet firewall", "4"},
                      {Kind::table, "ip kube-proxy", "9"},
                      {Kind::chain, "ip filter INPUT", ""},
                      {Kind::chain, "ip filter KUBE-FIREWALL", ""},
                      {Kind::cgroup, "/sys/fs/cgroup/kubepods", ""},
                      {Kind::user, "deploy", "1001"},
                      {Kind::process, "/usr/local/bin/kubelet", ""},
                      {Kind::process, "/usr/sbin/cron", ""}};
  std::ranges::sort(now);
  const auto differences = compare(before, now, undo);
  CHECK(differences.left ==
        std::vector<std::string>{"path /etc/kubernetes is there", "path /usr/local/bin/kubelet is there",
                                 "unit kubelet.service is there", "sysctl kernel.panic was \"0\" and is \"10\"",
                                 "sysctl net.ipv4.ip_forward was \"0\" and is \"1\"",
                                 "mount /var/lib/kubelet/pods/x is there", "link cni0 is there",
                                 "table ip kube-proxy is there", "chain ip filter KUBE-FIREWALL is there",
                                 "cgroup /sys/fs/cgroup/kubepods is there", "process /usr/local/bin/kubelet is there"});
  CHECK(differences.others ==
        std::vector<std::string>{"path /etc/hosts was \"file 0644 0:0 sha256:1\" and is \"file 0644 0:0 sha256:9\"",
                                 "path /etc/motd is gone", "path /usr/local/bin/other is there",
                                 "unit ntp.service is there", "mount /mnt/backup is there", "link docker0 is there",
                                 "table inet firewall is there", "chain ip filter INPUT is there",
                                 "user deploy is there"});
  CHECK(compare(before, before, undo).left.empty());
  CHECK(compare(before, before, undo).others.empty());
}

TEST_CASE("what is a cluster's goes by whole names") {
  CHECK(is_in_cluster_tree("/etc/cni"));
  CHECK(is_in_cluster_tree("/etc/cni/net.d/10-flannel.conflist"));
  CHECK_FALSE(is_in_cluster_tree("/etc/cnix"));
  CHECK(is_in_cluster_tree("/run/netns/cni-1"));
  CHECK_FALSE(is_in_cluster_tree("/run/netns/mine"));
  CHECK(is_of_a_cluster({Kind::link, "flannel.1", ""}));
  CHECK_FALSE(is_of_a_cluster({Kind::link, "veth12", ""}));
  // a table of iptables is the cluster's if no rule is in it; anybody's rule keeps it
  CHECK(is_of_a_cluster({Kind::table, "ip nat", "0"}));
  CHECK_FALSE(is_of_a_cluster({Kind::table, "ip nat", "2"}));
  CHECK_FALSE(is_of_a_cluster({Kind::table, "ip mine", "0"}));
  // the value that the kubelet sets; another one is somebody else's
  CHECK(is_of_a_cluster({Kind::sysctl, "vm.overcommit_memory", "1"}));
  CHECK_FALSE(is_of_a_cluster({Kind::sysctl, "vm.overcommit_memory", "2"}));
}

TEST_CASE("undo list: of a cluster that was there before, nothing is told as left, nor as somebody's change") {
  const auto list = list_of({{std::string(kBeforeStepOfExisting), host::Begun{}},
                             {"files.node", host::FileWritten{"/etc/sealift/mirror.json", {}, kNew}}});
  CHECK(list.keeps_cluster);
  CHECK_FALSE(list_of({{std::string(kBeforeStep), host::Begun{}}}).keeps_cluster);
  const host::Footprint now{{Kind::path, "/etc/kubernetes/new.conf", "file 0600 0:0 "},
                            {Kind::path, "/etc/sealift/mirror.json", "file 0644 0:0 " + kNew.text()},
                            {Kind::path, "/srv/x", "file 0644 0:0 "},
                            {Kind::sysctl, "kernel.panic", "10"},
                            {Kind::mount, "/var/lib/kubelet/pods/a", ""},
                            {Kind::link, "cni0", ""},
                            {Kind::chain, "ip nat KUBE-SVC-1", ""},
                            {Kind::cgroup, "/sys/fs/cgroup/kubepods", ""}};
  const auto differences = compare({}, now, list);
  CHECK(differences.left == std::vector<std::string>{"path /etc/sealift/mirror.json is there"});
  CHECK(differences.others == std::vector<std::string>{"path /srv/x is there"});
}

TEST_CASE("of the folders that a reset takes, Sealift's own are known by their names") {
  const auto own = own_trees();
  CHECK(std::ranges::contains(own, "/etc/sealift"));
  CHECK(std::ranges::contains(own, "/var/lib/sealift/payloads"));
  for (const auto& tree : own) CHECK(is_in_cluster_tree(tree));
  for (const auto* theirs : {"/etc/kubernetes", "/etc/cni", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib/containerd"})
    CHECK_FALSE(std::ranges::contains(own, theirs));
}
