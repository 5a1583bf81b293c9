// SPDX-License-Identifier: Apache-2.0
//
// Agents that lie, say nothing or never stop: what the launch machine holds of them, and how long it listens.
#include <catch2/catch_test_macros.hpp>

#include <sys/socket.h>

#include <array>
#include <csignal>
#include <functional>

#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/thread.h"
#include "payload/base/version.h"
#include "runtime/agent/protocol.h"
#include "runtime/agent/remote_host.h"
#include "tests/support/fake_clock.h"

using namespace sealift;
using agent::FrameType;

namespace {

// The agent's end of a connection, for answers by hand.
class Mouth {
 public:
  explicit Mouth(int fd) : sink_(fd), source_(fd), writer_(sink_) {}
  bool say(FrameType type, uint32_t id, std::string_view body) {
    return writer_.write(type, id, base::as_bytes(body)).has_value();
  }
  // The next request. Credit for bodies is taken on the way.
  Result<agent::WireFrame> hear() {
    for (;;) {
      SEALIFT_ASSIGN(auto frame, agent::read_frame(source_));
      base::ByteReader reader(frame.body);
      if (frame.type == FrameType::credit) credit_ += reader.u32().value_or(0);
      if (frame.type == FrameType::request || frame.type == FrameType::credit) return std::move(frame);
    }
  }
  // A response, and a body of these pieces, as far as there is credit for them.
  bool answer(uint32_t id, std::string_view response, const std::vector<std::string>& pieces = {}) {
    if (!say(FrameType::response, id, response)) return false;
    credit_ = agent::kWindow;
    for (const auto& piece : pieces) {
      while (credit_ < piece.size()) {
        if (!hear()) return false;
      }
      credit_ -= piece.size();
      if (!say(FrameType::data, id, piece)) return false;
    }
    return pieces.empty() || say(FrameType::end, id, {});
  }

 private:
  base::FdSink sink_;
  base::FdSource source_;
  agent::FrameWriter writer_;
  uint64_t credit_ = 0;
};

// Answers each request with a lie.
class Liar {
 public:
  using Lie = std::function<void(Mouth&, uint32_t id)>;
  explicit Liar(Lie lie, std::string hello = base::format(R"({{"version":"{}"}})", base::kVersion))
      : lie_(std::move(lie)) {
    ::signal(SIGPIPE, SIG_IGN);  // it may be hung up on in the middle of a word
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    ours_ = base::Fd(ends[0]);
    its_ = base::Fd(ends[1]);
    source_.emplace(ours_.get());
    sink_.emplace(ours_.get());
    auto started = Thread::start([this, hello = std::move(hello)] { talk(hello); });
    REQUIRE(started);
    thread_ = std::move(*started);
    auto connected =
        agent::RemoteHost::connect({*source_, *sink_, [this] { ::shutdown(ours_.get(), SHUT_RDWR); }, nullptr}, clock);
    INFO((connected ? "" : connected.error().text()));
    REQUIRE(connected);
    host = std::move(*connected);
  }
  Liar(const Liar&) = delete;
  ~Liar() {
    host.reset();
    ::shutdown(its_.get(), SHUT_RDWR);
  }

  tests::FakeClock clock;
  std::unique_ptr<agent::RemoteHost> host;

 private:
  void talk(const std::string& hello) {
    Mouth mouth(its_.get());
    if (!base::write_all(its_.get(), base::as_bytes(agent::kMagic)) || !mouth.say(FrameType::hello, 0, hello)) return;
    while (auto frame = mouth.hear()) {
      if (frame->type == FrameType::request) lie_(mouth, frame->id);
    }
  }

  Lie lie_;
  base::Fd ours_, its_;
  std::optional<base::FdSource> source_;
  std::optional<base::FdSink> sink_;
  Thread thread_;
};

// This much time passes for the launch machine while a call waits.
template <class Call>
auto while_time_passes(Liar& liar, Duration step, Call call) {
  std::atomic<bool> ended = false;
  auto passing = Thread::start([&] {
    while (!ended) {
      base::system_clock().sleep(Duration{20});
      liar.clock.advance(step);
    }
  });
  auto out = call();
  ended = true;
  return out;
}

std::string many(std::string_view text, size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

template <class T>
void check_code(const Result<T>& result, ErrorCode code) {
  REQUIRE_FALSE(result);
  INFO(result.error().text());
  CHECK(result.error().code == code);
}

}  // namespace

TEST_CASE("an agent that answers pings and no call is waited for a while") {
  Liar liar([](Mouth& mouth, uint32_t) { mouth.say(FrameType::pong, 0, {}); });
  const auto got = while_time_passes(liar, Duration{5'000}, [&] { return liar.host->stat("/etc"); });
  check_code(got, ErrorCode::timeout);
  CHECK(got.error().what.contains("stat"));
}

TEST_CASE("an agent whose answer never comes to its end is waited for a while") {
  const auto half = [](Mouth& mouth, uint32_t id) {
    mouth.say(FrameType::response, id, R"({"body":true,"there":true})");
    mouth.say(FrameType::data, id, "half");
  };
  Liar liar(half);
  check_code(while_time_passes(liar, Duration{5'000}, [&] { return liar.host->read("/etc/x", 100); }),
             ErrorCode::timeout);
}

TEST_CASE("an agent that takes no more of what it is sent is waited for a while") {
  Liar liar([](Mouth&, uint32_t) {});
  const Bytes large(size_t{16} << 20);
  base::MemorySource source(large);
  const auto wrote = while_time_passes(liar, Duration{60'000},
                                       [&] { return liar.host->write_atomic("/etc/x", {}, source, {"step", ""}); });
  check_code(wrote, ErrorCode::timeout);
}

TEST_CASE("a cancelled command is waited for ten seconds, whatever the agent says meanwhile") {
  Liar liar([](Mouth& mouth, uint32_t) { mouth.say(FrameType::pong, 0, {}); });
  CancelSource cancel;
  cancel.cancel();
  check_code(liar.host->run({{"true"}, {}, "/", {}}, {}, {"step", ""}, cancel.token()), ErrorCode::cancelled);
  CancelSource later;
  auto canceller = Thread::start([&] {
    base::system_clock().sleep(Duration{150});
    later.cancel();
  });
  const auto ran = while_time_passes(
      liar, Duration{1'000}, [&] { return liar.host->run({{"true"}, {}, "/", {}}, {}, {"step", ""}, later.token()); });
  check_code(ran, ErrorCode::cancelled);
}

TEST_CASE("answers are limited in bytes and in elements") {
  SECTION("a file") {
    Liar liar([](Mouth& mouth, uint32_t id) {
      mouth.answer(id, R"({"body":true,"there":true})", std::vector<std::string>(20, std::string(1000, 'x')));
    });
    check_code(liar.host->read("/etc/x", 10'000), ErrorCode::limit_exceeded);
    check_code(liar.host->read("/etc/x", 19'999), ErrorCode::limit_exceeded);
    CHECK(liar.host->read("/etc/x", 20'000));
  }
  SECTION("an answer that has no body") {
    Liar liar([](Mouth& mouth, uint32_t id) { mouth.answer(id, R"({"body":true,"value":true})", {"more"}); });
    check_code(liar.host->worked_on(), ErrorCode::limit_exceeded);
  }
  SECTION("more than it had credit for") {
    Liar liar([](Mouth& mouth, uint32_t id) {
      for (int i = 0; i < 30; ++i) mouth.say(FrameType::data, id, std::string(agent::kPiece, 'x'));
    });
    check_code(liar.host->read("/etc/x", size_t{64} << 20), ErrorCode::protocol);
  }
  SECTION("a list") {
    Liar liar(
        [](Mouth& mouth, uint32_t id) { mouth.answer(id, R"({"value":[)" + many(R"("",)", 250'000) + R"(""]})"); });
    check_code(liar.host->list("/etc"), ErrorCode::limit_exceeded);
  }
  SECTION("what a command printed") {
    Liar liar(
        [](Mouth& mouth, uint32_t id) { mouth.answer(id, R"({"body":true,"code":0,"outputBytes":9})", {"less"}); });
    check_code(liar.host->query({{"true"}, {}, "/", {}}, {}, {}), ErrorCode::protocol);
  }
  SECTION("numbers") {
    Liar liar([](Mouth& mouth, uint32_t id) {
      mouth.answer(id, R"({"body":true,"code":99999999999,"outputBytes":0})", {"x"});
    });
    check_code(liar.host->query({{"true"}, {}, "/", {}}, {}, {}), ErrorCode::protocol);
  }
}

TEST_CASE("a ledger is taken apart as it comes") {
  SECTION("lines that are no entries end it at once") {
    Liar liar([](Mouth& mouth, uint32_t id) {
      mouth.answer(id, R"({"body":true})", std::vector<std::string>(16, many("{}\n", 80'000)));
    });
    check_code(liar.host->ledger(), ErrorCode::protocol);
  }
  SECTION("a line without end") {
    Liar liar([](Mouth& mouth, uint32_t id) {
      mouth.answer(id, R"({"body":true})", std::vector<std::string>(16, std::string(200'000, ' ')));
    });
    check_code(liar.host->ledger(), ErrorCode::limit_exceeded);
  }
  SECTION("more entries than any host has") {
    const std::string entry = R"({"seq":1,"time":"","step":"","inputs":"","change":{"kind":"begun"}})";
    Liar one([&](Mouth& mouth, uint32_t id) { mouth.answer(id, R"({"body":true})", {entry + "\n" + entry + "\n"}); });
    const auto two = one.host->ledger();
    INFO((two ? "" : two.error().text()));
    REQUIRE(two);
    CHECK(two->size() == 2);
    Liar liar([&](Mouth& mouth, uint32_t id) {
      mouth.answer(id, R"({"body":true})", std::vector<std::string>(120, many(entry + "\n", 1'000)));
    });
    check_code(liar.host->ledger(), ErrorCode::limit_exceeded);
  }
}

TEST_CASE("a footprint is one, and no larger than any host's") {
  const std::string trace = R"({"kind":"link","name":"cni0","value":"\u001b[2J"})";
  Liar one([&](Mouth& mouth, uint32_t id) { mouth.answer(id, R"({"body":true})", {trace + "\n"}); });
  const auto read = one.host->footprint();
  REQUIRE(read);
  CHECK(*read == host::Footprint{{host::Trace::Kind::link, "cni0", "\x1b[2J"}});  // as it is: for comparisons
  Liar twice([&](Mouth& mouth, uint32_t id) { mouth.answer(id, R"({"body":true})", {trace + "\n" + trace + "\n"}); });
  check_code(twice.host->footprint(), ErrorCode::corrupt);
  Liar none([&](Mouth& mouth, uint32_t id) { mouth.answer(id, R"({"body":true})", {"{}\n"}); });
  check_code(none.host->footprint(), ErrorCode::corrupt);
  Liar endless([&](Mouth& mouth, uint32_t id) {
    mouth.answer(id, R"({"body":true})", std::vector<std::string>(260, std::string(size_t{256} << 10, ' ')));
  });
  check_code(endless.host->footprint(), ErrorCode::limit_exceeded);
}

TEST_CASE("text from a host moves no cursor and turns no line round") {
  const std::string bad = "\\u001b]0;x\\u0007\\u009b2J\\u202egpj.exe\\n";
  Liar liar(
      [&](Mouth& mouth, uint32_t id) {
        mouth.answer(id, R"({"error":{"code":"io","what":")" + bad + R"(second line","while":[")" + bad + R"("]}})");
      },
      base::format(R"({{"version":"{}","busy":"{}"}})", base::kVersion, bad));
  CHECK(liar.host->busy_owner() == "\\x1b]0;x\\x07\\u{009b}2J\\u{202e}gpj.exe\\x0a");
  const auto got = liar.host->stat("/");
  REQUIRE_FALSE(got);
  CHECK(got.error().what == "\\x1b]0;x\\x07\\u{009b}2J\\u{202e}gpj.exe\nsecond line");
  REQUIRE(got.error().while_doing.size() == 1);
  CHECK(got.error().while_doing[0] == liar.host->busy_owner());

  Liar feature(
      [&](Mouth& mouth, uint32_t id) { mouth.answer(id, R"({"value":{"works":false,"detail":")" + bad + R"("}})"); });
  const auto result = feature.host->try_feature("overlay");
  REQUIRE(result);
  CHECK(result->detail == liar.host->busy_owner());
}

TEST_CASE("an error without end is cut") {
  Liar liar([&](Mouth& mouth, uint32_t id) {
    mouth.answer(id, R"({"error":{"code":"io","what":")" + std::string(1'000'000, 'x') + R"(","while":[)" +
                         many(R"("a",)", 10'000) + R"("a"]}})");
  });
  const auto got = liar.host->stat("/");
  REQUIRE_FALSE(got);
  CHECK(got.error().text().size() < 100'000);
}

TEST_CASE("an agent that calls, or answers what nobody asked, is hung up on or not heard") {
  Liar asks([](Mouth& mouth, uint32_t id) { mouth.say(FrameType::request, id, R"({"call":"run"})"); });
  check_code(asks.host->stat("/"), ErrorCode::protocol);
  Liar mumbles([](Mouth& mouth, uint32_t id) {
    for (uint32_t other = 1000; other < 1500; ++other) {
      mouth.answer(other, R"({"body":true,"value":[]})", {"unasked"});
      mouth.say(FrameType::credit, other, std::string(4, '\xff'));
    }
    mouth.answer(id, R"({"value":true})");
  });
  const auto heard = mumbles.host->worked_on();
  REQUIRE(heard);
  CHECK(*heard);
}
