// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/question.h"

#include <utility>

#include "payload/base/format.h"
#include "payload/hash/digest.h"
#include "payload/http/client.h"
#include "payload/image/reference.h"

namespace sealift::node {

std::optional<Question> parse_question(std::string_view path, std::string_view ns) {
  if (!path.starts_with("/v2/")) return std::nullopt;
  path.remove_prefix(4);
  if (const size_t at = path.rfind("/referrers/"); at != std::string_view::npos) {
    const auto digest = Digest::parse(path.substr(at + 11));
    Question out{std::string(ns), std::string(path.substr(0, at)), Question::Kind::manifest, {}, true};
    if (!digest || !image::is_repository(out.repository)) return std::nullopt;
    out.reference = "sha256-" + digest->hex();
    return out;
  }
  for (const auto& [word, kind] : {std::pair<std::string_view, Question::Kind>{"/manifests/", Question::Kind::manifest},
                                   {"/blobs/", Question::Kind::blob}}) {
    const size_t at = path.rfind(word);
    if (at == std::string_view::npos) continue;
    Question out{std::string(ns), std::string(path.substr(0, at)), kind, std::string(path.substr(at + word.size()))};
    if (!image::is_repository(out.repository) || out.reference.empty()) return std::nullopt;
    const bool digest = out.reference.starts_with("sha256:");
    if (digest ? !Digest::parse(out.reference).has_value()
               : (kind == Question::Kind::blob || !image::is_tag(out.reference)))
      return std::nullopt;
    return out;
  }
  return std::nullopt;
}

std::string target_of(const Question& question) {
  const auto* kind = question.kind == Question::Kind::manifest ? "manifests" : "blobs";
  return base::format("/v2/{}/{}/{}?ns={}", question.repository, kind, question.reference,
                      http::percent_encode(question.registry));
}

}  // namespace sealift::node
