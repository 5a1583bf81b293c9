// SPDX-License-Identifier: Apache-2.0
//
// An etcd of the site, played as the program that asks it answers. tests/e2e asks a real one.
#include "runtime/steps/external_etcd.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/kubeadm_site.h"

using namespace sealift;
using engine::StepState;
using tests::ended;
using tests::has_word;
using tests::word_after;

namespace {

constexpr std::string_view kKey = "-----BEGIN PRIVATE KEY----- canary";
constexpr std::string_view kManifest = R"(kind: Pod
spec:
  containers:
  - command:
    - kube-apiserver
    - --etcd-servers=https://10.7.0.51:2379,https://10.7.0.52:2379
    - --etcd-keyfile=/etc/sealift/etcd/client.key
)";

struct EtcdSite : tests::KubeadmSite {
  uint64_t objects = 0;
  std::string trouble;  // of every endpoint
  std::vector<std::string> cleared;

  EtcdSite() {
    config.external_etcd = {{"https://10.7.0.51:2379", "https://10.7.0.52:2379"},
                            "the authority",
                            "the certificate",
                            Secret(std::string(kKey)),
                            "client.key"};
    for (auto* bench : {&control_plane, &worker}) {
      bench->folder("/etc/sealift");
      bench->machine.programs["rm"] = [](tests::FakeMachine& self, const base::Command& command,
                                         const base::CommandIo&) -> Result<base::ExitStatus> {
        CHECK(command.argv.back() != "/var/lib/etcd/member");
        self.world.files.erase(command.argv.back());
        return ended();
      };
      bench->machine.programs["exe"] = [this](tests::FakeMachine&, const base::Command& command,
                                              const base::CommandIo& io) { return etcd(command, io); };
    }
  }

  Result<base::ExitStatus> etcd(const base::Command& command, const base::CommandIo& io) {
    CHECK_FALSE(command.text().contains("canary"));
    for (const auto& variable : command.environment) CHECK_FALSE(variable.contains("canary"));
    if (has_word(command, "clear")) {
      if (!trouble.empty()) return tests::failed(trouble);
      cleared.push_back(word_after(command, "--endpoints") + " " + word_after(command, "--prefix"));
      objects = 0;
      return ended("0\n");
    }
    REQUIRE(has_word(command, "look"));
    CHECK(base::as_text(io.input).contains(kKey));
    const auto error = trouble.empty() ? R"("version":"3.6.5")" : base::format(R"("error":"{}")", trouble);
    return ended(base::format(R"({{"endpoints":[{{"endpoint":"https://10.7.0.51:2379",{}}}],{}"x":1}})", error,
                              trouble.empty() ? base::format(R"("objects":{},)", objects) : ""));
  }
};

std::string init_documents(std::string_view endpoints) {
  return base::format("kind: ClusterConfiguration\netcd: {{external: {{endpoints: {}}}}}\n", endpoints);
}
constexpr std::string_view kOurs = "[\"https://10.7.0.51:2379\", \"https://10.7.0.52:2379\"]";

}  // namespace

TEST_CASE("the site's etcd: its three files are on each control plane, the key for root alone") {
  EtcdSite site;
  steps::EtcdFilesStep step(*site.config.external_etcd);
  auto& bench = site.control_plane;
  bench.bring(step);
  CHECK(bench.text("/etc/sealift/etcd/ca.crt") == "the authority");
  CHECK(bench.text("/etc/sealift/etcd/client.crt") == "the certificate");
  CHECK(bench.text("/etc/sealift/etcd/client.key") == kKey);
  CHECK(bench.machine.world.files.at("/etc/sealift/etcd/client.key").spec == host::FileSpec{0600, 0, 0});
  CHECK(bench.machine.world.files.at("/etc/sealift/etcd/client.crt").spec == host::FileSpec{0644, 0, 0});
  for (const auto* spoiled : {"ca.crt", "client.crt", "client.key"}) {
    const auto path = std::string("/etc/sealift/etcd/") + spoiled;
    bench.put(path, "spoiled");
    CHECK(bench.check(step) == StepState::needed);
    REQUIRE(bench.apply(step));
    CHECK(bench.text(path) != "spoiled");
  }
  // What was replaced may be in the ledger, but no key.
  bool kept = false;
  for (const auto& entry : *bench.host->ledger()) {
    const auto* written = std::get_if<host::FileWritten>(&entry.change);
    if (written == nullptr || !written->path.ends_with("client.key")) continue;
    kept = kept || written->before.kind == host::PathBefore::Kind::file;
  }
  CHECK_FALSE(kept);
  // A readable key is not what was delivered.
  bench.machine.world.files.at("/etc/sealift/etcd/client.key").spec.mode = 0644;
  CHECK(bench.check(step) == StepState::needed);
  for (const auto& change : bench.machine.changes) CHECK_FALSE(change.contains("canary"));
}

TEST_CASE("the site's etcd: kubeadm init finds it empty, or is not started") {
  EtcdSite site;
  steps::InitStep step(site.model(), site.control_plane_node(), init_documents(kOurs));
  auto& bench = site.control_plane;
  SECTION("empty") {
    bench.bring(step);
    CHECK(site.inits == 1);
    CHECK(site.cleared.empty());
  }
  SECTION("another cluster's") {
    site.objects = 312;
    const auto refused = bench.apply(step);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::preflight);
    CHECK(refused.error().text().contains("312 objects"));
    CHECK(refused.error().text().contains("etcdctl del --prefix /registry/"));
    CHECK(site.inits == 0);
    CHECK(site.cleared.empty());
    CHECK_FALSE(bench.has(std::string(steps::kInitConfiguration)));
  }
  SECTION("it does not answer") {
    site.trouble = "connection refused";
    const auto refused = bench.apply(step);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text().contains("https://10.7.0.51:2379: connection refused"));
    CHECK(site.inits == 0);
  }
}

TEST_CASE("the site's etcd: what an interrupted attempt left is deleted, and nobody else's") {
  EtcdSite site;
  steps::InitStep step(site.model(), site.control_plane_node(), init_documents(kOurs));
  auto& bench = site.control_plane;
  site.objects = 40;
  bench.put("/etc/kubernetes/manifests/kube-apiserver.yaml", kManifest);
  SECTION("of this attempt") {
    bench.put(std::string(steps::kInitConfiguration), init_documents(kOurs));
    bench.bring(step);
    CHECK(site.resets == 1);
    CHECK(site.inits == 1);
    CHECK(site.cleared == std::vector<std::string>{"https://10.7.0.51:2379,https://10.7.0.52:2379 /registry/"});
  }
  SECTION("of this attempt, which had got as far as kubeadm reset") {
    bench.machine.world.files.erase("/etc/kubernetes/manifests/kube-apiserver.yaml");
    bench.put(std::string(steps::kInitConfiguration), init_documents(kOurs));
    bench.bring(step);
    CHECK(site.cleared.size() == 1);
  }
  SECTION("the attempt was with another etcd") {
    bench.put(std::string(steps::kInitConfiguration), init_documents("[\"https://10.7.0.99:2379\"]"));
    CHECK_FALSE(bench.apply(step));
    CHECK(site.cleared.empty());
    CHECK(site.inits == 0);
  }
}

TEST_CASE("the site's etcd: a cluster whose admin.conf is lost is not made again over its data") {
  EtcdSite site;
  steps::InitStep step(site.model(), site.control_plane_node(), init_documents(kOurs));
  auto& bench = site.control_plane;
  bench.bring(step);
  for (const auto* path : tests::kInitRemains) bench.machine.world.files.erase(path);
  bench.machine.world.files.erase(std::string(steps::kAdminKubeconfig));
  auto context = bench.context(step);
  const auto refused = step.check(context.looking());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains("holds a cluster's data in the site's etcd"));
}

TEST_CASE("the site's etcd: its data on a control plane is nobody's here") {
  EtcdSite site;
  steps::InitStep step(site.model(), site.control_plane_node(), init_documents(kOurs));
  auto& bench = site.control_plane;
  bench.put("/etc/kubernetes/pki/ca.key");
  bench.put(std::string(steps::kInitConfiguration), init_documents(kOurs));
  bench.put("/var/lib/etcd/member", "the site's");
  (void)bench.apply(step);  // (this kubeadm wants the folder empty, as for an etcd of its own)
  CHECK(site.resets == 1);
  CHECK(bench.has("/var/lib/etcd/member"));
}

TEST_CASE("the site's etcd: a reset of all control planes empties it, by what the API server used") {
  EtcdSite site;
  steps::ClearEtcdStep step;
  auto& bench = site.control_plane;
  CHECK(bench.check(step) == StepState::done);  // no API server was here
  bench.put("/etc/kubernetes/manifests/kube-apiserver.yaml",
            "kind: Pod\nspec: {containers: [{command: [\"--etcd-servers=https://127.0.0.1:2379\", "
            "\"--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key\"]}]}\n");
  CHECK(bench.check(step) == StepState::done);  // the cluster's own etcd goes with the host
  bench.put("/etc/kubernetes/manifests/kube-apiserver.yaml", std::string(kManifest) + "    - --etcd-prefix=/plant7\n");
  CHECK(bench.check(step) == StepState::needed);
  REQUIRE(bench.apply(step));
  CHECK(site.cleared == std::vector<std::string>{"https://10.7.0.51:2379,https://10.7.0.52:2379 /plant7/"});
  // One that is gone does not keep the host from being reset, but that is told.
  site.trouble = "connection refused";
  CHECK(bench.apply(step));
  const auto told = bench.events.events();
  CHECK(std::ranges::count_if(told, [](const Event& event) {
          return event.level == Level::warning && event.message.contains("etcdctl del --prefix /plant7/");
        }) == 1);
}
