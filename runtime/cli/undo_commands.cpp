// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/undo_commands.h"

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/console/prompt.h"
#include "runtime/delivery/app_removal.h"
#include "runtime/delivery/app_rollback.h"
#include "runtime/delivery/remove.h"
#include "runtime/delivery/reset.h"

namespace sealift::cli {

namespace {

std::string_view word(Verb verb) {
  switch (verb) {
    case Verb::remove:
    case Verb::remove_apps: return "remove";
    case Verb::rollback: return "roll back";
    default: return "reset";
  }
}

// What is going to happen, after the verb.
std::string consequence(const Arguments& arguments, const config::ClusterConfig& cluster) {
  switch (arguments.verb) {
    case Verb::remove:
      return base::format("{} of the cluster {}: {} will leave it, and {}", base::join(arguments.hosts, ", "),
                          cluster.name, arguments.hosts.size() == 1 ? "this node" : "these nodes",
                          arguments.dead ? "are taken for dead" : "their hosts are undone");
    case Verb::remove_apps:
      return base::format("{} of the cluster {}: {} end, and {}", base::join(arguments.apps, ", "), cluster.name,
                          arguments.apps.size() == 1 ? "it will" : "they will",
                          arguments.with_data ? "the data will be gone" : "the data in claims stays");
    case Verb::rollback:
      return base::format(
          "{} of the cluster {} to {}", arguments.apps.front(), cluster.name,
          arguments.revision ? base::format("revision {}", *arguments.revision) : "the former revision");
    default: break;
  }
  if (arguments.hosts.empty())
    return base::format("the whole cluster {} on {}: its applications and their data will be gone", cluster.name,
                        base::counted(cluster.hosts.size(), "host", "hosts"));
  return base::format("{}: everything that was delivered there will be gone", base::join(arguments.hosts, ", "));
}

}  // namespace

bool takes_away(Verb verb) {
  return verb == Verb::remove || verb == Verb::remove_apps || verb == Verb::rollback || verb == Verb::reset;
}

Result<void> confirm(const Arguments& arguments, const config::ClusterConfig& cluster, const CancelToken& cancel) {
  if (arguments.yes) return {};
  const auto verb = word(arguments.verb);
  SEALIFT_ASSIGN(
      const auto answer,
      console::ask(base::format("{} {}\nType the cluster's name to go on", verb, consequence(arguments, cluster)),
                   base::format("{} asks for the cluster's name, but there is no terminal; --yes answers it", verb),
                   cancel));
  if (base::trim(answer) == cluster.name) return {};
  return fail(ErrorCode::cancelled, "\"{}\" is not the cluster's name, {}; nothing was changed",
              base::printable(answer, 60), cluster.name);
}

Result<delivery::Outcome> undo(delivery::Input& input, const Arguments& arguments) {
  switch (arguments.verb) {
    case Verb::remove_apps: return delivery::remove_apps(input, {arguments.apps, arguments.with_data});
    case Verb::rollback: return delivery::rollback_app(input, {arguments.apps.front(), arguments.revision});
    case Verb::reset: return delivery::reset(input, {arguments.hosts, arguments.verify});
    default: return delivery::remove(input, {arguments.hosts, arguments.dead, arguments.force, arguments.timeout});
  }
}

}  // namespace sealift::cli
