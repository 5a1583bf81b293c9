// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/pki.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/json/value.h"
#include "payload/trust/x509.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;
constexpr auto kAuthorityLifetime = std::chrono::days{20 * 365};

// Starts a day earlier, since clocks of hosts without a network differ.
trust::Validity validity(Clock& clock, Duration lifetime) {
  const auto now = clock.now();
  return {now - std::chrono::days{1}, now + lifetime};
}

Result<std::string> authority_certificate(const Secret& key, const std::string& cluster, Clock& clock) {
  // Every generation has the same name, as RFC 4210 (4.4) has it: their keys tell them apart.
  return trust::make_authority(key, "sealift " + cluster.substr(0, 50), validity(clock, kAuthorityLifetime));
}

std::string next_path(const std::string& folder) { return folder + "/ca.next.key"; }

std::string waiting_path(const std::string& folder, std::string_view usage) {
  return base::format("{}/node/{}.next", folder, usage);
}

std::string text_of(const Pair& pair) { return std::string(pair.key.reveal()) + pair.certificate; }

json::Value life_of(const trust::Validity& validity, Clock& clock) {
  const Duration life = std::max(validity.not_after - validity.not_before, Duration{1}),
                 left = std::max(validity.not_after - clock.now(), Duration{0});
  json::Value out = json::Value::object();
  out.set("ends", base::to_iso8601(validity.not_after));
  out.set("percentLeft", static_cast<uint64_t>((left * 100 + life - Duration{1}) / life));  // 0: it has ended
  out.set("due", trust::is_due(validity, clock.now()));
  return out;
}

// The certificate of the authority that has this key. untrusted if it is not in the bundle.
Result<std::string> certificate_of(const Secret& key, std::string_view bundle) {
  SEALIFT_ASSIGN(const auto public_pem, trust::public_key_of(key));
  for (auto& certificate : certificates_in(bundle)) {
    if (trust::check_key(certificate, public_pem)) return std::move(certificate);
  }
  return fail(ErrorCode::untrusted, "ca.crt has no certificate of the authority's key");
}

Result<Secret> read_key(const std::string& path) {
  return base::read_text_file(path, kMaxPem).transform([](std::string text) {
    Secret out(text);
    explicit_bzero(text.data(), text.size());
    return out;
  });
}

// One that is there is taken.
Result<Secret> key_at(const std::string& path) {
  if (auto there = read_key(path); there || there.error().code != ErrorCode::not_found) return there;
  SEALIFT_ASSIGN(auto pair, trust::generate_key());
  SEALIFT_TRY(base::write_file_atomic(path, base::as_bytes(pair.private_pem.reveal()), 0600));
  return std::move(pair.private_pem);
}

Result<trust::Usage> usage_of(std::string_view text) {
  if (text == "server" || text == "people") return trust::Usage::server;
  if (text == "client") return trust::Usage::client;
  return fail(ErrorCode::usage, "--usage is server, client or people");
}

}  // namespace

std::vector<std::string> certificates_in(std::string_view bundle) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----", kEnd = "-----END CERTIFICATE-----";
  std::vector<std::string> out;
  for (size_t at = bundle.find(kBegin); at != std::string_view::npos; at = bundle.find(kBegin, at)) {
    const size_t end = bundle.find(kEnd, at);
    if (end == std::string_view::npos) break;
    out.push_back(std::string(bundle.substr(at, end + kEnd.size() - at)) + "\n");
    at = end;
  }
  return out;
}

std::string pair_path(const std::string& folder, std::string_view usage) {
  return base::format("{}/node/{}.pem", folder, usage);
}

Result<Pair> read_pair(const std::string& path) {
  SEALIFT_ASSIGN(const auto text, base::read_text_file(path, kMaxPem));
  const size_t begin = std::min(text.find("-----BEGIN CERTIFICATE-----"), text.size());
  Pair out{text.substr(begin), Secret(text.substr(0, begin))};
  auto checked = trust::public_key_of(out.key).and_then(
      [&](const std::string& public_pem) { return trust::check_key(out.certificate, public_pem); });
  if (!checked) return fail_while(std::move(checked).error(), "reading " + path);
  return out;
}

Result<void> write_pair(const std::string& path, const Pair& pair) {
  return base::write_file_atomic(path, base::as_bytes(text_of(pair)), 0600);
}

Result<void> make_authority(const std::string& folder, const std::string& cluster, Clock& clock) {
  const std::string key_path = folder + "/ca.key", certificate_path = folder + "/ca.crt";
  const auto key_there = base::read_text_file(key_path, kMaxPem);
  const auto certificate_there = base::read_text_file(certificate_path, kMaxPem);
  if (key_there && certificate_there)
    return certificate_of(Secret(*key_there), *certificate_there).and_then([](const std::string& own) {
      return trust::check_issued(own, own);
    });
  SEALIFT_TRY(base::make_directories(folder, 0700));
  Secret key;
  if (key_there) {
    key = Secret(*key_there);  // killed between key and certificate
  } else {
    SEALIFT_ASSIGN(auto pair, trust::generate_key());
    key = std::move(pair.private_pem);
    SEALIFT_TRY(base::write_file_atomic(key_path, base::as_bytes(key.reveal()), 0600));
  }
  SEALIFT_ASSIGN(const auto certificate, authority_certificate(key, cluster, clock));
  return base::write_file_atomic(certificate_path, base::as_bytes(certificate), 0644);
}

Result<void> make_next_authority(const std::string& folder, const std::string& cluster, Clock& clock) {
  const std::string bundle_path = folder + "/ca.crt";
  SEALIFT_ASSIGN(const auto bundle, base::read_text_file(bundle_path, kMaxPem));
  SEALIFT_ASSIGN(const auto key, key_at(next_path(folder)));
  if (certificate_of(key, bundle)) return {};
  SEALIFT_ASSIGN(const auto certificate, authority_certificate(key, cluster, clock));
  return base::write_file_atomic(bundle_path, base::as_bytes(certificate + bundle), 0644);
}

Result<void> promote_next_authority(const std::string& folder) {
  const std::string next = next_path(folder), key_path = folder + "/ca.key";
  const auto key = read_key(next);
  if (!key) return key.error().code == ErrorCode::not_found ? Result<void>{} : fail(key.error());
  SEALIFT_ASSIGN(const auto bundle, base::read_text_file(folder + "/ca.crt", kMaxPem));
  SEALIFT_TRY(certificate_of(*key, bundle));
  if (::rename(next.c_str(), key_path.c_str()) != 0) return fail_errno(errno, "rename to " + key_path);
  return base::sync_directory(folder);
}

Result<void> retire_former_authorities(const std::string& folder) {
  const std::string bundle_path = folder + "/ca.crt";
  if (const auto next = read_key(next_path(folder)); next || next.error().code != ErrorCode::not_found)
    return fail(ErrorCode::internal, "{} waits to become the authority's", next_path(folder));
  SEALIFT_ASSIGN(const auto key, read_key(folder + "/ca.key"));
  SEALIFT_ASSIGN(const auto bundle, base::read_text_file(bundle_path, kMaxPem));
  SEALIFT_ASSIGN(const auto own, certificate_of(key, bundle));
  return base::write_file_atomic(bundle_path, base::as_bytes(own), 0644);
}

Result<std::string> make_key(const std::string& folder, std::string_view usage) {
  SEALIFT_TRY(usage_of(usage));
  SEALIFT_TRY(base::make_directories(folder + "/node", 0700));
  const std::string path = waiting_path(folder, usage);
  if (const auto there = base::read_text_file(path, kMaxPem)) return trust::public_key_of(Secret(*there));
  SEALIFT_ASSIGN(const auto pair, trust::generate_key());
  SEALIFT_TRY(base::write_file_atomic(path, base::as_bytes(pair.private_pem.reveal()), 0600));
  return pair.public_pem;
}

Result<std::string> issue_certificate(const std::string& folder, std::string_view usage, const std::string& public_pem,
                                      const std::string& name, const std::vector<std::string>& addresses, Clock& clock,
                                      const std::vector<std::string>& dns) {
  SEALIFT_ASSIGN(const auto kind, usage_of(usage));
  if (dns.empty() == (usage == "people"))
    return fail(ErrorCode::usage, "certificates of people have DNS names, and no others do");
  SEALIFT_ASSIGN(const auto bundle, base::read_text_file(folder + "/ca.crt", kMaxPem));
  SEALIFT_ASSIGN(const auto key, read_key(folder + "/ca.key"));
  SEALIFT_ASSIGN(const auto authority, certificate_of(key, bundle));
  return trust::issue(public_pem, kind, {name.substr(0, 60), dns, addresses}, authority, key,
                      validity(clock, kNodeLifetime));
}

Result<void> install_certificate(const std::string& folder, std::string_view usage, const std::string& certificate) {
  SEALIFT_TRY(usage_of(usage));
  const std::string waiting = waiting_path(folder, usage), path = pair_path(folder, usage);
  SEALIFT_ASSIGN(const auto key, base::read_text_file(waiting, kMaxPem));
  SEALIFT_ASSIGN(const auto authority, base::read_text_file(folder + "/ca.crt", kMaxPem));
  const Pair pair{certificate, Secret(key.substr(0, key.find("-----BEGIN CERTIFICATE-----")))};
  SEALIFT_ASSIGN(const auto public_pem, trust::public_key_of(pair.key));
  SEALIFT_TRY(trust::check_issued(certificate, authority, public_pem));
  // In one rename the pair is there and no key waits any more: one that waits has never been used.
  SEALIFT_TRY(write_pair(waiting, pair));
  if (::rename(waiting.c_str(), path.c_str()) != 0) return fail_errno(errno, "rename to " + path);
  return base::sync_directory(folder + "/node");
}

Result<void> put_people_file(const std::string& folder, std::string_view name, ByteView content) {
  if (!std::ranges::contains(kPeopleFiles, name)) return fail(ErrorCode::usage, "--file is users or site.pem");
  SEALIFT_TRY(base::make_directories(folder + "/people", 0700));
  return base::write_file_atomic(base::format("{}/people/{}", folder, name), content, 0600);
}

std::string look_at_pairs(const std::string& folder, Clock& clock) {
  const auto bundle = certificates_in(base::read_text_file(folder + "/ca.crt", kMaxPem).value_or(""));
  const auto key = read_key(folder + "/ca.key").and_then(trust::public_key_of);
  const auto id = [](const std::string& certificate) {
    return trust::fingerprint(certificate).transform(&Digest::hex).value_or("");
  };
  json::Value authorities = json::Value::array(), list = json::Value::array();
  for (const auto& authority : bundle) {
    const auto described = trust::describe(authority);
    if (!described) continue;
    json::Value one = life_of(described->validity, clock);
    one.set("id", id(authority));
    one.set("issues", key && trust::check_key(authority, *key).has_value());
    authorities.push_back(std::move(one));
  }
  for (const auto usage : kUsages) {
    const auto pair = read_pair(pair_path(folder, usage));
    const auto described = pair ? trust::describe(pair->certificate) : fail(pair.error());
    if (!described) continue;
    json::Value one = life_of(described->validity, clock);
    one.set("usage", usage);
    const auto issuer = std::ranges::find_if(bundle, [&](const std::string& authority) {
      return trust::check_issued(pair->certificate, authority).has_value();
    });
    one.set("issuer", issuer == bundle.end() ? "" : id(*issuer));
    list.push_back(std::move(one));
  }
  json::Value out = json::Value::object();
  out.set("authorities", std::move(authorities));
  out.set("certificates", std::move(list));
  out.set("waits", read_key(next_path(folder)).has_value());
  return json::to_canonical(out) + "\n";
}

}  // namespace sealift::node
