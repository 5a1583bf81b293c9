// SPDX-License-Identifier: Apache-2.0
#include "payload/http/caller.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "payload/http/socket_address.h"

namespace sealift::http {
namespace {

// An address in the 16 bytes of IPv6, the one of IPv4 as ::ffff:a.b.c.d; the port in network order.
struct End {
  std::array<uint8_t, 16> address{};
  uint16_t port = 0;
  bool is_v4() const {
    constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::ranges::equal(std::span(address).first<12>(), kMapped);
  }
  bool is_loopback() const {
    constexpr std::array<uint8_t, 16> kOne{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return is_v4() ? address[12] == 127 : address == kOne;
  }
};

End end_of(const SocketAddress& address) {
  End out;
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    out.address[10] = out.address[11] = 0xff;
    std::memcpy(&out.address[12], &v4.sin_addr, 4);
    out.port = v4.sin_port;
  } else {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.storage, sizeof v6);
    std::memcpy(out.address.data(), &v6.sin6_addr, 16);
    out.port = v6.sin6_port;
  }
  return out;
}

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 wanted;
};

Question question(const End& client, const End& server, uint32_t number) {
  Question out{};
  out.header.nlmsg_len = sizeof out;
  out.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  out.header.nlmsg_flags = NLM_F_REQUEST;
  out.header.nlmsg_seq = number;
  out.wanted.sdiag_family = client.is_v4() ? AF_INET : AF_INET6;
  out.wanted.sdiag_protocol = IPPROTO_TCP;
  // The socket as its owner sees it: the source is the client.
  out.wanted.id.idiag_sport = client.port;
  out.wanted.id.idiag_dport = server.port;
  const size_t skipped = client.is_v4() ? 12 : 0;
  std::memcpy(out.wanted.id.idiag_src, &client.address.at(skipped), 16 - skipped);
  std::memcpy(out.wanted.id.idiag_dst, &server.address.at(skipped), 16 - skipped);
  out.wanted.id.idiag_cookie[0] = out.wanted.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return out;
}

std::optional<uint32_t> ask(int netlink, const Question& asked) {
  if (::send(netlink, &asked, sizeof asked, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof asked)) return std::nullopt;
  // The kernel has answered by now. Answers to earlier questions can't be left over, but are passed over.
  for (;;) {
    alignas(nlmsghdr) std::array<char, 1024> buffer{};
    const ssize_t count = ::recv(netlink, buffer.data(), buffer.size(), MSG_DONTWAIT);
    nlmsghdr header{};
    inet_diag_msg found{};
    if (count < static_cast<ssize_t>(sizeof header)) return std::nullopt;
    std::memcpy(&header, buffer.data(), sizeof header);
    if (header.nlmsg_seq != asked.header.nlmsg_seq) continue;
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || static_cast<size_t>(count) < NLMSG_HDRLEN + sizeof found)
      return std::nullopt;
    std::memcpy(&found, buffer.data() + NLMSG_HDRLEN, sizeof found);
    // If the client's socket has gone, the kernel looks for one that listens at its place. And a socket that its owner
    // has closed while it was connected belongs to uid 0 from then on, without an inode: everybody could be root so.
    if (found.id.idiag_dport != asked.wanted.id.idiag_dport || found.idiag_inode == 0) return std::nullopt;
    return found.idiag_uid;
  }
}

}  // namespace

CallerFinder::CallerFinder() : netlink_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {}

Caller CallerFinder::find(int connection) {
  const End client = end_of(peer_address(connection)), server = end_of(own_address(connection));
  Caller out;
  if (!client.is_loopback() && client.address != server.address) {
    out.kind = Caller::Kind::remote;
    out.id = client.address;
    if (!client.is_v4()) std::fill(out.id.begin() + 8, out.id.end(), uint8_t{0});
    return out;
  }
  if (const auto uid = ask(netlink_.get(), question(client, server, ++asked_))) {
    out.kind = Caller::Kind::user;
    out.is_trusted = *uid == 0;
    std::memcpy(out.id.data(), &*uid, sizeof *uid);
  }
  return out;
}

}  // namespace sealift::http
