// SPDX-License-Identifier: Apache-2.0
//
// Keys and certificates of the node services, made on the hosts themselves by these hidden commands:
//   node pki make-ca --dir D --name CLUSTER     ca.key (0600) and ca.crt (0644); nothing if usable ones exist
//   node pki make-next --dir D --name CLUSTER   ca.next.key (0600), and its certificate into ca.crt: the next authority
//   node pki promote --dir D                    the next authority's key becomes ca.key: from now on that one issues
//   node pki retire --dir D                     ca.crt keeps the certificate of ca.key alone
//   node pki make-key --dir D --usage U         a new key, which waits as node/U.next; prints the public key
//   node pki issue --dir D --usage U --name N --addresses IP,IP   reads a public key from stdin, prints a certificate;
//                                               of people with --dns NAME
//   node pki install --dir D --usage U          reads it from stdin: with the key that waits it becomes node/U.pem
//   node pki look --dir D                       prints as JSON how long the certificates in node/ and ca.crt live on
//   node pki put --dir D --file F               reads people/F from stdin: the users of the people's door, or the
//   site's
//                                               certificate and key for it
// U is "server" or "client": a node has a key and a certificate for each, so that neither can stand for the other; or
// "people": a server's for the people's door of a registry host (people_door.h), unless the site has one for it. Key
// and certificate are one file (0600), which is replaced as a whole: no reader ever sees a key and the certificate of
// another. The folder node/ holds nothing else but a copy of ca.crt, so that a service can be shown it without the
// authority's key.
//
// ca.crt holds the certificates of all authorities that are believed, the newest first: one, or two while the one takes
// over from the other (runtime/steps/authority_change.h). Which one issues is told by the key in ca.key, never by the
// order.
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

// How long a node's certificate lives. The authority's lives twenty years, and is replaced in time by a second one.
inline constexpr auto kNodeLifetime = std::chrono::days{365};

struct Pair {  // PEM
  std::string certificate;
  Secret key;
};
std::string pair_path(const std::string& folder, std::string_view usage);
// Errors: those of reading; untrusted if the two don't belong together.
Result<Pair> read_pair(const std::string& path);
Result<void> write_pair(const std::string& path, const Pair& pair);

// Of a bundle (PEM), in their order.
std::vector<std::string> certificates_in(std::string_view bundle);

Result<void> make_authority(const std::string& folder, const std::string& cluster, Clock& clock);
// Of a run that was killed the key is taken again. Nothing if there is a next authority.
Result<void> make_next_authority(const std::string& folder, const std::string& cluster, Clock& clock);
// Nothing if no key waits. untrusted if ca.crt lacks its certificate: nobody would believe what it issues.
Result<void> promote_next_authority(const std::string& folder);
// internal while a next authority waits: what it will issue must be believed.
Result<void> retire_former_authorities(const std::string& folder);
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
// {"authorities":[{"id":"HEX","ends":"2046-…","percentLeft":98,"due":false,"issues":true},…],
//  "certificates":[{"usage":"server","ends":"2027-…","percentLeft":71,"due":false,"issuer":"HEX"},…],
//  "waits":false}; what can't be read is left out. "issues": its key is here; "issuer": the authority in ca.crt that
//  has
// issued it, or ""; "waits": the next authority's key is here.
std::string look_at_pairs(const std::string& folder, Clock& clock);

}  // namespace sealift::node
