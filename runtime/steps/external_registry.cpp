// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/external_registry.h"

#include "payload/base/format.h"
#include "payload/http/client.h"
#include "payload/image/reference.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kField = "registry.external in cluster.yaml";

// `has_authority`: there is a caFile.
std::string advice(ErrorCode code, bool has_authority) {
  switch (code) {
    case ErrorCode::auth_failed:
      return "with Harbor the project must exist, and the (robot) account needs to push and to pull there";
    case ErrorCode::not_found:
      return base::format("check the path of {}; with Harbor its first part is a project, which must exist", kField);
    case ErrorCode::untrusted:
      return has_authority ? base::format(
                                 "caFile of {} must hold the certificate of the authority that signed its own, "
                                 "and the url the name or address that is in it",
                                 kField)
                           : base::format("give the certificate of its authority as caFile of {}", kField);
    case ErrorCode::no_space: return "raise the quota of the project, or free space there";
    case ErrorCode::unreachable:
    case ErrorCode::timeout:
      return base::format("the launch machine uploads the images there: check the url of {} and the way to it", kField);
    default: return {};
  }
}

}  // namespace

Result<std::unique_ptr<ExternalRegistry>> ExternalRegistry::open(const config::RemoteRegistry& registry, Clock& clock,
                                                                 const distribution::Patience& patience) {
  SEALIFT_ASSIGN(auto url, http::parse_url(registry.url));
  std::unique_ptr<ExternalRegistry> out(new ExternalRegistry(registry.url, !registry.authority.empty()));
  out->prefix_ = url.target.substr(1);
  distribution::Endpoint endpoint;
  endpoint.registry = base::format("{}:{}", url.origin.host, url.origin.port);
  endpoint.origin = url.origin;
  endpoint.client.authority = registry.authority;
  endpoint.login_field = kField;
  if (registry.login)
    out->logins_ =
        distribution::Logins::of(endpoint.registry, {registry.login->user, registry.login->password, Secret()});
  out->remote_ = distribution::Registry::at(std::move(endpoint), out->logins_, clock, patience);
  return out;
}

Result<std::string> ExternalRegistry::repository_of(const std::string& registry, const std::string& repository) const {
  return image::external_repository(prefix_, registry, repository);
}

Result<void> ExternalRegistry::check(const CancelToken& cancel) {
  auto done = remote_->check_login(cancel);
  if (!done) return fail(explained(std::move(done).error()));
  return {};
}

Error ExternalRegistry::explained(Error error) const {
  if (const auto text = advice(error.code, has_authority_); !text.empty()) error.what += "; " + text;
  error.while_doing.insert(error.while_doing.begin(), base::format("asking {}", url_));
  return error;
}

}  // namespace sealift::steps
