// SPDX-License-Identifier: Apache-2.0
//
// A server of which the test writes each answer, to cut it anywhere; every connection is closed after one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "payload/base/format.h"
#include "tests/support/hand_server.h"

namespace sealift::tests {

class FaultyServer {
 public:
  struct Request {
    std::string head;
    size_t number = 0;  // from 0
    std::string path() const { return head.substr(4, head.find(' ', 4) - 4); }
    bool has(std::string_view text) const { return head.contains(text); }
    size_t from() const {
      const size_t at = head.find("Range: bytes=");
      return at == std::string::npos ? 0 : std::stoul(head.substr(at + 13));
    }
  };

  explicit FaultyServer(std::function<std::string(const Request&)> answer)
      : server_([this, answer = std::move(answer)](Connection& connection) {
          Request request{connection.request(), requests.size()};
          if (request.head.empty()) return;
          requests.push_back(request);
          std::string text = answer(request);
          if (const size_t end = text.find("\r\n"); end != std::string::npos) text.insert(end, "\r\nConnection: close");
          connection.send(text);
        }) {}
  std::string name() const { return base::format("127.0.0.1:{}", server_.port()); }

  std::vector<Request> requests;  // read after the answers have arrived

 private:
  HandServer server_;
};

// Text in which every part differs from the others.
inline std::string long_text(size_t size) {
  std::string out;
  for (size_t i = 0; out.size() < size; ++i) out += std::to_string(i * 7919);
  out.resize(size);
  return out;
}

// From `from` to the end, of which only `sent` bytes go out.
inline std::string answer(std::string_view text, size_t from, size_t sent = SIZE_MAX) {
  const auto rest = text.substr(from);
  const std::string head = from == 0 ? "HTTP/1.1 200 OK\r\n"
                                     : base::format("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {}-{}/{}\r\n",
                                                    from, text.size() - 1, text.size());
  return head + base::format("Content-Length: {}\r\n\r\n{}", rest.size(), rest.substr(0, sent));
}

inline std::string redirect(const std::string& location) {
  return base::format("HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", location);
}

}  // namespace sealift::tests
