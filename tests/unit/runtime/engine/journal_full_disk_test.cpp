// SPDX-License-Identifier: Apache-2.0
//
// The error for an unwritable journal names the file and the remedy.
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "payload/base/file.h"
#include "runtime/engine/journal.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::engine;

namespace {

// During its lifetime no file of this process grows beyond `bytes`: the effect of a full disk without one.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limited{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limited) == 0);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

RunHeader header() { return {"apply", "plant7", {}, {}, "shop 3.4"}; }

std::string wanted(const std::string& folder) {
  return "the journal " + folder +
         "/journal.jsonl: write: File too large; make room there or name another folder with --state DIR";
}

}  // namespace

TEST_CASE("a journal without room names its file and the way out") {
  const tests::TemporaryFolder folder;
  tests::FakeClock clock;
  Result<std::unique_ptr<FileJournal>> opened;
  {
    const FileLimit full(10);
    opened = FileJournal::open(folder.path(), header(), clock);
  }
  REQUIRE_FALSE(opened);
  CHECK(opened.error().text() == wanted(folder.path()));
}

TEST_CASE("a disk that is full in the middle of a run: the run goes on, and the journal's trouble is told") {
  const tests::TemporaryFolder folder;
  tests::FakeClock clock;
  auto journal = FileJournal::open(folder.path(), header(), clock).value();
  CHECK_FALSE(journal->trouble());
  struct stat status{};
  REQUIRE(::stat((folder / "journal.jsonl").c_str(), &status) == 0);
  {
    const FileLimit full(static_cast<rlim_t>(status.st_size) + 20);
    journal->begin("w1", "files", {});
  }
  journal->end("w1", "files", StepStatus::done, nullptr, Duration{3});
  REQUIRE(journal->trouble());
  CHECK(journal->trouble()->text() == wanted(folder.path()));
  const auto read = read_journal(folder.path());
  REQUIRE(read);
  CHECK(read->torn_lines == 1);
  CHECK(read->runs.back().steps.empty());
}

TEST_CASE("after a torn line there is no room for the next: the same words") {
  const tests::TemporaryFolder folder;
  tests::FakeClock clock;
  REQUIRE(base::write_file_atomic(folder / "journal.jsonl", base::as_bytes("{\"record\":\"ru"), 0600));
  Result<std::unique_ptr<FileJournal>> opened;
  {
    const FileLimit full(13);
    opened = FileJournal::open(folder.path(), header(), clock);
  }
  REQUIRE_FALSE(opened);
  CHECK(opened.error().text() == wanted(folder.path()));
}
