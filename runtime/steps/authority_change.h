// SPDX-License-Identifier: Apache-2.0
//
// A second authority for the certificates of the node services takes over from the first: its certificate has less than
// a third of its life left, or somebody asks for it. The steps, each of which waits for the ones before it on all hosts
// of the run:
//
//   1 authority.next          first control plane: a second key (ca.next.key), and its certificate into ca.crt
//   2 authority.trust         every host: the bundle with both
//   3 authority.switch        first control plane: the second key becomes ca.key
//   4 authority.key           other control planes: the same key
//   5 authority.certificates  every host: new keys, and certificates of the new authority
//   6 authority.retire        first control plane: ca.crt has the new authority alone
//   7 authority.forget        every host: the same bundle
//
// What holds at every moment, so that a run can be killed at any: whoever shows a certificate is believed by all hosts
// of the run. Before 3 all certificates are of the first authority, which everybody believes until 6; from 3 on there
// are some of the second, which everybody believes since 2; at 6 there are none of the first any more. Mirrors notice
// new files after two seconds, so 3 and 6 wait a little longer first. No step says how far the others have come: that
// is read from the files, and a later delivery goes on from there. Which authority issues is told by ca.key alone, so a
// control plane that becomes the first one in between, and has not got the new key, leads all back to the former.
//
// A node that the run does not reach (`away`, or set aside on the way) has not heard of the second authority, and must
// go on working: without it 3 and 6 are left out, and the delivery that reaches it does them. Until then both are
// believed, and the former one issues. A node that cluster.yaml does not name is not waited for; it gets no images from
// the others until it is delivered, which mends it (CertificateStep).
#pragma once

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

struct AuthorityChange {
  bool asked = false;                  // by the operator, whether it is due or not
  std::vector<std::string> away = {};  // nodes that are not part of the run, though of cluster.yaml
};

// Whether a change is to begin, or has begun and not ended; asked of the first control plane. No: it has no authority.
Result<bool> authority_changes(host::HostView& host, bool asked, const CancelToken& cancel);

class NextAuthorityStep final : public BasicStep {
 public:
  NextAuthorityStep(const Model& model, const Node& node, bool asked);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string program_, cluster_;
  bool asked_;
};

// The bundle of the first control plane, on any host.
class BundleStep final : public BasicStep {
 public:
  enum class Part { trust, forget };
  BundleStep(const Model& model, const Node& node, Part part);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string from_;
  bool stops_door_;
};

// On the first control plane; nothing while a node of the cluster is not reached.
class TakeOverStep final : public BasicStep {
 public:
  enum class Part { promote, retire };
  TakeOverStep(const Model& model, const Node& node, Part part, bool all_there);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string program_;
  Part part_;
  bool all_there_;
};

}  // namespace sealift::steps
