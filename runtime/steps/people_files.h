// SPDX-License-Identifier: Apache-2.0
//
// What the people's door of a registry host needs (cluster.yaml, registry.domain; runtime/node/people_door.h): who may
// read, and the site's certificate with its key, if the site brings one. The node's program writes the files, so that
// neither passwords, hashes of them nor keys get into a ledger, and what is replaced is kept nowhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

inline constexpr std::string_view kPeopleFolder = "/etc/sealift/pki/people";
inline constexpr std::string_view kUsersFile = "/etc/sealift/pki/people/users";

bool has_people_door(const Model& model, const Node& node);
// Where the door of this host is. There must be one.
std::string people_endpoint(const Model& model, const Node& node);
// Path of the door's certificate and key: the site's, or those of the cluster's authority (certificates.h).
std::string people_certificate(const config::RegistryDomain& domain);

// The mirror takes over what changes while it runs.
class PeopleFilesStep final : public BasicStep {
 public:
  // The passwords are read from the model's configuration when the step looks.
  PeopleFilesStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> has_users(host::HostView& host) const;
  Result<bool> has_certificate(host::HostView& host) const;
  Secret site_pair() const;
  Result<void> put(engine::StepContext& context, const std::string& file, const Secret& content) const;
  const config::RegistryDomain& domain_;
  std::string program_;
};

}  // namespace sealift::steps
