// SPDX-License-Identifier: Apache-2.0
//
// A node's pairs of key and certificate as files.
#include "runtime/node/pki.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/json/value.h"
#include "payload/trust/x509.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using std::chrono::days;

namespace {

struct Pki {
  tests::TemporaryFolder folder;
  tests::FakeClock clock;
  Pki() { REQUIRE(node::make_authority(folder.path(), "plant7", clock)); }
  std::string key(std::string_view usage = "server") const {
    const auto made = node::make_key(folder.path(), usage);
    REQUIRE(made);
    return *made;
  }
  std::string certificate(const std::string& key, const std::string& usage = "server") {
    auto issued = node::issue_certificate(folder.path(), usage, key, "w1", {}, clock);
    REQUIRE(issued);
    return *issued;
  }
  std::string waiting() const { return folder / "node/server.next"; }
  std::string pair() const { return node::pair_path(folder.path(), "server"); }
};

}  // namespace

TEST_CASE("a pair: the key waits for its certificate, then both are one file") {
  Pki pki;
  const auto key = pki.key();
  CHECK(pki.key() == key);  // killed, and asked again
  CHECK(std::filesystem::exists(pki.waiting()));
  CHECK_FALSE(std::filesystem::exists(pki.pair()));
  const auto certificate = pki.certificate(key);
  REQUIRE(node::install_certificate(pki.folder.path(), "server", certificate));
  CHECK_FALSE(std::filesystem::exists(pki.waiting()));
  const auto pair = node::read_pair(pki.pair());
  REQUIRE(pair);
  CHECK(pair->certificate == certificate);
  CHECK(trust::public_key_of(pair->key) == key);
  CHECK(pki.key() != key);  // the next one is another
}

TEST_CASE("a pair: killed before the last rename, it is taken up again") {
  Pki pki;
  const auto key = pki.key();
  const auto certificate = pki.certificate(key);
  REQUIRE(node::install_certificate(pki.folder.path(), "server", certificate));
  std::filesystem::rename(pki.pair(), pki.waiting());  // as it was a moment before
  CHECK(pki.key() == key);
  const auto later = pki.certificate(key);
  REQUIRE(node::install_certificate(pki.folder.path(), "server", later));
  CHECK(node::read_pair(pki.pair())->certificate == later);
}

TEST_CASE("a pair: the certificate of another key or another authority is not taken, and the present pair stays") {
  Pki pki, stranger;
  REQUIRE(node::install_certificate(pki.folder.path(), "server", pki.certificate(pki.key())));
  const auto before = base::read_text_file(pki.pair(), 65536).value();
  const auto key = pki.key();
  const auto refused = [&](const std::string& certificate) {
    const auto done = node::install_certificate(pki.folder.path(), "server", certificate);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::untrusted);
  };
  refused(pki.certificate(pki.key("client")));
  refused(stranger.certificate(key));
  refused("no certificate");
  CHECK(base::read_text_file(pki.pair(), 65536).value() == before);
  CHECK(pki.key() == key);
}

TEST_CASE("a pair whose halves don't belong together is refused") {
  Pki pki;
  REQUIRE(node::install_certificate(pki.folder.path(), "server", pki.certificate(pki.key())));
  auto pair = node::read_pair(pki.pair());
  REQUIRE(pair);
  pair->certificate = pki.certificate(pki.key());
  REQUIRE(node::write_pair(pki.pair(), *pair));
  const auto read = node::read_pair(pki.pair());
  REQUIRE_FALSE(read);
  CHECK(read.error().code == ErrorCode::untrusted);
  CHECK(read.error().text().contains(pki.pair()));
  for (const std::string text : {"", "-----BEGIN CERTIFICATE-----\n"}) {
    REQUIRE(base::write_file_atomic(pki.pair(), base::as_bytes(text), 0600));
    CHECK_FALSE(node::read_pair(pki.pair()));
  }
}

TEST_CASE("a node's certificate lives a year from now and began yesterday; the authority's lives twenty") {
  Pki pki;
  const auto of_node = trust::describe(pki.certificate(pki.key()));
  REQUIRE(of_node);
  const auto now = std::chrono::floor<std::chrono::seconds>(pki.clock.now());
  CHECK(of_node->validity.not_before == now - days{1});
  CHECK(of_node->validity.not_after == now + days{365});
  const auto own = base::read_text_file(pki.folder / "ca.crt", 65536);
  REQUIRE(own);
  CHECK(trust::describe(*own)->validity.not_after == now + days{20 * 365});
}

TEST_CASE("how long certificates live on is told in percent, and from a third on as due") {
  Pki pki;
  const auto look = [&] {
    const auto value = json::parse(node::look_at_pairs(pki.folder.path(), pki.clock));
    REQUIRE(value);
    return *value;
  };
  CHECK(look().find("certificates")->elements()->empty());
  REQUIRE(node::install_certificate(pki.folder.path(), "server", pki.certificate(pki.key())));
  struct Moment {
    int day;
    uint64_t percent;
    bool due;
  };
  Duration passed{};
  for (const auto& moment : {Moment{0, 100, false}, Moment{242, 34, false}, Moment{244, 34, true},
                             Moment{300, 18, true}, Moment{364, 1, true}, Moment{366, 0, true}}) {
    INFO(moment.day);
    pki.clock.advance(days{moment.day} - passed);
    passed = days{moment.day};
    const auto value = look();
    const auto* list = value.find("certificates")->elements();
    REQUIRE(list->size() == 1);
    CHECK(list->front().text_or("usage", "") == "server");
    CHECK(list->front().natural_or("percentLeft", 999) == moment.percent);
    CHECK(list->front().boolean_or("due", !moment.due) == moment.due);
    CHECK(list->front().text_or("ends", "").starts_with("2024-11-13T"));
  }
  REQUIRE(base::write_file_atomic(pki.pair(), base::as_bytes("damaged"), 0600));
  CHECK(look().find("certificates")->elements()->empty());
}

TEST_CASE("names are for the people's door alone, and it always has some") {
  const tests::TemporaryFolder folder;
  Clock& clock = base::system_clock();
  REQUIRE(node::make_authority(folder.path(), "plant7", clock));
  const auto key = node::make_key(folder.path(), "people");
  REQUIRE(key);
  const auto issue = [&](std::string_view usage, const std::vector<std::string>& dns) {
    return node::issue_certificate(folder.path(), usage, *key, "cp1", {"10.7.0.11"}, clock, dns);
  };
  const auto issued = issue("people", {"registry.plant7.lan"});
  REQUIRE(issued);
  const auto described = trust::describe(*issued);
  REQUIRE(described);
  CHECK(described->names.dns == std::vector<std::string>{"registry.plant7.lan"});
  CHECK(described->names.ip == std::vector<std::string>{"10.7.0.11"});
  CHECK(node::install_certificate(folder.path(), "people", *issued));
  CHECK(node::look_at_pairs(folder.path(), clock).contains("\"usage\":\"people\""));
  CHECK(issue("people", {}).error().code == ErrorCode::usage);
  CHECK(issue("server", {"registry.plant7.lan"}).error().code == ErrorCode::usage);
}

TEST_CASE("files of the people's door: only those two, and for root alone") {
  const tests::TemporaryFolder folder;
  REQUIRE(node::put_people_file(folder.path(), "users", base::as_bytes("alice:…\n")));
  CHECK(*base::read_text_file(folder / "people/users", 100) == "alice:…\n");
  CHECK(std::filesystem::status(folder / "people/users").permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  for (const std::string name : {"", "other", "../ca.key", "users/x"})
    CHECK(node::put_people_file(folder.path(), name, {}).error().code == ErrorCode::usage);
}

namespace {

std::string read(const std::string& path) { return base::read_text_file(path, 65536).value_or("(absent)"); }

// One value of each authority that `look` names, in order: "issues due".
std::string authorities(const Pki& pki) {
  const auto value = json::parse(node::look_at_pairs(pki.folder.path(), const_cast<Pki&>(pki).clock));
  REQUIRE(value);
  std::string out = value->boolean_or("waits", false) ? "waits:" : "";
  for (const auto& one : *value->find("authorities")->elements())
    out += base::format(" {}{}", one.boolean_or("issues", false) ? "issues" : "idle",
                        one.boolean_or("due", false) ? ",due" : "");
  return out;
}

std::string issuer(Pki& pki) {
  const auto value = json::parse(node::look_at_pairs(pki.folder.path(), pki.clock));
  REQUIRE(value);
  return value->find("certificates")->elements()->front().text_or("issuer", "?");
}

}  // namespace

TEST_CASE("a second authority: believed at once, issuing from its promotion on, alone once the first has retired") {
  Pki pki;
  const auto& folder = pki.folder.path();
  const auto first = read(folder + "/ca.crt"), first_key = read(folder + "/ca.key");
  REQUIRE(node::install_certificate(folder, "server", pki.certificate(pki.key())));
  const auto by_first = node::read_pair(pki.pair())->certificate;
  CHECK(authorities(pki) == " issues");
  const auto issuer_before = issuer(pki);
  CHECK(issuer_before == trust::fingerprint(first)->hex());

  REQUIRE(node::make_next_authority(folder, "plant7", pki.clock));
  const auto both = read(folder + "/ca.crt");
  CHECK(both.ends_with(first));
  CHECK(node::certificates_in(both).size() == 2);
  CHECK(authorities(pki) == "waits: idle issues");
  REQUIRE(node::make_next_authority(folder, "plant7", pki.clock));
  CHECK(read(folder + "/ca.crt") == both);
  CHECK(std::filesystem::status(folder + "/ca.next.key").permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(trust::check_issued(pki.certificate(pki.key()), first));  // still
  const auto early = node::retire_former_authorities(folder);
  REQUIRE_FALSE(early);
  CHECK(early.error().text().contains("ca.next.key"));

  REQUIRE(node::promote_next_authority(folder));
  REQUIRE(node::promote_next_authority(folder));
  CHECK(read(folder + "/ca.key") != first_key);
  CHECK(authorities(pki) == " issues idle");
  REQUIRE(node::install_certificate(folder, "server", pki.certificate(pki.key())));
  const auto by_second = node::read_pair(pki.pair())->certificate;
  CHECK(issuer(pki) != issuer_before);
  CHECK_FALSE(trust::check_issued(by_second, first));
  for (const auto& one : {by_first, by_second}) CHECK(trust::check_issued(one, both));
  CHECK(node::make_authority(folder, "plant7", pki.clock));  // whatever the order, there is one
  CHECK(read(folder + "/ca.crt") == both);

  REQUIRE(node::retire_former_authorities(folder));
  const auto second = read(folder + "/ca.crt");
  CHECK(authorities(pki) == " issues");
  CHECK(trust::check_issued(by_second, second));
  CHECK_FALSE(trust::check_issued(by_first, second));
  REQUIRE(node::retire_former_authorities(folder));
  CHECK(read(folder + "/ca.crt") == second);
}

TEST_CASE(
    "a second authority: killed after its key, the same key gets its certificate; without it nothing is promoted") {
  Pki pki;
  const auto& folder = pki.folder.path();
  const auto first = read(folder + "/ca.crt");
  REQUIRE(node::make_next_authority(folder, "plant7", pki.clock));
  const auto key = read(folder + "/ca.next.key");
  REQUIRE(base::write_file_atomic(folder + "/ca.crt", base::as_bytes(first), 0644));  // as it was a moment before
  CHECK(authorities(pki) == "waits: issues");
  const auto refused = node::promote_next_authority(folder);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::untrusted);
  REQUIRE(node::make_next_authority(folder, "plant7", pki.clock));
  CHECK(read(folder + "/ca.next.key") == key);
  REQUIRE(node::promote_next_authority(folder));
  CHECK(read(folder + "/ca.key") == key);
  pki.clock.advance(days{14 * 365});
  CHECK(authorities(pki) == " issues,due idle,due");
}
