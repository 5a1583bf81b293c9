// SPDX-License-Identifier: Apache-2.0
//
// A host's ledger after each change, and what of it survives a power cut.
#include <sys/stat.h>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "tests/conformance/each_host.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::tests;
using Kind = host::PathBefore::Kind;

namespace {

// An entry's change, which must have this type.
template <class T>
T change(const host::LedgerEntry& entry) {
  REQUIRE(std::holds_alternative<T>(entry.change));
  return std::get<T>(entry.change);
}

}  // namespace

TEMPLATE_TEST_CASE("the ledger", "", Local, Remote) {
  const tests::TemporaryFolder root;
  {
    const TestType made(root.path());
    host::Host& host = *made.host;
    CHECK_FALSE(*host.worked_on());
    CHECK(root.empty());
    REQUIRE(write(host, "/file", "one", own(0640)));
    REQUIRE(write(host, "/file", "two"));
    REQUIRE(host.run({{"true"}, {}, "/", {}}, {}, kReason, {}));
    CHECK(*host.worked_on());
    CHECK_FALSE(*host.recorded("step.one"));
    REQUIRE(host.record(kReason));
    CHECK(*host.recorded("step.one") == "aa");
  }
  {
    const TestType again(root.path());  // another connection sees the same
    host::Host& host = *again.host;
    CHECK(*host.worked_on());
    CHECK(*host.recorded("step.one") == "aa");
    const auto entries = host.ledger();
    REQUIRE(entries);
    REQUIRE(entries->size() == 4);
    const auto written = [](std::string_view text) { return hash::sha256(base::as_bytes(text)); };
    CHECK(change<host::FileWritten>((*entries)[0]) == host::FileWritten{"/file", {}, written("one")});
    CHECK((*entries)[0].step == "step.one");
    CHECK((*entries)[0].inputs == "aa");
    const auto digest = hash::sha256(base::as_bytes("one"));
    CHECK(change<host::FileWritten>((*entries)[1]) ==
          host::FileWritten{"/file",
                            {.kind = Kind::file, .spec = own(0640), .size = 3, .digest = digest, .kept = true},
                            written("two")});
    const std::string kept = root / ("var/lib/sealift/ledger/kept/" + digest.hex());
    CHECK(base::read_text_file(kept, 100) == "one");
    struct stat status{};
    REQUIRE(::stat(kept.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    REQUIRE(::stat((root / "var/lib/sealift/ledger").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
    CHECK(change<host::CommandRun>((*entries)[2]).command == "true");
    change<host::Completed>((*entries)[3]);
    for (size_t i = 0; i < entries->size(); ++i) CHECK((*entries)[i].sequence == i + 1);
  }
}

TEMPLATE_TEST_CASE("the ledger: what was begun anew is not completed until it is recorded again", "", Local, Remote) {
  const tests::TemporaryFolder root;
  const std::string path = root / "var/lib/sealift/ledger/ledger.jsonl";
  {
    const TestType made(root.path());
    host::Host& host = *made.host;
    CHECK_FALSE(*host.begin(kReason));  // nothing to end, so nothing is written
    CHECK_FALSE(std::filesystem::exists(path));
    REQUIRE(host.record(kReason));
    REQUIRE(host.record({"step.two", "bb"}));
    CHECK(*host.begin({"step.one", "cc"}) == "aa");
    CHECK_FALSE(*host.recorded("step.one"));
    CHECK(*host.recorded("step.two") == "bb");
    CHECK_FALSE(*host.begin({"step.one", "cc"}));
    REQUIRE(host.record({"another", "dd"}));
    REQUIRE(host.record({"step.three", ""}));
    const auto of_steps = host.records("step.");
    REQUIRE(of_steps);
    REQUIRE(of_steps->size() == 2);
    CHECK((*of_steps)[0].step == "step.three");
    CHECK((*of_steps)[1].step == "step.two");
    CHECK((*of_steps)[1].inputs == "bb");
    CHECK(host.records("nothing")->empty());
    const auto entries = host.ledger();
    REQUIRE(entries);
    REQUIRE(entries->size() == 5);
    change<host::Begun>((*entries)[2]);
    CHECK((*entries)[2].inputs == "cc");
  }
  {
    const TestType again(root.path());  // on disk, not in a connection's memory
    CHECK_FALSE(*again.host->recorded("step.one"));
    CHECK(*again.host->recorded("step.two") == "bb");
    REQUIRE(again.host->record({"step.one", "cc"}));
    CHECK(*again.host->recorded("step.one") == "cc");
  }
  const TestType last(root.path());
  CHECK(*last.host->recorded("step.one") == "cc");
}

TEST_CASE("a ledger of an older format is read, and says that it is of format 3 before anything newer stands in it") {
  const std::string format = GENERATE("1", "2");
  const tests::TemporaryFolder root;
  const std::string path = root / "var/lib/sealift/ledger/ledger.jsonl";
  const std::string old =
      "{\"format\":" + format +
      "}\n"
      "{\"before\":\"absent\",\"inputs\":\"1\",\"kind\":\"file\",\"seq\":1,\"step\":\"a\",\"target\":\"/x\",\"time\":\"2025-01-01T00:00:00Z\"}\n"
      "{\"before\":\"\",\"inputs\":\"1\",\"kind\":\"completed\",\"seq\":2,\"step\":\"a\",\"target\":\"\",\"time\":\"2025-01-01T00:00:00Z\"}\n";
  std::filesystem::create_directories(root / "var/lib/sealift/ledger");
  std::ofstream(path) << old;
  {
    const Local made(root.path());
    CHECK(*made.host->recorded("a") == "1");
    CHECK(base::read_text_file(path, 1 << 20) == old);  // looking changes nothing
    CHECK(*made.host->begin({"a", "2"}) == "1");
    REQUIRE(made.host->record({"b", "3"}));
  }
  const auto text = base::read_text_file(path, 1 << 20);
  REQUIRE(text);
  CHECK(text->starts_with(old + "{\"format\":3}\n{"));
  CHECK(text->find("format", old.size() + 12) == std::string::npos);  // only once
  const Local again(root.path());
  CHECK_FALSE(*again.host->recorded("a"));
  CHECK(*again.host->recorded("b") == "3");
  const auto entries = *again.host->ledger();
  REQUIRE(entries.size() == 4);
  CHECK(change<host::FileWritten>(entries[0]).path == "/x");
  CHECK(entries[3].sequence == 4);
}

TEST_CASE("what lies under /run is entered in the ledger without a copy") {
  const tests::TemporaryFolder root;
  const Local made(root.path());
  REQUIRE(made.host->make_directory("/run", own(0755), kReason));
  REQUIRE(write(*made.host, "/run/token", "secret one", own(0600)));
  REQUIRE(write(*made.host, "/run/token", "secret two", own(0600)));
  REQUIRE(made.host->remove("/run/token", kReason));
  CHECK_FALSE(std::filesystem::exists(root / "var/lib/sealift/ledger/kept"));
  const auto entries = *made.host->ledger();
  REQUIRE(entries.size() == 4);
  CHECK(change<host::FileWritten>(entries[1]).before == host::PathBefore{});
  CHECK(change<host::FileWritten>(entries[2]).before == host::PathBefore{.kind = Kind::transient});
  CHECK(change<host::PathRemoved>(entries[3]).before == host::PathBefore{.kind = Kind::transient});
}

TEST_CASE("a ledger that is torn anywhere is read up to there and goes on; a newer format is refused") {
  const tests::TemporaryFolder root;
  const std::string path = root / "var/lib/sealift/ledger/ledger.jsonl";
  {
    const Local made(root.path());
    REQUIRE(made.host->record({"a", "1"}));
    REQUIRE(made.host->record({"b", "2"}));
  }
  SECTION("torn at every byte") {
    const auto whole = base::read_text_file(path, 1 << 20);
    REQUIRE(whole);
    const size_t first_end = whole->find('\n', whole->find('\n') + 1);  // of a's record, without its line break
    for (size_t cut = 0; cut <= whole->size(); ++cut) {
      INFO("cut at " << cut);
      std::ofstream(path, std::ios::trunc) << whole->substr(0, cut);
      {
        const Local made(root.path());
        CHECK((*made.host->recorded("a") == "1") == (cut >= first_end));
        CHECK((*made.host->recorded("b") == "2") == (cut + 1 >= whole->size()));
        REQUIRE(made.host->record({"c", "3"}));
      }
      const Local again(root.path());
      CHECK(*again.host->recorded("c") == "3");
      CHECK((*again.host->recorded("a") == "1") == (cut >= first_end));
      CHECK((*again.host->recorded("b") == "2") == (cut + 1 >= whole->size()));
      const auto entries = *again.host->ledger();
      for (size_t i = 0; i < entries.size(); ++i) CHECK(entries[i].sequence == i + 1);
    }
  }
  SECTION("newer") {
    std::ofstream(path, std::ios::trunc) << "{\"format\":4}\n";
    const auto opened = host::LocalHost::open(root.path(), base::system_clock());
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::unsupported_version);
  }
  SECTION("damaged: a line that is none of its format is not taken for nothing") {
    const std::string whole = *base::read_text_file(path, 1 << 20);
    for (const std::string line :
         {R"({"seq":3,"time":"","step":"a","inputs":"","change":{"kind":"unheard-of"}})", R"({"seq":3,"step":"a"})",
          R"([1])", R"({"seq":3,"time":"","step":"a","inputs":"","change":{"kind":"module","module":"x"}})"}) {
      INFO(line);
      std::ofstream(path, std::ios::trunc) << whole << line << "\n";
      const auto opened = host::LocalHost::open(root.path(), base::system_clock());
      REQUIRE_FALSE(opened);
      CHECK(opened.error().code == ErrorCode::corrupt);
      CHECK(opened.error().what.contains("ledger.jsonl is damaged in line 4: "));
    }
  }
}

TEMPLATE_TEST_CASE("synced until the next change, and after a new start too", "", Local, Remote) {
  const tests::TemporaryFolder root;
  {
    const TestType made(root.path());
    host::Host& host = *made.host;
    CHECK_FALSE(*host.synced());
    CHECK(root.empty());
    REQUIRE(write(host, "/file", "x"));
    CHECK_FALSE(*host.synced());
    REQUIRE(host.sync({"/", "/file", "/not/there/yet"}, kReason));
    CHECK(*host.synced());
    change<host::Synced>(host.ledger()->back());
    CHECK(host.ledger()->back().step == kReason.step);
    CHECK_FALSE(host.sync({"/../x"}, kReason));
    CHECK(*host.synced());
  }
  const TestType again(root.path());
  CHECK(*again.host->synced());
  REQUIRE(again.host->record(kReason));
  CHECK_FALSE(*again.host->synced());
}

TEMPLATE_TEST_CASE("the ledger says of each kind of change what was there before", "", Local, Remote) {
  const tests::TemporaryFolder root;
  const TestType made(root.path());
  host::Host& host = *made.host;
  const std::string big((1 << 20) + 1, 'x');
  REQUIRE(host.make_directory("/a/b", own(0700), kReason));
  REQUIRE(host.make_directory("/a/b", own(0750), kReason));
  REQUIRE(host.make_symlink("/a/link", "one", kReason));
  REQUIRE(host.make_symlink("/a/link", "two", kReason));
  REQUIRE(write(host, "/a/big", big));
  REQUIRE(host.remove("/a/big", kReason));
  REQUIRE(host.remove("/a/link", kReason));
  REQUIRE(host.remove("/a/b", kReason));
  REQUIRE(host.announce(host::ImagePulled{"registry.k8s.io/pause:3.10"}, kReason));
  REQUIRE(host.announce(host::MountsMade{"/var/lib/kubelet", {"/var/lib/kubelet/x"}}, kReason));
  REQUIRE(host.announce(host::InterfacesMade{{"eth0", "lo"}}, kReason));
  std::vector<host::Change> found;
  const auto entries = host.ledger();
  REQUIRE(entries);
  for (const auto& entry : *entries) found.push_back(entry.change);
  const auto directory = [](uint32_t mode) { return host::PathBefore{.kind = Kind::directory, .spec = own(mode)}; };
  const auto link = [](const char* target) { return host::PathBefore{.kind = Kind::symlink, .target = target}; };
  const host::PathBefore file{.kind = Kind::file,
                              .spec = own(0644),
                              .size = big.size(),
                              .digest = hash::sha256(base::as_bytes(big))};  // too large to keep, and a delivery's own
  CHECK(found == std::vector<host::Change>{
                     host::DirectoryMade{"/a", {}}, host::DirectoryMade{"/a/b", {}},
                     host::DirectoryMade{"/a/b", directory(0700)}, host::SymlinkMade{"/a/link", {}},
                     host::SymlinkMade{"/a/link", link("one")}, host::FileWritten{"/a/big", {}, file.digest},
                     host::PathRemoved{"/a/big", file}, host::PathRemoved{"/a/link", link("two")},
                     host::PathRemoved{"/a/b", directory(0750)}, host::ImagePulled{"registry.k8s.io/pause:3.10"},
                     host::MountsMade{"/var/lib/kubelet", {"/var/lib/kubelet/x"}},
                     host::InterfacesMade{{"eth0", "lo"}}});
}
