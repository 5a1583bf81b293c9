// SPDX-License-Identifier: Apache-2.0
//
// PEM files that cluster.yaml names.
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/trust/x509.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;

bool bad_pem(const Mapping& fields, std::string_view key, const Result<void>& read) {
  if (!read) fields.bad(key, base::format("this file can't be used: {}", base::printable(read.error().what, 300)));
  return !read;
}

Result<void> parsed(const std::string& pem) {
  return trust::describe(pem).transform([](const auto&) {});
}

}  // namespace

std::string read_pem(const Mapping& fields, std::string_view key, Reading& reading, std::string* where) {
  std::string file;
  fields.text(key, file);
  if (file.empty()) return {};
  if (where != nullptr) *where = reading.beside(file);
  auto content = reading.content_of(fields, key, file);
  if (content.size() <= kMaxPem) return content;
  fields.bad(key, "the file is larger than 64 KiB");
  return {};
}

void check_certificates(const Mapping& fields, std::string_view key, const std::string& pem) {
  if (!pem.empty()) bad_pem(fields, key, parsed(pem));
}

void check_pair(const Mapping& fields, const std::string& certificate, const Secret& key) {
  if (certificate.empty() || bad_pem(fields, "certFile", parsed(certificate)) || key.empty()) return;
  const auto own = trust::public_key_of(key);
  if (bad_pem(fields, "keyFile", own.transform([](const auto&) {}))) return;
  if (!trust::check_key(certificate, *own))
    fields.bad("keyFile", "this key does not belong to the certificate of \"certFile\"");
}

}  // namespace sealift::config
