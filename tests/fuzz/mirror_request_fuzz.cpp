// SPDX-License-Identifier: Apache-2.0
// What a container runtime requests from the mirror: the path on the first line, `ns` on the second. An accepted
// request names a valid repository and a tag or digest, survives a round trip, and can't escape its place in a URL.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "payload/base/format.h"
#include "payload/image/reference.h"
#include "runtime/node/catalog.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  const auto ns = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
  const auto question = node::parse_question(text.substr(0, line), ns);
  if (!question) return 0;
  const bool blob = question->kind == node::Question::Kind::blob;
  const bool digest = Digest::parse(question->reference).has_value();
  if (!image::is_repository(question->repository) || question->registry != ns) std::abort();
  if (blob ? !digest : !(digest || image::is_tag(question->reference))) std::abort();
  if ((question->repository + question->reference).find_first_of(" %?#\\\"'\n\r\t") != std::string::npos ||
      question->repository.contains(".."))
    std::abort();
  const auto again = node::parse_question(
      base::format("/v2/{}/{}/{}", question->repository, blob ? "blobs" : "manifests", question->reference), ns);
  if (!again || again->repository != question->repository || again->reference != question->reference ||
      again->kind != question->kind)
    std::abort();
  if (node::Catalog(format::Contents{}).find(*question)) std::abort();
  return 0;
}
