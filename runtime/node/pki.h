// SPDX-License-Identifier: Apache-2.0
//
// Keys and certificates of the node services, made on the hosts themselves by these hidden commands:
//   node pki make-ca --dir D --name CLUSTER     ca.key (0600) and ca.crt (0644); nothing if usable ones exist
//   node pki make-key --dir D                   node.key (0600) if absent; prints the public key
//   node pki issue --dir D --name N --address IP   reads a public key from stdin, prints a certificate
#pragma once

#include <string>

#include "payload/base/clock.h"
#include "payload/base/error.h"

namespace sealift::node {

Result<void> make_authority(const std::string& folder, const std::string& cluster, Clock& clock);
Result<std::string> make_key(const std::string& folder);
Result<std::string> issue_certificate(const std::string& folder, const std::string& public_pem, const std::string& name,
                                      const std::string& address, Clock& clock);

}  // namespace sealift::node
