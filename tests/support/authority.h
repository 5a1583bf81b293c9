// SPDX-License-Identifier: Apache-2.0
//
// A certificate authority for servers and clients in this process.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <string>

#include "payload/http/server.h"
#include "payload/trust/x509.h"

namespace sealift::tests {

struct Authority {
  trust::KeyPair key;
  std::string certificate;
  trust::Validity validity;

  explicit Authority(Duration until = std::chrono::hours(1)) {
    const auto now = base::system_clock().now();
    validity = {now - std::chrono::hours(2), now + until};
    auto made = trust::generate_key();
    REQUIRE(made);
    key = std::move(*made);
    auto own =
        trust::make_authority(key.private_pem, "authority", {now - std::chrono::hours(2), now + std::chrono::hours(1)});
    REQUIRE(own);
    certificate = *own;
  }
  // A certificate of this authority, for a peer that trusts `trusted`: of a client if that is its name.
  http::TlsIdentity identity(const trust::Names& names, const std::string& trusted) const {
    auto own = trust::generate_key();
    REQUIRE(own);
    const auto usage = names.common_name == "client" ? trust::Usage::client : trust::Usage::server;
    auto issued = trust::issue(own->public_pem, usage, names, certificate, key.private_pem, validity);
    REQUIRE(issued);
    return {trusted, *issued, own->private_pem};
  }
};

inline const trust::Names kLoopback{"server", {"localhost"}, {"127.0.0.1"}};

}  // namespace sealift::tests
