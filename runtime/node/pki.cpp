// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/pki.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "payload/base/file.h"
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

std::string waiting_path(const std::string& folder, std::string_view usage) {
  return std::format("{}/node/{}.next", folder, usage);
}

std::string text_of(const Pair& pair) { return std::string(pair.key.reveal()) + pair.certificate; }

Result<trust::Usage> usage_of(std::string_view text) {
  if (text == "server" || text == "people") return trust::Usage::server;
  if (text == "client") return trust::Usage::client;
  return fail(ErrorCode::usage, "--usage is server, client or people");
}

}  // namespace

std::string pair_path(const std::string& folder, std::string_view usage) {
  return std::format("{}/node/{}.pem", folder, usage);
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
  if (key_there && certificate_there) {
    SEALIFT_ASSIGN(const auto public_pem, trust::public_key_of(Secret(*key_there)));
    return trust::check_issued(*certificate_there, *certificate_there, public_pem);
  }
  SEALIFT_TRY(base::make_directories(folder, 0700));
  Secret key;
  if (key_there) {
    key = Secret(*key_there);  // killed between key and certificate
  } else {
    SEALIFT_ASSIGN(auto pair, trust::generate_key());
    key = std::move(pair.private_pem);
    SEALIFT_TRY(base::write_file_atomic(key_path, base::as_bytes(key.reveal()), 0600));
  }
  SEALIFT_ASSIGN(const auto certificate,
                 trust::make_authority(key, "sealift " + cluster.substr(0, 50), validity(clock, kAuthorityLifetime)));
  return base::write_file_atomic(certificate_path, base::as_bytes(certificate), 0644);
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
  SEALIFT_ASSIGN(const auto authority, base::read_text_file(folder + "/ca.crt", kMaxPem));
  SEALIFT_ASSIGN(const auto key, base::read_text_file(folder + "/ca.key", kMaxPem));
  return trust::issue(public_pem, kind, {name.substr(0, 60), dns, addresses}, authority, Secret(key),
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
  return base::write_file_atomic(std::format("{}/people/{}", folder, name), content, 0600);
}

std::string look_at_pairs(const std::string& folder, Clock& clock) {
  json::Value list = json::Value::array();
  for (const auto usage : kUsages) {
    const auto validity = read_pair(pair_path(folder, usage))
                              .and_then([](const Pair& pair) { return trust::describe(pair.certificate); })
                              .transform([](const trust::Description& described) { return described.validity; });
    if (!validity) continue;
    const Duration life = std::max(validity->not_after - validity->not_before, Duration{1}),
                   left = std::max(validity->not_after - clock.now(), Duration{0});
    json::Value one = json::Value::object();
    one.set("usage", usage);
    one.set("ends", base::to_iso8601(validity->not_after));
    one.set("percentLeft", static_cast<uint64_t>((left * 100 + life - Duration{1}) / life));  // 0: it has ended
    one.set("due", trust::is_due(*validity, clock.now()));
    list.push_back(std::move(one));
  }
  json::Value out = json::Value::object();
  out.set("certificates", std::move(list));
  return json::to_canonical(out) + "\n";
}

}  // namespace sealift::node
