// SPDX-License-Identifier: Apache-2.0
//
// What a host's mirror is told of registries of others, and that nothing of a password lies anywhere else.
#include "runtime/steps/registries.h"

#include "payload/image/reference.h"
#include "payload/json/value.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/reset_steps.h"
#include "runtime/steps/service_units.h"
#include "runtime/steps/undo_list.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using engine::StepState;

namespace {

const std::string kFile(steps::kRegistriesFile);

struct Registries : tests::Site {
  Registries() {
    add_file("program", "the program itself");
    contents.stubs.push_back({Architecture::amd64, contents.tree.at("program").object});
    for (auto* bench : {&control_plane, &worker}) {
      for (const auto* folder : {"/etc/sealift", "/var/lib/sealift"}) bench->folder(folder);
    }
  }
  static config::RemoteRegistry place(const std::string& url, const std::string& user = {},
                                      const std::string& password = {}, const std::string& authority = "the CA") {
    config::RemoteRegistry out;
    out.url = url;
    out.authority = authority;
    if (!user.empty()) out.login = config::RegistryLogin{user, {}, Secret(password)};
    return out;
  }
  void with_upstreams() {
    config.registry.upstreams = {
        {"a.example/*", {place("https://a.example", "robot-a", "canary-a"), place("https://m.example/a")}},
        {"b.example/*", {place("https://b.example:8443", "robot-b", "canary-b")}}};
  }
  void with_external() { config.registry.external = place("https://harbor.example/plant7", "robot", "canary-a"); }
  // Everything that is written down about what happens on a host.
  static std::string written_down(tests::Bench& bench) {
    std::string out;
    for (const auto& change : bench.machine.changes) out += change + "\n";
    for (const auto& entry : *bench.host->ledger()) {
      out += entry.step + " " + entry.inputs + "\n";
      if (const auto* file = std::get_if<host::FileWritten>(&entry.change)) {
        out += file->path + (file->before.kind == host::PathBefore::Kind::file ? " was a file\n" : "\n");
        if (file->written) out += file->written->text() + "\n";
      }
    }
    return out;
  }
  std::string unit_of(const steps::Node& node) {
    for (const auto& unit : steps::service_units(model(), node, "/program")) {
      if (unit.name == "sealift-mirror.service") return unit.text;
    }
    return {};
  }
  std::string mirror_json(const steps::Node& node) {
    const auto files = steps::node_service_files(model(), node);
    REQUIRE(files);
    return std::ranges::find(*files, "/etc/sealift/mirror.json", &steps::WantedFile::path)->text;
  }
};

}  // namespace

TEST_CASE("registries: a registry host gets the upstreams with their logins, in a file that root alone can read") {
  Registries site;
  site.with_upstreams();
  auto& bench = site.control_plane;
  steps::RegistriesStep step(site.model(), site.control_plane_node());
  bench.bring(step);
  const auto& files = bench.machine.world.files;
  CHECK(files.at(kFile).spec == host::FileSpec{0600, 0, 0});
  CHECK(files.at(std::string(steps::kRegistriesFolder)).spec == host::FileSpec{0700, 0, 0});
  CHECK(files.at("/var/lib/sealift/cache").spec == host::FileSpec{0700, 0, 0});
  CHECK(files.at("/var/lib/sealift/cache/blobs").spec == host::FileSpec{0777, 0, 0});
  // As the mirror reads it (registries_config.h).
  auto told = *json::parse(bench.text(kFile));
  CHECK(told.text_or("salt", "").size() == 64);
  told.set("salt", "x");
  CHECK(
      json::to_canonical(told) ==
      R"({"cache":{"bytes":21474836480,"folder":"/var/lib/sealift/cache/blobs"},"salt":"x","upstreams":[)"
      R"({"match":"a.example/*","places":[{"ca":"the CA","password":"canary-a","url":"https://a.example","user":"robot-a"},)"
      R"({"ca":"the CA","url":"https://m.example/a"}]},)"
      R"({"match":"b.example/*","places":[{"ca":"the CA","password":"canary-b","url":"https://b.example:8443","user":"robot-b"}]}]})");
}

TEST_CASE("registries: an external registry is told to every host, and nothing is kept of it") {
  Registries site;
  site.with_external();
  for (const auto* node : {&site.control_plane_node(), &site.worker_node()}) {
    CHECK(steps::asks_registries(site.model(), *node));
    CHECK_FALSE(steps::cache_of(site.model(), *node));
    CHECK_FALSE(site.model().is_registry_host(*node));
    const auto mirror = json::parse(site.mirror_json(*node));
    REQUIRE(mirror);
    CHECK(mirror->text_or("registries", "") == kFile);
    CHECK(mirror->text_or("artifacts", "?").empty());
    CHECK(mirror->text_or("peerListen", "?").empty());
    CHECK(json::to_canonical(*mirror->find("registryHosts")) == "[]");
  }
  steps::RegistriesStep step(site.model(), site.worker_node());
  site.worker.bring(step);
  auto told = *json::parse(site.worker.text(kFile));
  told.set("salt", "x");
  CHECK(
      json::to_canonical(told) ==
      R"({"external":{"ca":"the CA","password":"canary-a","url":"https://harbor.example/plant7","user":"robot"},"salt":"x"})");
}

TEST_CASE("registries: a changed password is written, and nothing of it lies elsewhere, not even a digest") {
  Registries site;
  site.with_upstreams();
  auto& bench = site.control_plane;
  steps::RegistriesStep first(site.model(), site.control_plane_node());
  bench.bring(first);
  const auto before = bench.text(kFile);
  site.config.registry.upstreams[0].places[0].login->password = Secret("canary-c");
  steps::RegistriesStep second(site.model(), site.control_plane_node());
  // A journal shows no difference either.
  CHECK(first.inputs() == second.inputs());
  bench.bring(second);
  CHECK(bench.text(kFile).contains("canary-c"));
  CHECK_FALSE(bench.text(kFile).contains("canary-a"));
  const auto down = Registries::written_down(bench);
  CHECK_FALSE(down.contains("canary"));
  CHECK_FALSE(down.contains("registries.json was a file"));
  // The same passwords give other bytes each time: a digest of them in the ledger says nothing.
  REQUIRE(bench.host->take_away(host::Trace::Kind::path, kFile, {"test", ""}));
  site.config.registry.upstreams[0].places[0].login->password = Secret("canary-a");
  bench.bring(first);
  CHECK(bench.text(kFile) != before);
  CHECK(bench.check(first) == StepState::done);
}

TEST_CASE("registries: what somebody else changed is brought again") {
  Registries site;
  site.with_upstreams();
  auto& bench = site.control_plane;
  steps::RegistriesStep step(site.model(), site.control_plane_node());
  bench.bring(step);
  auto& files = bench.machine.world.files;
  SECTION("its content") { bench.put(kFile, "spoiled"); }
  SECTION("one that others may read") { files.at(kFile).spec.mode = 0644; }
  SECTION("the file is gone") { files.erase(kFile); }
  SECTION("a folder that others may enter") { files.at("/var/lib/sealift/cache").spec.mode = 0755; }
  SECTION("without random bytes") {
    auto value = *json::parse(bench.text(kFile));
    value.set("salt", "");
    bench.put(kFile, json::to_canonical(value));
  }
  bench.bring(step);
}

TEST_CASE("registries: only the mirror that asks them is shown their logins, and only what it needs of the host") {
  Registries site;
  CHECK_FALSE(site.unit_of(site.control_plane_node()).contains("registries"));
  CHECK_FALSE(site.mirror_json(site.control_plane_node()).contains("registries.json"));
  site.with_upstreams();
  const auto unit = site.unit_of(site.control_plane_node());
  CHECK(unit.contains("\nBindReadOnlyPaths=/etc/sealift/registries -/etc/resolv.conf -/etc/hosts\n"));
  CHECK(unit.contains("\nBindPaths=/var/lib/sealift/cache/blobs\n"));
  CHECK_FALSE(unit.contains("/etc/ssl"));
  const auto other = site.unit_of(site.worker_node());
  CHECK_FALSE(other.contains("registries"));
  CHECK_FALSE(other.contains("cache"));
  CHECK_FALSE(site.mirror_json(site.worker_node()).contains("registries.json"));
  CHECK_FALSE(steps::asks_registries(site.model(), site.worker_node()));
  site.config.registry.upstreams[0].places[1].authority.clear();
  CHECK(site.unit_of(site.control_plane_node()).contains("-/etc/ssl/certs"));
  CHECK_FALSE(site.unit_of(site.worker_node()).contains("/etc/ssl"));
}

TEST_CASE("registries: without the field, logins and what was kept go") {
  Registries site;
  site.with_upstreams();
  auto& bench = site.control_plane;
  steps::RegistriesStep step(site.model(), site.control_plane_node());
  bench.bring(step);
  bench.put("/var/lib/sealift/cache/blobs/1.blob");
  CHECK(steps::unwanted_paths(site.model(), site.control_plane_node()).empty());
  site.config.registry.upstreams.clear();
  const auto unwanted = steps::unwanted_paths(site.model(), site.control_plane_node());
  steps::FilesStep files("files.node", "x", {}, unwanted);
  bench.bring(files);
  for (const auto& [path, file] : bench.machine.world.files) {
    CHECK_FALSE(path.starts_with("/etc/sealift/registries"));
    CHECK_FALSE(path.starts_with("/var/lib/sealift/cache"));
  }
  // A host that never had any has nothing to do.
  steps::FilesStep none("files.node", "x", {}, unwanted);
  CHECK(site.worker.check(none) == StepState::done);
}

TEST_CASE("registries: a reset takes the logins and all that was kept") {
  Registries site;
  site.with_upstreams();
  auto& bench = site.control_plane;
  steps::RegistriesStep step(site.model(), site.control_plane_node());
  bench.bring(step);
  bench.put("/var/lib/sealift/cache/blobs/1.blob");
  const auto list = steps::undo_list(*bench.host->ledger());
  CHECK(list.caches == std::vector<std::string>{"/var/lib/sealift/cache", "/var/lib/sealift/cache/blobs"});
  steps::RestoreStep restore;
  const auto done = bench.apply(restore);
  if (!done) FAIL(done.error().text());
  CHECK_FALSE(bench.has(kFile));
  CHECK_FALSE(bench.has("/var/lib/sealift/cache/blobs/1.blob"));
  CHECK_FALSE(bench.has("/var/lib/sealift/cache/blobs"));
  CHECK_FALSE(bench.has("/var/lib/sealift/cache"));
}

TEST_CASE("registries: an image that an upstream matches may come to the cluster") {
  Registries site;
  const auto has = [&](std::string_view name) { return site.model().has_image(*image::parse_reference(name)); };
  CHECK_FALSE(has("a.example/team/app:1"));
  site.with_upstreams();
  CHECK(has("a.example/team/app:1"));
  CHECK_FALSE(has("c.example/team/app:1"));
}
