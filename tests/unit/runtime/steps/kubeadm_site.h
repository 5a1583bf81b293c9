// SPDX-License-Identifier: Apache-2.0
//
// A site whose kubeadm counts its calls and leaves what the real one leaves.
#pragma once

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "runtime/steps/init_step.h"
#include "runtime/steps/join_step.h"
#include "tests/unit/runtime/steps/bench.h"

namespace sealift::tests {

inline constexpr auto kInitRemains = std::to_array<const char*>(
    {"/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/pki/ca.key", "/var/lib/etcd/member"});
inline constexpr auto kJoinRemains = std::to_array<const char*>(
    {"/etc/kubernetes/kubelet.conf", "/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/pki/ca.crt"});
inline constexpr std::string_view kToken = "abcdef.0123456789abcdef";

inline void put(FakeMachine& machine, const std::string& path) {
  machine.world.files[path] = {host::FileType::regular, {0600, 0, 0}, base::to_bytes("x"), {}};
}

struct KubeadmSite : Site {
  int inits = 0, joins = 0, resets = 0, tokens = 0;
  bool proxy = false;  // made last by init
  std::string init_fails, join_fails, token_fails;
  std::string join_document;         // read by join
  std::vector<std::string> deleted;  // nodes
  std::string node_json;             // as the API tells about the node that joins
  std::string members = R"({"id":"1","name":"cp1","peerURLs":["https://10.7.0.11:2380"],"learner":false})";
  std::vector<std::string> removed;  // members of etcd

  KubeadmSite() {
    for (auto* bench : {&control_plane, &worker}) {
      bench->folder("/etc/sealift");
      bench->machine.programs["kubeadm"] = [this](FakeMachine& self, const base::Command& command,
                                                  const base::CommandIo&) { return kubeadm(self, command); };
      bench->machine.programs["rm"] = [](FakeMachine& self, const base::Command& command,
                                         const base::CommandIo&) -> Result<base::ExitStatus> {
        CHECK(command.argv == std::vector<std::string>{"rm", "-rf", "--one-file-system", "--", "/var/lib/etcd/member"});
        self.world.files.erase(command.argv.back());
        return ended();
      };
    }
    control_plane.machine.programs["kubectl"] = [this](FakeMachine&, const base::Command& command,
                                                       const base::CommandIo&) -> Result<base::ExitStatus> {
      if (has_word(command, "daemonset")) return ended(proxy ? R"({"kind":"DaemonSet"})" : "");
      if (has_word(command, "delete")) {
        deleted.push_back(word_after(command, "node"));
        return ended();
      }
      if (has_word(command, "node")) return ended(node_json);
      return failed("not played: " + command.text());
    };
  }

  // The other host as a second control plane, for which the first one has the keys.
  void second_control_plane() {
    config.hosts[1].role = format::HostRole::control_plane;
    for (const auto* key : {"ca.crt", "ca.key", "sa.pub", "sa.key", "front-proxy-ca.crt", "front-proxy-ca.key",
                            "etcd/ca.crt", "etcd/ca.key"})
      control_plane.put(std::string("/etc/kubernetes/pki/") + key, std::string("the cluster's ") + key);
    control_plane.machine.programs["exe"] = [this](FakeMachine&, const base::Command& command,
                                                   const base::CommandIo&) -> Result<base::ExitStatus> {
      if (!has_word(command, "remove")) return ended(R"({"members":[)" + members + "]}");
      removed.push_back(word_after(command, "--member"));
      return ended();
    };
  }

  // Checks a control plane's ledger after init.
  void is_recorded(engine::Step& step) {
    const auto& recorded = control_plane.machine.world.recorded;
    REQUIRE(recorded.contains("kubeadm.init"));
    CHECK(recorded.at("kubeadm.init") == step.inputs().hex());
    REQUIRE(recorded.contains(std::string(steps::kVersionRecord)));
    CHECK(recorded.at(std::string(steps::kVersionRecord)) == "v1.34.4");
  }

 private:
  Result<base::ExitStatus> kubeadm(FakeMachine& self, const base::Command& command) {
    auto& files = self.world.files;
    if (has_word(command, "token")) {
      ++tokens;
      if (!token_fails.empty()) return base::ExitStatus{1, "half a secret", token_fails};
      return ended(
          base::format("kubeadm join 127.0.0.1:7443 --token {} --discovery-token-ca-cert-hash sha256:00\n", kToken));
    }
    if (has_word(command, "reset")) {
      ++resets;
      CHECK(has_word(command, "--force"));
      CHECK(word_after(command, "--cri-socket") == base.cri_socket);
      // Like the real one: only etcd's manifest says where the data is.
      const auto manifest = files.find("/etc/kubernetes/manifests/etcd.yaml");
      const bool finds_data = manifest != files.end() && !manifest->second.content.empty();
      std::erase_if(files, [&](const auto& entry) {
        return entry.first.starts_with("/etc/kubernetes/") || (finds_data && entry.first.starts_with("/var/lib/etcd/"));
      });
      return ended();
    }
    const std::string configuration = word_after(command, "--config");
    if (!files.contains(configuration)) return failed(configuration + " is not there");
    if (has_word(command, "init")) {
      ++inits;
      const bool goes_on = self.world.units.contains("sealift-kubeadm-init.service");  // started earlier
      if (!goes_on && files.contains("/var/lib/etcd/member"))
        return failed("[ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty");
      if (!init_fails.empty()) return failed(init_fails);
      for (const auto* path : kInitRemains) put(self, path);
      put(self, std::string(steps::kAdminKubeconfig));
      proxy = true;
      return ended();
    }
    ++joins;
    join_document = base::as_text(files.at(configuration).content);
    if (!join_fails.empty()) return failed(join_fails);
    put(self, "/etc/kubernetes/kubelet.conf");
    put(self, "/etc/kubernetes/pki/ca.crt");
    self.world.units["kubelet.service"].active = true;
    return ended();
  }
};

}  // namespace sealift::tests
