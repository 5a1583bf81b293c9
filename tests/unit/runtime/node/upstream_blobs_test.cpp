// SPDX-License-Identifier: Apache-2.0
// Registry hosts that die, lie or are overloaded; the requirements on every source are in tests/conformance.
#include "runtime/node/upstream_blobs.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/hand_server.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using node::BlobInfo;
using node::Question;
using node::UpstreamBlobs;
using tests::Connection;
using tests::HandServer;
using tests::WaitedClock;

namespace {

const std::string kBlob = tests::numbers(300'000);
const Digest kDigest = hash::sha256(base::as_bytes(kBlob));
const Question kQuestion{"docker.io", "library/hello", Question::Kind::blob, kDigest.text()};
const BlobInfo kInfo{kQuestion, kDigest, kBlob.size(), "application/octet-stream"};

std::string answer(std::string_view status, std::string_view headers, std::string_view body) {
  return base::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body);
}

// "bytes=10-19" of a request's head: 10.
uint64_t offset_of(const std::string& request) {
  const size_t at = request.find("bytes=");
  REQUIRE(at != std::string::npos);
  return *base::parse_u64(request.substr(at + 6, request.find('-', at) - at - 6));
}

std::string part(uint64_t offset, std::string body) {
  return answer("206 Partial Content",
                base::format("Content-Range: bytes {}-{}/{}\r\n", offset, offset + body.size() - 1, kBlob.size()),
                body);
}

// A registry host defined by its answer to a GET.
class Host {
 public:
  explicit Host(std::function<std::string(uint64_t offset)> get)
      : server_([this, get = std::move(get)](Connection& connection) {
          const std::string request = connection.request();
          if (request.empty()) return;
          ++asked_;
          connection.send(get(offset_of(request)));
        }) {}
  http::Origin origin() const { return {"http", "127.0.0.1", server_.port()}; }
  int asked() const { return asked_; }

 private:
  std::atomic<int> asked_ = 0;
  HandServer server_;
};

std::string good(uint64_t offset) { return part(offset, kBlob.substr(offset)); }

struct Got {
  std::string bytes;
  std::optional<ErrorCode> error;
};

Got read(UpstreamBlobs& source, format::ByteRange range = {}) {
  Got out;
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    out.bytes += base::as_text(data);
    return {};
  });
  const auto done = source.read(kInfo, range, sink);
  if (!done) out.error = done.error().code;
  return out;
}

}  // namespace

TEST_CASE("a host that ends early is followed by the next from there on; if none goes on, the blob is not complete") {
  WaitedClock clock;
  Host dying([](uint64_t offset) { return good(offset).substr(0, 100'000); }), whole(good);
  UpstreamBlobs both({dying.origin(), whole.origin()}, {}, clock);
  const auto got = read(both);
  CHECK_FALSE(got.error);
  CHECK(got.bytes == kBlob);
  CHECK(dying.asked() == 1);
  // A lone one is asked again, also at the end of an answer that took longer than one waits for a silent host.
  Host slow([&](uint64_t offset) {
    clock.sleep(Duration{100'000});
    return good(offset).substr(0, 100'000);
  });
  UpstreamBlobs patient({slow.origin()}, {}, clock);
  CHECK(read(patient).bytes == kBlob);
  CHECK(slow.asked() >= 4);
  Host broken([](uint64_t offset) { return good(offset).substr(0, offset == 0 ? 100'000 : 10); });
  UpstreamBlobs alone({broken.origin()}, {}, clock);
  const auto cut = read(alone);
  CHECK(cut.error == ErrorCode::unreachable);
  CHECK(cut.bytes.size() < kBlob.size());
  CHECK(kBlob.starts_with(cut.bytes));
}

TEST_CASE("a host that answers another part, the whole or too much is not believed; the next one is asked") {
  WaitedClock clock;
  const auto ignores_range = [](uint64_t) { return answer("200 OK", "", kBlob); };
  const auto other_part = [](uint64_t offset) { return part(offset + 1, kBlob.substr(offset + 1)); };
  const auto no_place = [](uint64_t offset) { return answer("206 Partial Content", "", kBlob.substr(offset)); };
  const auto too_much = [](uint64_t offset) { return part(offset, kBlob.substr(offset) + "x"); };
  const auto no_blob = [](uint64_t) { return answer("404 Not Found", "", "none"); };
  for (const auto& wrong :
       {std::function<std::string(uint64_t)>(ignores_range), {other_part}, {no_place}, {too_much}, {no_blob}}) {
    Host first(wrong), second(good);
    UpstreamBlobs source({first.origin(), second.origin()}, {}, clock);
    const auto got = read(source, {1'000, kBlob.size() - 1'000});
    CHECK_FALSE(got.error);
    CHECK(got.bytes == kBlob.substr(1'000));
    CHECK(first.asked() == 1);
  }
  // A whole blob may be answered with 200.
  Host plain(ignores_range);
  UpstreamBlobs source({plain.origin()}, {}, clock);
  CHECK(read(source).bytes == kBlob);
}

TEST_CASE("a host that sent wrong bytes is asked last from then on") {
  WaitedClock clock;
  Host liar([](uint64_t offset) {
    auto bytes = kBlob.substr(offset);
    bytes[bytes.size() / 2] ^= 1;
    return part(offset, bytes);
  });
  Host honest(good);
  UpstreamBlobs source({liar.origin(), honest.origin()}, {}, clock);
  const auto first = read(source);
  CHECK(first.error == ErrorCode::corrupt);
  CHECK(first.bytes.size() < kBlob.size());
  const auto second = read(source);
  CHECK_FALSE(second.error);
  CHECK(second.bytes == kBlob);
  CHECK(liar.asked() == 1);
}

TEST_CASE("hosts that have too much to do, or are not there, are asked again for a while") {
  WaitedClock clock;
  const std::string busy = answer("503 Service Unavailable", "Retry-After: 5\r\n", "too many requests at once");
  {
    std::atomic<int> refusals = 3;
    Host host([&](uint64_t offset) { return refusals-- > 0 ? busy : good(offset); });
    UpstreamBlobs source({host.origin()}, {}, clock);
    CHECK(read(source).bytes == kBlob);
    CHECK(clock.waited() > Duration::zero());
    CHECK(clock.waited() < Duration{30'000});
  }
  const Duration before = clock.waited();
  Host never([&](uint64_t) { return busy; });
  UpstreamBlobs source({never.origin()}, {}, clock);
  CHECK(read(source).error == ErrorCode::unreachable);
  CHECK(clock.waited() - before >= Duration{60'000});
  const Duration later = clock.waited();
  UpstreamBlobs nowhere({{"http", "127.0.0.1", 1}}, {}, clock);
  CHECK(read(nowhere).error == ErrorCode::unreachable);
  CHECK(clock.waited() - later >= Duration{60'000});
  // Waiting does not help against an answer that makes no sense, nor when there is no host to ask.
  const Duration last = clock.waited();
  Host wrong([](uint64_t) { return answer("404 Not Found", "", "none"); });
  UpstreamBlobs senseless({wrong.origin()}, {}, clock), nobody({}, {}, clock);
  CHECK(read(senseless).error == ErrorCode::protocol);
  CHECK(read(nobody).error == ErrorCode::unreachable);
  CHECK(clock.waited() == last);
}

TEST_CASE("what a registry of others answered a registry host is passed on at once, in its own words") {
  WaitedClock clock;
  Host failing([](uint64_t) {
    return answer("502 Bad Gateway", "Content-Type: application/json\r\n",
                  R"({"errors":[{"code":"UNAVAILABLE","message":"https://harbor.example refuses the user robot"}]})");
  });
  UpstreamBlobs source({failing.origin()}, {}, clock);
  base::FunctionSink nowhere([](ByteView) -> Result<void> { return {}; });
  const auto done = source.read(kInfo, {}, nowhere);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::protocol);
  CHECK(done.error().what ==
        base::format("https://harbor.example refuses the user robot, asked through {}", failing.origin().text()));
  CHECK(clock.waited() == Duration::zero());
  // One that is busy may have kept it.
  std::atomic<int> refusals = 3;
  Host busy([&](uint64_t offset) {
    return refusals-- > 0 ? answer("503 Service Unavailable", "", "too many requests at once") : good(offset);
  });
  UpstreamBlobs both({failing.origin(), busy.origin()}, {}, clock);
  CHECK(read(both).bytes == kBlob);
}

TEST_CASE("a host that does not say what a tag names, or says something else than was asked, is not understood") {
  WaitedClock clock;
  const std::string digest = "Docker-Content-Digest: " + kDigest.text() + "\r\n",
                    other = "Docker-Content-Digest: " + hash::sha256({}).text() + "\r\n";
  Question tag = kQuestion;
  tag.kind = Question::Kind::manifest;
  tag.reference = "1.0";
  const auto stat = [&](const Question& question, const std::string& headers) {
    HandServer server([&](Connection& connection) {
      if (!connection.request().empty()) connection.send("HTTP/1.1 200 OK\r\n" + headers + "\r\n");
    });
    UpstreamBlobs source({{"http", "127.0.0.1", server.port()}}, {}, clock);
    return source.stat(question);
  };
  const auto known = stat(tag, "Content-Length: 7\r\nContent-Type: a/b\r\n" + digest);
  REQUIRE(known);
  REQUIRE(*known);
  CHECK((*known)->digest == kDigest);
  CHECK((*known)->size == 7);
  CHECK((*known)->media_type == "a/b");
  CHECK((*stat(kQuestion, "Content-Length: 7\r\n"))->digest == kDigest);
  for (const auto& [question, headers] : {std::pair(tag, std::string("Content-Length: 7\r\n")),
                                          {kQuestion, "Content-Length: 7\r\n" + other},
                                          {tag, digest}}) {
    INFO(question.reference << " " << headers);
    const auto unknown = stat(question, headers);
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().code == ErrorCode::protocol);
  }
}

TEST_CASE("what one host does not have, the next may: another artifact lies elsewhere while the registry moves") {
  WaitedClock clock;
  const auto replies = [](const std::string& head) {
    return [head](Connection& connection) {
      if (!connection.request().empty()) connection.send(head);
    };
  };
  HandServer without(replies("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
  HandServer with(replies("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"));
  const http::Origin first{"http", "127.0.0.1", without.port()}, second{"http", "127.0.0.1", with.port()},
      away{"http", "127.0.0.1", 1};
  UpstreamBlobs both({first, second}, {}, clock);
  const auto found = both.stat(kQuestion);
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->size == 7);
  // One that is away keeps nobody waiting for what the others don't have.
  const Duration before = clock.waited();
  UpstreamBlobs none({first, away}, {}, clock);
  const auto missing = none.stat(kQuestion);
  REQUIRE(missing);
  CHECK_FALSE(*missing);
  CHECK(clock.waited() == before);
}
