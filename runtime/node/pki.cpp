// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/pki.h"

#include "payload/base/file.h"
#include "payload/trust/x509.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;
// This version does not renew certificates, so they must outlive the cluster's hardware.
constexpr auto kLifetime = std::chrono::years{20};

// Starts a day earlier, since clocks of hosts without a network differ.
trust::Validity validity(Clock& clock) {
  const auto now = clock.now();
  return {now - std::chrono::days{1}, now + std::chrono::duration_cast<Duration>(kLifetime)};
}

Result<trust::Usage> usage_of(std::string_view text) {
  if (text == "server") return trust::Usage::server;
  if (text == "client") return trust::Usage::client;
  return fail(ErrorCode::usage, "--usage is server or client");
}

}  // namespace

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
                 trust::make_authority(key, "sealift " + cluster.substr(0, 50), validity(clock)));
  return base::write_file_atomic(certificate_path, base::as_bytes(certificate), 0644);
}

Result<std::string> make_key(const std::string& folder, std::string_view usage) {
  SEALIFT_TRY(usage_of(usage));
  SEALIFT_TRY(base::make_directories(folder, 0700));
  const std::string path = std::format("{}/{}.key", folder, usage);
  if (const auto there = base::read_text_file(path, kMaxPem)) return trust::public_key_of(Secret(*there));
  SEALIFT_ASSIGN(const auto pair, trust::generate_key());
  SEALIFT_TRY(base::write_file_atomic(path, base::as_bytes(pair.private_pem.reveal()), 0600));
  return pair.public_pem;
}

Result<std::string> issue_certificate(const std::string& folder, std::string_view usage, const std::string& public_pem,
                                      const std::string& name, const std::vector<std::string>& addresses,
                                      Clock& clock) {
  SEALIFT_ASSIGN(const auto kind, usage_of(usage));
  SEALIFT_ASSIGN(const auto authority, base::read_text_file(folder + "/ca.crt", kMaxPem));
  SEALIFT_ASSIGN(const auto key, base::read_text_file(folder + "/ca.key", kMaxPem));
  return trust::issue(public_pem, kind, {name.substr(0, 60), {}, addresses}, authority, Secret(key), validity(clock));
}

}  // namespace sealift::node
