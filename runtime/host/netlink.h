// SPDX-License-Identifier: Apache-2.0
//
// Requests to the kernel over netlink, in the caller's network namespace. It knows messages and attributes; what they
// mean is the callers' business. Errors are errno values: callers tell "absent" from other failures by them.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <expected>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "payload/base/bytes.h"

namespace sealift::host {

void put_attribute(Bytes& out, uint16_t type, ByteView data);
void put_attribute(Bytes& out, uint16_t type, std::string_view text);  // ends with a NUL

// A header, the structure that its type requires, and attributes.
class NetlinkMessage {
 public:
  // `flags`: in addition to NLM_F_REQUEST.
  template <class Fixed>
  NetlinkMessage(uint16_t type, uint16_t flags, const Fixed& fixed)
      : NetlinkMessage(type, flags, std::as_bytes(std::span(&fixed, 1))) {}
  NetlinkMessage(uint16_t type, uint16_t flags, ByteView fixed);
  NetlinkMessage& put(uint16_t type, ByteView data);
  NetlinkMessage& put(uint16_t type, std::string_view text);
  Bytes numbered(uint32_t sequence) const;

 private:
  Bytes bytes_;
};

// Sends the messages at once and waits for the answer to the last one with NLM_F_ACK, at most five seconds. Returns the
// errno of the first that failed, 0 if none did.
int netlink_request(int protocol, const std::vector<NetlinkMessage>& messages);

// What follows each header of the answer to a request with NLM_F_DUMP.
std::expected<std::vector<Bytes>, int> netlink_dump(int protocol, const NetlinkMessage& message);

// Attributes by their type, without NLA_F_NESTED and the like; views of `data`. Ends at the first one that is damaged.
std::map<uint16_t, ByteView> netlink_attributes(ByteView data);
// The same for a list in which a type may be there twice.
std::vector<std::pair<uint16_t, ByteView>> netlink_attribute_list(ByteView data);
std::string_view netlink_text(ByteView data);  // up to its NUL

}  // namespace sealift::host
