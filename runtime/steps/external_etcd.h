// SPDX-License-Identifier: Apache-2.0
//
// An etcd of the site (cluster.yaml, etcd.external), which the API servers use instead of one beside each. Asked by the
// agent's program (runtime/node/etcd.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

struct EtcdState {
  struct Endpoint {
    std::string endpoint;
    std::string error;  // empty: it answers
  };
  std::vector<Endpoint> endpoints;
  uint64_t objects = 0;  // of a cluster; meaningless if none answers
  bool answers() const;
};
// As this host sees it, with the keys of cluster.yaml, which do not stay there. Where the ledger keeps nothing.
Result<EtcdState> look_at_etcd(host::HostView& host, const config::ExternalEtcd& etcd, const std::string& prefix,
                               const CancelToken& cancel);

// For messages: "finds 312 objects of a cluster in the site's etcd below /registry/", and what to do about it.
std::string holds_a_cluster(const EtcdState& state, const std::string& prefix);
std::string empty_it(const std::string& prefix);

// Before kubeadm init: it holds nothing of another cluster. Errors: preflight with what to do; unreachable.
Result<void> check_etcd_is_empty(host::HostView& host, const Model& model, const CancelToken& cancel);

// What an API server on this host keeps there, by its own manifest; nothing if there is none, or its etcd is its own.
struct EtcdInUse {
  std::vector<std::string> endpoints;
  std::string prefix;  // "/registry/"
};
Result<std::optional<EtcdInUse>> etcd_in_use(host::HostView& host);
// Deletes what the cluster kept there, with the keys of this host.
Result<void> clear_etcd(host::Host& host, const EtcdInUse& etcd, const host::Reason& reason, const CancelToken& cancel);

// On a control plane: the authority, the certificate and the key for it.
class EtcdFilesStep final : public BasicStep {
 public:
  explicit EtcdFilesStep(const config::ExternalEtcd& etcd);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  struct File {
    std::string_view name;
    uint32_t mode;
    std::string_view content;
  };
  std::vector<File> files() const;
  Result<bool> is_there(host::HostView& host, const File& file) const;
  const config::ExternalEtcd& etcd_;
};

// A whole cluster is undone: what it kept in the site's etcd goes, too, so that the next one finds it empty. An etcd
// that does not let it is told of, and keeps it: it is not this host's.
class ClearEtcdStep final : public BasicStep {
 public:
  ClearEtcdStep();
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;
};

}  // namespace sealift::steps
