// SPDX-License-Identifier: Apache-2.0
#include "payload/trust/x509.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/file.h"
#include "payload/base/process.h"
#include "payload/base/text.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using trust::Names;
using trust::Usage;
using trust::Validity;

namespace {

trust::KeyPair make_key() {
  auto key = trust::generate_key();
  REQUIRE(key);
  return std::move(*key);
}

Validity now() {
  const auto at = base::system_clock().now();
  return {at - std::chrono::hours(1), at + std::chrono::hours(24)};
}

struct Authority {
  trust::KeyPair key = make_key();
  std::string certificate;
  Authority() {
    auto made = trust::make_authority(key.private_pem, "sealift test", now());
    REQUIRE(made);
    certificate = *made;
  }
  Result<std::string> issue(const trust::KeyPair& own, const Names& names, Usage usage = Usage::server) const {
    return trust::issue(own.public_pem, usage, names, certificate, key.private_pem, now());
  }
};

const Names kNames{"w1", {"w1.plant7.lan"}, {"10.7.0.12", "fd00::12"}};

// Another implementation's reading of a PEM text.
std::string openssl(std::vector<std::string> arguments, const std::string& pem) {
  arguments.insert(arguments.begin(), "openssl");
  base::CommandIo io;
  io.input = base::as_bytes(pem);
  const auto output = base::run_checked({arguments}, io);
  if (!output) FAIL(output.error().text());
  return *output;
}
std::string shown(const std::string& certificate) { return openssl({"x509", "-noout", "-text"}, certificate); }

void untrusted(const auto& result) {
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::untrusted);
}

}  // namespace

TEST_CASE("keys are PEM, each its own, and give their public half again") {
  const auto one = make_key(), other = make_key();
  CHECK(one.private_pem.reveal().starts_with("-----BEGIN"));
  CHECK(one.public_pem.starts_with("-----BEGIN PUBLIC KEY-----"));
  CHECK(one.public_pem != other.public_pem);
  const auto again = trust::public_key_of(one.private_pem);
  REQUIRE(again);
  CHECK(*again == one.public_pem);
  CHECK_FALSE(trust::public_key_of(Secret("no key")));
}

TEST_CASE("a certificate belongs to its authority and its key") {
  const Authority authority, stranger;
  const auto own = make_key(), other = make_key();
  const auto certificate = authority.issue(own, kNames);
  if (!certificate) FAIL(certificate.error().text());
  CHECK(trust::check_issued(*certificate, authority.certificate, own.public_pem));
  const auto refused = [](const Result<void>& checked) {
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == ErrorCode::untrusted);
  };
  refused(trust::check_issued(*certificate, stranger.certificate, own.public_pem));
  refused(trust::check_issued(*certificate, authority.certificate, other.public_pem));
  refused(trust::check_issued(stranger.certificate, authority.certificate, stranger.key.public_pem));
  CHECK_FALSE(trust::check_issued("no certificate", authority.certificate, own.public_pem));
}

TEST_CASE("an authority signs with its own key only, and end certificates sign nothing") {
  const Authority authority, stranger;
  const auto own = make_key(), other = make_key();
  const auto crossed =
      trust::issue(own.public_pem, Usage::server, kNames, authority.certificate, stranger.key.private_pem, now());
  REQUIRE(crossed);  // issue() does not check the authority; the key decides the issuer, not the name
  untrusted(trust::check_issued(*crossed, authority.certificate, own.public_pem));
  const auto end = authority.issue(own, kNames);
  REQUIRE(end);
  const auto below = trust::issue(other.public_pem, Usage::server, kNames, *end, own.private_pem, now());
  REQUIRE(below);
  untrusted(trust::check_issued(*below, authority.certificate, other.public_pem));
  untrusted(trust::check_issued(*below, *end, other.public_pem));
}

TEST_CASE("fingerprints tell certificates apart, whatever the text around them") {
  const Authority one, other;
  const auto print = [](const std::string& certificate) {
    auto digest = trust::fingerprint(certificate);
    REQUIRE(digest);
    return *digest;
  };
  CHECK(print(one.certificate) != print(other.certificate));
  CHECK(print(one.certificate) == print(one.certificate + "\n"));
  std::string theirs = openssl({"x509", "-noout", "-fingerprint", "-sha256"}, one.certificate);
  theirs = theirs.substr(theirs.find('=') + 1);
  std::erase_if(theirs, [](char c) { return c == ':' || c == '\n'; });
  CHECK(base::to_lower(theirs) == print(one.certificate).hex());
  CHECK_FALSE(trust::fingerprint("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

TEST_CASE("names that are no addresses are refused") {
  const Authority authority;
  CHECK_FALSE(authority.issue(make_key(), {"w1", {}, {"10.7.0.300"}}));
}

TEST_CASE("openssl reads our keys and finds the same public half") {
  const auto key = make_key();
  const std::string text(key.private_pem.reveal());
  CHECK(openssl({"pkey", "-noout", "-text"}, text).contains("prime256v1"));
  CHECK(openssl({"pkey", "-pubout"}, text) == key.public_pem);
}

TEST_CASE("openssl finds in an authority that it is one, for end certificates only") {
  const Authority authority;
  const auto text = shown(authority.certificate);
  CHECK(text.contains("Version: 3"));
  CHECK(text.contains("Signature Algorithm: ecdsa-with-SHA256"));
  CHECK(text.contains("CA:TRUE, pathlen:0"));
  CHECK(text.contains("Certificate Sign, CRL Sign"));
  CHECK_FALSE(text.contains("Digital Signature"));
  CHECK(openssl({"x509", "-noout", "-subject", "-issuer"}, authority.certificate) ==
        "subject=CN = sealift test\nissuer=CN = sealift test\n");
}

TEST_CASE("openssl finds in a certificate the names, addresses and purposes that were asked for") {
  const Authority authority;
  const auto own = make_key();
  const auto certificate = authority.issue(own, kNames);
  REQUIRE(certificate);
  const auto text = shown(*certificate);
  CHECK(text.contains("CA:FALSE"));
  for (const char* name : {"DNS:w1.plant7.lan", "IP Address:10.7.0.12", "IP Address:FD00:0:0:0:0:0:0:12"})
    CHECK(text.contains(name));
  CHECK(text.contains("TLS Web Server Authentication\n"));
  CHECK_FALSE(text.contains("TLS Web Client Authentication"));
  const auto client = authority.issue(own, kNames, Usage::client);
  REQUIRE(client);
  CHECK(shown(*client).contains("TLS Web Client Authentication\n"));
  CHECK_FALSE(shown(*client).contains("TLS Web Server Authentication"));
  CHECK(text.contains("Digital Signature"));
  CHECK(openssl({"x509", "-noout", "-subject", "-issuer"}, *certificate) ==
        "subject=CN = w1\nissuer=CN = sealift test\n");
  CHECK(openssl({"x509", "-noout", "-pubkey"}, *certificate) == own.public_pem);
  const auto again = authority.issue(own, kNames);
  REQUIRE(again);
  CHECK(openssl({"x509", "-noout", "-serial"}, *again) != openssl({"x509", "-noout", "-serial"}, *certificate));
}

TEST_CASE("a certificate without names has no empty list of them") {
  const Authority authority;
  const auto bare = authority.issue(make_key(), {"client", {}, {}});
  REQUIRE(bare);
  CHECK_FALSE(shown(*bare).contains("Alternative Name"));
}

TEST_CASE("openssl believes our certificates as we do, for each purpose and name") {
  const Authority authority, stranger;
  const tests::TemporaryFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    REQUIRE(base::write_file_atomic(folder / name, base::as_bytes(text), 0600));
    return folder / name;
  };
  const auto certificate = authority.issue(make_key(), kNames),
             for_client = authority.issue(make_key(), kNames, Usage::client);
  REQUIRE((certificate && for_client));
  const auto server = write("server", *certificate), client = write("client", *for_client),
             good = write("authority", authority.certificate), other = write("stranger", stranger.certificate);
  auto own = server;
  const auto believed = [&](const std::string& trusted, std::vector<std::string> more) {
    std::vector<std::string> command{"openssl",      "verify",  "-no-CApath", "-no-CAstore",
                                     "-x509_strict", "-CAfile", trusted};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back(own);
    const auto status = base::run({command});
    REQUIRE(status);
    INFO(status->output << status->errors);
    return status->ok();
  };
  CHECK(believed(good, {"-purpose", "sslserver"}));
  CHECK_FALSE(believed(good, {"-purpose", "sslclient"}));
  for (const char* ip : {"10.7.0.12", "fd00::12"}) CHECK(believed(good, {"-verify_ip", ip}));
  CHECK(believed(good, {"-verify_hostname", "w1.plant7.lan"}));
  CHECK_FALSE(believed(good, {"-verify_ip", "10.7.0.13"}));
  CHECK_FALSE(believed(good, {"-verify_hostname", "w2.plant7.lan"}));
  CHECK_FALSE(believed(good, {"-purpose", "smimesign"}));
  CHECK_FALSE(believed(other, {}));
  own = client;
  CHECK(believed(good, {"-purpose", "sslclient"}));
  CHECK_FALSE(believed(good, {"-purpose", "sslserver"}));
}

TEST_CASE("the time of a certificate is the one that was asked for, to the second and beyond 2050") {
  using namespace std::chrono;
  const auto key = make_key();
  const auto at = [](int y, unsigned m, unsigned d, int second) {
    return WallTime(duration_cast<WallTime::duration>(
        (sys_days(year(y) / month(m) / day(d)) + seconds(second)).time_since_epoch()));
  };
  const Validity validity{at(2026, 2, 28, 86'399), at(2076, 12, 31, 1)};
  const auto authority = trust::make_authority(key.private_pem, "long", validity);
  REQUIRE(authority);
  const auto issued = trust::issue(key.public_pem, Usage::server, kNames, *authority, key.private_pem, validity);
  REQUIRE(issued);
  for (const auto& certificate : {*authority, *issued}) {
    CHECK(openssl({"x509", "-noout", "-startdate", "-enddate"}, certificate) ==
          "notBefore=Feb 28 23:59:59 2026 GMT\nnotAfter=Dec 31 00:00:01 2076 GMT\n");
  }
  CHECK(trust::check_issued(*issued, *authority, key.public_pem));
  // An expired certificate still counts as issued: dates are ignored here.
  const auto past = trust::issue(key.public_pem, Usage::server, kNames, *authority, key.private_pem,
                                 {at(2020, 1, 1, 0), at(2020, 1, 2, 0)});
  REQUIRE(past);
  CHECK(trust::check_issued(*past, *authority, key.public_pem));
}

TEST_CASE("what is no PEM, is cut off or is of another kind is refused") {
  const Authority authority;
  const auto own = make_key();
  const std::string key(own.private_pem.reveal());
  const auto half = [](const std::string& text) { return text.substr(0, text.size() / 2); };
  for (const std::string& bad :
       {std::string(), std::string("no key"), half(key), own.public_pem, authority.certificate}) {
    INFO(bad);
    untrusted(trust::public_key_of(Secret(bad)));
    untrusted(trust::make_authority(Secret(bad), "x", now()));
    untrusted(trust::issue(own.public_pem, Usage::server, kNames, authority.certificate, Secret(bad), now()));
  }
  for (const std::string& bad :
       {std::string(), std::string("no certificate"), half(authority.certificate), own.public_pem, key}) {
    INFO(bad);
    untrusted(trust::fingerprint(bad));
    untrusted(trust::check_issued(bad, authority.certificate, own.public_pem));
    untrusted(trust::check_issued(authority.certificate, bad, own.public_pem));
    untrusted(trust::issue(own.public_pem, Usage::server, kNames, bad, authority.key.private_pem, now()));
  }
  for (const std::string& bad : {std::string(), std::string("no key"), half(own.public_pem), authority.certificate}) {
    INFO(bad);
    untrusted(trust::issue(bad, Usage::server, kNames, authority.certificate, authority.key.private_pem, now()));
  }
}

TEST_CASE("what mbedTLS has no code for is said in words") {
  const auto key = openssl({"genpkey", "-algorithm", "ed25519"}, {});
  const auto certificate = openssl({"req", "-x509", "-key", "/dev/stdin", "-subj", "/CN=site", "-days", "1"}, key);
  for (const auto& error : {trust::public_key_of(Secret(key)).error(), trust::describe(certificate).error()}) {
    CHECK(error.code == ErrorCode::untrusted);
    CHECK(error.what.contains("RSA and ECDSA (P-256, P-384, P-521) are, Ed25519 is not"));
  }
}

TEST_CASE("names can't carry more than a name") {
  const Authority authority;
  const auto key = make_key();
  for (const char* name : {"", "w1, w2", "w1,O=system:masters", "w1+OU=x", "a=b", "a\"b", "a\\", "a\nb",
                           "0123456789012345678901234567890123456789012345678901234567890123x"}) {
    INFO(name);
    const auto own = trust::make_authority(key.private_pem, name, now());
    REQUIRE_FALSE(own);
    CHECK(own.error().code == ErrorCode::invalid_input);
    CHECK_FALSE(authority.issue(key, {name, {}, {}}));
  }
  for (const char* address : {"", "10.7.0", "10.7.0.12/24", "fd00::12%eth0", "w1", "::ffff:1.2.3.4.5"}) {
    INFO(address);
    const auto issued = authority.issue(key, {"w1", {}, {address}});
    REQUIRE_FALSE(issued);
    CHECK(issued.error().code == ErrorCode::invalid_input);
  }
}
