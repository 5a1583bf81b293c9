// SPDX-License-Identifier: Apache-2.0
//
// Passwords as a server keeps them: salted and hashed slowly, so that whoever reads the file still has to guess.
// Source: PBKDF2 of RFC 8018 with HMAC-SHA-256; implemented with mbedTLS.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/base/error.h"
#include "payload/base/secret.h"
#include "payload/hash/digest.h"

namespace sealift::trust {

// OWASP's advice for HMAC-SHA-256 is 600,000, which takes half a second here. Logins are checked by hosts that have
// better things to do, and this many take less than a tenth of a second; passwords of a registry are long and random.
inline constexpr uint32_t kPasswordRounds = 120'000;
// More would make of a users file a way to keep a server busy.
inline constexpr uint32_t kMostPasswordRounds = 10'000'000;

// 32 bytes. `rounds`: 1 to kMostPasswordRounds, else limit_exceeded.
Result<Digest> pbkdf2(const Secret& password, ByteView salt, uint32_t rounds);

struct PasswordHash {
  std::string user;
  Bytes salt;
  uint32_t rounds = 0;
  Digest hash;
};

// With a new salt.
Result<PasswordHash> hash_password(std::string user, const Secret& password);
// Takes the same time for any password.
bool is_password(const PasswordHash& kept, const Secret& password);

// A users file, one user a line: "NAME:ROUNDS:SALT:HASH", the last two in hexadecimal. A name has no colon (RFC 7617).
std::string to_users_file(const std::vector<PasswordHash>& users);
// Errors: corrupt, with the line.
Result<std::vector<PasswordHash>> parse_users_file(std::string_view text);

// What is known of a secret text under this key: for comparing without keeping the text. HMAC-SHA-256.
using MacKey = std::array<std::byte, 32>;
Result<MacKey> random_mac_key();
Result<Digest> mac_of(const MacKey& key, std::string_view text);

}  // namespace sealift::trust
