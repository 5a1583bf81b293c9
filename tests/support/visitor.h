// SPDX-License-Identifier: Apache-2.0
//
// A client whose every byte is sent by the test, for servers that must bear with strangers.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "payload/base/fd.h"
#include "tests/support/hand_server.h"

namespace sealift::tests {

class Visitor {
 public:
  // A small `window` lets the server notice soon that nothing is read.
  explicit Visitor(uint16_t port, int window = 0) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto address = loopback(port);
    if (window != 0) ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);  // NOLINT(*-reinterpret-cast)
  }
  bool say(std::string_view text) const {
    return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // What comes until it contains `end`, the server closes or time is up.
  std::string hear(std::string_view end, std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    const auto until = std::chrono::steady_clock::now() + patience;
    std::string out;
    while (!out.contains(end) && wait(until)) {
      std::array<char, 4096> piece{};
      const ssize_t count = ::recv(socket_.get(), piece.data(), piece.size(), 0);
      if (count <= 0) {
        closed_ = true;
        break;
      }
      out.append(piece.data(), static_cast<size_t>(count));
    }
    return out;
  }
  // Whether the server closes in this time; what it says before is thrown away.
  bool is_closed(std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!closed_ && wait(until)) {
      std::array<char, 4096> piece{};
      closed_ = ::recv(socket_.get(), piece.data(), piece.size(), 0) <= 0;
    }
    return closed_;
  }
  int get() const { return socket_.get(); }

 private:
  bool wait(std::chrono::steady_clock::time_point until) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd polled{socket_.get(), POLLIN, 0};
    return left.count() > 0 && ::poll(&polled, 1, static_cast<int>(left.count())) > 0;
  }
  base::Fd socket_;
  bool closed_ = false;
};

// Runs `body` in a thread whose new sockets belong to another user. Root only.
inline void as_user(uid_t uid, const std::function<void()>& body) {
  std::thread([&] {
    ::setfsuid(uid);  // of this thread alone, and what the owner of a socket is taken from
    body();
  }).join();
}

// Connections of another user, each of which has said `text`.
class Strangers {
 public:
  Strangers(uint16_t port, size_t count, uid_t uid, std::string_view text = "") {
    as_user(uid, [&] {
      for (size_t i = 0; i < count; ++i) {
        visitors_.push_back(std::make_unique<Visitor>(port));
        (void)visitors_.back()->say(text);  // it may be closed already
      }
    });
  }

 private:
  std::vector<std::unique_ptr<Visitor>> visitors_;
};

}  // namespace sealift::tests
