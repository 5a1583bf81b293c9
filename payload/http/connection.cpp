// SPDX-License-Identifier: Apache-2.0
#include "payload/http/connection.h"

#include <sys/socket.h>

#include <cerrno>

namespace sealift::http {

bool Connection::begin_tls(const TlsServer& server) {
  tls_ = TlsSession::make(server, socket());
  return tls_ != nullptr;
}

Moved Connection::read(std::span<std::byte> buffer) {
  if (tls_) return tls_->read(buffer);
  const ssize_t count = ::recv(socket(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count > 0) return {Moved::State::done, static_cast<size_t>(count)};
  return {count < 0 && (errno == EAGAIN || errno == EINTR) ? Moved::State::wants_read : Moved::State::ended};
}

Moved Connection::write(ByteView data) {
  if (tls_) return tls_->write(data);
  const ssize_t count = ::send(socket(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count >= 0) return {Moved::State::done, static_cast<size_t>(count)};
  return {errno == EAGAIN || errno == EINTR ? Moved::State::wants_write : Moved::State::ended};
}

void Connection::end_writing() {
  if (tls_) tls_->say_goodbye();
  ::shutdown(socket(), SHUT_WR);
}

}  // namespace sealift::http
