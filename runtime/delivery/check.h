// SPDX-License-Identifier: Apache-2.0
//
// `check`: before a delivery the preflight, after it everything (runtime/inspection). Hosts that do not answer are part
// of the result.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/delivery/delivery.h"
#include "runtime/inspection/disk_history.h"
#include "runtime/inspection/gather.h"
#include "runtime/inspection/observation.h"

namespace sealift::delivery {

class Check {
 public:
  // `input` must outlive it. `disks`: what earlier calls have kept.
  Check(Input& input, inspection::DiskHistory disks);
  ~Check();

  // May be called again and again: connections are kept, and made anew to hosts that were lost. Errors: cancelled;
  // those of the artifact or of cluster.yaml, which no host could make right.
  Result<std::vector<inspection::Observation>> run();
  // With what the calls so far have seen.
  const inspection::DiskHistory& disks() const { return disks_; }
  // What the last call has seen; nothing if it was a preflight, or none.
  const std::optional<inspection::Look>& look() const { return look_; }

 private:
  struct Applications;  // of the artifact
  void connect();
  std::optional<Error> nobody_let_in() const;
  Result<bool> is_cluster_there();
  Result<std::vector<inspection::Observation>> preflight();
  Result<std::vector<inspection::Observation>> inspect();

  Input& input_;
  inspection::DiskHistory disks_;
  std::unique_ptr<Applications> applications_;
  std::vector<inspection::AskedHost> hosts_;
  std::optional<inspection::Look> look_;
  bool is_told_ = false;  // what it does: once is enough
};

}  // namespace sealift::delivery
