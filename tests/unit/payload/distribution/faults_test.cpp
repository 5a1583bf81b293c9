// SPDX-License-Identifier: Apache-2.0
// Registries and lines that misbehave while a blob arrives: no wrong byte is kept, and the next attempt goes on.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/distribution/registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_server.h"

using namespace sealift;
using distribution::Logins;
using distribution::Registry;
using tests::answer;
using tests::long_text;
using tests::redirect;
using Request = tests::FaultyServer::Request;

namespace {

class Faulty : public tests::FaultyServer {
 public:
  using FaultyServer::FaultyServer;
  Result<std::string> blob(const std::string& text, const distribution::Patience& patience = {}) {
    return blob(hash::sha256(base::as_bytes(text)), text.size(), patience);
  }
  Result<std::string> blob(const Digest& digest, uint64_t size, const distribution::Patience& patience = {}) {
    SEALIFT_ASSIGN(const auto registry, Registry::open(name(), {}, logins_, clock, patience));
    base::MemorySink sink(size_t{64} << 20);
    SEALIFT_TRY(registry->blob("team/app", digest, size, 0, sink, {}));
    return std::string(base::as_text(sink.data()));
  }

  tests::FakeClock clock;

 private:
  Logins logins_;
};

// `internal` if there is no error.
ErrorCode code_of(const Result<std::string>& result) { return result ? ErrorCode::internal : result.error().code; }

}  // namespace

TEST_CASE("a connection that is cut anywhere is taken up at that byte") {
  const std::string text = long_text(70'000);
  for (size_t cut = 0; cut < text.size(); cut += cut < 20 ? 1 : 4'999) {
    INFO(cut);
    Faulty registry(
        [&](const Request& request) { return answer(text, request.from(), request.number == 0 ? cut : SIZE_MAX); });
    const auto blob = registry.blob(text);
    if (!blob) FAIL(blob.error().text());
    CHECK(*blob == text);
    REQUIRE(registry.requests.size() == 2);
    CHECK(registry.requests[1].from() == cut);
  }
}

TEST_CASE("an answer that is cut within its head is asked for again") {
  const std::string text = long_text(1'000);
  const std::string whole = answer(text, 0);
  for (size_t cut = 0; cut < whole.size() - text.size(); cut += 7) {
    INFO(cut);
    Faulty registry([&](const Request& request) { return request.number == 0 ? whole.substr(0, cut) : whole; });
    const auto blob = registry.blob(text);
    if (!blob) FAIL(blob.error().text());
    CHECK(*blob == text);
  }
}

TEST_CASE("a long pull over a bad line ends: attempts count anew as long as it moves on") {
  const std::string text = long_text(2'000'000);
  Faulty registry([&](const Request& request) { return answer(text, request.from(), 100'000); });
  const auto blob = registry.blob(text);
  if (!blob) FAIL(blob.error().text());
  CHECK(*blob == text);
  CHECK(registry.requests.size() == 20);
  CHECK(registry.clock.monotonic() == Duration{19 * 1'000});
  // one that only ever gives a few bytes is given up
  Faulty mean([&](const Request& request) { return answer(text, request.from(), 1'000); });
  const auto never = mean.blob(text);
  REQUIRE_FALSE(never);
  CHECK(never.error().code == ErrorCode::unreachable);
  CHECK(mean.requests.size() == 5);
}

TEST_CASE("a registry that gives next to nothing is asked again from there, a few times, and then named") {
  // Each look at this clock takes so long: the time between two pieces of the body.
  struct SlowClock final : Clock {
    WallTime now() const override { return WallTime{time}; }
    Duration monotonic() const override { return looks-- > 0 ? time += Duration{100'000} : time; }
    void sleep(Duration duration) override { time += duration; }
    mutable Duration time{};
    mutable int looks = 0;
  } clock;
  const std::string text = long_text(300'000);
  Faulty registry([&](const Request& request) { return answer(text, request.from()); });
  const Logins logins;
  const auto opened = Registry::open(registry.name(), {}, logins, clock, {.attempts = 3});
  REQUIRE(opened);
  const auto blob = [&](int looks) -> Result<void> {
    registry.requests.clear();
    clock.looks = looks;
    base::MemorySink sink(size_t{64} << 20);
    SEALIFT_TRY((*opened)->blob("team/app", hash::sha256(base::as_bytes(text)), text.size(), 0, sink, {}));
    CHECK(base::as_text(sink.data()) == text);
    return {};
  };
  REQUIRE(blob(3));
  REQUIRE(registry.requests.size() == 2);
  CHECK(registry.requests[1].from() > 0);
  const auto given_up = blob(1'000);
  REQUIRE_FALSE(given_up);
  CHECK(given_up.error().code == ErrorCode::timeout);
  INFO(given_up.error().text());
  CHECK(given_up.error().what.starts_with("http://" + registry.name() + " is too slow: "));
  CHECK(given_up.error().what.ends_with("B/s for 100 s, at least 1.0 KiB/s are expected"));
  CHECK(registry.requests.size() == 3);
  CHECK(registry.requests[2].from() > registry.requests[1].from());
}

TEST_CASE("a part of a blob is asked for as a part, or taken out of the whole") {
  const std::string text = long_text(100'000);
  const auto rest_of = [&](Faulty& registry) {
    const Logins logins;
    const auto opened = Registry::open(registry.name(), {}, logins, registry.clock, {});
    REQUIRE(opened);
    base::MemorySink sink(size_t{64} << 20);
    const auto done = (*opened)->blob("team/app", hash::sha256(base::as_bytes(text)), text.size(), 30'000, sink, {});
    if (!done) FAIL(done.error().text());
    CHECK(registry.requests[0].from() == 30'000);
    return std::string(base::as_text(sink.data()));
  };
  Faulty with_parts([&](const Request& request) {
    return answer(text, request.from(), request.number == 0 ? 10'000 : SIZE_MAX);  // breaks off, too
  });
  CHECK(rest_of(with_parts) == text.substr(30'000));
  CHECK(with_parts.requests.at(1).from() == 40'000);
  Faulty only_whole([&](const Request&) { return answer(text, 0); });
  CHECK(rest_of(only_whole) == text.substr(30'000));
}

TEST_CASE("a token that expires in the middle is renewed, and the blob goes on") {
  const std::string text = long_text(300'000);
  int tokens = 0;
  std::string origin;
  Faulty registry([&](const Request& request) {
    if (request.path().starts_with("/token"))
      return base::format("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{{\"token\":\"t{}\"}}", ++tokens);
    // the first token holds until the connection breaks
    if (!request.has(base::format("Authorization: Bearer t{}\r\n", request.from() == 0 ? 1 : 2)))
      return base::format(
          "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"{}/token\"\r\nContent-Length: 0\r\n\r\n",
          origin);
    return answer(text, request.from(), request.from() == 0 ? 150'000 : SIZE_MAX);
  });
  origin = "http://" + registry.name();
  const auto blob = registry.blob(text);
  if (!blob) FAIL(blob.error().text());
  CHECK(*blob == text);
  CHECK(tokens == 2);
  CHECK(registry.requests.back().from() == 150'000);
}

TEST_CASE("429 waits as long as the registry asks, in seconds or until a date, in the middle of a blob too") {
  const std::string text = long_text(300'000);
  std::string wait;
  Faulty registry([&](const Request& request) {
    if (request.number == 1)
      return "HTTP/1.1 429 Too Many Requests\r\nRetry-After: " + wait + "\r\nContent-Length: 0\r\n\r\n";
    return answer(text, request.from(), request.number == 0 ? 150'000 : SIZE_MAX);
  });
  const auto waited = [&](const std::string& value) {
    wait = value;
    registry.requests.clear();
    const auto before = registry.clock.monotonic();
    const auto blob = registry.blob(text);
    if (!blob) FAIL(blob.error().text());
    CHECK(*blob == text);
    CHECK(registry.requests.back().from() == 150'000);
    return registry.clock.monotonic() - before - Duration{1'000};  // 1 s after the cut
  };
  CHECK(waited("11") == Duration{11'000});
  CHECK(waited("3600") == Duration{30'000});
  const auto date = [&](int seconds) {
    const auto at = std::chrono::floor<std::chrono::seconds>(registry.clock.now() + Duration{1'000}) +
                    std::chrono::seconds(seconds);
    return base::format("{:%a, %d %b %Y %H:%M:%S} GMT", at);
  };
  const auto until = waited(date(20));
  CHECK((until > Duration{18'000} && until <= Duration{20'000}));
  CHECK(waited(date(-500)) == Duration{2'000});  // the second pause, without a wish
  for (const char* nonsense : {"soon", "-5", "Wed, 99 Foo 2026", ""}) CHECK(waited(nonsense) == Duration{2'000});
}

TEST_CASE("lengths that are not true end in an error or in the right bytes, never in others") {
  const std::string text = long_text(100'000);
  const auto with_length = [&](size_t length) {
    return [&text, length](const Request&) {
      return base::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", length, text);
    };
  };
  for (const size_t length : {size_t{0}, size_t{1}, text.size() - 1, text.size() + 1, size_t{1} << 40}) {
    INFO(length);
    Faulty registry(with_length(length));
    const auto blob = registry.blob(text, {3, Duration{1}, Duration{1}});
    CHECK((!blob || *blob == text));
  }
  // without a length: the end of the connection is the end, wherever it comes
  for (const size_t sent : {size_t{0}, text.size() / 2, text.size()}) {
    Faulty registry([&](const Request& request) {
      return "HTTP/1.1 200 OK\r\n\r\n" + text.substr(0, request.number == 0 ? sent : std::string::npos);
    });
    const auto blob = registry.blob(text);
    if (!blob) FAIL(blob.error().text());
    CHECK(*blob == text);
  }
  // the manifest and the registry disagree about the size
  Faulty larger([&](const Request&) { return answer(text + "x", 0); });
  CHECK(code_of(larger.blob(text)) == ErrorCode::corrupt);
}

TEST_CASE("a range that lies about its beginning or its bytes is refused") {
  const std::string text = long_text(100'000), other(text.rbegin(), text.rend());
  const auto resumed_by = [&](const std::string& second) {
    Faulty registry([&](const Request& request) { return request.number == 0 ? answer(text, 0, 50'000) : second; });
    return registry.blob(text);
  };
  const std::string rest = text.substr(50'000);
  const auto part = [](const std::string& range, const std::string& bytes) {
    return base::format("HTTP/1.1 206 Partial Content\r\nContent-Range: {}\r\nContent-Length: {}\r\n\r\n{}", range,
                        bytes.size(), bytes);
  };
  CHECK(resumed_by(part("bytes 50000-99999/100000", rest)) == text);
  CHECK(resumed_by(part("bytes 50000-99999/*", rest)) == text);
  CHECK(code_of(resumed_by(part("bytes 49999-99999/100000", rest))) == ErrorCode::protocol);
  CHECK(code_of(resumed_by(part("bytes 0-99999/100000", text))) == ErrorCode::protocol);
  CHECK(code_of(resumed_by(part("bytes 50000-99999/100000", other.substr(50'000)))) == ErrorCode::corrupt);
  CHECK(code_of(resumed_by(part("bytes 50000-149999/150000", rest + rest))) == ErrorCode::corrupt);
  CHECK(code_of(resumed_by("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n")) == ErrorCode::protocol);
}

TEST_CASE("bytes that a proxy has compressed are refused, and the header is named as the cause") {
  const std::string text = long_text(1'000), other(1'000, 'z');
  Faulty registry([&](const Request&) {
    return base::format("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n{}", other.size(),
                        other);
  });
  const auto blob = registry.blob(text);
  REQUIRE_FALSE(blob);
  CHECK(blob.error().code == ErrorCode::corrupt);
  CHECK(blob.error().text().contains("Content-Encoding: gzip, which was not asked for"));
  CHECK(registry.requests[0].has("Accept-Encoding: identity\r\n"));
  // the label alone is no fault: some stores keep it with bytes that are compressed anyway
  Faulty labelled([&](const Request&) {
    return base::format("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n{}", text.size(), text);
  });
  CHECK(labelled.blob(text) == text);
}

TEST_CASE("redirects may be relative; a signed URL is asked for as it was given, and anew for each part") {
  const std::string text = long_text(200'000);
  const std::string query = "?X-Amz-Credential=AKIA%2F20250101%2Fs3&sig=a%2Bb%3D&exp=00%3A00Z&r=x%20y%7Ez";
  std::string location, name;
  const auto followed = [&](const std::string& given) {
    Faulty registry([&](const Request& request) {
      if (request.path().starts_with("/v2/")) return redirect(location);
      return answer(text, request.from(), request.number == 1 ? 150'000 : SIZE_MAX);
    });
    name = registry.name();
    location = base::replace_all(given, "HOST", name);
    const auto blob = registry.blob(text);
    if (!blob) FAIL(blob.error().text());
    CHECK(*blob == text);
    REQUIRE(registry.requests.size() == 4);  // the registry gives a new URL for the rest
    CHECK(registry.requests[3].from() == 150'000);
    return registry.requests[1].path();
  };
  CHECK(followed("http://HOST/sto%2Fre" + query) == "/sto%2Fre" + query);
  CHECK(followed("//HOST/store" + query) == "/store" + query);
  CHECK(followed("/store" + query) == "/store" + query);
  CHECK(followed("../../../../store/x" + query) == "/store/x" + query);
  Faulty nowhere([&](const Request&) { return redirect("ftp://x.example/y?sig=s3cret"); });
  const auto refused = nowhere.blob(text);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::protocol);
  CHECK(refused.error().text().contains("ftp://x.example/y"));
  CHECK_FALSE(refused.error().text().contains("s3cret"));
}

TEST_CASE("redirects in a circle end") {
  std::string name;
  for (const std::string location : {"/v2/a", "../x", "//HOST/y"}) {
    Faulty registry([&](const Request&) { return redirect(base::replace_all(location, "HOST", name)); });
    name = registry.name();
    const auto blob = registry.blob("text");
    REQUIRE_FALSE(blob);
    CHECK(blob.error().code == ErrorCode::protocol);
    CHECK(blob.error().text().contains("redirects too often"));
    CHECK(registry.requests.size() == 8);
  }
}
