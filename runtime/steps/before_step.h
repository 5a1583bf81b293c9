// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/steps/basic_step.h"

namespace sealift::steps {

// A host's footprint from before its first delivery (host::footprint_lines). Goes with the ledger.
inline constexpr std::string_view kLedgerFolder = "/var/lib/sealift/ledger";
inline constexpr std::string_view kBeforePath = "/var/lib/sealift/ledger/before.jsonl";

inline constexpr std::string_view kBeforeStep = "host.before";
// The same on a node of a cluster that Sealift did not make. What its ledger has of this step, and is the first there,
// says that the cluster is not this host's to undo.
inline constexpr std::string_view kBeforeStepOfExisting = "host.before-existing";

// Notes what a host has, before anything is changed there: a reset compares with it. A host that an earlier version
// delivered to has changed already, and gets none.
class BeforeStep final : public BasicStep {
 public:
  explicit BeforeStep(std::string_view id = kBeforeStep);  // or kBeforeStepOfExisting
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;
};

// Nothing if it was never noted. Errors: corrupt; those of the host.
Result<std::optional<host::Footprint>> read_before(host::HostView& host);

}  // namespace sealift::steps
