// SPDX-License-Identifier: Apache-2.0
// Downloads from servers and over lines that misbehave: only whole, right files get into the cache, each once.
#include "packer/downloads/downloads.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/environment.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_server.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using downloads::CachedFile;
using tests::answer;
using tests::FaultyServer;
using tests::long_text;
using tests::redirect;
using Request = FaultyServer::Request;

namespace {

Digest digest_of(std::string_view text) { return hash::sha256(base::as_bytes(text)); }

struct Machine {
  tests::TemporaryFolder folder;
  tests::FakeClock clock;
  downloads::Options options{.folder = folder.path() + "/cache", .endpoints = {}, .patience = {}};

  Result<CachedFile> get(const std::string& url, const std::optional<Digest>& digest = {},
                         uint64_t limit = uint64_t{1} << 30, const CancelToken& cancel = {}) {
    return downloads::Downloads(options, clock).get({url, digest, limit}, cancel);
  }
  // A download that must succeed: what the file holds.
  std::string got(const std::string& url, const std::optional<Digest>& digest = {}) {
    const auto file = get(url, digest);
    if (!file) FAIL(file.error().text());
    const auto text = base::read_text_file(file->path, size_t{64} << 20);
    REQUIRE(text);
    CHECK(file->digest == digest_of(*text));
    CHECK(file->size == text->size());
    CHECK(parts() == 0);
    return *text;
  }
  // A download that must fail; nothing may be in the cache.
  Error refused(const std::string& url, const std::optional<Digest>& digest = {}, uint64_t limit = uint64_t{1} << 30) {
    const auto file = get(url, digest, limit);
    REQUIRE_FALSE(file);
    CHECK(count("sha256") == 0);
    return file.error();
  }
  size_t count(const std::string& name) const {
    std::error_code none;
    size_t out = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(options.folder + "/" + name, none))
      ++out;
    return out;
  }
  size_t parts() const { return count("parts"); }
};

std::string url_of(const FaultyServer& server) { return "http://" + server.name() + "/files/x.tgz"; }

std::string status(std::string_view line, std::string_view headers = "") {
  return base::format("HTTP/1.1 {}\r\n{}Content-Length: 0\r\n\r\n", line, headers);
}

// With a name of this version of the file.
std::string versioned(const std::string& text, size_t from, size_t sent, std::string_view etag) {
  auto out = answer(text, from, sent);
  out.insert(out.find("\r\n") + 2, base::format("ETag: {}\r\n", etag));
  return out;
}

}  // namespace

TEST_CASE("a file is fetched once: then its digest finds it in the cache") {
  const std::string text = long_text(100'000);
  FaultyServer server([&](const Request& request) { return answer(text, request.from()); });
  Machine machine;
  CHECK(machine.got(url_of(server)) == text);
  CHECK(machine.got(url_of(server), digest_of(text)) == text);
  CHECK(machine.got("http://127.0.0.1:1/nowhere", digest_of(text)) == text);
  CHECK(server.requests.size() == 1);
  // nobody knows what a URL without a digest gives today
  CHECK(machine.got(url_of(server)) == text);
  CHECK(server.requests.size() == 2);
}

TEST_CASE("a damaged file of the cache counts as none") {
  const std::string text = long_text(1'000);
  FaultyServer server([&](const Request& request) { return answer(text, request.from()); });
  Machine machine;
  const auto file = machine.get(url_of(server));
  REQUIRE(file);
  REQUIRE(base::write_file_atomic(file->path, base::as_bytes(text.substr(1)), 0600));
  CHECK(machine.got(url_of(server), digest_of(text)) == text);
  CHECK(server.requests.size() == 2);
}

TEST_CASE("a download that is cut anywhere goes on at that byte") {
  const std::string text = long_text(70'000);
  for (size_t cut = 0; cut < text.size(); cut += cut < 3 ? 1 : 9'999) {
    INFO(cut);
    FaultyServer server(
        [&](const Request& request) { return answer(text, request.from(), request.number == 0 ? cut : SIZE_MAX); });
    Machine machine;
    CHECK(machine.got(url_of(server), digest_of(text)) == text);
    REQUIRE(server.requests.size() == 2);
    CHECK(server.requests[1].from() == cut);
  }
}

TEST_CASE("what an earlier run has got is not fetched again") {
  const std::string text = long_text(70'000);
  bool is_cut = true;
  FaultyServer server([&](const Request& request) {
    if (is_cut && request.number > 0) return status("503 Busy");
    return answer(text, request.from(), is_cut ? 30'000 : SIZE_MAX);
  });
  Machine machine;
  CHECK(machine.refused(url_of(server), digest_of(text)).code == ErrorCode::unreachable);
  CHECK(machine.parts() == 1);
  is_cut = false;
  server.requests.clear();
  CHECK(machine.got(url_of(server), digest_of(text)) == text);
  REQUIRE(server.requests.size() == 1);
  CHECK(server.requests[0].from() == 30'000);
}

TEST_CASE("without a digest, only the same version of a file is gone on with") {
  const std::string old = long_text(70'000), fresh(old.rbegin(), old.rend());
  std::string etag = "\"one\"";
  const std::string* text = &old;
  FaultyServer server([&](const Request& request) {
    const bool same = request.has("If-Range: " + etag + "\r\n");
    return versioned(*text, same ? request.from() : 0, request.number == 0 ? 30'000 : SIZE_MAX, etag);
  });
  {
    Machine machine;
    CHECK(machine.got(url_of(server)) == old);
    REQUIRE(server.requests.size() == 2);
    CHECK(server.requests[1].from() == 30'000);
  }
  // it changes while the line is broken
  server.requests.clear();
  FaultyServer changing([&](const Request& request) {
    if (request.number > 0) etag = "\"two\"";
    const bool same = request.has("If-Range: " + etag + "\r\n");
    return versioned(request.number == 0 ? old : fresh, same ? request.from() : 0,
                     request.number == 0 ? 30'000 : SIZE_MAX, etag);
  });
  Machine machine;
  CHECK(machine.got(url_of(changing)) == fresh);
  // and where versions have no names, all of it is fetched again
  FaultyServer nameless(
      [&](const Request& request) { return answer(old, request.from(), request.number == 0 ? 30'000 : SIZE_MAX); });
  CHECK(machine.got(url_of(nameless)) == old);
  CHECK(nameless.requests.back().from() == 0);
  // a weak name does not promise the same bytes
  FaultyServer weak([&](const Request& request) {
    return versioned(old, request.from(), request.number == 0 ? 30'000 : SIZE_MAX, "W/\"x\"");
  });
  CHECK(machine.got(url_of(weak)) == old);
  CHECK(weak.requests.back().from() == 0);
}

TEST_CASE("the beginning of another file is thrown away, and the download begins anew once") {
  const std::string text = long_text(70'000), other(text.rbegin(), text.rend());
  FaultyServer server([&](const Request& request) {
    return request.number == 0 ? answer(other, 0, 30'000) : answer(text, request.from());
  });
  Machine machine;
  CHECK(machine.got(url_of(server), digest_of(text)) == text);
  REQUIRE(server.requests.size() == 3);
  CHECK(server.requests[1].from() == 30'000);
  CHECK(server.requests[2].from() == 0);
}

TEST_CASE("other bytes than the digest says are refused with both digests, and not kept") {
  const std::string text = long_text(1'000);
  FaultyServer server([&](const Request& request) { return answer(text, request.from()); });
  Machine machine;
  const auto error = machine.refused(url_of(server), digest_of("other"));
  CHECK(error.code == ErrorCode::corrupt);
  CHECK(error.text().contains(digest_of(text).text() + ", not " + digest_of("other").text()));
  CHECK(machine.parts() == 0);
  CHECK(server.requests.size() == 1);
}

TEST_CASE("a range that is not the one asked for is refused") {
  const std::string text = long_text(10'000);
  FaultyServer server([&](const Request& request) {
    if (request.number == 0) return answer(text, 0, 5'000);
    return "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9999/10000\r\nContent-Length: 10000\r\n\r\n" + text;
  });
  Machine machine;
  CHECK(machine.refused(url_of(server), digest_of(text)).code == ErrorCode::protocol);
}

TEST_CASE("a part that is whole already, or longer than the file is now, does no harm") {
  const std::string text = long_text(10'000);
  bool is_broken = true;
  FaultyServer server([&](const Request& request) {
    if (is_broken) return request.number == 0 ? answer(text + "tail", 0, text.size()) : status("503 Busy");
    return request.from() == 0 ? answer(text, 0) : status("416 Range Not Satisfiable");
  });
  Machine machine;
  CHECK(machine.refused(url_of(server), digest_of(text)).code == ErrorCode::unreachable);
  is_broken = false;
  server.requests.clear();
  CHECK(machine.got(url_of(server), digest_of(text)) == text);
  CHECK(server.requests.size() == 1);
  // longer: what was here is of another version
  const std::string shorter = long_text(5'000);
  FaultyServer shrunk([&](const Request& request) {
    if (request.number == 0) return answer(text, 0, 8'000);
    return request.from() == 0 ? answer(shorter, 0) : status("416 Range Not Satisfiable");
  });
  CHECK(machine.got(url_of(shrunk), digest_of(shorter)) == shorter);
}

TEST_CASE("429 and 5xx are tried again after the time that the server asks for") {
  const std::string text = long_text(1'000);
  FaultyServer server([&](const Request& request) {
    if (request.number == 0) return status("429 Too Many Requests", "Retry-After: 7\r\n");
    return request.number == 1 ? status("500 Oops") : answer(text, 0);
  });
  Machine machine;
  CHECK(machine.got(url_of(server)) == text);
  CHECK(machine.clock.monotonic() == Duration{9'000});
  FaultyServer never([&](const Request&) { return status("503 Busy"); });
  Machine other;
  CHECK(other.refused(url_of(never)).code == ErrorCode::unreachable);
  CHECK(never.requests.size() == 5);
  CHECK(other.parts() == 0);
}

TEST_CASE("what a server refuses is refused at once, as what it is") {
  for (const auto& [line, code] : {std::pair{"404 Not Found", ErrorCode::not_found},
                                   {"410 Gone", ErrorCode::not_found},
                                   {"401 Who", ErrorCode::auth_failed},
                                   {"403 No", ErrorCode::auth_failed},
                                   {"300 Choices", ErrorCode::protocol},
                                   {"400 Bad", ErrorCode::protocol}}) {
    INFO(line);
    FaultyServer server([&](const Request&) { return status(line); });
    Machine machine;
    const auto error = machine.refused(url_of(server) + "?token=s3cret");
    CHECK(error.code == code);
    CHECK(error.text().contains("/files/x.tgz"));
    CHECK_FALSE(error.text().contains("s3cret"));
    CHECK(server.requests.size() == 1);
  }
}

TEST_CASE("redirects are followed, not for ever, and never to a place without TLS that nobody named") {
  const std::string text = long_text(1'000);
  std::string to = "../other/y?sig=a%2Bb";
  FaultyServer server(
      [&](const Request& request) { return request.path() == "/other/y?sig=a%2Bb" ? answer(text, 0) : redirect(to); });
  Machine machine;
  CHECK(machine.got(url_of(server)) == text);
  to = "/files/x.tgz";
  server.requests.clear();
  Machine circle;
  CHECK(circle.refused(url_of(server)).text().contains("redirects too often"));
  CHECK(server.requests.size() == 9);
  to = "http://192.0.2.1/x";
  CHECK(circle.refused(url_of(server)).code == ErrorCode::untrusted);
  to = "ftp://127.0.0.1/x";
  CHECK(circle.refused(url_of(server)).code == ErrorCode::protocol);
}

TEST_CASE("HTTP without TLS needs the host's name in the options; this machine does not") {
  Machine machine;
  const auto error = machine.refused("http://files.example/x");
  CHECK(error.code == ErrorCode::untrusted);
  CHECK(error.text().contains("--plain-http files.example"));
  CHECK(machine.refused("http://files.example:8080/x").text().contains("--plain-http files.example:8080"));
  CHECK(machine.refused("ftp://files.example/x").code == ErrorCode::invalid_input);
  CHECK(machine.refused("https://ann:pass@files.example/x").code == ErrorCode::invalid_input);
}

TEST_CASE("a mirror stands in for a host, its path before the URL's") {
  const std::string text = long_text(1'000);
  FaultyServer server([&](const Request&) { return answer(text, 0); });
  Machine machine;
  machine.options.endpoints.mirrors["files.example"] = {{"http", "127.0.0.1", 0}, "/mirror/"};
  auto& origin = machine.options.endpoints.mirrors["files.example"].origin;
  origin.port = static_cast<uint16_t>(*base::parse_u64(server.name().substr(server.name().find(':') + 1)));
  CHECK(machine.got("https://files.example/a/x.tgz?q=1") == text);
  CHECK(server.requests.back().path() == "/mirror/a/x.tgz?q=1");
}

TEST_CASE("a file that is too large is given up at its head, or where it passes the limit") {
  const std::string text = long_text(10'000);
  FaultyServer told([&](const Request&) { return answer(text, 0); });
  Machine machine;
  CHECK(machine.refused(url_of(told), {}, 9'999).code == ErrorCode::limit_exceeded);
  CHECK(machine.parts() == 0);
  FaultyServer untold([&](const Request&) { return "HTTP/1.1 200 OK\r\n\r\n" + text; });
  CHECK(machine.refused(url_of(untold), digest_of(text), 9'999).code == ErrorCode::limit_exceeded);
  const auto exact = machine.get(url_of(told), {}, 10'000);
  CHECK(exact);
}

TEST_CASE("a body without a length counts only if its digest is known") {
  const std::string text = long_text(10'000);
  FaultyServer server([&](const Request&) { return "HTTP/1.1 200 OK\r\n\r\n" + text; });
  Machine machine;
  CHECK(machine.refused(url_of(server)).code == ErrorCode::protocol);
  CHECK(machine.got(url_of(server), digest_of(text)) == text);
}

TEST_CASE("a cancelled download ends, and leaves no file that could be taken for a whole one") {
  const std::string text = long_text(200'000);
  CancelSource source;
  FaultyServer server([&](const Request& request) {
    if (request.number == 1) source.cancel();
    return answer(text, request.from(), request.number == 0 ? 100'000 : SIZE_MAX);
  });
  Machine machine;
  const auto file = machine.get(url_of(server), digest_of(text), uint64_t{1} << 30, source.token());
  REQUIRE_FALSE(file);
  CHECK(file.error().code == ErrorCode::cancelled);
  CHECK(machine.count("sha256") == 0);
  CHECK(machine.got(url_of(server), digest_of(text)) == text);
}

TEST_CASE("two downloads of one file at the same time do not disturb each other") {
  const std::string text = long_text(100'000);
  Machine machine;
  std::string url;
  bool is_inner = false;
  FaultyServer inner([&](const Request&) { return answer(text, 0); });
  FaultyServer server([&](const Request& request) {
    if (!is_inner) {  // the second begins while the first waits for its answer
      is_inner = true;
      machine.options.endpoints.mirrors["127.0.0.1:1"] = {
          {"http", "127.0.0.1",
           static_cast<uint16_t>(*base::parse_u64(inner.name().substr(inner.name().find(':') + 1)))},
          "/"};
      const auto second = machine.get(url, digest_of(text));
      CHECK(second.has_value());
    }
    return answer(text, request.from());
  });
  machine.options.endpoints.mirrors["127.0.0.1:1"] = {
      {"http", "127.0.0.1", static_cast<uint16_t>(*base::parse_u64(server.name().substr(server.name().find(':') + 1)))},
      "/"};
  url = "http://127.0.0.1:1/x";
  CHECK(machine.got(url, digest_of(text)) == text);
  CHECK(machine.count("sha256") == 1);
}

TEST_CASE("the cache lies where the environment says") {
  const tests::Variable own("SEALIFT_CACHE", "/c");
  CHECK(downloads::default_folder() == "/c/downloads");
  const tests::Variable none("SEALIFT_CACHE", "");
  const tests::Variable xdg("XDG_CACHE_HOME", "/x");
  CHECK(downloads::default_folder() == "/x/sealift/downloads");
  const tests::Variable no_xdg("XDG_CACHE_HOME", "");
  const tests::Variable home("HOME", "/h");
  CHECK(downloads::default_folder() == "/h/.cache/sealift/downloads");
}

TEST_CASE("URLs for messages and names of files") {
  CHECK(downloads::without_query("https://h/a?x#y") == "https://h/a");
  CHECK(downloads::file_name("https://h/a/x.tgz?y/z") == "x.tgz");
  CHECK(downloads::file_name("https://h/a/").empty());
  CHECK(downloads::file_name("https://h").empty());
}
