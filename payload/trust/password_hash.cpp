// SPDX-License-Identifier: Apache-2.0
#include "payload/trust/password_hash.h"

#include <mbedtls/md.h>
#include <mbedtls/pkcs5.h>
#include <sys/random.h>

#include <cerrno>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::trust {
namespace {

constexpr size_t kSalt = 16;

const unsigned char* bytes_of(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());  // NOLINT(*-reinterpret-cast): mbedTLS's bytes
}

unsigned char* bytes_of(Digest& digest) {
  return reinterpret_cast<unsigned char*>(digest.bytes.data());  // NOLINT(*-reinterpret-cast)
}

// At most 256 bytes, which the kernel gives whole.
Result<void> fill_randomly(std::span<std::byte> out) {
  if (::getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size()))
    return fail_errno(errno, "ask the kernel for random bytes");
  return {};
}

// Without an early end, so that time says nothing of where they differ.
bool is_same(const Digest& one, const Digest& other) {
  std::byte different{0};
  for (size_t i = 0; i < one.bytes.size(); ++i) different |= one.bytes[i] ^ other.bytes[i];
  return different == std::byte{0};
}

std::optional<PasswordHash> parse_line(std::string_view line) {
  const auto parts = base::split(line, ':');
  if (parts.size() != 4 || parts[0].empty()) return std::nullopt;
  const auto rounds = base::parse_u64(parts[1]);
  auto salt = base::from_hex(parts[2]);
  const auto hash = Digest::from_hex(parts[3]);
  if (!rounds || *rounds == 0 || *rounds > kMostPasswordRounds || !salt || !hash) return std::nullopt;
  return PasswordHash{std::string(parts[0]), std::move(*salt), static_cast<uint32_t>(*rounds), *hash};
}

}  // namespace

Result<Digest> pbkdf2(const Secret& password, ByteView salt, uint32_t rounds) {
  if (rounds == 0 || rounds > kMostPasswordRounds)
    return fail(ErrorCode::limit_exceeded, "{} rounds for a password: from 1 to {}", rounds, kMostPasswordRounds);
  Digest out;
  const auto text = base::as_bytes(password.reveal());
  const int code = mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA256, bytes_of(text), text.size(), bytes_of(salt),
                                                 salt.size(), rounds, out.bytes.size(), bytes_of(out));
  if (code != 0) return fail(ErrorCode::internal, "mbedTLS can't hash a password ({})", code);
  return out;
}

Result<PasswordHash> hash_password(std::string user, const Secret& password) {
  PasswordHash out{std::move(user), Bytes(kSalt), kPasswordRounds, {}};
  SEALIFT_TRY(fill_randomly(out.salt));
  SEALIFT_ASSIGN(out.hash, pbkdf2(password, out.salt, out.rounds));
  return out;
}

bool is_password(const PasswordHash& kept, const Secret& password) {
  const auto hash = pbkdf2(password, kept.salt, kept.rounds);
  return hash && is_same(*hash, kept.hash);
}

std::string to_users_file(const std::vector<PasswordHash>& users) {
  std::string out;
  for (const auto& user : users)
    out += base::format("{}:{}:{}:{}\n", user.user, user.rounds, base::to_hex(user.salt), user.hash.hex());
  return out;
}

Result<std::vector<PasswordHash>> parse_users_file(std::string_view text) {
  std::vector<PasswordHash> out;
  size_t number = 0;
  for (const auto line : base::split(text, '\n')) {
    ++number;
    if (line.empty()) continue;
    auto user = parse_line(line);
    if (!user) return fail(ErrorCode::corrupt, "line {} of the users file is not NAME:ROUNDS:SALT:HASH", number);
    out.push_back(std::move(*user));
  }
  return out;
}

Result<MacKey> random_mac_key() {
  MacKey out{};
  SEALIFT_TRY(fill_randomly(out));
  return out;
}

Result<Digest> mac_of(const MacKey& key, std::string_view text) {
  Digest out;
  const auto bytes = base::as_bytes(text);
  const int code = mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), bytes_of(key), key.size(),
                                   bytes_of(bytes), bytes.size(), bytes_of(out));
  if (code != 0) return fail(ErrorCode::internal, "mbedTLS can't make a message's code ({})", code);
  return out;
}

}  // namespace sealift::trust
