// SPDX-License-Identifier: Apache-2.0
//
// The calls of host::Host, by their names in the agent's protocol.
#pragma once

#include <optional>
#include <string_view>

namespace sealift::agent {

enum class Call {
  facts,
  stat,
  read,
  digest,
  list,
  unit,
  sysctl,
  disk,
  feature,
  can_execute,
  ask_name_server,
  query,
  recorded,
  records,
  ledger,
  worked_on,
  synced,
  store_state,
  footprint,  // calls that change nothing
  write,
  make_directory,
  make_symlink,
  remove,
  run,
  run_job,
  unit_action,
  load_module,
  set_sysctl,
  announce,
  begin,
  record,
  sync,
  restore,
  take_away,
  forget,
  store_write,
  store_finish,
};

std::string_view name(Call call);
std::optional<Call> parse_call(std::string_view name);

}  // namespace sealift::agent
