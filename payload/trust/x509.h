// SPDX-License-Identifier: Apache-2.0
//
// Keys and certificates (ECDSA P-256, X.509 v3): a small authority for traffic between Sealift's own services. Knows
// nothing of files or hosts. Source: RFC 5280; implemented with mbedTLS.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/base/secret.h"
#include "payload/hash/digest.h"

namespace sealift::trust {

struct KeyPair {
  Secret private_pem;
  std::string public_pem;
};

struct Validity {
  WallTime not_before, not_after;
};

struct Names {
  std::string common_name;
  std::vector<std::string> dns;
  std::vector<std::string> ip;  // IPv4 or IPv6
};

Result<KeyPair> generate_key();
// The public half of a private key.
Result<std::string> public_key_of(const Secret& private_pem);

// A self-signed authority that may sign only end certificates (path length 0).
Result<std::string> make_authority(const Secret& private_pem, std::string_view common_name, const Validity& validity);

// A certificate for a public key. One for clients is of no use to a server, and the other way round.
enum class Usage { server, client };
Result<std::string> issue(std::string_view public_pem, Usage usage, const Names& names, std::string_view authority_pem,
                          const Secret& authority_key_pem, const Validity& validity);

// Checks that the authority issued the certificate and, with a key, that it is for that one; otherwise untrusted.
// Ignores dates.
Result<void> check_issued(std::string_view certificate_pem, std::string_view authority_pem);
Result<void> check_issued(std::string_view certificate_pem, std::string_view authority_pem,
                          std::string_view public_pem);
// Checks only that it is for the key; otherwise untrusted.
Result<void> check_key(std::string_view certificate_pem, std::string_view public_pem);

// What a certificate says of itself; nothing of it is checked. Addresses as inet_ntop(3) writes them.
struct Description {
  Names names;
  Validity validity;
};
Result<Description> describe(std::string_view certificate_pem);

// Less than a third of its life is left: it is time for another one.
bool is_due(const Validity& validity, WallTime now);

// SHA-256 over the DER bytes.
Result<Digest> fingerprint(std::string_view certificate_pem);

}  // namespace sealift::trust
