// SPDX-License-Identifier: Apache-2.0
//
// Certificates that nodes renew themselves: the caller, the authority's door, and what each believes of the other.
#include "runtime/node/renewal.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/process.h"
#include "payload/trust/x509.h"
#include "runtime/node/authority.h"
#include "runtime/node/pki.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using std::chrono::days;

namespace {

// The machine's clock, wrong by so much.
class WrongClock final : public Clock {
 public:
  explicit WrongClock(Duration by) : by_(by) {}
  WallTime now() const override { return base::system_clock().now() + by_; }
  Duration monotonic() const override { return base::system_clock().monotonic(); }
  void sleep(Duration duration) override { base::system_clock().sleep(duration); }

 private:
  Duration by_;
};

constexpr Duration kFresh{0}, kDue = -days{250}, kEnded = -days{400};

std::string text_of(const std::string& path) {
  const auto text = base::read_text_file(path, 65536);
  REQUIRE(text);
  return *text;
}

node::Pair pair_of(const std::string& folder, std::string_view usage) {
  auto pair = node::read_pair(node::pair_path(folder, usage));
  if (!pair) FAIL(pair.error().text());
  return std::move(*pair);
}

// An authority, and a node "w1" at 127.0.0.2 whose certificates it has issued at a chosen time.
struct Cluster {
  tests::TemporaryFolder folder;
  const std::string authority = folder / "authority", own = folder / "own";

  explicit Cluster(Duration server = kFresh, Duration client = kFresh) {
    REQUIRE(node::make_authority(authority, "plant7", base::system_clock()));
    REQUIRE(base::make_directories(own, 0700));
    REQUIRE(base::write_file_atomic(own + "/ca.crt", base::as_bytes(text_of(authority + "/ca.crt")), 0644));
    make("server", server);
    make("client", client);
  }
  void make(const std::string& usage, Duration at, const std::string& name = "w1") const {
    const auto key = node::make_key(own, usage);
    REQUIRE(key);
    const std::map<std::string, std::vector<std::string>> addresses{
        {"server", {"127.0.0.2", "127.0.0.1"}}, {"people", {"127.0.0.2"}}, {"client", {}}};
    const std::vector<std::string> dns =
        usage == "people" ? std::vector<std::string>{"registry.plant7.lan"} : std::vector<std::string>();
    WrongClock then(at);
    const auto certificate = node::issue_certificate(authority, usage, *key, name, addresses.at(usage), then, dns);
    REQUIRE(certificate);
    REQUIRE(node::install_certificate(own, usage, *certificate));
  }
  std::unique_ptr<node::Authority> door(Clock& clock = base::system_clock()) const {
    auto opened = node::Authority::open({authority, "127.0.0.1", 0}, clock);
    if (!opened) FAIL(opened.error().text());
    return std::move(*opened);
  }
  std::vector<Result<std::string>> renew(uint16_t port, Clock& clock = base::system_clock()) const {
    return node::renew({own, {{"https", "127.0.0.1", port}}}, clock);
  }
  std::string both() const { return text_of(node::pair_path(own, "server")) + text_of(node::pair_path(own, "client")); }
  http::ClientOptions client(std::string_view usage = "client") const {
    auto pair = pair_of(own, usage);
    return {text_of(authority + "/ca.crt"), std::move(pair.certificate), std::move(pair.key)};
  }
  std::set<std::string> files() const {
    std::set<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(own + "/node"))
      out.insert(entry.path().filename().string());
    return out;
  }
};

std::string openssl(std::vector<std::string> words, const std::string& input) {
  words.insert(words.begin(), "openssl");
  base::CommandIo io;
  io.input = base::as_bytes(input);
  const auto output = base::run_checked({std::move(words)}, io);
  if (!output) FAIL(output.error().text());
  return *output;
}

std::string asking_for(std::string_view usage, std::string_view more = {}) {
  const auto key = trust::generate_key();
  REQUIRE(key);
  return base::format("/v1/renew?usage={}&publicKey={}{}", usage, http::percent_encode(key->public_pem), more);
}

// The error of the one certificate that was to be renewed.
std::string refusal(const std::vector<Result<std::string>>& lines, ErrorCode code) {
  REQUIRE(lines.size() == 1);
  REQUIRE_FALSE(lines.front());
  INFO(lines.front().error().text());
  CHECK(lines.front().error().code == code);
  return lines.front().error().text();
}

}  // namespace

TEST_CASE("renewal: a certificate that has time is left alone, and nobody is asked") {
  const Cluster cluster;
  const auto before = cluster.both();
  CHECK(cluster.renew(1).empty());  // nobody listens there
  CHECK(cluster.both() == before);
}

TEST_CASE("renewal: while the authority changes, the newest one signs for nodes that believe it, and for no others") {
  const Cluster cluster(kDue, kDue);
  const auto before = cluster.both(), former = text_of(cluster.authority + "/ca.crt");
  REQUIRE(node::make_next_authority(cluster.authority, "plant7", base::system_clock()));
  REQUIRE(node::promote_next_authority(cluster.authority));
  const auto door = cluster.door();
  for (const auto& line : cluster.renew(door->port())) CHECK_FALSE(line);  // it has not heard of the new authority
  CHECK(cluster.both() == before);
  const auto both = text_of(cluster.authority + "/ca.crt");
  REQUIRE(base::write_file_atomic(cluster.own + "/ca.crt", base::as_bytes(both), 0644));
  const auto lines = cluster.renew(door->port());
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) {
    if (!line) FAIL(line.error().text());
  }
  for (const std::string usage : {"server", "client"}) {
    INFO(usage);
    CHECK(trust::check_issued(pair_of(cluster.own, usage).certificate, both));
    CHECK_FALSE(trust::check_issued(pair_of(cluster.own, usage).certificate, former));
  }
}

TEST_CASE("renewal: a certificate with less than a third of its life gets a new key and another year") {
  const Cluster cluster(kDue, kDue);
  const auto door = cluster.door();
  const auto server = pair_of(cluster.own, "server"), client = pair_of(cluster.own, "client");
  const auto lines = cluster.renew(door->port());
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) {
    if (!line) FAIL(line.error().text());
    CHECK(line->contains("certificate is renewed, until 20"));
  }
  for (const std::string usage : {"server", "client"}) {
    INFO(usage);
    const auto now = pair_of(cluster.own, usage);
    const auto& before = usage == "server" ? server : client;
    CHECK(now.key != before.key);
    CHECK(now.certificate != before.certificate);
    CHECK(openssl({"x509", "-noout", "-subject", "-checkend", "31000000"}, now.certificate) ==
          "subject=CN = w1\nCertificate will not expire\n");
    const auto path = node::pair_path(cluster.own, usage);
    std::vector<std::string> verify{"verify",   "-x509_strict",
                                    "-CAfile",  cluster.own + "/ca.crt",
                                    "-purpose", usage == "server" ? "sslserver" : "sslclient"};
    if (usage == "server") verify.insert(verify.end(), {"-verify_ip", "127.0.0.2"});
    verify.push_back(path);
    CHECK(openssl(verify, "").contains(": OK"));
    CHECK(std::filesystem::status(path).permissions() ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  }
  CHECK(cluster.files() == std::set<std::string>{"client.pem", "server.pem"});
  CHECK(cluster.renew(door->port()).empty());
}

TEST_CASE("renewal: each certificate is renewed by itself, in a year that passes") {
  const Cluster cluster(kDue, kFresh);
  const auto door = cluster.door();
  const auto client = text_of(node::pair_path(cluster.own, "client"));
  CHECK(cluster.renew(door->port()).size() == 1);
  CHECK(text_of(node::pair_path(cluster.own, "client")) == client);
  // A server's certificate that has ended is still replaced, as long as the client's is good.
  cluster.make("server", kEnded);
  const auto lines = cluster.renew(door->port());
  REQUIRE(lines.size() == 1);
  CHECK(lines.front());
}

TEST_CASE("the authority's door: no certificate, a server's, a foreign one or one that has ended get nothing") {
  const Cluster cluster, stranger;
  const auto door = cluster.door();
  const auto ask = [&](http::ClientOptions options) {
    return http::Client({"https", "127.0.0.1", door->port()}, std::move(options)).get(asking_for("client"), {});
  };
  const auto good = ask(cluster.client());
  if (!good) FAIL(good.error().text());
  CHECK(good->status == 200);
  CHECK_FALSE(ask({text_of(cluster.authority + "/ca.crt"), "", Secret()}));
  CHECK_FALSE(ask(cluster.client("server")));
  auto foreign = stranger.client();
  foreign.authority = text_of(cluster.authority + "/ca.crt");
  CHECK_FALSE(ask(std::move(foreign)));
  cluster.make("client", kEnded);
  CHECK_FALSE(ask(cluster.client()));
}

TEST_CASE("the authority's door: name and addresses are the caller's own, whatever it asks for") {
  const Cluster cluster;
  const auto door = cluster.door();
  const auto ask = [&](const std::string& target, const std::string& source) {
    auto options = cluster.client();
    options.source = source;
    auto reply = http::Client({"https", "127.0.0.1", door->port()}, std::move(options)).get(target, {});
    if (!reply) FAIL(reply.error().text());
    return std::move(*reply);
  };
  const auto described = [&](const http::Reply& reply) {
    CHECK(reply.status == 200);
    const auto out = trust::describe(reply.text);
    REQUIRE(out);
    return out->names;
  };
  using Addresses = std::vector<std::string>;
  const auto client = described(ask(asking_for("client"), "127.0.0.2"));
  CHECK(client.common_name == "w1");
  CHECK(client.ip.empty());
  const auto server = described(ask(asking_for("server"), "127.0.0.2"));
  CHECK(server.common_name == "w1");
  CHECK(server.ip == Addresses{"127.0.0.1", "127.0.0.2"});
  CHECK(server.dns.empty());
  // Whoever comes from elsewhere gets one for there, not for the node.
  CHECK(described(ask(asking_for("server"), "127.0.0.3")).ip == Addresses{"127.0.0.1", "127.0.0.3"});
  CHECK(described(ask(asking_for("server"), "127.0.0.1")).ip == Addresses{"127.0.0.1"});
  for (const auto* more : {"&name=cp1", "&addresses=10.7.0.11", "&Usage=server"}) {
    INFO(more);
    const auto refused = ask(asking_for("client", more), "127.0.0.2");
    CHECK(refused.status == 400);
    CHECK(refused.text.contains("can't be asked for"));
  }
  for (const auto* target : {"/v1/renew", "/v1/renew?usage=client", "/v1/renew?usage=client&publicKey=x"})
    CHECK(ask(target, "").status == 400);
  CHECK(ask(asking_for("authority"), "").status == 400);
  CHECK(ask("/v2/", "").status == 404);
}

TEST_CASE("renewal: with the authority away, or refusing, everything stays as it is") {
  const Cluster cluster(kDue, kFresh);
  const auto before = cluster.both();
  CHECK(refusal(cluster.renew(1), ErrorCode::unreachable).contains("renewing the server certificate"));
  // Its key is gone.
  const auto door = cluster.door();
  std::filesystem::remove(cluster.authority + "/ca.key");
  CHECK(refusal(cluster.renew(door->port()), ErrorCode::untrusted).contains("refuses with 400"));
  CHECK(cluster.both() == before);
  CHECK(cluster.files() == std::set<std::string>{"client.pem", "server.pem"});
}

TEST_CASE("renewal: a client's certificate that has ended can't ask any more") {
  const Cluster cluster(kDue, kEnded);
  const auto door = cluster.door();
  const auto before = cluster.both();
  const auto lines = cluster.renew(door->port());
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) CHECK_FALSE(line);
  CHECK(cluster.both() == before);
}

TEST_CASE("renewal: a door that is not the authority's is not asked") {
  const Cluster cluster(kDue, kFresh), stranger;
  const auto door = stranger.door();
  const auto before = cluster.both();
  refusal(cluster.renew(door->port()), ErrorCode::untrusted);
  CHECK(cluster.both() == before);
}

namespace {

// A host with a good certificate of the authority that answers what a test wants.
class Lying {
 public:
  using Answer = std::function<Result<std::string>(const std::string& public_pem)>;
  Lying(const Cluster& cluster, Answer answer) : answer_(std::move(answer)) {
    auto pair = pair_of(cluster.own, "server");
    http::ServerOptions options;
    options.tls = {text_of(cluster.own + "/ca.crt"), std::move(pair.certificate), std::move(pair.key)};
    auto started = http::Server::start(std::move(options), [this](const http::Request& request) {
      const auto certificate = answer_(request.query.at("publicKey"));
      return http::Response{200, {}, "text/plain", certificate.value_or("nothing"), {}};
    });
    REQUIRE(started);
    server_ = std::move(*started);
  }
  uint16_t port() const { return server_->port(); }

 private:
  Answer answer_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace

TEST_CASE("renewal: what comes back is believed only if it is the successor of what is there") {
  const Cluster cluster(kFresh, kDue), stranger;
  const auto before = cluster.both();
  const auto told = [&](const Lying::Answer& answer) {
    const Lying lying(cluster, answer);
    return refusal(cluster.renew(lying.port()), ErrorCode::untrusted);
  };
  const auto issue = [&](const std::string& key, const std::string& name, const std::vector<std::string>& addresses,
                         Duration clock, const Cluster& by) {
    WrongClock then(clock);
    return node::issue_certificate(by.authority, "client", key, name, addresses, then);
  };
  CHECK(told([&](const auto&) { return std::string("no certificate"); }).contains("reading a certificate"));
  CHECK(told([&](const auto& key) { return issue(key, "cp1", {}, {}, cluster); }).contains("is for cp1"));
  CHECK(told([&](const auto& key) { return issue(key, "w1", {"10.7.0.11"}, {}, cluster); }).contains("10.7.0.11"));
  CHECK(told([&](const auto& key) { return issue(key, "w1", {}, days{2}, cluster); }).contains("compare the clocks"));
  CHECK(told([&](const auto& key) { return issue(key, "w1", {}, -days{300}, cluster); }).contains("no later"));
  CHECK(told([&](const auto& key) { return issue(key, "w1", {}, {}, stranger); }).contains("not issued by"));
  const auto other = trust::generate_key();
  REQUIRE(other);
  CHECK(told([&](const auto&) { return issue(other->public_pem, "w1", {}, {}, cluster); }).contains("another key"));
  CHECK(cluster.both() == before);
  const Lying honest(cluster, [&](const auto& key) { return issue(key, "w1", {}, {}, cluster); });
  CHECK(cluster.renew(honest.port()).front());
  CHECK(cluster.both() != before);
}

TEST_CASE("renewal: a wrong clock costs no certificate") {
  for (const Duration wrong : {Duration{days{3000}}, Duration{-days{3000}}}) {
    const Cluster cluster;
    const auto door = cluster.door();
    const auto before = cluster.both();
    WrongClock clock(wrong);
    for (const auto& line : cluster.renew(door->port(), clock)) CHECK_FALSE(line);
    CHECK(cluster.both() == before);
  }
}

TEST_CASE("renewal: what a killed run has left is no obstacle, and does not stay") {
  const Cluster cluster(kDue, kDue);
  const auto door = cluster.door();
  const auto half = cluster.own + "/node/server.pem.tmp.4711";
  REQUIRE(base::write_file_atomic(half, base::as_bytes("-----BEGIN EC PRIV"), 0600));
  REQUIRE(node::make_key(cluster.own, "client"));  // a delivery that was killed before the certificate came
  const auto lines = cluster.renew(door->port());
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) CHECK(line);
  CHECK(cluster.files() == std::set<std::string>{"client.next", "client.pem", "server.pem"});
}

TEST_CASE("the authority's door knows how long nobody has asked") {
  const Cluster cluster;
  tests::FakeClock clock;
  clock.advance(base::system_clock().now() - clock.now());
  const auto door = cluster.door(clock);
  clock.advance(Duration{50'000});
  CHECK(door->idle() == Duration{50'000});
  // Who only connects does not count: nobody without a certificate keeps the key in memory.
  CHECK_FALSE(http::Client({"https", "127.0.0.1", door->port()}, {text_of(cluster.own + "/ca.crt"), "", Secret()})
                  .get("/v1/renew", {}));
  CHECK(door->idle() == Duration{50'000});
  CHECK(http::Client({"https", "127.0.0.1", door->port()}, cluster.client()).get(asking_for("client"), {}));
  clock.advance(Duration{1'000});
  for (int i = 0; i < 100 && door->idle() == Duration{0}; ++i) base::system_clock().sleep(Duration{20});
  CHECK(door->idle() == Duration{1'000});
}

TEST_CASE("renewal: where one authority is away, the next one is asked") {
  const Cluster cluster(kDue, kFresh);
  const auto door = cluster.door();
  const http::Origin away{"https", "127.0.0.1", 1}, there{"https", "127.0.0.1", door->port()};
  const auto lines = node::renew({cluster.own, {away, there}}, base::system_clock());
  REQUIRE(lines.size() == 1);
  if (!lines.front()) FAIL(lines.front().error().text());
  // If none answers, the last one's error is told, and nothing is changed.
  const Cluster lonely(kDue, kFresh);
  const auto before = lonely.both();
  const auto text = refusal(node::renew({lonely.own, {away, away}}, base::system_clock()), ErrorCode::unreachable);
  CHECK(text.contains("https://127.0.0.1:1"));
  CHECK(lonely.both() == before);
}

TEST_CASE("renewal: the list of authorities") {
  const auto origins = node::parse_authorities(R"({"authorities":["10.7.0.11:5001","[fd00::1]:5001"]})");
  REQUIRE(origins);
  CHECK(*origins == std::vector<http::Origin>{{"https", "10.7.0.11", 5001}, {"https", "fd00::1", 5001}});
  for (const auto* bad :
       {"{}", R"({"authorities":[]})", R"({"authorities":[7]})", R"({"authorities":"10.7.0.11"})", "["})
    CHECK_FALSE(node::parse_authorities(bad));
}

TEST_CASE("renewal: the people's door gets another certificate for the same names, and for no other") {
  const Cluster cluster(kFresh, kFresh);
  cluster.make("people", kDue);
  const auto before = pair_of(cluster.own, "people");
  const auto door = cluster.door();
  const auto lines = cluster.renew(door->port());
  REQUIRE(lines.size() == 1);
  if (!lines.front()) FAIL(lines.front().error().text());
  const auto now = pair_of(cluster.own, "people");
  CHECK(now.key != before.key);
  const auto described = trust::describe(now.certificate);
  REQUIRE(described);
  CHECK(described->names.common_name == "w1");
  CHECK(described->names.dns == std::vector<std::string>{"registry.plant7.lan"});
  CHECK(described->names.ip == std::vector<std::string>{"127.0.0.2"});
  CHECK_FALSE(trust::is_due(described->validity, base::system_clock().now()));

  http::Client client({"https", "127.0.0.1", door->port()}, cluster.client());
  const auto status = [&](const std::string& present) {
    return client.get(asking_for("people", "&present=" + http::percent_encode(present)), {})->status;
  };
  CHECK(status(now.certificate) == 200);
  CHECK(status("") == 400);
  CHECK(status("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") == 400);
  // a certificate without names, another authority's, another node's, and one that has ended
  CHECK(status(pair_of(cluster.own, "server").certificate) == 400);
  const Cluster stranger;
  stranger.make("people", kFresh);
  CHECK(status(pair_of(stranger.own, "people").certificate) == 400);
  cluster.make("people", kFresh, "w2");
  CHECK(status(pair_of(cluster.own, "people").certificate) == 400);
  cluster.make("people", kEnded);
  CHECK(status(pair_of(cluster.own, "people").certificate) == 400);
  // Names can't be asked for in any other way.
  CHECK(client.get(asking_for("people", "&dns=evil.example"), {})->status == 400);
  CHECK(client.get(asking_for("server", "&present=" + http::percent_encode(now.certificate)), {})
            ->text.contains("BEGIN"));
}
