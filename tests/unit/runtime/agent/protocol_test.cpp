// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "payload/base/thread.h"
#include "runtime/agent/protocol.h"
#include "runtime/agent/remote_host.h"
#include "runtime/host/json_values.h"

using namespace sealift;
using namespace sealift::agent;

namespace {

Bytes frame(uint8_t type, uint32_t id, std::string_view body) {
  base::ByteWriter out;
  out.u32(static_cast<uint32_t>(body.size()));
  out.u8(type);
  out.u32(id);
  out.bytes(base::as_bytes(body));
  return out.take();
}

std::string said(std::initializer_list<Bytes> frames, std::string_view before = {}) {
  std::string out = std::string(before) + std::string(kMagic);
  for (const auto& one : frames) out += base::as_text(one);
  return out;
}

// Input of a host that does not exist.
class Nowhere final : public base::Sink {
 public:
  Result<void> write(ByteView) override { return {}; }
};

// An agent that prints this and nothing more.
Result<std::unique_ptr<RemoteHost>> connect_to(const std::string& words) {
  static Nowhere nowhere;
  base::MemorySource source(base::as_bytes(words));
  return RemoteHost::connect({source, nowhere, [] {}, nullptr}, base::system_clock());
}

ErrorCode code_of(const Result<std::unique_ptr<RemoteHost>>& host) {
  REQUIRE_FALSE(host);
  return host.error().code;
}

}  // namespace

TEST_CASE("frames are bounded and of known types") {
  const auto parse = [](const Bytes& bytes) {
    base::ByteReader reader(bytes);
    return parse_frame(reader);
  };
  const auto good = parse(frame(3, 7, "abc"));
  REQUIRE(good);
  CHECK(good->type == FrameType::data);
  CHECK(good->id == 7);
  CHECK(base::as_text(good->body) == "abc");
  CHECK(parse(frame(0, 1, "")).error().code == ErrorCode::protocol);
  CHECK(parse(frame(10, 1, "")).error().code == ErrorCode::protocol);
  base::ByteWriter large;
  large.u32(kMaxFrame + 1);
  large.u8(3);
  large.u32(1);
  CHECK(parse(large.data()).error().code == ErrorCode::protocol);
  const Bytes whole = frame(3, 7, "abc");
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    base::MemorySource source(ByteView(whole).first(cut));
    CHECK(read_frame(source).error().code == ErrorCode::truncated);
  }
}

TEST_CASE("login noise before the magic is skipped, within bounds") {
  const auto skip = [](const std::string& text) {
    base::MemorySource source(base::as_bytes(text));
    return skip_to_magic(source);
  };
  CHECK(skip(std::string(kMagic).substr(1)));  // at the very beginning
  CHECK(skip("Last login: today" + std::string(kMagic)));
  CHECK(skip("\nSEALIFT-AGENT\n" + std::string(kMagic)));
  const auto ended = skip("bash: no such file\n");
  CHECK(ended.error().code == ErrorCode::protocol);
  CHECK(ended.error().what.contains("no such file"));
  CHECK(skip(std::string(kMaxNoise + 100, 'x')).error().code == ErrorCode::protocol);
}

TEST_CASE("an agent that can't be worked with") {
  CHECK(code_of(connect_to("")) == ErrorCode::protocol);
  CHECK(code_of(connect_to(said({frame(1, 0, R"({"version":"99.0"})")}))) == ErrorCode::protocol);
  CHECK(code_of(connect_to(said({frame(5, 0, "{}")}))) == ErrorCode::protocol);
  CHECK(code_of(connect_to(said({frame(1, 0, "no json")}))) == ErrorCode::corrupt);
  const auto busy =
      connect_to(said({frame(1, 0, R"({"version":"0","error":{"code":"busy","what":"ops works here"}})")}, "motd\n"));
  CHECK(code_of(busy) == ErrorCode::busy);
  CHECK(busy.error().what == "ops works here");
}

TEST_CASE("a body takes no more than was granted") {
  Nowhere nowhere;
  FrameWriter writer(nowhere);
  BodyQueue queue(writer, 1);
  REQUIRE(queue.put(Bytes(kWindow)));
  CHECK(queue.put(Bytes(1)).error().code == ErrorCode::protocol);
  Bytes buffer(100);
  CHECK(queue.read(buffer) == 100U);
  CHECK(queue.put(Bytes(100)));
  queue.finish();
  CHECK(base::read_all(queue, 2 * kWindow)->size() == kWindow);
}

TEST_CASE("a body that is given up wakes its reader and swallows the rest") {
  Nowhere nowhere;
  FrameWriter writer(nowhere);
  BodyQueue queue(writer, 1);
  auto aborter = Thread::start([&] { queue.abort({ErrorCode::unreachable, "gone", {}}); });
  Bytes buffer(10);
  CHECK(queue.read(buffer).error().code == ErrorCode::unreachable);
  BodyQueue dropped(writer, 2);
  dropped.drop();
  for (int i = 0; i < 100; ++i) CHECK(dropped.put(Bytes(kPiece)));
}

TEST_CASE("a sender waits for credit") {
  Credit credit;
  CHECK(credit.take(kWindow + 5) == kWindow);
  auto granter = Thread::start([&] { credit.grant(3); });
  CHECK(credit.take(10) == 3U);
  auto aborter = Thread::start([&] { credit.abort({ErrorCode::cancelled, "enough", {}}); });
  CHECK(credit.take(10).error().code == ErrorCode::cancelled);
}

TEST_CASE("errors keep their code and story") {
  const Error error{ErrorCode::host_key_changed, "what", {"inner", "outer"}};
  const auto back = host::error_from_json(host::to_json(error));
  CHECK(back.code == error.code);
  CHECK(back.what == error.what);
  CHECK(back.while_doing == error.while_doing);
  CHECK(host::error_from_json(json::Value("odd")).code == ErrorCode::internal);
}
