// SPDX-License-Identifier: Apache-2.0
//
// The plan by which nodes leave a cluster that goes on.
#pragma once

#include <string>
#include <vector>

#include "runtime/engine/step.h"
#include "runtime/steps/leave_steps.h"
#include "runtime/steps/model.h"

namespace sealift::plans {

struct Leaving {
  steps::Node node;
  bool is_control_plane = false;  // for etcd or the lists, whatever cluster.yaml says
  bool is_dead = false;           // nothing is done on the host itself
};

struct Removal {
  const steps::Model& model;             // of the nodes that are in the cluster now
  std::string asked;                     // a control plane that stays; also does what dead hosts can't
  std::vector<Leaving> leaving;          // etcd's members that do not answer first, which it can spare
  std::vector<const steps::Node*> told;  // that stay and can be reached
  steps::DrainOptions drain;
};

// Each step is one of the leaving host, so that what fails is its own removal only; of a dead one, of the asked control
// plane. First the pods go, one host after the other. Then nobody is sent to the control planes that leave any more,
// and they leave etcd, one after the other; a host whose drain failed stays one. At the end each host is reset.
// `removal` must outlive the plan.
engine::Plan remove(const Removal& removal);

}  // namespace sealift::plans
