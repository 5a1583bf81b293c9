// SPDX-License-Identifier: Apache-2.0
//
// A node renews its certificates itself: sealift-renew.timer starts this once a day. Of a certificate with less than a
// third of its life left it makes a new key, asks the authority's door (authority.h) for a certificate of it, by the
// client's certificate that it has, and puts both in place as one file, by one rename (pki.h): a crash at any moment
// leaves the old pair or the new one. The mirror notices the new file; connections that are open keep the old pair.
//
// On the authority's own host it goes through the same door, so that this process sees no key of the authority either.
//
// What comes back is believed only if the authority in ca.crt has issued it for the new key, for the names and the
// addresses of the present one, if it is valid by this host's clock, and ends later than the present one: a wrong clock
// on either side costs no certificate that is still good. If the authority is away, or refuses, nothing is changed; the
// next day is another try, and a third of a year is left for them. A client's certificate that has ended can't ask any
// more; then `apply` makes a new one.
#pragma once

#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/http/client.h"

namespace sealift::node {

struct RenewalOptions {
  std::string folder;                     // with ca.crt and node/
  std::vector<http::Origin> authorities;  // https; asked in turn until one gives a certificate
};
// {"authorities":["10.7.0.11:5001"]}: /etc/sealift/renew.json. Errors: invalid_config.
Result<std::vector<http::Origin>> parse_authorities(std::string_view json);

// For each certificate that is due, or can't be looked at: a line that says what was done, or why nothing was.
std::vector<Result<std::string>> renew(const RenewalOptions& options, Clock& clock);

}  // namespace sealift::node
