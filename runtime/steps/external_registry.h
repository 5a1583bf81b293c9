// SPDX-License-Identifier: Apache-2.0
//
// The site's registry that keeps the images (registry.external), as the launch machine reaches it.
#pragma once

#include <memory>
#include <string>

#include "payload/distribution/registry.h"
#include "runtime/config/cluster_config.h"

namespace sealift::steps {

class ExternalRegistry {
 public:
  // Connects nowhere. `clock` must outlive it. Errors: invalid_config.
  static Result<std::unique_ptr<ExternalRegistry>> open(const config::RemoteRegistry& registry, Clock& clock,
                                                        const distribution::Patience& patience = {});
  distribution::Registry& remote() { return *remote_; }
  // Where an image lies there. Errors: invalid_input if its name can't be one there.
  Result<std::string> repository_of(const std::string& registry, const std::string& repository) const;
  // Whether it answers and takes the login: auth_failed, unreachable, untrusted …, with what to do.
  Result<void> check(const CancelToken& cancel);
  // With what to do next.
  Error explained(Error error) const;

 private:
  ExternalRegistry(std::string url, bool has_authority) : url_(std::move(url)), has_authority_(has_authority) {}
  std::string url_, prefix_;
  bool has_authority_;
  distribution::Logins logins_;
  std::unique_ptr<distribution::Registry> remote_;
};

}  // namespace sealift::steps
