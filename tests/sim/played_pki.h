// SPDX-License-Identifier: Apache-2.0
//
// The hidden commands "node pki …" on played hosts. An authority is a line of ca.crt: "authority", then "authority 2";
// a certificate of any but the first ends with " by authority 2".
#pragma once

#include <string>

#include "tests/sim/played_cluster.h"

namespace sealift::sim {

Result<base::ExitStatus> look_at_pairs(tests::FakeMachine& self, const base::Command& command);
Result<base::ExitStatus> node_pki(tests::FakeMachine& self, const base::Command& command, const base::CommandIo& io);

// Whether a host with this bundle of authorities believes what another one shows as "server" or "client". Under the
// locks of both.
bool believes(const tests::FakeMachine& self, const tests::FakeMachine& other, const std::string& bundle,
              const std::string& usage);
// Of the certificate in a pair; "" if there is none.
std::string issuer_of(const tests::FakeMachine& machine, const std::string& usage);

}  // namespace sealift::sim
