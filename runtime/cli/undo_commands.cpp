// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/undo_commands.h"

#include <format>

#include "payload/base/count.h"
#include "payload/base/text.h"
#include "payload/console/prompt.h"
#include "runtime/delivery/remove.h"
#include "runtime/delivery/reset.h"

namespace sealift::cli {

Result<void> confirm(const Arguments& arguments, const config::ClusterConfig& cluster, const CancelToken& cancel) {
  if (arguments.yes) return {};
  std::string what;
  if (arguments.verb == Verb::remove)
    what = std::format("{} of the cluster {}: {} will leave it, and {}", base::join(arguments.hosts, ", "),
                       cluster.name, arguments.hosts.size() == 1 ? "this node" : "these nodes",
                       arguments.dead ? "are taken for dead" : "their hosts are undone");
  else if (arguments.hosts.empty())
    what = std::format("the whole cluster {} on {}: its applications and their data will be gone", cluster.name,
                       base::counted(cluster.hosts.size(), "host", "hosts"));
  else
    what = std::format("{}: everything that was delivered there will be gone", base::join(arguments.hosts, ", "));
  const std::string_view verb = arguments.verb == Verb::remove ? "remove" : "reset";
  SEALIFT_ASSIGN(
      const auto answer,
      console::ask(std::format("{} {}\nType the cluster's name to go on", verb, what),
                   std::format("{} asks for the cluster's name, but there is no terminal; --yes answers it", verb),
                   cancel));
  if (base::trim(answer) == cluster.name) return {};
  return fail(ErrorCode::cancelled, "\"{}\" is not the cluster's name, {}; nothing was changed",
              base::printable(answer, 60), cluster.name);
}

Result<delivery::Outcome> remove_or_reset(delivery::Input& input, const Arguments& arguments) {
  if (arguments.verb == Verb::reset) return delivery::reset(input, {arguments.hosts, arguments.verify});
  return delivery::remove(input, {arguments.hosts, arguments.dead, arguments.force, arguments.timeout});
}

}  // namespace sealift::cli
