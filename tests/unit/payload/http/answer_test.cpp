// SPDX-License-Identifier: Apache-2.0
#include "payload/http/answer.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using namespace sealift;
using http::AnswerReader;
using State = http::AnswerReader::State;

namespace {

constexpr size_t kMaxBody = 1000;
const std::string kOk = "HTTP/1.1 200 OK\r\n";

AnswerReader read(std::string_view text, size_t piece = SIZE_MAX) {
  AnswerReader out(kMaxBody);
  for (size_t at = 0; at < text.size(); at += std::min(piece, text.size() - at)) out.take(text.substr(at, piece));
  return out;
}

}  // namespace

TEST_CASE("an answer ends where its length says, however it comes") {
  const std::string text = "HTTP/1.1 500 Internal Server Error\r\nDate: x\r\nContent-Length: 5\r\n\r\nabcde";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    INFO(piece);
    const auto answer = read(text, piece);
    CHECK(answer.state() == State::whole);
    CHECK(answer.status() == 500);
    CHECK(answer.body() == "abcde");
    CHECK(answer.stays_open());
  }
  for (size_t size = 0; size < text.size(); ++size) {
    auto answer = read(text.substr(0, size));
    CHECK(answer.state() < State::whole);
    answer.take_end();
    CHECK(answer.state() == State::unreadable);
  }
  CHECK(read(text + "x").state() == State::unreadable);
  CHECK(read("HTTP/1.1 204 No Content\r\n\r\n").state() == State::whole);
  auto ended = read(text);
  ended.take_end();
  CHECK(ended.state() == State::whole);
}

TEST_CASE("an answer in chunks is put together, however it comes") {
  const std::string text =
      kOk + "Transfer-Encoding: Chunked\r\n\r\n5\r\nabcde\r\n00A\r\n0123456789\r\n1\r\n\r\r\n0\r\n\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    INFO(piece);
    const auto answer = read(text, piece);
    CHECK(answer.state() == State::whole);
    CHECK(answer.body() == "abcde0123456789\r");
    CHECK(answer.stays_open());
  }
  for (size_t size = 0; size < text.size(); ++size) {
    auto answer = read(text.substr(0, size));
    CHECK(answer.state() < State::whole);
    answer.take_end();
    CHECK(answer.state() == State::unreadable);
  }
  for (const std::string bad : {"x\r\n", "\r\n", "-1\r\n", "5;a=b\r\nabcde\r\n", "5\r\nabcdef\r\n", "000000005\r\n",
                                "0\r\nTrailer: x\r\n\r\n", "5\nabcde\r\n", "0\r\n\r\nx"}) {
    INFO(bad);
    CHECK(read(kOk + "Transfer-Encoding: chunked\r\n\r\n" + bad).state() == State::unreadable);
  }
}

TEST_CASE("an answer without a length ends with its connection") {
  auto answer = read(kOk + "\r\nab");
  CHECK(answer.state() == State::body);
  CHECK_FALSE(answer.stays_open());
  answer.take("c");
  answer.take_end();
  CHECK(answer.state() == State::whole);
  CHECK(answer.body() == "abc");
}

TEST_CASE("an answer says whether the connection may be used again") {
  CHECK_FALSE(read(kOk + "Connection: Close\r\nContent-Length: 0\r\n\r\n").stays_open());
  CHECK_FALSE(read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").stays_open());
  CHECK(read(kOk + "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n").stays_open());
}

TEST_CASE("what is no answer is unreadable, and told as soon as it is seen") {
  for (const std::string& bad :
       {std::string("\x15\x03\x03"), std::string("SSH-2.0-OpenSSH\r\n\r\n"), std::string("HTTP/2 200\r\n\r\n"),
        std::string("HTTP/1.1 20\r\n\r\n"), std::string("HTTP/1.1 2000 OK\r\n\r\n"),
        std::string("HTTP/1.1 100 Continue\r\n\r\n"), std::string("HTTP/1.1 600 X\r\n\r\n"), std::string("\r\n\r\n"),
        kOk + "no field\r\n\r\n", kOk + "Transfer-Encoding: gzip\r\n\r\n", kOk + "Content-Length: -1\r\n\r\n",
        kOk + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        kOk + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        kOk + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        kOk + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"}) {
    INFO(bad);
    auto answer = read(bad);
    CHECK(answer.state() == State::unreadable);
    answer.take(kOk + "Content-Length: 0\r\n\r\n");
    answer.take_end();
    CHECK(answer.state() == State::unreadable);
  }
}

TEST_CASE("an answer has a limit, in its head and in its body") {
  const std::string most(kMaxBody, 'x'), more = most + "x";
  CHECK(read(kOk + "Content-Length: 1000\r\n\r\n" + most).state() == State::whole);
  CHECK(read(kOk + "Content-Length: 1001\r\n\r\n").state() == State::unreadable);
  CHECK(read(kOk + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + most + "\r\n0\r\n\r\n").state() == State::whole);
  CHECK(read(kOk + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + more).state() == State::unreadable);
  CHECK(read(kOk + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + most + "\r\n1\r\nx").state() == State::unreadable);
  CHECK(read(kOk + "\r\n" + more).state() == State::unreadable);
  CHECK(read(kOk + "X: " + std::string(http::kMaxHead, 'x')).state() == State::unreadable);
}
