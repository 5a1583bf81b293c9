// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/releases.h"

#include "payload/base/process.h"
#include "payload/base/secret.h"
#include "runtime/host/kubeconfig.h"
#include "runtime/kube/helm_record.h"

namespace sealift::node {
namespace {

constexpr Duration kPatience{60'000};
constexpr size_t kMaxRecords = size_t{512} << 20;  // bytes, of all releases; a Secret has at most 1 MiB

}  // namespace

Result<std::string> objects_of_releases() {
  const base::Command ask{{"kubectl", "--request-timeout=20s", "get", "secrets", "--all-namespaces", "--selector",
                           "owner=helm,status=deployed", "--no-headers", "--ignore-not-found", "--output",
                           "custom-columns=SPACE:.metadata.namespace,NAME:.metadata.labels.name,RELEASE:.data.release"},
                          host::kube_environment("HOME=/run/sealift/kube"),
                          "/",
                          kPatience};
  SEALIFT_ASSIGN(auto output, base::run_checked(ask, {.output_limit = kMaxRecords}));
  const Secret table(std::move(output));  // with the values
  return kube::to_json(kube::release_objects(table.reveal()));
}

}  // namespace sealift::node
