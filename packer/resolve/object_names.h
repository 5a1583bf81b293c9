// SPDX-License-Identifier: Apache-2.0
//
// What the API server takes as an object's name. Kinds differ: most take a DNS name, RBAC takes nearly anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sealift::resolve {

struct NameProblem {
  std::string what;         // "a name of …", after "the API server refuses …"
  bool is_certain = false;  // of kinds that are not built in, a server of their own may take more
};

// `group`: of the API, empty for the core's. Source: Kubernetes apimachinery, pkg/api/validation and path; the
// validation of each built-in kind.
std::optional<NameProblem> name_problem(std::string_view group, std::string_view kind, std::string_view name);

}  // namespace sealift::resolve
