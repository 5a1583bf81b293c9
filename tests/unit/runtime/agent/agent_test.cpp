// SPDX-License-Identifier: Apache-2.0
//
// Agents as separate processes, with a lock in the kernel: this test program is the agent, see program_test.cpp.
#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "payload/hash/digest.h"
#include "runtime/agent/agent_server.h"
#include "runtime/agent/remote_host.h"
#include "runtime/host/local_host.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

namespace {

const std::string kOwnProgram = "/proc/self/exe";

// One agent and the connection to it.
class Agent {
 public:
  Agent(const tests::TemporaryFolder& place, std::vector<std::string> arguments,
        const std::string& program = kOwnProgram) {
    arguments.insert(arguments.begin(),
                     {program, "agent", "--test-root", place / "root", "--test-lock", place / "lock"});
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    ours_ = base::Fd(ends[0]);
    const base::Fd its(ends[1]);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      if (::dup2(its.get(), 0) >= 0 && ::dup2(its.get(), 1) >= 0) ::execv(program.c_str(), argv.data());
      ::_exit(127);
    }
    REQUIRE(process_ > 0);
    source_.emplace(ours_.get());
    sink_.emplace(ours_.get());
    auto connected = agent::RemoteHost::connect(
        {*source_, *sink_, [this] { ::shutdown(ours_.get(), SHUT_RDWR); }, nullptr}, base::system_clock());
    if (connected) {
      host_ = std::move(*connected);
    } else {
      error = connected.error();
    }
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  ~Agent() { end(); }

  // Hangs up and waits for the process; returns its exit code, or -1 if a signal ended it.
  int end() {
    host_.reset();
    ours_.reset();
    return wait();
  }
  // An agent that does not end by itself is killed after half a minute.
  int wait() {
    if (process_ <= 0) return code_;
    int status = 0;
    pid_t ended = 0;
    for (int i = 0; i < 600 && (ended = ::waitpid(process_, &status, WNOHANG)) == 0; ++i)
      base::system_clock().sleep(Duration{50});
    if (ended == 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, &status, 0);
    }
    process_ = -1;
    return code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t process() const { return process_; }
  agent::RemoteHost& operator*() const {
    INFO((error ? error->text() : ""));
    REQUIRE(host_);
    return *host_;
  }
  bool works() const { return host_ && host_->stat("/").has_value(); }

  std::optional<Error> error;

 private:
  pid_t process_ = -1;
  int code_ = -1;
  base::Fd ours_;
  std::optional<base::FdSource> source_;
  std::optional<base::FdSink> sink_;
  std::unique_ptr<agent::RemoteHost> host_;
};

std::vector<std::string> change(const std::string& owner, const std::string& run) {
  return {"--change", "--owner", owner, "--run", run};
}

// A copy of this program in its own folder.
std::string copy_program(const tests::TemporaryFolder& place) {
  std::filesystem::create_directory(place / "lib");
  std::filesystem::copy_file(kOwnProgram, place / "lib/agent");
  return place / "lib/agent";
}

}  // namespace

TEST_CASE("one run changes a host at a time: another is told whose it is, and harms nobody") {
  const tests::TemporaryFolder place;
  const Agent first(place, change("ops@desk", "run-1"));
  REQUIRE(first.works());
  const Agent second(place, change("eve@lab", "run-2"));
  REQUIRE(second.error);
  CHECK(second.error->code == ErrorCode::busy);
  CHECK(second.error->what.contains("ops@desk"));
  CHECK(first.works());
}

TEST_CASE("a run without a name takes over from nobody") {
  const tests::TemporaryFolder place;
  const Agent first(place, change("ops@desk", ""));
  REQUIRE(first.works());
  const Agent second(place, change("ops@desk", ""));
  REQUIRE(second.error);
  CHECK(second.error->code == ErrorCode::busy);
  CHECK(first.works());
}

TEST_CASE("a run takes its own lock over from the agent that it left behind, which ends in order") {
  const tests::TemporaryFolder place;
  Agent left(place, change("ops@desk", "run-1"));
  REQUIRE(left.works());
  const Agent next(place, change("ops@desk", "run-1"));
  CHECK(next.works());
  CHECK(left.wait() == 0);
  CHECK_FALSE(left.works());
  const auto lines = base::read_text_file(place / "lock/lock", 4096);
  CHECK(lines == base::format("ops@desk\nrun-1\n{}\n", next.process()));
}

TEST_CASE("nobody but its owner can take the lock, also one that an earlier version made") {
  const tests::TemporaryFolder place;
  std::filesystem::create_directory(place / "lock");
  std::ofstream(place / "lock/lock") << "ops@old\n";
  REQUIRE(::chmod((place / "lock/lock").c_str(), 0644) == 0);
  Agent agent(place, change("ops@desk", "run-1"));
  REQUIRE(agent.works());
  struct stat status{};
  REQUIRE(::stat((place / "lock/lock").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600);
}

TEST_CASE("the lock is free as soon as its holder is dead") {
  const tests::TemporaryFolder place;
  Agent first(place, change("ops@desk", "run-1"));
  REQUIRE(first.works());
  ::kill(first.process(), SIGKILL);
  CHECK(first.wait() == -1);
  const Agent second(place, change("eve@lab", "run-2"));
  CHECK(second.works());
}

TEST_CASE("who looks is not held up by who changes, and knows of it") {
  const tests::TemporaryFolder place;
  Agent changing(place, change("ops@desk", "run-1"));
  REQUIRE(changing.works());
  const Agent looking(place, {"--owner", "eve@lab", "--run", "run-2"});
  REQUIRE(looking.works());
  CHECK((*looking).busy_owner() == "ops@desk");
  CHECK(changing.works());
  CHECK(base::read_text_file(place / "lock/lock", 4096)->starts_with("ops@desk\n"));
  changing.end();
  const Agent later(place, {"--owner", "eve@lab", "--run", "run-3"});
  REQUIRE(later.works());
  CHECK((*later).busy_owner().empty());
}

TEST_CASE("who changes waits for who looks, for a while") {
  const tests::TemporaryFolder place;
  Agent looking(place, {"--owner", "eve@lab"});
  const Agent beside(place, {"--owner", "eve@lab"});
  REQUIRE(looking.works());
  REQUIRE(beside.works());  // looks share the lock
  CHECK((*beside).busy_owner().empty());
  auto leaving = Thread::start([&] {
    base::system_clock().sleep(Duration{500});
    looking.end();
  });
  const Agent changing(place, change("ops@desk", "run-1"));
  leaving->join();
  REQUIRE(changing.error);  // `beside` is still there
  CHECK(changing.error->code == ErrorCode::busy);
  CHECK(beside.works());
}

TEST_CASE("an agent whose file was taken away changes nothing") {
  const tests::TemporaryFolder place;
  const auto program = copy_program(place);
  Agent looking(place, {"--owner", "eve@lab"});
  REQUIRE(looking.works());
  auto leaving = Thread::start([&] {
    base::system_clock().sleep(Duration{1000});
    ::unlink(program.c_str());
    looking.end();
  });
  const Agent removed(place, change("ops@desk", "run-1"), program);  // waits for the lock meanwhile
  leaving->join();
  REQUIRE(removed.error);
  CHECK(removed.error->code == ErrorCode::unreachable);  // worth a retry, with the agent sent again
}

TEST_CASE("an agent that undoes everything has taken itself away first") {
  const tests::TemporaryFolder place;
  auto arguments = change("ops@desk", "run-1");
  arguments.emplace_back("--remove");
  const Agent undoing(place, arguments, copy_program(place));
  REQUIRE(undoing.works());
  CHECK(std::filesystem::is_empty(place / "lib"));
}

TEST_CASE("an agent that only looked takes itself away, and nothing else") {
  const tests::TemporaryFolder place;
  const auto program = copy_program(place);
  SECTION("it was alone in a folder made for it") {
    Agent looking(place, {"--remove", "--remove-folder"}, program);
    REQUIRE(looking.works());
    CHECK_FALSE(std::filesystem::exists(place / "lib"));
    CHECK(looking.end() == 0);
  }
  SECTION("the folder was there before") {
    const Agent looking(place, {"--remove"}, program);
    REQUIRE(looking.works());
    CHECK(std::filesystem::is_empty(place / "lib"));
  }
  SECTION("it was not alone") {
    std::ofstream(place / "lib/other") << "stays";
    const Agent looking(place, {"--remove", "--remove-folder"}, program);
    REQUIRE(looking.works());
    CHECK_FALSE(std::filesystem::exists(program));
    CHECK(std::filesystem::exists(place / "lib/other"));
  }
}

TEST_CASE("an agent that is told to end cancels what it runs") {
  const tests::TemporaryFolder place;
  Agent agent(place, {});
  REQUIRE(agent.works());
  auto ending = Thread::start([&] {
    while (!std::filesystem::exists(place / "begun")) base::system_clock().sleep(Duration{20});
    ::kill(agent.process(), SIGTERM);
  });
  const auto said = (*agent).query(
      {{"sh", "-c", "echo $$ >" + (place / "pid") + "; touch " + (place / "begun") + "; exec sleep 120"}, {}, "/", {}},
      {}, {});
  ending->join();
  REQUIRE_FALSE(said);
  CHECK(said.error().code == ErrorCode::unreachable);
  CHECK(agent.wait() == 0);
  pid_t child = 0;
  std::ifstream(place / "pid") >> child;
  REQUIRE(child > 0);
  CHECK(::kill(child, 0) != 0);
}

TEST_CASE("a host that a newer version has changed is refused in the protocol's words") {
  const tests::TemporaryFolder place;
  std::filesystem::create_directories(place / "root/var/lib/sealift/ledger");
  std::ofstream(place / "root/var/lib/sealift/ledger/ledger.jsonl") << "{\"format\":99}\n";
  const Agent agent(place, {});
  REQUIRE(agent.error);
  CHECK(agent.error->code == ErrorCode::unsupported_version);
}

TEST_CASE("an agent gives up on a launch machine that says nothing more") {
  const tests::TemporaryFolder root;
  auto host = host::LocalHost::open(root.path(), base::system_clock());
  REQUIRE(host);
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const base::Fd launch(ends[0]), agent(ends[1]);
  agent::AgentOptions options;
  options.lock_folder.clear();
  options.silence = Duration{1'000};
  const auto served = agent::serve_agent(agent.get(), agent.get(), **host, options);
  REQUIRE_FALSE(served);
  CHECK(served.error().code == ErrorCode::timeout);
}

TEST_CASE("an agent says its own digest") {
  const auto said =
      base::run_checked({{std::filesystem::read_symlink(kOwnProgram), "agent", "--self-check"}, {}, "/", {}});
  const auto file = base::OpenFile::open(kOwnProgram);
  REQUIRE(said);
  REQUIRE(file);
  CHECK(base::trim(*said) == hash::sha256(**file, 0, (*file)->size())->hex());
}
