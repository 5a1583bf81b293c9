// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/netlink.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "payload/base/fd.h"

namespace sealift::host {
namespace {

constexpr size_t kAnswerBytes = size_t{64} << 10;  // the kernel's messages are of 32 KiB at most
constexpr int kMostAttempts = 10;                  // of a list that changes while it is read

std::expected<base::Fd, int> open_socket(int protocol) {
  base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) return std::unexpected(errno);
  const timeval wait{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  return fd;
}

// Hands each message of the answers to `take`, until it returns true. Returns 0 or an errno.
int receive(int fd, const std::function<bool(const nlmsghdr&, ByteView)>& take) {
  Bytes buffer(kAnswerBytes);
  for (;;) {
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
    ByteView left = ByteView(buffer).first(static_cast<size_t>(size));
    while (left.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header{};
      std::memcpy(&header, left.data(), sizeof header);
      if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > left.size()) return EBADMSG;
      if (take(header, left.subspan(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN))) return 0;
      left = left.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), left.size()));
    }
    if (size == 0) return EIO;
  }
}

// The errno at the beginning of an answer's body.
int error_in(ByteView body) {
  int code = 0;
  if (body.size() >= sizeof code) std::memcpy(&code, body.data(), sizeof code);
  return -code;
}

std::expected<std::vector<Bytes>, int> dump_once(int protocol, const NetlinkMessage& message) {
  const auto fd = open_socket(protocol);
  if (!fd) return std::unexpected(fd.error());
  const Bytes request = message.numbered(1);
  if (::send(fd->get(), request.data(), request.size(), 0) < 0) return std::unexpected(errno);
  std::vector<Bytes> out;
  int error = 0;
  bool changed = false;
  const int received = receive(fd->get(), [&](const nlmsghdr& header, ByteView body) {
    changed |= (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
      error = error_in(body);
      return true;
    }
    out.emplace_back(body.begin(), body.end());
    return false;
  });
  if (received != 0) return std::unexpected(received);
  if (error != 0) return std::unexpected(error);
  if (changed) return std::unexpected(EINTR);
  return out;
}

}  // namespace

void put_attribute(Bytes& out, uint16_t type, ByteView data) {
  const nlattr header{static_cast<uint16_t>(sizeof(nlattr) + data.size()), type};
  const size_t at = out.size();
  out.resize(at + NLA_ALIGN(header.nla_len));
  std::memcpy(out.data() + at, &header, sizeof header);
  std::ranges::copy(data, out.begin() + static_cast<std::ptrdiff_t>(at + sizeof header));
}

void put_attribute(Bytes& out, uint16_t type, std::string_view text) {
  Bytes ended = base::to_bytes(text);
  ended.push_back(std::byte{0});
  put_attribute(out, type, ByteView(ended));
}

NetlinkMessage::NetlinkMessage(uint16_t type, uint16_t flags, ByteView fixed) : bytes_(sizeof(nlmsghdr)) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  std::memcpy(bytes_.data(), &header, sizeof header);
  bytes_.insert(bytes_.end(), fixed.begin(), fixed.end());
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

NetlinkMessage& NetlinkMessage::put(uint16_t type, ByteView data) {
  put_attribute(bytes_, type, data);
  return *this;
}

NetlinkMessage& NetlinkMessage::put(uint16_t type, std::string_view text) {
  put_attribute(bytes_, type, text);
  return *this;
}

Bytes NetlinkMessage::numbered(uint32_t sequence) const {
  Bytes out = bytes_;
  nlmsghdr header{};
  std::memcpy(&header, out.data(), sizeof header);
  header.nlmsg_len = static_cast<uint32_t>(out.size());
  header.nlmsg_seq = sequence;
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

int netlink_request(int protocol, const std::vector<NetlinkMessage>& messages) {
  const auto fd = open_socket(protocol);
  if (!fd) return fd.error();
  Bytes request;
  uint32_t sequence = 0, awaited = 0;
  for (const auto& message : messages) {
    const Bytes bytes = message.numbered(++sequence);
    nlmsghdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    if ((header.nlmsg_flags & NLM_F_ACK) != 0) awaited = sequence;
    request.insert(request.end(), bytes.begin(), bytes.end());
  }
  if (::send(fd->get(), request.data(), request.size(), 0) < 0) return errno;
  int error = 0;
  const int received = receive(fd->get(), [&](const nlmsghdr& header, ByteView body) {
    if (header.nlmsg_type != NLMSG_ERROR) return false;
    error = error_in(body);
    return error != 0 || header.nlmsg_seq == awaited;
  });
  return received != 0 ? received : error;
}

std::expected<std::vector<Bytes>, int> netlink_dump(int protocol, const NetlinkMessage& message) {
  auto out = dump_once(protocol, message);
  for (int attempt = 1; attempt < kMostAttempts && !out && out.error() == EINTR; ++attempt)
    out = dump_once(protocol, message);
  return out;
}

std::vector<std::pair<uint16_t, ByteView>> netlink_attribute_list(ByteView data) {
  std::vector<std::pair<uint16_t, ByteView>> out;
  while (data.size() >= sizeof(nlattr)) {
    nlattr header{};
    std::memcpy(&header, data.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > data.size()) break;
    out.emplace_back(header.nla_type & NLA_TYPE_MASK, data.subspan(sizeof header, header.nla_len - sizeof header));
    data = data.subspan(std::min<size_t>(NLA_ALIGN(header.nla_len), data.size()));
  }
  return out;
}

std::map<uint16_t, ByteView> netlink_attributes(ByteView data) {
  std::map<uint16_t, ByteView> out;
  for (const auto& [type, value] : netlink_attribute_list(data)) out[type] = value;
  return out;
}

std::string_view netlink_text(ByteView data) {
  const std::string_view text = base::as_text(data);
  return text.substr(0, text.find('\0'));
}

}  // namespace sealift::host
