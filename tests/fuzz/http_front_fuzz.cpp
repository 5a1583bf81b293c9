// SPDX-License-Identifier: Apache-2.0
// What a stranger sends over a plain connection; the first byte says in pieces of which size. Where a head ends and
// whether it is one must not depend on the pieces. A running server answers as many requests at most as there are ends
// of heads, says nothing that is no response, and always closes after the last byte.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "payload/base/fd.h"
#include "payload/http/head.h"
#include "payload/http/server.h"
#include "payload/http/socket_address.h"

namespace {

using namespace sealift;

std::atomic<size_t> asked = 0;  // NOLINT(*-avoid-non-const-global-variables)

http::Server& server() {
  static const auto running = http::Server::start({}, [](const http::Request& request) {
    ++asked;
    if (request.path.empty() || (request.method != "GET" && request.method != "HEAD")) std::abort();
    return http::Response{200, {}, "text/plain", "0123456789", {}};
  });
  if (!running) std::abort();
  return **running;
}

void check_pieces(std::string_view text, size_t piece) {
  text = text.substr(0, http::kMaxHead);
  const auto whole = http::look_at_head(text, 0);
  if (whole.size > text.size() || (whole.size != 0 && whole.refusal != 0)) std::abort();
  size_t known = 0;
  http::Head part;
  while (part.size == 0 && part.refusal == 0 && known < text.size()) {
    const size_t size = std::min(known + piece, text.size());
    part = http::look_at_head(text.substr(0, size), known);
    known = size;
  }
  if (part.size != whole.size || part.refusal != whole.refusal) std::abort();
}

std::string talk(std::string_view text, size_t piece) {
  const auto address = http::socket_address("127.0.0.1", server().port());
  const base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Without it, every connection would keep its port for a minute, and there are 28,000.
  const linger at_once{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  if (!address) std::abort();
  while (::connect(fd.get(), address->get(), address->size) != 0) {
    if (errno == EISCONN) break;
    if (errno != EINTR && errno != EALREADY) return {};  // this machine is short of something
  }
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    if (::send(fd.get(), text.data(), std::min(piece, text.size()), MSG_NOSIGNAL) < 0) break;
  ::shutdown(fd.get(), SHUT_WR);
  std::string out(size_t{64} << 10, '\0');
  size_t size = 0;
  for (;;) {
    const ssize_t count = ::recv(fd.get(), out.data() + size, out.size() - size, 0);
    if (count < 0 && errno == EINTR) continue;  // the fuzzer's own timer
    if (count <= 0) break;
    size += static_cast<size_t>(count);
  }
  out.resize(size);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t piece = size_t{data[0]} + 1;
  check_pieces(text, piece);
  size_t ends = 0;
  for (size_t at = 0; (at = text.find("\r\n\r\n", at)) != std::string_view::npos; ++at) ++ends;
  asked = 0;
  const std::string heard = talk(text, std::max(piece, text.size() / 16));
  if (asked > ends || (!heard.empty() && !heard.starts_with("HTTP/1.1 "))) std::abort();
  return 0;
}
