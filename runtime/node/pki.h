// SPDX-License-Identifier: Apache-2.0
//
// Keys and certificates of the node services, made on the hosts themselves by these hidden commands:
//   node pki make-ca --dir D --name CLUSTER     ca.key (0600) and ca.crt (0644); nothing if usable ones exist
//   node pki make-key --dir D --usage U         a new key, which waits as node/U.next; prints the public key
//   node pki issue --dir D --usage U --name N --addresses IP,IP   reads a public key from stdin, prints a certificate;
//                                               of people with --dns NAME
//   node pki install --dir D --usage U          reads it from stdin: with the key that waits it becomes node/U.pem
//   node pki look --dir D                       prints as JSON how long the certificates in node/ live on
//   node pki put --dir D --file F               reads people/F from stdin: the users of the people's door, or the
//   site's
//                                               certificate and key for it
// U is "server" or "client": a node has a key and a certificate for each, so that neither can stand for the other; or
// "people": a server's for the people's door of a registry host (people_door.h), unless the site has one for it. Key
// and certificate are one file (0600), which is replaced as a whole: no reader ever sees a key and the certificate of
// another. The folder node/ holds nothing else, so that a service can be shown it without the authority's key.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/base/secret.h"

namespace sealift::node {

inline constexpr std::array<std::string_view, 3> kUsages{"server", "client", "people"};
inline constexpr std::array<std::string_view, 2> kPeopleFiles{"users", "site.pem"};

// How long a node's certificate lives. The authority's outlives the cluster's hardware, since it is never replaced.
inline constexpr auto kNodeLifetime = std::chrono::days{365};

struct Pair {  // PEM
  std::string certificate;
  Secret key;
};
std::string pair_path(const std::string& folder, std::string_view usage);
// Errors: those of reading; untrusted if the two don't belong together.
Result<Pair> read_pair(const std::string& path);
Result<void> write_pair(const std::string& path, const Pair& pair);

Result<void> make_authority(const std::string& folder, const std::string& cluster, Clock& clock);
// The key of a run that was killed before its certificate came is taken again.
Result<std::string> make_key(const std::string& folder, std::string_view usage);
// `addresses`: what a server may be reached by, as IP addresses; clients have none. `dns`: names, for people only, who
// don't know addresses.
Result<std::string> issue_certificate(const std::string& folder, std::string_view usage, const std::string& public_pem,
                                      const std::string& name, const std::vector<std::string>& addresses, Clock& clock,
                                      const std::vector<std::string>& dns = {});
// untrusted if the authority in ca.crt has not issued it, or not for the key that waits.
Result<void> install_certificate(const std::string& folder, std::string_view usage, const std::string& certificate);
// One of kPeopleFiles; any other name is refused.
Result<void> put_people_file(const std::string& folder, std::string_view name, ByteView content);
// {"certificates":[{"usage":"server","ends":"2027-…","percentLeft":71,"due":false},…]}; what can't be read is left out.
std::string look_at_pairs(const std::string& folder, Clock& clock);

}  // namespace sealift::node
