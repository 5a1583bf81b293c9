// SPDX-License-Identifier: Apache-2.0
//
// The required end state of a delivery of DeliverySite's cluster.yaml, written down here and not copied from a run.
#pragma once

#include "tests/sim/delivery_site.h"

namespace sealift::sim {

// CHECKs every host's files, units, kernel settings, images and ledger, the payload's bytes and the cluster itself.
void check_wanted_end(DeliverySite& site);

// CHECKs that no unit of any host runs with an outdated file.
void check_units_are_current(DeliverySite& site);

// The first difference between two hosts, "" if there is none. /run is left out if a boot lies between.
enum class Run { compared, left_out };
std::string difference(const tests::FakeMachine::World& a, const tests::FakeMachine::World& b, Run run);

void require_delivered(const Result<delivery::Outcome>& outcome);

// Running the same command again finds nothing to do and touches nothing.
void again_changes_nothing(DeliverySite& site);

}  // namespace sealift::sim
