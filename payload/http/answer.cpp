// SPDX-License-Identifier: Apache-2.0
#include "payload/http/answer.h"

#include <algorithm>
#include <charconv>

namespace sealift::http {
namespace {

// "1f\r\n" without its end, in digits of which 8 are more than anybody allows. What may follow after ";" (RFC 9112,
// 7.1.1) nobody sends.
constexpr size_t kMaxSizeLine = 8;

}  // namespace

void AnswerReader::take(std::string_view bytes) {
  if (state_ == State::unreadable || bytes.empty()) return;
  const size_t known = rest_.size();
  rest_ += bytes;
  if (state_ == State::head) {
    head_ = look_at_answer(rest_, known);
    if (head_.is_refused) state_ = State::unreadable;
    if (head_.size == 0) return;
    state_ = State::body;
    rest_.erase(0, head_.size);
    if (head_.status == 204 || head_.status == 304) head_.length = 0;
    if (!head_.is_chunked && !head_.length) head_.stays_open = false;
    if (head_.length.value_or(0) > max_body_) state_ = State::unreadable;
  }
  if (state_ == State::body) take_body();
  if (state_ == State::whole && !rest_.empty()) state_ = State::unreadable;
  if (body_.size() > max_body_) state_ = State::unreadable;
  if (state_ == State::unreadable) rest_ = {};
}

void AnswerReader::take_body() {
  if (head_.is_chunked) {
    while (state_ == State::body && take_chunk()) {
    }
    return;
  }
  const size_t count = std::min<uint64_t>(rest_.size(), head_.length ? *head_.length - body_.size() : rest_.size());
  body_.append(rest_, 0, count);
  rest_.erase(0, count);
  if (head_.length == body_.size()) state_ = State::whole;
}

// Whether there may be more in what has come.
bool AnswerReader::take_chunk() {
  if (chunk_left_ > 0) {
    const size_t count = std::min<uint64_t>(rest_.size(), chunk_left_);
    body_.append(rest_, 0, count);
    rest_.erase(0, count);
    chunk_left_ -= count;
    return chunk_left_ == 0 && body_.size() <= max_body_;
  }
  const size_t end = rest_.find("\r\n");
  if (is_in_chunk_) {
    if (end != 0) {
      if (rest_.size() >= 2) state_ = State::unreadable;
      return false;
    }
    is_in_chunk_ = false;
    rest_.erase(0, 2);
    return true;
  }
  if (end == std::string::npos) {
    if (rest_.size() > kMaxSizeLine + 1) state_ = State::unreadable;
    return false;
  }
  const char* last = rest_.data() + end;
  if (end > kMaxSizeLine || std::from_chars(rest_.data(), last, chunk_left_, 16).ptr != last || end == 0) {
    state_ = State::unreadable;
    return false;
  }
  if (chunk_left_ > 0) {
    is_in_chunk_ = true;
    rest_.erase(0, end + 2);
    return true;
  }
  // The last one. Fields may follow it (trailers), which nobody asked for: they are unreadable.
  if (rest_.size() < end + 4) return false;
  state_ = rest_.substr(end + 2, 2) == "\r\n" ? State::whole : State::unreadable;
  rest_.erase(0, end + 4);
  return false;
}

void AnswerReader::take_end() {
  if (state_ == State::whole) return;
  const bool is_end = state_ == State::body && !head_.is_chunked && !head_.length;
  state_ = is_end ? State::whole : State::unreadable;
}

}  // namespace sealift::http
