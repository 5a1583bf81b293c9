// SPDX-License-Identifier: Apache-2.0
// What a stranger answers to a question; the first byte says in pieces of which size. What is read must not depend on
// the pieces, nor outgrow its limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "payload/http/answer.h"
#include "runtime/node/health_probe.h"

namespace {

using namespace sealift;

constexpr size_t kMaxBody = 256;

http::AnswerReader read(std::string_view text, size_t piece) {
  http::AnswerReader out(kMaxBody);
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) out.take(text.substr(0, piece));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using State = http::AnswerReader::State;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  auto whole = read(text, text.size() + 1), pieces = read(text, data[0] + size_t{1});
  if (whole.state() != pieces.state()) std::abort();
  whole.take_end();
  pieces.take_end();
  if (whole.state() != pieces.state()) std::abort();
  if (whole.state() != State::whole) return 0;
  if (whole.status() != pieces.status() || whole.body() != pieces.body()) std::abort();
  if (whole.body().size() > kMaxBody || whole.status() < 200 || whole.status() > 599) std::abort();
  if (node::failing_checks(whole.body()).size() > 1000) std::abort();
  return 0;
}
