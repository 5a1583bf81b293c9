// SPDX-License-Identifier: Apache-2.0
//
// Sends one question to one name server (RFC 1035, over UDP) and tells whether it has an answer. The C library asks
// only the servers in /etc/resolv.conf, so the question is built here; answers are judged by their header alone.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "payload/base/bytes.h"
#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/local_host.h"

namespace sealift::host {
namespace {

constexpr int kTries = 3;            // UDP may lose one
constexpr Duration kWait{1500};      // for each answer
constexpr size_t kHeader = 12;       // RFC 1035 section 4.1.1
constexpr uint8_t kResponse = 0x80;  // QR, in byte 2
constexpr uint8_t kCodeMask = 0x0f;  // RCODE, in byte 3

std::string_view code_name(uint8_t code) {
  switch (code) {
    case 1: return "the question is malformed";
    case 2: return "server failure";
    case 3: return "no such name";
    case 5: return "refused";
    default: return "another error";
  }
}

// A question for the name's A records. Errors: invalid_input if it is not a name.
Result<Bytes> question(std::string_view name, uint16_t id) {
  base::ByteWriter out;
  const auto big = [&](uint16_t value) {
    out.u8(static_cast<uint8_t>(value >> 8U));
    out.u8(static_cast<uint8_t>(value));
  };
  big(id);
  big(0x0100);  // recursion desired
  for (const int count : {1, 0, 0, 0}) big(static_cast<uint16_t>(count));
  for (const auto label : base::split(name, '.')) {
    if (label.empty() || label.size() > 63)
      return fail(ErrorCode::invalid_input, "\"{}\" is no name that can be asked for", base::printable(name));
    out.u8(static_cast<uint8_t>(label.size()));
    out.bytes(base::as_bytes(label));
  }
  out.u8(0);
  big(1);  // A
  big(1);  // IN
  return out.take();
}

Result<base::Fd> connected(const std::string& server) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(server.c_str(), "53", &hints, &found) != 0)
    return fail(ErrorCode::invalid_input, "\"{}\" is not an address", base::printable(server));
  base::Fd fd(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int failed = fd.get() < 0 || ::connect(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ? errno : 0;
  ::freeaddrinfo(found);
  if (failed != 0) return fail_errno(failed, "reach " + server);
  return fd;
}

}  // namespace

Result<FeatureResult> ask_name_server_here(const std::string& server, const std::string& name) {
  uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id) return fail_errno(errno, "getrandom");
  SEALIFT_ASSIGN(const auto asked, question(name, id));
  auto fd = connected(server);
  if (!fd && fd.error().code == ErrorCode::invalid_input) return std::unexpected(std::move(fd).error());
  if (!fd) return FeatureResult{false, fd.error().text()};
  std::string trouble = "no answer";
  for (int attempt = 0; attempt < kTries; ++attempt) {
    if (::send(fd->get(), asked.data(), asked.size(), MSG_NOSIGNAL) < 0) trouble = std::strerror(errno);
    pollfd waiting{fd->get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(kWait.count())) <= 0) continue;
    std::array<uint8_t, 1500> answer{};
    const ssize_t size = ::recv(fd->get(), answer.data(), answer.size(), MSG_DONTWAIT);
    if (size < 0) trouble = std::strerror(errno);
    if (size < static_cast<ssize_t>(kHeader) || answer[0] != static_cast<uint8_t>(asked[0]) ||
        answer[1] != static_cast<uint8_t>(asked[1]) || (answer[2] & kResponse) == 0)
      continue;
    if (const uint8_t code = answer[3] & kCodeMask; code != 0)
      return FeatureResult{false, base::format("{} for {}", code_name(code), name)};
    if (answer[6] == 0 && answer[7] == 0) return FeatureResult{false, base::format("no address for {}", name)};
    return FeatureResult{true, {}};
  }
  return FeatureResult{false, trouble};
}

}  // namespace sealift::host
