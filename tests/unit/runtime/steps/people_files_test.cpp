// SPDX-License-Identifier: Apache-2.0
//
// Who may read at the people's door, and the site's certificate for it.
#include "runtime/steps/people_files.h"

#include "payload/trust/password_hash.h"
#include "runtime/host/ledger_lines.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using engine::StepState;

namespace {

constexpr std::string_view kUsers = "/etc/sealift/pki/people/users", kPair = "/etc/sealift/pki/people/site.pem";

// With a simulated node program.
struct PeopleSite : tests::Site {
  config::RegistryDomain& domain;

  PeopleSite() : domain(config.registry.domain.emplace()) {
    add_file("program", "the program itself");
    contents.stubs.push_back({Architecture::amd64, contents.tree.at("program").object});
    domain.name = "registry.plant7.lan";
    read_by("alice", "canary-1");
    read_by("bob", "canary-2");
    control_plane.folder("/etc/sealift");
    control_plane.folder("/etc/sealift/pki");
    control_plane.machine.programs["node-" + contents.stubs[0].object.digest.hex().substr(0, 16)] =
        [](tests::FakeMachine& self, const base::Command& command, const base::CommandIo& io) {
          CHECK(tests::has_word(command, "put"));
          CHECK_FALSE(command.text().contains("canary"));
          CHECK(command.environment.empty());
          self.world.files["/etc/sealift/pki/people/" + tests::word_after(command, "--file")] = {
              host::FileType::regular, {0600, 0, 0}, Bytes(io.input.begin(), io.input.end()), {}};
          return Result<base::ExitStatus>(tests::ended());
        };
  }
  void read_by(const std::string& user, const std::string& password) {
    domain.readers.push_back({user, {}, Secret(password)});
  }
  steps::PeopleFilesStep step() { return {model(), control_plane_node()}; }
  std::string users() const { return control_plane.text(std::string(kUsers)); }
  void put(std::string_view path, const std::string& text) { control_plane.put(std::string(path), text); }
};

}  // namespace

TEST_CASE("readers: each gets in with its own password, and a second run changes nothing") {
  PeopleSite site;
  auto step = site.step();
  site.control_plane.bring(step);
  const auto users = trust::parse_users_file(site.users());
  REQUIRE(users);
  REQUIRE(users->size() == 2);
  CHECK((*users)[0].user == "alice");
  CHECK(trust::is_password((*users)[0], Secret("canary-1")));
  CHECK(trust::is_password((*users)[1], Secret("canary-2")));
  CHECK_FALSE(trust::is_password((*users)[1], Secret("canary-1")));
  CHECK(site.control_plane.machine.world.files.at("/etc/sealift/pki/people").spec.mode == 0700);
  CHECK_FALSE(site.control_plane.has(std::string(kPair)));
  auto again = site.step();
  CHECK(site.control_plane.check(again) == StepState::done);
}

TEST_CASE("readers: no password and no hash of one is in the ledger or in what a run says") {
  PeopleSite site;
  auto step = site.step();
  site.control_plane.bring(step);
  const auto users = trust::parse_users_file(site.users());
  REQUIRE(users);
  std::string told = step.describe() + step.inputs().hex();
  for (const auto& entry : site.control_plane.machine.ledger) told += host::ledger_line(entry);
  for (const auto& change : site.control_plane.machine.changes) told += change;
  CHECK_FALSE(told.contains("canary"));
  CHECK_FALSE(told.contains((*users)[0].hash.hex()));
  CHECK_FALSE(told.contains(hash::sha256(base::as_bytes(site.users())).hex()));
  CHECK_FALSE(told.contains(hash::sha256(base::as_bytes("canary-1")).hex()));
  // The same readers with other passwords are the same inputs: only the host shows the difference.
  const auto before = step.inputs();
  site.domain.readers[0].password = Secret("canary-3");
  CHECK(site.step().inputs() == before);
}

TEST_CASE("readers: another password, another user, one less, other hands on the file: it is written anew") {
  const std::vector<std::pair<std::string, std::function<void(PeopleSite&)>>> changes{
      {"password", [](PeopleSite& site) { site.domain.readers[1].password = Secret("newer"); }},
      {"one more", [](PeopleSite& site) { site.read_by("carol", "c"); }},
      {"one less", [](PeopleSite& site) { site.domain.readers.pop_back(); }},
      {"renamed", [](PeopleSite& site) { site.domain.readers[0].user = "alicia"; }},
      {"gone", [](PeopleSite& site) { site.control_plane.machine.world.files.erase(std::string(kUsers)); }},
      {"damaged", [](PeopleSite& site) { site.put(kUsers, "alice:x\n"); }},
      {"readable",
       [](PeopleSite& site) { site.control_plane.machine.world.files.at(std::string(kUsers)).spec.mode = 0644; }},
  };
  for (const auto& [name, change] : changes) {
    INFO(name);
    PeopleSite site;
    auto step = site.step();
    site.control_plane.bring(step);
    change(site);
    auto next = site.step();
    site.control_plane.bring(next);
    const auto users = trust::parse_users_file(site.users());
    REQUIRE(users);
    REQUIRE(users->size() == site.domain.readers.size());
    for (size_t i = 0; i < users->size(); ++i) CHECK(trust::is_password((*users)[i], site.domain.readers[i].password));
    CHECK(site.control_plane.machine.kept.empty());
  }
}

TEST_CASE("the site's certificate: with its key in one file, replaced when it is another, and gone without it") {
  PeopleSite site;
  site.domain.certificate = "-----BEGIN CERTIFICATE-----\nfirst\n";
  site.domain.key = Secret("-----BEGIN PRIVATE KEY-----\ncanary");
  auto first = site.step();
  site.control_plane.bring(first);
  CHECK(site.control_plane.text(std::string(kPair)) ==
        "-----BEGIN PRIVATE KEY-----\ncanary\n-----BEGIN CERTIFICATE-----\nfirst\n");
  const auto users = site.users();
  site.domain.certificate = "-----BEGIN CERTIFICATE-----\nsecond\n";
  auto second = site.step();
  site.control_plane.bring(second);
  CHECK(site.control_plane.text(std::string(kPair)).ends_with("second\n"));
  CHECK(site.users() == users);  // what is right is left alone
  site.domain.key = Secret("-----BEGIN PRIVATE KEY-----\nother canary\n");
  auto third = site.step();
  site.control_plane.bring(third);
  site.domain.certificate.clear();
  auto without = site.step();
  site.control_plane.bring(without);
  CHECK_FALSE(site.control_plane.has(std::string(kPair)));
  CHECK(site.control_plane.machine.kept.empty());
  for (const auto& change : site.control_plane.machine.changes) CHECK_FALSE(change.contains("canary"));
}

TEST_CASE("a people's door is on registry hosts, if cluster.yaml has a domain") {
  PeopleSite site;
  CHECK(steps::has_people_door(site.model(), site.control_plane_node()));
  CHECK_FALSE(steps::has_people_door(site.model(), site.worker_node()));
  site.config.registry.domain.reset();
  CHECK_FALSE(steps::has_people_door(site.model(), site.control_plane_node()));
}
