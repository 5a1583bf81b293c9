// SPDX-License-Identifier: Apache-2.0
#include "packer/charts/address.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/http/client.h"

namespace sealift::charts {
namespace {

constexpr std::string_view kOci = "oci://", kRepository = "repo:";

bool is_url(std::string_view text) { return text.starts_with("https://") || text.starts_with("http://"); }

Result<void> check_url(std::string_view text) {
  SEALIFT_TRY(http::parse_url(text));
  return {};
}

Result<Address> parse_oci(std::string_view text) {
  Address out{
      .kind = Address::Kind::oci, .text = std::string(text), .url = {}, .reference = {}, .name = {}, .version = {}};
  std::string reference(text.substr(kOci.size()));
  const size_t last = reference.rfind('/');
  const size_t mark = last == std::string::npos ? last : reference.find_first_of(":@", last);
  if (mark == std::string::npos || mark + 1 == reference.size())
    return fail(ErrorCode::invalid_input, "\"{}\" names no version; write oci://REGISTRY/PATH/CHART:VERSION",
                base::printable(text));
  // Tags can't hold the + of a version's build: helm writes _ in its place.
  if (reference[mark] == ':')
    std::ranges::replace(reference.begin() + static_cast<ptrdiff_t>(mark), reference.end(), '+', '_');
  SEALIFT_ASSIGN(out.reference, image::parse_reference(reference));
  if (!reference.starts_with(out.reference.registry + "/"))
    return fail(ErrorCode::invalid_input, "\"{}\" names no registry; write oci://REGISTRY/PATH/CHART:VERSION",
                base::printable(text));
  return out;
}

Result<Address> parse_repository(std::string_view text) {
  Address out{.kind = Address::Kind::repository,
              .text = std::string(text),
              .url = {},
              .reference = {},
              .name = {},
              .version = {}};
  const auto rest = text.substr(kRepository.size());
  const size_t host = rest.find("://"), slash = rest.rfind('/');
  if (!is_url(rest) || slash == std::string_view::npos || slash <= host + 3 || slash + 1 == rest.size())
    return fail(ErrorCode::invalid_input,
                "\"{}\" is no chart of a repository; write repo:https://HOST/PATH/CHART@VERSION",
                base::printable(text));
  out.url = rest.substr(0, slash);
  while (out.url.ends_with('/')) out.url.pop_back();
  const auto chart = rest.substr(slash + 1);
  const size_t at = chart.find('@');
  out.name = chart.substr(0, at);
  if (at != std::string_view::npos) out.version = chart.substr(at + 1);
  SEALIFT_TRY(check_url(out.url));
  return out;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_address(std::string_view text) {
  return is_url(text) || text.starts_with(kOci) || text.starts_with(kRepository);
}

Result<Address> parse_address(std::string_view text) {
  if (text.starts_with(kOci)) return parse_oci(text);
  if (text.starts_with(kRepository)) return parse_repository(text);
  SEALIFT_TRY(check_url(text));
  return Address{.kind = Address::Kind::url,
                 .text = std::string(text),
                 .url = std::string(text),
                 .reference = {},
                 .name = {},
                 .version = {}};
}

Result<Address> address_of(std::string_view repository, std::string_view name, std::string_view version) {
  while (repository.ends_with('/')) repository.remove_suffix(1);
  if (repository.starts_with(kOci)) return parse_address(base::format("{}/{}:{}", repository, name, version));
  if (is_url(repository)) return parse_address(base::format("{}{}/{}@{}", kRepository, repository, name, version));
  return fail(ErrorCode::invalid_input, "\"{}\" is no repository that charts are fetched from (https:// or oci://)",
              base::printable(repository));
}

bool is_exact_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  const size_t end = text.find_first_of("-+");
  const auto numbers = base::split(text.substr(0, end), '.');
  if (numbers.size() != 3 || !std::ranges::all_of(numbers, is_number)) return false;
  return end == std::string_view::npos || std::ranges::all_of(text.substr(end), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' ||
                  c == '.';
         });
}

}  // namespace sealift::charts
