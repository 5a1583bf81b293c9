// SPDX-License-Identifier: Apache-2.0
// Which files a node gets, and their contents.
#include "runtime/steps/files.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using format::HostRole;

namespace {

std::vector<std::string> paths(const std::vector<steps::WantedFile>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(file.path);
  std::ranges::sort(out);
  return out;
}

std::vector<steps::WantedFile> wanted(tests::Site& site, const steps::Node& node) {
  auto files = steps::host_files(site.model(), node);
  if (!files) FAIL(files.error().text());
  return std::move(*files);
}

const steps::WantedFile& file_of(const std::vector<steps::WantedFile>& files, std::string_view path) {
  const auto found = std::ranges::find(files, path, &steps::WantedFile::path);
  REQUIRE(found != files.end());
  return *found;
}

}  // namespace

TEST_CASE("files of base and artifact: by role and architecture, the artifact's in place of the base's") {
  tests::Site site;
  for (const char* path : {"bin/amd64/kubelet", "bin/arm64/kubelet", "etc/plain", "etc/other"})
    site.add_file(path, path);
  site.base.files = {{"bin/${ARCH}/kubelet", "/usr/local/bin/kubelet", 0755}, {"etc/plain", "/etc/plain", 0644}};
  site.contents.host_files = {{"etc/other", "/etc/plain", 0600, 5, 6},
                              {"etc/other", "/etc/cp", 0644, 0, 0, HostRole::control_plane},
                              {"etc/other", "/etc/w", 0644, 0, 0, HostRole::worker},
                              {"etc/other", "/etc/arm", 0644, 0, 0, HostRole::all, false, Architecture::arm64}};
  site.worker.machine.facts.architecture = Architecture::arm64;
  const auto first = wanted(site, site.control_plane_node()), second = wanted(site, site.worker_node());
  CHECK(paths(first) == std::vector<std::string>{"/etc/cp", "/etc/plain", "/usr/local/bin/kubelet"});
  CHECK(paths(second) == std::vector<std::string>{"/etc/arm", "/etc/plain", "/etc/w", "/usr/local/bin/kubelet"});
  CHECK(file_of(first, "/usr/local/bin/kubelet").digest == hash::sha256(base::as_bytes("bin/amd64/kubelet")));
  CHECK(file_of(second, "/usr/local/bin/kubelet").digest == hash::sha256(base::as_bytes("bin/arm64/kubelet")));
  CHECK(file_of(second, "/usr/local/bin/kubelet").spec == host::FileSpec{0755, 0, 0});
  CHECK(file_of(first, "/etc/plain").digest == hash::sha256(base::as_bytes("etc/other")));
  CHECK(file_of(first, "/etc/plain").spec == host::FileSpec{0600, 5, 6});
}

TEST_CASE("files: an artifact without the file for a host's architecture says so") {
  tests::Site site;
  site.add_file("bin/amd64/kubelet", "x");
  site.base.files = {{"bin/${ARCH}/kubelet", "/usr/local/bin/kubelet", 0755}};
  site.worker.machine.facts.architecture = Architecture::arm64;
  CHECK(steps::host_files(site.model(), site.control_plane_node()));
  const auto missing = steps::host_files(site.model(), site.worker_node());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::not_in_artifact);
  CHECK(missing.error().what.contains("bin/arm64/kubelet"));
}

TEST_CASE("files: the variables that the build lets templates use are those that a node fills in") {
  tests::Site site;
  std::vector<std::string> names;
  for (const auto& [name, value] : steps::template_variables(site.model(), site.control_plane_node()))
    names.push_back(name);
  std::vector<std::string> promised(format::kTemplateVariables.begin(), format::kTemplateVariables.end());
  std::ranges::sort(promised);
  CHECK(names == promised);
}

TEST_CASE("files: templates know the node, the networks and the artifact's ENV, which can replace none of these") {
  tests::Site site;
  constexpr std::string_view kText =
      "${NODE_NAME} ${NODE_IP} ${ARCH} ${POD_CIDR} ${SERVICE_CIDR} ${SANDBOX_IMAGE} ${REGISTRY_PORT} ${DATA_ROOT} ${NTP} $$ ${NONE:-x}";
  site.add_file("etc/all.tmpl", kText);
  site.add_file("etc/bad.tmpl", "\n${NODE_NAMES}");
  site.contents.environment = {{"NTP", "ntp.example"}, {"NODE_IP", "not this"}};
  site.contents.host_files = {{"etc/all.tmpl", "/etc/all", 0640, 0, 5, HostRole::all, true},
                              {"etc/all.tmpl", "/etc/raw", 0644}};
  site.config.hosts[1].data_root = "/data";
  const auto files = wanted(site, site.worker_node());
  CHECK(file_of(files, "/etc/all").text ==
        "w1 10.7.0.12 amd64 10.244.0.0/16 10.96.0.0/12 registry.k8s.io/pause:3.10.1 5000 /data ntp.example $ x");
  CHECK(file_of(files, "/etc/all").spec == host::FileSpec{0640, 0, 5});
  CHECK(file_of(files, "/etc/raw").digest == hash::sha256(base::as_bytes(kText)));
  CHECK(file_of(files, "/etc/all").digest != file_of(wanted(site, site.control_plane_node()), "/etc/all").digest);
  tests::Site bad;
  bad.add_file("etc/bad.tmpl", "\n${NODE_NAMES}");
  bad.contents.host_files = {{"etc/bad.tmpl", "/etc/bad", 0644, 0, 0, HostRole::all, true}};
  const auto refused = steps::host_files(bad.model(), bad.worker_node());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what.starts_with("etc/bad.tmpl:2:"));
}

TEST_CASE("files of the payload arrive byte for byte, larger ones too") {
  tests::Site site;
  std::string large(size_t{20} << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 4093) large[i] = static_cast<char>('a' + i % 26);
  site.add_file("bin/large", large);
  site.add_file("etc/empty", "");
  site.contents.host_files = {{"bin/large", "/opt/large", 0755}, {"etc/empty", "/etc/empty", 0644}};
  steps::FilesStep step("files.base", "put files", wanted(site, site.worker_node()));
  site.worker.bring(step);
  CHECK(site.worker.text("/opt/large") == large);
  CHECK(site.worker.text("/etc/empty").empty());
  CHECK(site.worker.machine.world.files.at("/opt/large").spec.mode == 0755);
}

TEST_CASE("files of the site go to the roles that they are for") {
  tests::Site site;
  site.config.files = {{"a", "/etc/a", 0644, HostRole::all, "1"},
                       {"b", "/etc/b", 0600, HostRole::worker, "2"},
                       {"c", "/etc/c", 0644, HostRole::control_plane, "3"}};
  CHECK(paths(steps::site_files(site.model(), site.control_plane_node())) ==
        std::vector<std::string>{"/etc/a", "/etc/c"});
  const auto worker = steps::site_files(site.model(), site.worker_node());
  CHECK(paths(worker) == std::vector<std::string>{"/etc/a", "/etc/b"});
  CHECK(file_of(worker, "/etc/b").text == "2");
  CHECK(file_of(worker, "/etc/b").spec.mode == 0600);
}

TEST_CASE("files that an artifact claims: one digest where all hosts get the same, else one for each kind of host") {
  tests::Site site;
  for (const char* path : {"bin/amd64/kubelet", "bin/arm64/kubelet", "etc/plain", "etc/other", "bin/amd64/tool"})
    site.add_file(path, path);
  site.base.files = {{"bin/${ARCH}/kubelet", "/usr/local/bin/kubelet", 0755}, {"etc/plain", "/etc/plain", 0644}};
  site.contents.host_files = {{"etc/other", "/etc/plain", 0644, 0, 0, HostRole::worker},
                              {"etc/other", "/etc/other", 0644},
                              {"bin/${ARCH}/tool", "/usr/local/bin/tool", 0755}};
  const auto claimed = steps::claimed_files(site.model());
  REQUIRE(claimed);
  const auto kinds = [&](const char* path) {
    std::vector<std::string> out;
    for (const auto& [kind, digest] : claimed->at(path)) out.push_back(kind);
    return out;
  };
  const std::vector<std::string> all{"control-plane amd64", "control-plane arm64", "worker amd64", "worker arm64"};
  CHECK(claimed->size() == 4);
  CHECK(kinds("/etc/other") == std::vector<std::string>{""});
  CHECK(kinds("/etc/plain") == all);
  CHECK(kinds("/usr/local/bin/kubelet") == all);
  CHECK(kinds("/usr/local/bin/tool") == std::vector<std::string>{all[0], all[2]});
  const auto& plain = claimed->at("/etc/plain");
  CHECK(plain.at(all[0]) == plain.at(all[1]));
  CHECK(plain.at(all[2]) != plain.at(all[0]));
}

TEST_CASE("files that an artifact claims: content, mode and owner count, and what the site decides does not") {
  const auto claim = [](const std::string& text, uint32_t mode, uint32_t uid, uint16_t port, bool is_template) {
    tests::Site site;
    site.config.registry.port = port;
    site.contents.environment = {{"COLOR", "red"}, {"NODE_IP", "not heard"}};
    site.add_file("etc/all", text);
    site.contents.host_files = {{"etc/all", "/etc/all", mode, uid, 0, HostRole::all, is_template}};
    auto files = steps::claimed_files(site.model());
    REQUIRE(files);
    return files->at("/etc/all");
  };
  const auto first = claim("${NODE_IP}:${REGISTRY_PORT} ${COLOR}", 0644, 0, 5000, true);
  CHECK(first.size() == 1);
  CHECK(first == claim("${NODE_IP}:${REGISTRY_PORT} ${COLOR}", 0644, 0, 5001, true));
  CHECK(first == claim("${NODE_IP}:${REGISTRY_PORT} red", 0644, 0, 5000, true));
  CHECK(first != claim("${NODE_IP}:${REGISTRY_PORT} blue", 0644, 0, 5000, true));
  CHECK(first != claim("${NODE_IP}:${REGISTRY_PORT} ${COLOR}", 0600, 0, 5000, true));
  CHECK(first != claim("${NODE_IP}:${REGISTRY_PORT} ${COLOR}", 0644, 7, 5000, true));
}
