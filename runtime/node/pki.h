// SPDX-License-Identifier: Apache-2.0
//
// Keys and certificates of the node services, made on the hosts themselves by these hidden commands:
//   node pki make-ca --dir D --name CLUSTER     ca.key (0600) and ca.crt (0644); nothing if usable ones exist
//   node pki make-key --dir D --usage U         U.key (0600) if absent; prints the public key
//   node pki issue --dir D --usage U --name N --addresses IP,IP   reads a public key from stdin, prints a certificate
// U is "server" or "client": a node has a key and a certificate for each, so that neither can stand for the other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"

namespace sealift::node {

Result<void> make_authority(const std::string& folder, const std::string& cluster, Clock& clock);
Result<std::string> make_key(const std::string& folder, std::string_view usage);
// `addresses`: what a server may be reached by, as IP addresses only; clients have none.
Result<std::string> issue_certificate(const std::string& folder, std::string_view usage, const std::string& public_pem,
                                      const std::string& name, const std::vector<std::string>& addresses, Clock& clock);

}  // namespace sealift::node
