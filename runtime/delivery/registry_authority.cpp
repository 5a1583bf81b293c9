// SPDX-License-Identifier: Apache-2.0
#include "payload/base/format.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

Result<std::string> registry_authority(Input& input) {
  const auto& domain = input.config.registry.domain;
  if (!domain)
    return fail(ErrorCode::invalid_config, "{} has no registry.domain, so there is no registry for people",
                input.config.path);
  if (!domain->certificate.empty())
    return fail(ErrorCode::invalid_config,
                "{} has the site's own certificate: people's tools need the site's authority, which is not here",
                domain->name);
  SEALIFT_ASSIGN(const auto found, find_control_planes(input));
  const auto& control_plane = found.there.front();
  const auto path = base::format("{}/ca.crt", steps::kPkiDirectory);
  SEALIFT_ASSIGN(const auto bytes, control_plane.host->read(path, size_t{64} << 10));
  if (!bytes) return fail(ErrorCode::not_found, "{} is missing on {}", path, control_plane.name());
  return std::string(base::as_text(*bytes));
}

}  // namespace sealift::delivery
