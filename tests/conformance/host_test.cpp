// SPDX-License-Identifier: Apache-2.0
//
// Requirements on every Host, run against LocalHost in a folder and against RemoteHost over a socket to an agent that
// serves such a LocalHost. A step can't tell them apart, and neither can this suite. The fake used by the steps' tests
// must pass wherever a test relies on it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "payload/base/file.h"
#include "tests/conformance/each_host.h"
#include "tests/support/fake_systemd.h"
#include "tests/support/requirement.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::tests;
using host::FileSpec;
using host::FileType;

namespace {

class FailingSource final : public base::Source {
 public:
  explicit FailingSource(std::function<void()> before_it_breaks = [] {})
      : before_it_breaks_(std::move(before_it_breaks)) {}
  Result<size_t> read(std::span<std::byte> buffer) override {
    if (given_) {
      before_it_breaks_();
      return fail(ErrorCode::corrupt, "the source broke");
    }
    given_ = true;
    std::ranges::fill(buffer.first(1000), std::byte{'x'});
    return size_t{1000};
  }

 private:
  bool given_ = false;
  std::function<void()> before_it_breaks_;
};

}  // namespace

TEMPLATE_TEST_CASE("files", "", Local, Remote) {
  const tests::TemporaryFolder root;
  const TestType made(root.path());
  host::Host& host = *made.host;

  SECTION("what is absent is no error") {
    CHECK_FALSE(*host.stat("/nothing"));
    CHECK_FALSE(*host.read("/nothing", 100));
    CHECK_FALSE(*host.digest("/nothing"));
    CHECK(host.list("/nothing")->empty());
    CHECK(host.remove("/nothing", kReason));
    CHECK(host.ledger()->empty());  // and nothing was changed
  }
  SECTION("looking leaves no trace") {
    (void)host.stat("/x");
    (void)host.list("/");
    (void)host.ledger();
    (void)host.recorded("step");
    (void)host.records("");
    (void)host.store_state("/payloads/p");
    CHECK(root.empty());
  }
  SECTION("written whole, with its mode, and replaced") {
    REQUIRE(write(host, "/file", "one", own(0640)));
    CHECK(read(host, "/file") == "one");
    const auto status = host.stat("/file");
    REQUIRE(status);
    REQUIRE(*status);
    CHECK((*status)->type == FileType::regular);
    CHECK((*status)->spec == own(0640));
    CHECK((*status)->size == 3);
    CHECK(**host.digest("/file") == hash::sha256(base::as_bytes("one")));
    REQUIRE(write(host, "/file", "two", own(0600)));
    CHECK(read(host, "/file") == "two");
    CHECK((*host.stat("/file"))->spec == own(0600));
    CHECK(*host.list("/") == std::vector<std::string>{"file", "var"});  // no temporary file is left
  }
  SECTION("modes do not depend on the umask") {
    const mode_t old = ::umask(0077);
    CHECK(write(host, "/open", "x", own(0666)));
    CHECK(host.make_directory("/wide", own(0777), kReason));
    ::umask(old);
    CHECK((*host.stat("/open"))->spec.mode == 0666);
    CHECK((*host.stat("/wide"))->spec.mode == 0777);
  }
  SECTION("a source that breaks leaves what was there") {
    REQUIRE(write(host, "/file", "old"));
    FailingSource source;
    const auto result = host.write_atomic("/file", own(0644), source, kReason);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::corrupt);
    CHECK(read(host, "/file") == "old");
  }
  SECTION("more than the limit is an error, not a part") {
    REQUIRE(write(host, "/file", "0123456789"));
    CHECK(host.read("/file", 9).error().code == ErrorCode::limit_exceeded);
    CHECK(host.read("/file", 10));
  }
  SECTION("large files pass under credit") {
    Bytes large(size_t{20} << 20);
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::byte>(i * 31 >> 7);
    base::MemorySource source(large);
    REQUIRE(host.write_atomic("/large", own(0644), source, kReason));
    CHECK(**host.digest("/large") == hash::sha256(large));
    CHECK(**host.read("/large", large.size()) == large);
  }
  SECTION("a folder that is missing") {
    const auto result = write(host, "/no/such/file", "x");
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::not_found);
  }
  SECTION("folders: made with their parents, corrected, not put over a file") {
    REQUIRE(host.make_directory("/a/b/c", own(0700), kReason));
    CHECK((*host.stat("/a/b/c"))->spec == own(0700));
    CHECK((*host.stat("/a/b"))->spec.mode == 0755);
    REQUIRE(host.make_directory("/a/b/c", own(0750), kReason));
    CHECK((*host.stat("/a/b/c"))->spec == own(0750));
    REQUIRE(write(host, "/file", "x"));
    CHECK(host.make_directory("/file", own(0755), kReason).error().code == ErrorCode::already_exists);
    REQUIRE(host.remove("/a/b/c", kReason));
    CHECK_FALSE(*host.stat("/a/b/c"));
    CHECK_FALSE(host.remove("/a", kReason));  // not empty
  }
  SECTION("links are looked at, not through") {
    REQUIRE(host.make_symlink("/link", "target", kReason));
    CHECK((*host.stat("/link"))->type == FileType::symlink);
    CHECK((*host.stat("/link"))->link_target == "target");
    REQUIRE(host.make_symlink("/link", "other", kReason));
    CHECK((*host.stat("/link"))->link_target == "other");
    CHECK_FALSE(*host.digest("/link"));
  }
  SECTION("paths that climb are refused") {
    for (const auto* path : {"relative", "/a/../b", "/a//b", "", "/a/"}) {
      INFO(path);
      CHECK_FALSE(host.stat(path));
      CHECK_FALSE(write(host, path, "x"));
    }
  }
}

TEMPLATE_TEST_CASE("commands", "", Local, Remote) {
  const tests::TemporaryFolder root;
  const TestType made(root.path());
  host::Host& host = *made.host;

  SECTION("streams, code, and exactly the environment that was named") {
    const auto said =
        host.run({{"sh", "-c", "cat; echo err >&2; exit 9"}, {}, "/", {}}, {base::as_bytes("in"), {}, {}}, kReason, {});
    REQUIRE(said);
    CHECK(said->code == 9);
    CHECK(said->output == "in");
    CHECK(said->errors == "err\n");
    const auto environment = host.query({{"env"}, {"X=1"}, "/", {}}, {}, {});
    REQUIRE(environment);
    CHECK(environment->output == "PATH=" + std::string(base::kChildPath) + "\nLC_ALL=C\nHOME=/root\nX=1\n");
    CHECK(host.query({{"pwd"}, {}, "/tmp", {}}, {}, {})->output == "/tmp\n");
  }
  SECTION("output can be taken as it comes") {
    std::string output, errors;
    base::CommandIo io;
    io.on_output = [&](ByteView data) { output += base::as_text(data); };
    io.on_error_output = [&](ByteView data) { errors += base::as_text(data); };
    const auto said = host.query({{"sh", "-c", "echo one; echo two >&2"}, {}, "/", {}}, io, {});
    REQUIRE(said);
    CHECK(output == "one\n");
    CHECK(errors == "two\n");
    CHECK(said->output.empty());
  }
  SECTION("a program that is not there") {
    CHECK(host.run({{"no-such-program"}, {}, "/", {}}, {}, kReason, {}).error().code == ErrorCode::not_found);
  }
  SECTION("too much output") {
    base::CommandIo io;
    io.output_limit = 1000;
    CHECK(host.query({{"sh", "-c", "yes | head -c 5000"}, {}, "/", {}}, io, {}).error().code ==
          ErrorCode::limit_exceeded);
  }
  SECTION("a time limit") {
    CHECK(host.query({{"sleep", "30"}, {}, "/", Duration{300}}, {}, {}).error().code == ErrorCode::timeout);
  }
  SECTION("cancelled") {
    CancelSource cancel;
    auto later = Thread::start([&] {
      base::system_clock().sleep(Duration{300});
      cancel.cancel();
    });
    CHECK(host.run({{"sleep", "30"}, {}, "/", {}}, {}, kReason, cancel.token()).error().code == ErrorCode::cancelled);
  }
  SECTION("many at once") {
    std::atomic<int> good = 0;
    base::parallel_for(40, 10, [&](size_t i) {
      const std::string text = std::to_string(i);
      const auto said = host.query({{"sh", "-c", "cat; echo -n ' '; cat /dev/null"}, {}, "/", {}},
                                   {base::as_bytes(text), {}, {}}, {});
      if (said && said->output == text + " ") ++good;
    });
    CHECK(good == 40);
  }
}

TEMPLATE_TEST_CASE("the payload store", "", Local, Remote, Fake) {
  const tests::TemporaryFolder root;
  const std::string path = "/payloads/p.payload";
  Bytes payload(100'000);
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::byte>(i * 7);
  const auto piece = [&](size_t offset, size_t size) { return ByteView(payload).subspan(offset, size); };
  const auto put = [&](host::Host& host, size_t offset, size_t size) {
    return host.store_write(path, payload.size(), offset, hash::sha256(piece(offset, size)), piece(offset, size),
                            kReason);
  };
  {
    const TestType made(root.path());
    host::Host& host = *made.host;
    REQUIRE(host.make_directory("/payloads", own(0755), kReason));
    CHECK(host.store_state(path)->frames.empty());
    REQUIRE(put(host, 60'000, 40'000));
    REQUIRE(put(host, 0, 20'000));
    CHECK(host.store_state(path)->frames == std::vector<uint64_t>{0, 60'000});
    CHECK_FALSE(host.store_state(path)->complete);
    SECTION("damaged bytes are refused and not counted") {
      const auto result = host.store_write(path, payload.size(), 20'000, hash::sha256({}), piece(20'000, 10), kReason);
      REQUIRE_FALSE(result);
      CHECK(result.error().code == ErrorCode::corrupt);
      CHECK(host.store_state(path)->frames.size() == 2);
    }
    SECTION("bytes beyond the end are refused") {
      CHECK_FALSE(host.store_write(path, 10, 5, hash::sha256(piece(0, 10)), piece(0, 10), kReason));
    }
    SECTION("what is not complete can't be finished") {
      const auto result = host.store_finish(path, kReason);
      REQUIRE_FALSE(result);
      CHECK(result.error().code == ErrorCode::truncated);
      CHECK_FALSE(host.store_state(path)->complete);
    }
    SECTION("what was never begun can't be finished") {
      const auto result = host.store_finish("/payloads/other", kReason);
      REQUIRE_FALSE(result);
      CHECK(result.error().code == ErrorCode::not_found);
      CHECK_FALSE(*host.stat("/payloads/other"));
    }
    SECTION("what is there can be read by somebody else within moments") {
      if (std::is_same_v<TestType, Fake>) return;  // the fake has no such file
      base::system_clock().sleep(Duration{1'500});
      const auto pieces = host::read_stored_pieces(root.path() + path);
      REQUIRE(pieces);
      CHECK(pieces->covers(60'000, 40'000));
      CHECK(pieces->covers(100, 500));
      CHECK_FALSE(pieces->covers(19'999, 2));
    }
  }
  const TestType again(root.path());  // resumed
  host::Host& host = *again.host;
  CHECK(host.store_state(path)->frames == std::vector<uint64_t>{0, 60'000});
  REQUIRE(put(host, 20'000, 40'000));
  REQUIRE(host.store_finish(path, kReason));
  CHECK(host.store_state(path)->complete);
  CHECK(**host.read(path, payload.size()) == payload);
  CHECK(host.store_finish(path, kReason));  // again: nothing to do
}

TEMPLATE_TEST_CASE("units, modules and sysctls", "", Local, Remote) {
  const tests::TemporaryFolder root;
  const tests::FakeSystemd systemd;
  const TestType made(root.path(), systemd.paths());
  host::Host& host = *made.host;
  using Action = host::UnitAction;

  SECTION("the state of a unit") {
    CHECK_FALSE(host.unit("absent.service")->loaded);
    CHECK(host.unit("absent.service")->active == "inactive");
    systemd.install("a.service", "activating");
    systemd.set("a.service", "sub", "auto-restart");
    auto state = host.unit("a.service");
    REQUIRE(state);
    CHECK(state->loaded);
    CHECK_FALSE(state->enabled);
    CHECK(state->active == "activating");
    CHECK(state->sub == "auto-restart");
    for (const auto* enabled : {"enabled", "static", "enabled-runtime"}) {
      systemd.set("a.service", "enabled", enabled);
      CHECK(host.unit("a.service")->enabled);
    }
    systemd.set("a.service", "enabled", "masked");
    CHECK_FALSE(host.unit("a.service")->enabled);
  }
  SECTION("actions, each with what was before") {
    systemd.install("a.service", "inactive");
    for (const auto action : {Action::reload_daemon, Action::enable, Action::start, Action::restart, Action::reload,
                              Action::stop, Action::disable}) {
      REQUIRE(host.unit_action("a.service", action, kReason));
      if (action == Action::reload)
        CHECK((host.unit("a.service")->active == "active" && host.unit("a.service")->enabled));
    }
    std::vector<std::string> done;
    for (const auto& call : systemd.calls()) {
      if (!call.contains(" show ")) done.push_back(call);
    }
    CHECK(done == std::vector<std::string>{"systemctl daemon-reload", "systemctl enable -- a.service",
                                           "systemctl start -- a.service", "systemctl restart -- a.service",
                                           "systemctl reload -- a.service", "systemctl stop -- a.service",
                                           "systemctl disable -- a.service"});
    const auto entries = *host.ledger();
    REQUIRE(entries.size() == 7);
    using Before = host::UnitChanged::Before;
    CHECK(entries[0].change == host::Change(host::UnitChanged{Action::reload_daemon, "", {}}));
    CHECK(entries[2].change == host::Change(host::UnitChanged{Action::start, "a.service", Before{true, "inactive"}}));
    CHECK(entries[4].change == host::Change(host::UnitChanged{Action::reload, "a.service", Before{true, "active"}}));
    CHECK(entries[5].change == host::Change(host::UnitChanged{Action::stop, "a.service", Before{true, "active"}}));
  }
  SECTION("only what runs can be reloaded") {
    systemd.install("a.service", "inactive");
    const auto result = host.unit_action("a.service", Action::reload, kReason);
    REQUIRE_FALSE(result);
    CHECK(result.error().what.contains("is not active"));
    CHECK(host.unit("a.service")->active == "inactive");
  }
  SECTION("a unit that does not start says why") {
    const auto result = host.unit_action("absent.service", Action::start, kReason);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::command_failed);
    CHECK(result.error().what.contains("Unit absent.service not found."));
  }
  SECTION("modules: loaded once, and one that this kernel does not have is told") {
    std::filesystem::create_directory(systemd.file("modules/nf_conntrack"));
    REQUIRE(host.load_module("nf-conntrack", kReason));  // already loaded, under its other spelling
    CHECK(systemd.calls().empty());
    REQUIRE(host.load_module("sealift_test", kReason));
    CHECK(systemd.calls() == std::vector<std::string>{"modprobe -- sealift_test"});
    const auto result = host.load_module("no_such_module", kReason);
    REQUIRE_FALSE(result);
    CHECK(result.error().text().contains("no_such_module"));
    const auto entries = *host.ledger();
    REQUIRE(entries.size() == 3);
    CHECK(entries[0].change == host::Change(host::ModuleLoaded{"nf-conntrack", true}));
    CHECK(entries[1].change == host::Change(host::ModuleLoaded{"sealift_test", false}));
  }
  SECTION("sysctls: set, with the value before; no other file is written") {
    std::ofstream(systemd.file("sys/net/ipv4/ip_forward")) << "0\n";
    REQUIRE(host.set_sysctl("net.ipv4.ip_forward", "1", kReason));
    CHECK(*host.sysctl("net.ipv4.ip_forward") == "1");
    CHECK(host.ledger()->back().change == host::Change(host::SysctlSet{"net.ipv4.ip_forward", "1", "0"}));
    CHECK(host.set_sysctl("net.ipv4.no_such", "1", kReason).error().code == ErrorCode::not_found);
    CHECK_FALSE(host.set_sysctl("net.ipv4.../modules/x", "1", kReason));
    CHECK_FALSE(host.set_sysctl("net/ipv4/ip_forward", "2", kReason));
    CHECK(*host.sysctl("net.ipv4.ip_forward") == "1");
  }
  SECTION("a long command") {
    const auto result = host.run_job("sealift-x", {{"/no/such/program"}, {}, "/", Duration{1'000}}, kReason, {});
    CHECK_FALSE(result);
    CHECK(host.ledger()->back().change == host::Change(host::CommandRun{"/no/such/program", "sealift-x"}));
    CHECK(std::ranges::any_of(systemd.calls(), [](const std::string& call) {
      return call.starts_with("systemd-run --quiet --collect --no-block --unit=sealift-x -- /");
    }));
  }
}

TEST_CASE("a source that breaks is cancelled at the agent, which keeps nothing of it") {
  const tests::TemporaryFolder root;
  const Remote made(root.path());
  bool begun = false;
  FailingSource source([&] { begun = soon([&] { return !root.empty(); }); });
  CHECK(made.host->write_atomic("/file", own(0644), source, kReason).error().code == ErrorCode::corrupt);
  CHECK(begun);
  CHECK(
      soon([&] { return root.empty(); }));  // the call has ended on this side; on the other side that may take a moment
  CHECK(made.host->list("/")->empty());     // and the connection still works
}

TEST_CASE("a connection that ends wakes every call with `unreachable`") {
  const tests::TemporaryFolder root;
  Remote made(root.path());
  auto cutter = Thread::start([&] {
    base::system_clock().sleep(Duration{300});
    made.hang_up();
  });
  const auto said = made.host->run({{"sleep", "30"}, {}, "/", {}}, {}, kReason, {});
  REQUIRE_FALSE(said);
  CHECK(said.error().code == ErrorCode::unreachable);
  CHECK(made.host->stat("/x").error().code == ErrorCode::unreachable);
}
