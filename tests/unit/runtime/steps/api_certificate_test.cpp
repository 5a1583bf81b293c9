// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/api_certificate.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/json/value.h"
#include "payload/trust/x509.h"
#include "payload/yaml/node.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using engine::StepState;
using tests::ended;
using tests::failed;
using tests::FakeMachine;
using tests::has_word;
using tests::word_after;

namespace {

constexpr std::string_view kCertificate = "/etc/kubernetes/pki/apiserver.crt";
constexpr std::string_view kKey = "/etc/kubernetes/pki/apiserver.key";

// A control plane with kubeadm's certificates, and programs that do with files what the real ones do.
struct ApiSite : tests::Site {
  std::string cluster_configuration = "kind: ClusterConfiguration\napiServer:\n  certSANs: [127.0.0.1, old.lan]\n";
  bool with_names = true;  // kubeadm makes what it is asked for
  trust::KeyPair authority = *trust::generate_key(), server = *trust::generate_key();
  trust::Validity validity{WallTime{Duration{1'800'000'000'000}}, WallTime{Duration{1'900'000'000'000}}};
  std::string authority_pem = *trust::make_authority(authority.private_pem, "kubernetes", validity);

  ApiSite() {
    auto& machine = control_plane.machine;
    control_plane.folder("/etc/sealift");
    control_plane.put("/etc/kubernetes/pki/ca.crt", authority_pem);
    control_plane.put("/etc/kubernetes/pki/ca.key", "the authority's key");
    control_plane.put(std::string(kCertificate), certificate({"cp1", "old.lan"}));
    control_plane.put(std::string(kKey), "the old key");
    machine.programs["rm"] = [](FakeMachine& self, const base::Command& command, const base::CommandIo&) {
      const auto& path = command.argv.back();
      std::erase_if(self.world.files,
                    [&](const auto& file) { return file.first == path || file.first.starts_with(path + "/"); });
      return Result<base::ExitStatus>(ended());
    };
    machine.programs["mkdir"] = [this](FakeMachine&, const base::Command& command, const base::CommandIo&) {
      CHECK(word_after(command, "-m") == "0700");
      if (control_plane.has(command.argv.back())) return Result<base::ExitStatus>(failed("File exists"));
      control_plane.folder(command.argv.back());
      return Result<base::ExitStatus>(ended());
    };
    machine.programs["ln"] = [this](FakeMachine&, const base::Command& command, const base::CommandIo&) {
      for (const auto* name : {"ca.crt", "ca.key"}) {
        CHECK(has_word(command, std::string("/etc/kubernetes/pki/") + name));
        control_plane.put(command.argv.back() + "/" + name);
      }
      return Result<base::ExitStatus>(ended());
    };
    machine.programs["mv"] = [](FakeMachine& self, const base::Command& command, const base::CommandIo&) {
      auto& files = self.world.files;
      for (size_t i = 3; i + 1 < command.argv.size(); ++i) {
        const auto& from = command.argv[i];
        if (!files.contains(from)) return Result<base::ExitStatus>(failed("No such file"));
        files[command.argv.back() + from.substr(from.rfind('/'))] = files.at(from);
        files.erase(from);
        if (auto alive = self.inside("mv"); !alive) return Result<base::ExitStatus>(fail(alive.error()));
      }
      return Result<base::ExitStatus>(ended());
    };
    machine.programs["kubeadm"] = [this](FakeMachine&, const base::Command& command, const base::CommandIo& io) {
      return kubeadm(command, io);
    };
    machine.programs["kubectl"] = [this](FakeMachine&, const base::Command& command, const base::CommandIo&) {
      return kubectl(command);
    };
  }

  std::string certificate(const std::vector<std::string>& names) const {
    return *trust::issue(server.public_pem, trust::Usage::server, {"kube-apiserver", names, {"10.7.0.11"}},
                         authority_pem, authority.private_pem, validity);
  }

  Result<base::ExitStatus> kubeadm(const base::Command& command, const base::CommandIo& io) {
    CHECK(command.text() == "kubeadm init phase certs apiserver --config /dev/stdin");
    const auto documents = yaml::parse(base::as_text(io.input), "input");
    REQUIRE(documents);
    const auto& cluster = documents->back();
    const auto folder = cluster.text_at("certificatesDir");
    if (!control_plane.has(folder + "/ca.key")) return failed("no authority");
    std::vector<std::string> names{"cp1"};
    for (const auto& name : cluster.at_path("apiServer/certSANs")->items) {
      if (with_names && name.text.contains("lan")) names.push_back(name.text);
    }
    control_plane.put(folder + "/apiserver.crt", certificate(names));
    control_plane.put(folder + "/apiserver.key", "the new key");
    return ended();
  }

  Result<base::ExitStatus> kubectl(const base::Command& command) {
    if (!has_word(command, "patch")) {
      json::Value map;
      json::Value data;
      data.set("ClusterConfiguration", cluster_configuration);
      map.set("data", std::move(data));
      return ended(json::to_canonical(map));
    }
    const auto patch = json::parse(word_after(command, "--patch"));
    REQUIRE(patch);
    cluster_configuration = *patch->at_path("data/ClusterConfiguration")->string();
    return ended();
  }
};

}  // namespace

TEST_CASE("the API server's certificate: a name that came later gets in, and is told to those that join") {
  ApiSite site;
  site.config.api.cert_sans = {"old.lan", "new.lan"};
  auto& bench = site.control_plane;
  steps::ApiCertificateStep old(site.model(), site.control_plane_node(), {"old.lan"});
  CHECK(bench.check(old) == StepState::done);
  steps::ApiCertificateStep step(site.model(), site.control_plane_node(), {"old.lan", "new.lan"});
  bench.bring(step);
  CHECK(bench.text(std::string(kKey)) == "the new key");
  CHECK(site.cluster_configuration.contains("new.lan"));
  CHECK_FALSE(bench.has("/etc/sealift/api-certificate"));
  for (const auto& change : bench.machine.changes) CHECK_FALSE(change.contains("PRIVATE"));
  // Nothing is told twice.
  const auto told = site.cluster_configuration;
  bench.put(std::string(kCertificate), "emptied by a power cut");
  bench.bring(step);
  CHECK(site.cluster_configuration == told);
  CHECK(bench.changed("patch") == 1);
}

TEST_CASE("the API server's certificate: cut at any call, the next run ends it") {
  uint64_t calls = 0;
  {
    ApiSite site;
    site.config.api.cert_sans = {"new.lan"};
    steps::ApiCertificateStep step(site.model(), site.control_plane_node(), {"new.lan"});
    const auto before = site.control_plane.machine.calls();
    REQUIRE(site.control_plane.apply(step));
    calls = site.control_plane.machine.calls() - before;
  }
  REQUIRE(calls > 8);
  for (const auto when : {FakeMachine::When::before, FakeMachine::When::after}) {
    for (uint64_t call = 1; call <= calls; ++call) {
      INFO(call);
      ApiSite site;
      site.config.api.cert_sans = {"new.lan"};
      auto& bench = site.control_plane;
      steps::ApiCertificateStep step(site.model(), site.control_plane_node(), {"new.lan"});
      bench.machine.break_at_call(call, when);
      CHECK_FALSE(bench.apply(step));
      bench.connect();
      // There is always a certificate for the API server to start with.
      CHECK(trust::describe(bench.text(std::string(kCertificate))));
      if (bench.check(step) == StepState::needed) REQUIRE(bench.apply(step));
      CHECK(bench.check(step) == StepState::done);
      CHECK(bench.text(std::string(kKey)) == "the new key");
    }
  }
}

TEST_CASE("the API server's certificate: kubeadm that makes one without the name has failed") {
  ApiSite site;
  site.with_names = false;
  site.config.api.cert_sans = {"new.lan"};
  steps::ApiCertificateStep step(site.model(), site.control_plane_node(), {"new.lan"});
  const auto made = site.control_plane.apply(step);
  REQUIRE_FALSE(made);
  CHECK(made.error().text().contains("without new.lan"));
}

TEST_CASE("the API server's certificate: without kubeadm's own record nothing is guessed") {
  ApiSite site;
  site.config.api.cert_sans = {"new.lan"};
  steps::ApiCertificateStep step(site.model(), site.control_plane_node(), {"new.lan"});
  for (const auto* bad : {"", "a: [", "a: 1\n---\nb: 1\n"}) {
    site.cluster_configuration = bad;
    CHECK_FALSE(site.control_plane.apply(step));
    CHECK(site.control_plane.text(std::string(kKey)) == "the old key");
  }
}
