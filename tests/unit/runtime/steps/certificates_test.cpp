// SPDX-License-Identifier: Apache-2.0
//
// The certificates by which the hosts of a cluster authenticate each other: made on the hosts, signed on one.
#include "runtime/steps/certificates.h"
#include "payload/base/format.h"

#include "runtime/host/ledger_lines.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using tests::FakeMachine;

namespace {

void put(FakeMachine& machine, const std::string& path, std::string_view text) {
  machine.world.files[path] = {host::FileType::regular, {0600, 0, 0}, base::to_bytes(text), {}};
}

// Hosts with a simulated node program: it prints what the real one prints, and leaves the same files.
struct Certified : tests::Site {
  std::vector<std::string> issued;  // "usage: name addresses for key"
  // percent, of what has been made
  std::map<std::string, int> left{{"server", 99}, {"client", 99}, {"people", 99}};
  std::map<std::string, int> left_now = left;  // of what is there
  bool knows_issuer = true;                    // of what is there

  std::map<std::string, std::string> authorities{{"cp1", R"({"id":"a1","issues":true})"}, {"w1", R"({"id":"a1"})"}};

  Certified() {
    add_file("program", "the program itself");
    contents.stubs.push_back({Architecture::amd64, contents.tree.at("program").object});
    for (auto* bench : {&control_plane, &worker}) {
      bench->folder("/etc/sealift");
      bench->machine.programs["node-" + contents.stubs[0].object.digest.hex().substr(0, 16)] =
          [this](FakeMachine& self, const base::Command& command, const base::CommandIo& io) {
            return node(self, command, io);
          };
      bench->machine.programs["exe"] = [this](FakeMachine& self, const base::Command& command, const base::CommandIo&) {
        CHECK(command.argv.front() == "/proc/self/exe");
        CHECK(tests::has_word(command, "look"));
        return look(self);
      };
    }
  }
  Result<base::ExitStatus> node(FakeMachine& self, const base::Command& command, const base::CommandIo& io) {
    const std::string pki = "/etc/sealift/pki";
    CHECK(tests::word_after(command, "--dir") == pki);
    if (tests::has_word(command, "make-ca")) {
      CHECK(tests::word_after(command, "--name") == "plant7");
      put(self, pki + "/ca.crt", "authority");
      put(self, pki + "/ca.key", "its key");
      return tests::ended();
    }
    const auto usage = tests::word_after(command, "--usage");
    const auto own = base::format("{}/node/{}", pki, usage);
    if (tests::has_word(command, "make-key")) {
      put(self, own + ".next", "private key of " + self.name());
      return tests::ended(base::format("{} key of {}", usage, self.name()));
    }
    if (tests::has_word(command, "install")) {
      CHECK(self.world.files.contains(pki + "/ca.crt"));  // it is checked against it
      CHECK(self.world.files.erase(own + ".next") == 1);
      put(self, own + ".pem", base::as_text(io.input));
      left_now[usage] = left[usage];
      return tests::ended();
    }
    CHECK(self.name() == "cp1");
    auto names = tests::word_after(command, "--addresses");
    if (tests::has_word(command, "--dns")) names += " and " + tests::word_after(command, "--dns");
    issued.push_back(
        base::format("{}: {} {} for {}", usage, tests::word_after(command, "--name"), names, base::as_text(io.input)));
    return tests::ended("certificate " + issued.back());
  }
  Result<base::ExitStatus> look(FakeMachine& self) {
    std::string out;
    for (const auto& [usage, percent] : left_now) {
      if (!self.world.files.contains("/etc/sealift/pki/node/" + usage + ".pem")) continue;
      out += base::format(
          R"({}{{"due":{},"ends":"2027-11-27T12:00:00.000Z","issuer":"{}","percentLeft":{},"usage":"{}"}})",
          out.empty() ? "" : ",", percent < 33, knows_issuer ? "a1" : "", percent, usage);
    }
    return tests::ended(
        base::format(R"({{"authorities":[{}],"certificates":[{}],"waits":false}})", authorities[self.name()], out));
  }
  void make_authority() {
    steps::AuthorityStep step(model(), control_plane_node());
    control_plane.bring(step);
  }
};

}  // namespace

TEST_CASE("certificates: the key stays where it was made, the authority signs for name and address") {
  Certified site;
  site.make_authority();
  steps::CertificateStep own(site.model(), site.control_plane_node()), other(site.model(), site.worker_node());
  site.control_plane.bring(own);
  site.worker.bring(other);
  CHECK(site.issued == std::vector<std::string>{"server: cp1 10.7.0.11,127.0.0.1 for server key of cp1",
                                                "client: cp1  for client key of cp1",
                                                "server: w1 10.7.0.12,127.0.0.1 for server key of w1",
                                                "client: w1  for client key of w1"});
  CHECK(site.worker.text("/etc/sealift/pki/node/server.pem") == "certificate " + site.issued[2]);
  CHECK(site.worker.text("/etc/sealift/pki/node/client.pem") == "certificate " + site.issued[3]);
  CHECK(site.worker.text("/etc/sealift/pki/ca.crt") == "authority");
  CHECK_FALSE(site.worker.has("/etc/sealift/pki/ca.key"));
  for (auto* bench : {&site.control_plane, &site.worker}) {
    for (const auto* folder : {"/etc/sealift/pki", "/etc/sealift/pki/node"})
      CHECK(bench->machine.world.files.at(folder).spec.mode == 0700);
    for (const auto& change : bench->machine.changes) CHECK_FALSE(change.contains("private key"));
  }
}

TEST_CASE("certificates: whatever of them is gone is made anew") {
  for (const auto* gone : {"ca.crt", "node/server.pem", "node/client.pem"}) {
    INFO(gone);
    Certified site;
    site.make_authority();
    steps::CertificateStep step(site.model(), site.worker_node());
    site.worker.bring(step);
    site.worker.machine.world.files.erase(std::string("/etc/sealift/pki/") + gone);
    site.worker.bring(step);
    CHECK(site.issued.size() == 4);
  }
  for (const auto* gone : {"ca.crt", "ca.key"}) {
    INFO(gone);
    Certified site;
    steps::AuthorityStep step(site.model(), site.control_plane_node());
    site.control_plane.bring(step);
    site.control_plane.machine.world.files.erase(std::string("/etc/sealift/pki/") + gone);
    site.control_plane.bring(step);
  }
}

TEST_CASE("certificates: one that the node should have renewed is made anew, one that has time is left alone") {
  for (const auto* usage : {"server", "client"}) {
    INFO(usage);
    Certified site;
    site.make_authority();
    steps::CertificateStep step(site.model(), site.worker_node());
    site.worker.bring(step);
    site.left_now[usage] = 34;
    CHECK(site.worker.check(step) == engine::StepState::done);
    site.left_now[usage] = 32;
    site.worker.bring(step);
    CHECK(site.issued.size() == 4);
  }
}

TEST_CASE("certificates: those of a version without renewal are replaced, and nothing of them stays") {
  Certified site;
  site.make_authority();
  steps::CertificateStep step(site.model(), site.worker_node());
  for (const auto* former : {"ca.crt", "server.crt", "server.key", "client.crt", "client.key"})
    site.worker.put(std::string("/etc/sealift/pki/") + former, "of 20 years");
  site.worker.machine.world.recorded[step.id()] = step.inputs().hex();
  site.worker.bring(step);
  CHECK(site.worker.has("/etc/sealift/pki/node/server.pem"));
  for (const auto* former : {"server.crt", "server.key", "client.crt", "client.key"})
    CHECK_FALSE(site.worker.has(std::string("/etc/sealift/pki/") + former));
  // Killed before the last one was gone.
  site.worker.put("/etc/sealift/pki/client.key");
  CHECK(site.worker.check(step) == engine::StepState::needed);
}

TEST_CASE("certificates: what the host says of them is read strictly") {
  Certified site;
  auto& program = site.worker.machine.programs["exe"];
  const auto said = [&](const std::string& text) {
    program = [text](FakeMachine&, const base::Command&, const base::CommandIo&) { return tests::ended(text); };
    return steps::look_at_certificates(*site.worker.host, {});
  };
  const auto one =
      said(R"({"authorities":[],"certificates":[{"due":true,"ends":"2027","percentLeft":7,"usage":"client"}]})");
  REQUIRE(one);
  REQUIRE(one->size() == 1);
  CHECK(one->front().usage == "client");
  CHECK(one->front().ends == "2027");
  CHECK(one->front().percent_left == 7);
  CHECK(one->front().is_due);
  CHECK(said(R"({"authorities":[],"certificates":[]})")->empty());
  for (const auto* bad :
       {"", "{}", R"({"certificates":{}})", R"({"certificates":[]})", R"({"authorities":[],"certificates":{}})",
        R"({"authorities":[{}],"certificates":[]})", R"({"authorities":[],"certificates":[{"usage":"client"}]})"}) {
    INFO(bad);
    CHECK_FALSE(said(bad));
  }
}

TEST_CASE("authority: every control plane has its key, which comes from the first one and is not kept in the ledger") {
  Certified site;
  site.config.hosts[1].role = format::HostRole::control_plane;
  steps::AuthorityStep made(site.model(), site.control_plane_node()), brought(site.model(), site.worker_node());
  site.control_plane.bring(made);
  site.worker.bring(brought);
  CHECK(site.worker.text("/etc/sealift/pki/ca.key") == "its key");
  CHECK(site.worker.machine.world.files.at("/etc/sealift/pki/ca.key").spec.mode == 0600);
  CHECK(site.worker.text("/etc/sealift/pki/ca.crt") == "authority");
  for (const auto& entry : site.worker.machine.ledger) CHECK_FALSE(host::ledger_line(entry).contains("its key"));
}

TEST_CASE(
    "certificates: a people's door has one for its name, until the site brings one or there is no door any more") {
  Certified site;
  auto& domain = site.config.registry.domain;
  domain.emplace();
  domain->name = "registry.plant7.lan";
  site.make_authority();
  const std::string people = "/etc/sealift/pki/node/people.pem";
  steps::CertificateStep with(site.model(), site.control_plane_node()), worker(site.model(), site.worker_node());
  site.control_plane.bring(with);
  site.worker.bring(worker);
  REQUIRE(site.issued.size() == 5);
  CHECK(site.issued[2] == "people: cp1 10.7.0.11 and registry.plant7.lan for people key of cp1");
  CHECK(site.control_plane.has(people));
  CHECK_FALSE(site.worker.has(people));
  site.left_now["people"] = 32;
  site.control_plane.bring(with);
  site.control_plane.machine.world.files.erase(people);
  site.control_plane.bring(with);

  domain->name = "images.plant7.lan";
  steps::CertificateStep renamed(site.model(), site.control_plane_node());
  site.control_plane.bring(renamed);
  CHECK(site.issued.back() == "people: cp1 10.7.0.11 and images.plant7.lan for people key of cp1");

  site.control_plane.folder("/etc/sealift/pki/people");
  site.control_plane.put("/etc/sealift/pki/people/users");
  domain->certificate = "of the site";
  steps::CertificateStep of_site(site.model(), site.control_plane_node());
  site.control_plane.bring(of_site);
  CHECK_FALSE(site.control_plane.has(people));
  CHECK(site.control_plane.has("/etc/sealift/pki/people/users"));

  domain.reset();
  steps::CertificateStep without(site.model(), site.control_plane_node());
  site.control_plane.bring(without);
  CHECK_FALSE(site.control_plane.has("/etc/sealift/pki/people/users"));
  CHECK_FALSE(site.control_plane.has("/etc/sealift/pki/people"));
  CHECK(site.control_plane.has("/etc/sealift/pki/node/server.pem"));
  CHECK(site.control_plane.machine.kept.empty());  // nothing of it is kept anywhere
}

TEST_CASE("certificates: without a people's door the inputs are those that earlier versions have recorded") {
  Certified site;
  const steps::CertificateStep step(site.model(), site.worker_node());
  CHECK(step.inputs() == steps::digest_of({"server and client", "w1", "10.7.0.12"}));
}

TEST_CASE("certificates: a host that missed a change of the authority gets the bundle and certificates again") {
  const auto brought = [](const std::string& first, const std::string& own, bool knows_issuer = true) {
    Certified site;
    site.make_authority();
    steps::CertificateStep step(site.model(), site.worker_node());
    site.worker.bring(step);
    CHECK(site.worker.text("/etc/sealift/pki/node/ca.crt") == "authority");
    site.control_plane.put("/etc/sealift/pki/ca.crt", "another bundle");
    site.authorities = {{"cp1", first}, {"w1", own}};
    site.knows_issuer = knows_issuer;
    return site.worker.check(step) == engine::StepState::needed;
  };
  const std::string issues = R"({"id":"a1","issues":true})", known = R"({"id":"a1"})", other = R"({"id":"a2"})";
  CHECK_FALSE(brought(other + "," + issues, known));  // the next one: nobody uses it yet
  CHECK(brought(R"({"id":"a2","issues":true},)" + known, known));
  CHECK(brought(issues, known + "," + other));  // it believes one that is out of use
  CHECK(brought(issues, known, false));         // nobody believes what it has
}

TEST_CASE("authority: another key replaces the one that a control plane has, and no copy of either is kept") {
  Certified site;
  site.config.hosts[1].role = format::HostRole::control_plane;
  steps::AuthorityStep made(site.model(), site.control_plane_node()), brought(site.model(), site.worker_node());
  site.control_plane.bring(made);
  site.worker.bring(brought);
  site.control_plane.put("/etc/sealift/pki/ca.key", "its next key");
  CHECK(site.worker.check(brought) == engine::StepState::needed);
  site.worker.bring(brought);
  CHECK(site.worker.text("/etc/sealift/pki/ca.key") == "its next key");
  CHECK(site.worker.machine.kept.empty());
}
