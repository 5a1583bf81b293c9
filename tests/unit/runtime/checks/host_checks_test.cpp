// SPDX-License-Identifier: Apache-2.0
//
// Each check of preflight alone: a machine with exactly one fault gives exactly the finding for it.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "payload/base/format.h"
#include "payload/trust/x509.h"
#include "runtime/checks/preflight.h"
#include "tests/support/fake_host.h"

using namespace sealift;
using tests::FakeMachine;

namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

// A machine without faults, for an artifact with one image of 1 GiB and one file in /opt.
struct Site {
  format::BaseDocument base;
  format::Contents contents;
  config::ClusterConfig config;
  config::HostConfig host;
  FakeMachine machine{"w1"};
  int64_t clock_ahead_ms = 0;

  Site() {
    contents.stubs.push_back({Architecture::amd64, {}});
    const Digest layer = hash::sha256(base::as_bytes("layer"));
    format::Image image;
    image.name = "registry.example/a:1";
    image.platforms.push_back({Architecture::amd64, {}, "", {}, {{layer, kGiB / 4}}});
    contents.images.push_back(image);
    contents.layers[layer] = {kGiB / 4 * 3, 5000};
    base.minimum[format::HostRole::worker] = {2, kGiB, 0};
    base.minimum[format::HostRole::control_plane] = {4, 2 * kGiB, 0};
    base.ports[format::HostRole::all] = {10250};
    base.ports[format::HostRole::control_plane] = {2379};
    host.address = "10.7.0.12";
    shows("LANG=C\nPATH=/usr/bin\n");
  }
  void shows(const std::string& environment) {
    machine.programs["systemctl"] = [environment](FakeMachine&, const base::Command& command,
                                                  const base::CommandIo&) -> Result<base::ExitStatus> {
      CHECK(command.argv == std::vector<std::string>{"systemctl", "show-environment"});
      return base::ExitStatus{0, environment, ""};
    };
  }
  void folder(const std::string& path) { machine.world.files[path].type = host::FileType::directory; }
  void listens(uint16_t port, const std::string& process = "squid") {
    machine.facts.listeners.push_back({"0.0.0.0", port, process});
  }

  Result<std::vector<checks::Finding>> look() {
    checks::PreflightInput input{base, contents, config, kGiB, false, contents.images_for({})};
    auto connected = tests::connect_fake(machine);
    REQUIRE(connected);
    const checks::CheckedHost view{"w1",
                                   host,
                                   connected->get(),
                                   machine.facts,
                                   machine.facts.clock_ms + clock_ahead_ms,
                                   host.role == format::HostRole::control_plane};
    auto out = checks::check_facts(input, {view});
    SEALIFT_ASSIGN(const auto asked, checks::check_host(input, view));
    out.insert(out.end(), asked.begin(), asked.end());
    CHECK(machine.changes.empty());
    return out;
  }
  std::vector<std::string> messages() {
    const auto looked = look();
    if (!looked) FAIL(looked.error().text());
    std::vector<std::string> out;
    for (const auto& finding : *looked) {
      CHECK(finding.host == "w1");
      out.push_back((finding.blocks() ? "" : "warning: ") + finding.text());
    }
    return out;
  }
};

using Spoil = std::function<void(Site&)>;

void only(std::string_view wanted, const Spoil& spoil, size_t count = 1) {
  Site site;
  spoil(site);
  const auto messages = site.messages();
  INFO(wanted);
  for (const auto& message : messages) {
    INFO(message);
    CHECK(message.contains(wanted));
  }
  CHECK(messages.size() == count);
}

void none(const Spoil& spoil) { only("nothing", spoil, 0); }

void as_control_plane(Site& site) { site.host.role = format::HostRole::control_plane; }

}  // namespace

TEST_CASE("a good machine gives no finding, in either role") {
  none([](Site&) {});
  none(as_control_plane);
}

TEST_CASE("what a machine is") {
  only("is linux/amd64, and this artifact is not packed for that; build it with --platform linux/amd64",
       [](Site& site) { site.contents.stubs[0].architecture = Architecture::arm64; });
  only("does not run systemd", [](Site& site) { site.machine.facts.systemd = false; });
  only("has no cgroups mounted", [](Site& site) { site.machine.facts.cgroup_version = 0; });
  for (const std::string controller : {"cpu", "cpuset", "memory", "pids"}) {
    only("lacks the cgroup controller " + controller + ";",
         [&](Site& site) { std::erase(site.machine.facts.cgroup_controllers, controller); });
  }
  only("1.0 KiB of swap", [](Site& site) { site.machine.facts.swap_bytes = 1024; });
  only("empty /etc/machine-id", [](Site& site) { site.machine.facts.machine_id.clear(); });
  only("no default route", [](Site& site) { site.machine.facts.default_route = false; });
}

TEST_CASE("CPUs and memory are compared with what the base asks of this role") {
  only("1 CPU, 2 are needed for a worker", [](Site& site) { site.machine.facts.cpus = 1; });
  none([](Site& site) { site.machine.facts.cpus = 2; });
  only("3 CPUs, 4 are needed for a control-plane", [](Site& site) {
    as_control_plane(site);
    site.machine.facts.cpus = 3;
  });
  only("of memory, 1.0 GiB are needed", [](Site& site) { site.machine.facts.memory_bytes = kGiB - 1; });
  none([](Site& site) { site.machine.facts.memory_bytes = kGiB; });
  only("2.0 GiB are needed for a control-plane", [](Site& site) {
    as_control_plane(site);
    site.machine.facts.memory_bytes = kGiB;
  });
}

TEST_CASE("clocks may differ by a minute, either way") {
  none([](Site& site) { site.clock_ahead_ms = 60'000; });
  none([](Site& site) { site.clock_ahead_ms = -60'000; });
  only("differs by 61 s", [](Site& site) { site.clock_ahead_ms = 61'000; });
  only("differs by 61 s", [](Site& site) { site.clock_ahead_ms = -61'000; });
}

TEST_CASE("each port that will be listened on must be free") {
  only("port 5000 is taken by squid", [](Site& site) { site.listens(5000); });
  only("port 7443 is taken by another program", [](Site& site) { site.listens(7443, ""); });
  only("port 10250 is taken by kubelet", [](Site& site) { site.listens(10250, "kubelet"); });
  only("port 5001 is taken", [](Site& site) {
    site.config.registry.port = 5001;
    site.listens(5001);
    site.listens(5000);
  });
  // 5001: the certificate authority's, next to the registry's
  for (const uint16_t port : {uint16_t{6443}, uint16_t{2379}, uint16_t{5001}}) {
    only(base::format("port {} is taken", port), [&](Site& site) {
      as_control_plane(site);
      site.listens(port);
    });
    none([&](Site& site) { site.listens(port); });
  }
  only("port 5000 is taken", [](Site& site) {
    site.listens(5000);
    site.machine.facts.listeners.push_back({"::", 5000, "squid"});
  });
  none([](Site& site) { site.listens(80); });
  // a process whose name only resembles ours
  only("port 5000 is taken by node-exporter", [](Site& site) { site.listens(5000, "node-exporter"); });
}

TEST_CASE("the port of registry.domain must be free on registry hosts, also once they stand") {
  const auto with_domain = [](Site& site, const std::string& process) {
    as_control_plane(site);
    site.config.registry.domain.emplace().port = 5444;
    site.listens(5444, process);
  };
  for (const std::string process : {"nginx", "", "node-exporter"})
    only("port 5444 is taken", [&](Site& site) { with_domain(site, process); });
  only("port 5444 is taken by nginx", [&](Site& site) {
    with_domain(site, "nginx");
    site.machine.ledger.push_back({1, "", "files.base", "", host::FileWritten{"/usr/local/bin/kubelet", {}}});
  });
  // its own door, which systemd holds and the mirror's program answers
  for (const std::string process : {"systemd", "node-0123456789"})
    none([&](Site& site) { with_domain(site, process); });
  none([&](Site& site) {
    with_domain(site, "nginx");
    site.host.role = format::HostRole::worker;
  });
  none([](Site& site) {
    as_control_plane(site);
    site.listens(5443);
  });
}

TEST_CASE("each kernel feature is tried") {
  for (const std::string feature : {"overlay", "br_netfilter", "nftables", "vxlan"}) {
    only("the kernel feature " + feature + " does not work (" + feature + ": not supported",
         [&](Site& site) { site.machine.broken_features = {feature}; });
  }
}

TEST_CASE("what others left is found by its signs") {
  for (const auto& [path, what] : {std::pair{"/etc/kubernetes/kubelet.conf", "is a node of another cluster"},
                                   {"/etc/kubernetes/admin.conf", "is a control plane of another cluster"},
                                   {"/var/lib/rancher", "k3s or RKE2"},
                                   {"/var/lib/k0s", "k0s"},
                                   {"/var/lib/docker", "Docker"},
                                   {"/var/lib/etcd/member", "data of an etcd"}}) {
    only(base::format("{} exists", path), [&](Site& site) { site.folder(path); });
    only(what, [&](Site& site) { site.folder(path); });
  }
  only("runs a containerd that Sealift did not install",
       [](Site& site) { site.machine.world.units["containerd.service"].active = true; });
  none([](Site& site) { site.machine.world.units["containerd.service"].enabled = true; });
}

TEST_CASE("configurations of a pod network are somebody else's, other files in their folder are not") {
  for (const std::string name : {"10-calico.conflist", "87-podman.conf", "x.json", ".hidden.conf"}) {
    only("/etc/cni/net.d (" + name + ")", [&](Site& site) { site.machine.world.files["/etc/cni/net.d/" + name] = {}; });
  }
  for (const std::string name : {".kubernetes-cni-keep", "README", "10-calico.conflist.bak", "calico-kubeconfig"}) {
    none([&](Site& site) { site.machine.world.files["/etc/cni/net.d/" + name] = {}; });
  }
}

TEST_CASE("registries of somebody else in containerd's folder would send pulls to the network") {
  only("/etc/containerd/certs.d/docker.io", [](Site& site) { site.folder("/etc/containerd/certs.d/docker.io"); });
  none([](Site& site) {
    site.folder("/etc/containerd/certs.d/_default");
    site.machine.world.files["/etc/containerd/certs.d/.keep"] = {};
  });
}

TEST_CASE("disks: bytes and inodes are summed for each, and compared with what is free") {
  // 1 GiB of images on a worker, and the payload as well on a control plane
  none([](Site& site) { site.machine.disk.free_bytes = kGiB; });
  only("has 1024 MiB free on /, 1.0 GiB are needed for /usr/local, /opt, /var/lib/containerd",
       [](Site& site) { site.machine.disk.free_bytes = kGiB - 1; });
  only("2.0 GiB are needed for /usr/local, /opt, /var/lib/sealift, /var/lib/containerd", [](Site& site) {
    as_control_plane(site);
    site.machine.disk.free_bytes = 2 * kGiB - 1;
  });
  only("1.0 GiB are needed for /var/lib/containerd", [](Site& site) {
    site.machine.mounts["/var/lib"] = {"/var/lib", "ext4", kGiB / 2, kGiB, 100'000, false, false};
  });
  none([](Site& site) {  // each disk holds its own part
    as_control_plane(site);
    site.machine.disk.free_bytes = kGiB;
    site.host.data_root = "/data/sealift";
    site.machine.mounts["/data"] = {"/data", "ext4", kGiB, kGiB, 100'000, false, false};
  });
  none([](Site& site) { site.machine.disk.free_inodes = 5200; });
  only("has 5199 free inodes on /, 5200 are needed for", [](Site& site) { site.machine.disk.free_inodes = 5199; });
  none([](Site& site) { site.machine.disk.free_inodes = 0; });  // a file system that does not count inodes
  only("/var/lib/containerd lies on /var/lib, which is mounted read-only",
       [](Site& site) { site.machine.mounts["/var/lib"] = {"/var/lib", "ext4", kGiB, kGiB, 100'000, true, false}; });
}

TEST_CASE("a disk must have what the base says that the role needs") {
  const auto needs = [](uint64_t bytes) {
    return [bytes](Site& site) {
      site.base.minimum[format::HostRole::worker].disk_bytes = bytes;
      site.machine.disk.free_bytes = 3 * kGiB;
    };
  };
  none(needs(3 * kGiB));
  only("has 3.0 GiB free on /, a worker needs 3.1 GiB there; free space", needs(3 * kGiB + kGiB / 10));
}

TEST_CASE("a host that becomes a registry host later must have room for the payload, and its kubelet some more") {
  const auto later = [](uint64_t free) {
    return [free](Site& site) {
      as_control_plane(site);
      site.machine.ledger.push_back({1, "", "files.base", "", host::FileWritten{"/usr/local/bin/kubelet", {}}});
      site.machine.disk.free_bytes = free;
    };
  };
  none(later(21 * kGiB));  // a tenth of 200 GiB stays free
  only("free on /; the payload needs 1.0 GiB, and 20 GiB must stay free: with less than 10 %",
       later(21 * kGiB - kGiB / 10));
  const auto on_own_disk = [&](uint64_t free) {
    return [=](Site& site) {
      later(0)(site);
      site.machine.mounts["/var/lib/sealift"] = {"/var/lib/sealift", "ext4", free, 2 * kGiB, 100'000, false, false};
    };
  };
  none(on_own_disk(kGiB));
  only("has 922 MiB free on /var/lib/sealift; the payload needs 1.0 GiB; free space, or write another host",
       on_own_disk(kGiB - kGiB / 10));
}

TEST_CASE("the site's certificate for people must be valid today") {
  const auto key = trust::generate_key();
  REQUIRE(key);
  constexpr auto kHour = std::chrono::hours{1};
  const auto with = [&](Duration begins, Duration ends) {
    return [&, begins, ends](Site& site) {
      as_control_plane(site);
      const WallTime now{Duration(site.machine.facts.clock_ms)};
      auto& domain = site.config.registry.domain.emplace();
      domain.name = "images.plant7.lan";
      const auto made = trust::make_authority(key->private_pem, "site", {now + begins, now + ends});
      REQUIRE(made);
      domain.certificate = *made;
    };
  };
  none(with(-kHour, kHour));
  only("certificate for images.plant7.lan that has ended, at ", with(-3 * kHour, -kHour));
  only("certificate for images.plant7.lan that begins only at ", with(kHour, 3 * kHour));
  none([&](Site& site) {
    with(-3 * kHour, -kHour)(site);
    site.host.role = format::HostRole::worker;
  });
}

TEST_CASE("programs must be able to run where they are put") {
  for (const std::string folder : {"/usr/local/bin", "/usr/local/lib", "/opt/cni/bin"}) {
    only("does not let programs run in " + folder + " (mounted noexec)",
         [&](Site& site) { site.machine.mounts[folder] = {folder, "ext4", kGiB, kGiB, 100'000, false, true}; });
  }
}

TEST_CASE("a proxy for all services is told, and blocks nothing") {
  only("warning: has HTTPS_PROXY, http_proxy in systemd's environment", [](Site& site) {
    site.shows("LANG=C\nHTTPS_PROXY=http://10.0.0.1:3128\nhttp_proxy=$'http://x'\nNO_PROXY=a\n");
  });
  none([](Site& site) { site.shows("NO_PROXY=a\nMY_HTTP_PROXY_IS=x\n"); });
  none([](Site& site) { site.machine.programs.clear(); });
}

TEST_CASE("on a host that an earlier run worked on, what is there is ours") {
  none([](Site& site) {
    site.machine.ledger.push_back({1, "", "files.base", "", host::FileWritten{"/usr/local/bin/kubelet", {}}});
    site.listens(5000, "node-1234");
    site.folder("/etc/kubernetes/kubelet.conf");
    site.folder("/etc/containerd/certs.d/docker.io");
    site.machine.world.units["containerd.service"].active = true;
    site.machine.world.files["/etc/cni/net.d/10-flannel.conflist"] = {};
    site.machine.disk.free_bytes = 0;
  });
}

TEST_CASE("nobody but root may be able to exchange programs and the payload") {
  const auto with = [](const std::string& path, host::FileSpec spec) {
    return [=](Site& site) {
      for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
        site.folder(path.substr(0, end));
      site.folder(path);
      site.machine.world.files[path].spec = spec;
    };
  };
  none(with("/usr/local", {0755, 0, 0}));
  none(with("/usr/local", {0775, 0, 0}));
  only("lets everybody exchange what is in /usr/local/lib/sealift: /usr/local/lib has mode 0777",
       with("/usr/local/lib", {0777, 0, 0}));
  only("lets group 50 exchange what is in /opt/cni/bin: /opt/cni has mode 2775; take the right to write from others",
       with("/opt/cni", {02775, 0, 50}));
  only("lets uid 1001 exchange what is in /usr/local/bin: /usr/local/bin is that user's; `chown root:root",
       with("/usr/local/bin", {0755, 1001, 0}));
  only("/etc has mode 1777", with("/etc", {01777, 0, 0}));
  const auto data = [&](const std::string& path, host::FileSpec spec) {
    return [=](Site& site) {
      as_control_plane(site);
      site.host.data_root = "/data/sealift";
      with(path, spec)(site);
    };
  };
  none([&](Site& site) {
    data("/data", {0777, 0, 0})(site);
    site.host.role = format::HostRole::worker;  // keeps no payload
  });
  none(data("/data", {01777, 0, 0}));
  none(data("/data/sealift", {02775, 0, 50}));
  only("lets everybody exchange what is in /data/sealift: /data has mode 0777", data("/data", {0777, 0, 0}));
  only("has mode 1777", data("/data/sealift", {01777, 0, 0}));
  only("lets uid 7 exchange what is in /data/sealift: /data is that user's", data("/data", {0755, 7, 7}));
  const auto link = [&](uint32_t owner, const std::string& target) {
    return [=](Site& site) {
      data("/srv/real", {0777, 0, 0})(site);
      auto& file = site.machine.world.files["/data"];
      file.type = host::FileType::symlink;
      file.spec = {0777, owner, owner};
      file.link_target = target;
    };
  };
  only("/data is that user's; remove the link", link(7, "/srv/real"));
  only("/srv/real has mode 0777", link(0, "/srv/real"));
  only("/srv/real has mode 0777", link(0, "srv/../srv/./real"));
  none(link(0, "/data"));  // leads nowhere, which the steps will say
}

TEST_CASE("a look that fails is a finding and hides no other") {
  for (const std::string target :
       {"overlay", "vxlan", "/etc/kubernetes/kubelet.conf", "/var/lib/etcd/member", "containerd.service",
        "/etc/cni/net.d", "/etc/containerd/certs.d", "/opt", "/usr/local/bin", "/opt/cni/bin"}) {
    const Spoil broken = [&](Site& site) {
      site.machine.broken_looks.emplace(target,
                                        Error{ErrorCode::io, "look at " + target + ": Read-only file system", {}});
    };
    const int looks = target == "/opt" || target == "/usr/local/bin" ? 2 : 1;  // two checks look there
    only("could not be checked (look at " + target + ": Read-only file system)", broken, static_cast<size_t>(looks));
    Site site;
    broken(site);
    // one before and one after all others
    site.machine.broken_features = {"br_netfilter"};
    site.machine.mounts["/usr/local/lib"] = {"/usr/local/lib", "ext4", kGiB, kGiB, 100'000, false, true};
    const auto messages = site.messages();
    INFO(target);
    CHECK(std::ssize(messages) == looks + 2);
    CHECK(std::ranges::none_of(messages, [](const std::string& message) { return message.starts_with("warning: "); }));
    for (const auto& [wanted, count] : {std::pair("could not be checked", looks),
                                        {"br_netfilter does not work", 1},
                                        {"programs run in /usr/local/lib", 1}}) {
      CHECK(std::ranges::count_if(messages, [&](const std::string& message) { return message.contains(wanted); }) ==
            count);
    }
  }
  // Without the ledger it is unknown whose things are there: nothing is reported as foreign.
  only("could not be checked (ledger: torn)", [](Site& site) {
    site.machine.broken_looks.emplace("ledger", Error{ErrorCode::corrupt, "ledger: torn", {}});
    site.folder("/etc/kubernetes/kubelet.conf");
  });
}

TEST_CASE("a host that goes away while it is looked at is unreachable, not full of findings") {
  Site good;
  good.messages();
  const uint64_t calls = good.machine.calls();
  CHECK(calls > 20);
  for (uint64_t call = 1; call <= calls; ++call) {
    Site site;
    site.machine.break_at_call(call, FakeMachine::When::before);
    const auto looked = site.look();
    INFO(call);
    REQUIRE_FALSE(looked);
    CHECK(looked.error().code == ErrorCode::unreachable);
  }
}
