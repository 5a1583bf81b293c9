// SPDX-License-Identifier: Apache-2.0
//
// Reads one answer to a GET, piece by piece as it comes: head.h says where it begins, this where it ends. For those who
// ask small things of strangers on sockets that never block; everything else asks through client.h. Memory is bounded
// by the limits of a head and of a body; what is longer, or is no answer, is unreadable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "payload/http/head.h"

namespace sealift::http {

class AnswerReader {
 public:
  enum class State : uint8_t { head, body, whole, unreadable };

  explicit AnswerReader(size_t max_body) : max_body_(max_body) {}
  // Bytes after the end of the answer make it unreadable: nothing else was asked.
  void take(std::string_view bytes);
  // The connection has ended, which may be the end of the body.
  void take_end();

  State state() const { return state_; }
  int status() const { return head_.status; }           // once the head is read
  std::string_view body() const { return body_; }       // what has come of it
  bool stays_open() const { return head_.stays_open; }  // the connection, once the answer is whole

 private:
  void take_body();
  bool take_chunk();

  size_t max_body_;
  State state_ = State::head;
  AnswerHead head_;
  std::string rest_;  // not yet understood
  std::string body_;
  uint64_t chunk_left_ = 0;
  bool is_in_chunk_ = false;
};

}  // namespace sealift::http
