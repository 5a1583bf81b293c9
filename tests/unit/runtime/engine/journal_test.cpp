// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "tests/support/fake_clock.h"

using namespace sealift;
using namespace sealift::engine;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/sealift-journal-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::string text() const { return base::read_text_file(path + "/journal.jsonl", 1 << 24).value(); }
};

RunHeader header() {
  return {"apply", "plant7", hash::sha256(base::as_bytes("c")), hash::sha256(base::as_bytes("a")), "shop 3.4"};
}

}  // namespace

TEST_CASE("what the site's programs printed is in the journal, but no more of a run than the folder has room for") {
  Folder folder;
  tests::FakeClock clock;
  auto journal = FileJournal::open(folder.path, header(), clock).value();
  journal->output("cp", "hook.a", "two\nlines \"quoted\"");
  for (int i = 0; i < 40; ++i) journal->output("cp", "hook.b", std::string(16 << 10, 'x'));
  journal->output("cp", "hook.c", "short");
  journal->finish(nullptr);
  const auto text = folder.text();
  CHECK(text.contains(R"("record":"output","step":"hook.a","text":"two\nlines \"quoted\"")"));
  CHECK(text.contains(R"("step":"hook.c","text":"short")"));
  CHECK(text.size() < 300'000);
  CHECK(text.size() > 200'000);
  const auto read = read_journal(folder.path).value();
  CHECK(read.torn_lines == 0);
  CHECK(read.runs.back().steps.empty());
  CHECK(read.runs.back().finish == "complete");
}

TEST_CASE("what was written is read, run by run") {
  Folder folder;
  tests::FakeClock clock;
  Error error{ErrorCode::command_failed, "kubeadm: exit 1\nwith \"quotes\"", {"kubeadm.join on w1"}};
  {
    auto journal = FileJournal::open(folder.path, header(), clock).value();
    journal->begin("cp", "files", hash::sha256(base::as_bytes("x")));
    journal->end("cp", "files", StepStatus::done, nullptr, Duration{12});
    journal->end("cp", "units", StepStatus::skipped, nullptr, Duration{1});
    journal->begin("w1", "kubeadm.join", {});
    journal->end("w1", "kubeadm.join", StepStatus::failed, &error, Duration{900});
    journal->finish(&error);
    CHECK_FALSE(journal->trouble());
  }
  {
    auto journal = FileJournal::open(folder.path, header(), clock).value();
    journal->begin("w1", "kubeadm.join", {});
  }  // the program dies here
  auto read = read_journal(folder.path).value();
  REQUIRE(read.runs.size() == 2);
  const JournalRun& first = read.runs[0];
  CHECK(first.number == 1);
  CHECK(first.artifact_name == "shop 3.4");
  CHECK(first.finish == "command_failed");
  REQUIRE(first.steps.size() == 3);
  CHECK(first.steps[0].status == "done");
  CHECK(first.steps[1].status == "skipped");
  CHECK(first.steps[2].status == "failed");
  CHECK(first.steps[2].error.contains("with \"quotes\""));
  CHECK(first.steps[2].took_ms == 900);
  CHECK_FALSE(first.finish_time.empty());
  CHECK(read.digest == hash::sha256(base::as_bytes(folder.text())));
  CHECK_FALSE(read_journal(folder.path + "/none").value().digest);
  CHECK(read.runs[1].number == 2);
  CHECK(read.runs[1].finish.empty());
  CHECK(read.runs[1].steps[0].status == "begun");
  struct stat status{};
  REQUIRE(stat((folder.path + "/journal.jsonl").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("cut at any byte, the journal is read up to there and written on") {
  Folder folder;
  tests::FakeClock clock;
  {
    auto journal = FileJournal::open(folder.path, header(), clock).value();
    journal->begin("cp", "files", {});
    journal->end("cp", "files", StepStatus::done, nullptr, Duration{12});
    journal->finish(nullptr);
  }
  const std::string whole = folder.text();
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    INFO("cut at " << cut);
    auto read = parse_journal(whole.substr(0, cut));
    REQUIRE(read);
    CHECK(read->torn_lines <= 1);
  }
  for (size_t cut : {size_t{0}, size_t{5}, whole.size() / 2, whole.size() - 1}) {
    std::ofstream(folder.path + "/journal.jsonl", std::ios::trunc) << whole.substr(0, cut);
    {
      auto journal = FileJournal::open(folder.path, header(), clock);
      REQUIRE(journal);
      (*journal)->finish(nullptr);
    }
    auto read = read_journal(folder.path).value();
    CHECK(read.runs.back().finish == "complete");
  }
}

TEST_CASE("a newer journal is refused, by readers and writers, and left as it is") {
  Folder folder;
  tests::FakeClock clock;
  std::ofstream(folder.path + "/journal.jsonl") << "{\"format\":2,\"record\":\"run\"}\n";
  CHECK(read_journal(folder.path).error().code == ErrorCode::unsupported_version);
  CHECK(FileJournal::open(folder.path, header(), clock).error().code == ErrorCode::unsupported_version);
  CHECK(folder.text() == "{\"format\":2,\"record\":\"run\"}\n");
}

TEST_CASE("a journal of an older or of no format is not read as if it were ours") {
  for (const auto* line : {R"({"record":"run"})", R"({"format":0,"record":"run"})", R"({"format":"1","record":"run"})",
                           R"({"format":-1,"record":"run"})", R"({"format":2,"record":"run"})"}) {
    INFO(line);
    const auto read = parse_journal(line);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::unsupported_version);
    // not even after a valid run
    CHECK_FALSE(parse_journal(std::string("{\"format\":1,\"record\":\"run\",\"run\":1}\n") + line));
  }
  CHECK(parse_journal(R"({"format":1,"record":"run","run":7})")->runs.at(0).number == 7);
}

TEST_CASE("a second program on the same state is busy") {
  Folder folder;
  tests::FakeClock clock;
  auto first = FileJournal::open(folder.path, header(), clock);
  REQUIRE(first);
  CHECK(FileJournal::open(folder.path, header(), clock).error().code == ErrorCode::busy);
  first->reset();
  CHECK(FileJournal::open(folder.path, header(), clock));
}

TEST_CASE("a large journal is set aside, numbers go on") {
  Folder folder;
  tests::FakeClock clock;
  {
    auto journal = FileJournal::open(folder.path, header(), clock).value();
    for (int i = 0; i < 6000; ++i)
      journal->end("host-with-a-name", "some.step", StepStatus::skipped, nullptr, Duration{1});
  }
  {
    auto journal = FileJournal::open(folder.path, header(), clock).value();
    journal->finish(nullptr);
  }
  CHECK(std::filesystem::exists(folder.path + "/journal.1.jsonl"));
  CHECK(read_journal(folder.path)->runs.front().number == 2);
}

TEST_CASE("a link in the journal's place is not followed") {
  Folder folder;
  tests::FakeClock clock;
  REQUIRE(symlink("elsewhere", (folder.path + "/journal.jsonl").c_str()) == 0);
  CHECK_FALSE(FileJournal::open(folder.path, header(), clock));
  CHECK_FALSE(std::filesystem::exists(folder.path + "/elsewhere"));
}
