// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/remove.h"

#include <algorithm>
#include <set>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/delivery/existing_site.h"
#include "runtime/delivery/members.h"
#include "runtime/delivery/outcome.h"
#include "runtime/engine/connections.h"
#include "runtime/engine/runner.h"
#include "runtime/plans/remove.h"
#include "runtime/steps/hook_step.h"
#include "runtime/steps/quorum.h"

namespace sealift::delivery {
namespace {

using plans::Leaving;

std::string names_of(const std::vector<const Leaving*>& some) {
  std::vector<std::string> names;
  for (const auto* one : some) names.push_back(one->node.name);
  return base::join(names, ", ");
}

class Remover {
 public:
  Remover(Input& input, const RemoveOptions& options, Members members)
      : input_(input), options_(options), members_(std::move(members)) {}

  Result<Outcome> run() {
    for (const auto& name : options_.names) SEALIFT_TRY(find(name));
    if (leaving_.empty()) return fail(no_node(gone_));
    SEALIFT_TRY(check_quorum());
    SEALIFT_TRY(choose_asked());
    SEALIFT_TRY(check_registry());
    return carry_out();
  }

 private:
  // --- who leaves ---

  Result<void> find(const std::string& name) {
    const auto host = std::ranges::find_if(members_.hosts, [&](const MemberHost& member) {
      const auto& node = member.node;
      return node.config.address == name || node.config.name == name || node.ip == name ||
             node.name == base::to_lower(name);
    });
    if (host != members_.hosts.end()) return host->host ? take_living(*host) : take_lost(*host);
    const auto known = std::ranges::find_if(
        members_.nodes, [&](const KnownNode& node) { return node.name == base::to_lower(name) || node.ip == name; });
    if (known == members_.nodes.end()) return fail(unknown(name));
    if (!options_.dead)
      return fail(ErrorCode::not_found,
                  "{} is a node of the cluster but no host of {}, so its login is not known; write it there again, or "
                  "add --dead if it never will answer again",
                  known->name, input_.config.path);
    config::HostConfig config;
    config.address = known->ip;
    config.role = known->is_control_plane ? format::HostRole::control_plane : format::HostRole::worker;
    add({{std::move(config), known->name, known->ip, {}}, known->is_control_plane, true});
    return {};
  }

  Result<void> take_living(const MemberHost& host) {
    const auto& node = host.node;
    if (options_.dead)
      return fail(ErrorCode::preflight,
                  "{} answers, so it is not dead: remove it without --dead, and its pods can move before it leaves",
                  node.name);
    if (members_.is_in_cluster(node) || host.worked_on)
      add({node, is_control_plane(node), false});
    else
      gone_.insert(node.name);
    return {};
  }

  Result<void> take_lost(const MemberHost& host) {
    const auto& node = host.node;
    if (!options_.dead)
      return fail(ErrorCode::unreachable,
                  "{} does not answer ({}); if it never will again, --dead makes the cluster forget it: its pods are "
                  "given up as they are, and it must not come back with its disk",
                  node.name, host.away->text());
    if (members_.is_in_cluster(node))
      add({node, is_control_plane(node), true});
    else
      gone_.insert(node.name);
    return {};
  }

  bool is_control_plane(const steps::Node& node) const {
    const auto* known = members_.known(node);
    return node.is_control_plane() || (known != nullptr && known->is_control_plane) ||
           members_.in_etcd(node) != nullptr;
  }

  void add(Leaving leaving) {
    if (!leaves(leaving.node.name)) leaving_.push_back(std::move(leaving));
  }

  bool leaves(const std::string& name) const {
    return std::ranges::any_of(leaving_, [&](const Leaving& leaving) { return leaving.node.name == name; });
  }

  static Error no_node(const std::set<std::string>& names) {
    const std::vector<std::string> list(names.begin(), names.end());
    return {ErrorCode::not_found,
            base::format("{} {} of the cluster", base::join(list, ", "),
                         list.size() == 1 ? "is not a node" : "are no nodes"),
            {}};
  }

  Error unknown(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& node : members_.nodes) names.push_back(node.name);
    std::vector<std::string_view> known(names.begin(), names.end());
    for (const auto& host : members_.hosts) known.emplace_back(host.node.name);
    const auto near = base::nearest(base::to_lower(name), known);
    return {ErrorCode::not_found,
            base::format("{} is neither a node of the cluster, which has {}, nor a host of {}{}",
                         base::printable(name, 100), base::join(names, ", "), input_.config.path,
                         near ? base::format(" (did you mean {}?)", *near) : ""),
            {}};
  }

  // --- whether the others can go on ---

  Result<void> check_quorum() {
    std::set<std::string> answering, leaving;
    for (const auto& host : members_.hosts) {
      const auto* member = members_.in_etcd(host.node);
      if (host.etcd && member != nullptr) answering.insert(member->id);
    }
    for (const auto& one : leaving_) {
      if (const auto* member = members_.in_etcd(one.node)) leaving.insert(member->id);
    }
    if (const auto refusal = steps::quorum_refusal(members_.of_etcd, answering, leaving))
      return fail(ErrorCode::preflight, "{}", *refusal);
    // Each that goes must leave a majority: with one that answers less, the next could not.
    std::ranges::stable_partition(leaving_, [&](const Leaving& one) {
      const auto* member = members_.in_etcd(one.node);
      return member == nullptr || !answering.contains(member->id);
    });
    return {};
  }

  Result<void> choose_asked() {
    for (auto& host : members_.hosts) {
      if (!host.etcd || leaves(host.node.name) || members_.known(host.node) == nullptr) continue;
      asked_ = host.node.name;
      return {};
    }
    if (input_.config.external_etcd && std::ranges::any_of(leaving_, &Leaving::is_control_plane))
      return fail(ErrorCode::preflight,
                  "no other control plane of {} answers; the last one can't be removed, only the whole cluster undone "
                  "(`reset`)",
                  input_.config.path);
    return fail(ErrorCode::preflight, "no control plane of {} that stays can be asked to let {} go", input_.config.path,
                base::counted(leaving_.size(), "node", "nodes"));
  }

  // Of one that is dead there is nothing to lose any more.
  Result<void> check_registry() const {
    std::vector<std::string> last;
    for (const auto& host : members_.hosts) {
      if (!leaves(host.node.name) && (host.serves || host.away)) return {};  // or maybe does, of one that is away
      if (leaves(host.node.name) && host.serves) last.push_back(host.node.name);
    }
    if (last.empty()) return {};
    return fail(ErrorCode::preflight,
                "{} {} the images of all others, and no host that stays has them: write another one in registry.hosts "
                "of {}, `apply`, then remove",
                base::join(last, ", "), last.size() == 1 ? "keeps" : "keep", input_.config.path);
  }

  // --- the removal ---

  steps::Model model_of_now() const {
    steps::Model model{input_.payload, input_.config, {}, {}, {}};
    model.applied_by = input_.who;
    for (const auto& host : members_.hosts) {
      if (members_.is_in_cluster(host.node)) model.nodes.push_back(host.node);
    }
    std::ranges::stable_partition(model.nodes, [](const steps::Node& node) { return node.is_control_plane(); });
    return model;
  }

  std::unique_ptr<engine::ConnectionPool> make_pool() {
    std::map<std::string, std::pair<config::HostConfig, host::Purpose>> by_name;
    for (const auto& host : members_.hosts) {
      const auto purpose = leaves(host.node.name) ? host::Purpose::undo : host::Purpose::change;
      by_name.emplace(host.node.name, std::pair(host.node.config, purpose));
    }
    auto pool = std::make_unique<engine::ConnectionPool>(
        [by_name, &connector = input_.connector](const std::string& name,
                                                 const CancelToken&) -> Result<std::shared_ptr<host::Host>> {
          const auto& [config, purpose] = by_name.at(name);
          SEALIFT_ASSIGN(auto fresh, connector.reconnect(config, purpose));
          return std::shared_ptr<host::Host>(std::move(fresh));
        });
    for (auto& host : members_.hosts) {
      if (host.host) pool->adopt(host.node.name, std::move(host.host));
    }
    return pool;
  }

  Result<Outcome> carry_out() {
    const auto model = model_of_now();
    plans::Removal removal{model, asked_, leaving_, {}, {options_.timeout, options_.force}};
    for (const auto& node : model.nodes) {
      const auto host =
          std::ranges::find(members_.hosts, node.name, [](const MemberHost& one) { return one.node.name; });
      if (host->host && !leaves(node.name)) removal.told.push_back(&node);
    }
    for (const auto& host : members_.hosts) {
      if (host.away && !leaves(host.node.name)) tell_aside(input_, host.node.name, *host.away);
    }
    tell_phase(input_, "Removing " + base::counted(leaving_.size(), "node", "nodes"));
    const auto plan = plans::remove(removal);
    const auto pool = make_pool();
    SEALIFT_ASSIGN(const auto summary,
                   engine::run(plan, *pool, input_.events, input_.clock, input_.journal, input_.cancel));
    std::vector<steps::Node> nodes = model.nodes;
    for (const auto& leaving : leaving_) nodes.push_back(leaving.node);
    auto out = to_outcome(summary, nodes, {}, input_.config);
    list(summary, out);
    word(summary, out);
    note(out);
    return out;
  }

  // --- what came of it ---

  // A dead host's steps were the asked control plane's, in the order of the hosts.
  HostOutcome outcome_of_dead(const Leaving& leaving, const engine::RunSummary& summary, bool& stopped) const {
    HostOutcome out{
        leaving.node.config.address, leaving.node.name, leaving.node.config.role, HostOutcome::State::done, {}, 0, 0};
    const auto asked = std::ranges::find(summary.hosts, asked_, &engine::HostSummary::host);
    if (asked == summary.hosts.end() || asked->outcome == engine::HostEnd::delivered) return out;
    const auto& step = asked->failed_step;
    const bool here = step == "remove.etcd." + leaving.node.name || step == "remove.node." + leaving.node.name;
    stopped = stopped || here || !step || !step->starts_with("remove.");
    if (!stopped) return out;
    out.state = HostOutcome::State::unfinished;
    out.reason = here && asked->error ? asked->error->text() : base::format("{} could not go on", asked_);
    return out;
  }

  // Those that were to leave first, the others only where something failed.
  void list(const engine::RunSummary& summary, Outcome& out) const {
    std::vector<HostOutcome> hosts, others;
    for (auto& host : out.hosts) {
      if (leaves(host.name))
        hosts.push_back(std::move(host));
      else if (host.state != HostOutcome::State::done)
        others.push_back(std::move(host));
    }
    bool stopped = false;
    for (const auto& leaving : leaving_) {
      if (leaving.is_dead) hosts.push_back(outcome_of_dead(leaving, summary, stopped));
    }
    std::ranges::move(others, std::back_inserter(hosts));
    out.hosts = std::move(hosts);
  }

  std::vector<const Leaving*> that_left(const Outcome& out) const {
    std::vector<const Leaving*> left;
    for (const auto& leaving : leaving_) {
      const auto host = std::ranges::find(out.hosts, leaving.node.name, &HostOutcome::name);
      if (host != out.hosts.end() && host->state == HostOutcome::State::done) left.push_back(&leaving);
    }
    return left;
  }

  // In the words of a removal; what kept all of them back is what the exit code tells.
  void word(const engine::RunSummary& summary, Outcome& out) const {
    out.kind = Outcome::Kind::removal;
    if (!out.error || out.error->code != ErrorCode::partial) return;
    const auto left = that_left(out);
    if (left.size() == leaving_.size()) {
      out.error->what = base::format(
          "{} left the cluster, but not every other host knows that; the next apply tells those that are reported",
          names_of(left));
      return;
    }
    std::vector<const Leaving*> stay;
    for (const auto& leaving : leaving_) {
      if (!std::ranges::contains(left, &leaving)) stay.push_back(&leaving);
    }
    std::set<ErrorCode> codes;
    for (const auto& host : summary.hosts) {
      if (host.error && host.outcome != engine::HostEnd::delivered) codes.insert(host.error->code);
    }
    out.error = Error{left.empty() && codes.size() == 1 ? *codes.begin() : ErrorCode::partial,
                      base::format("{} of {} were not removed: {}; solve what is reported for them and start the same "
                                   "command again",
                                   stay.size(), base::counted(leaving_.size(), "node", "nodes"), names_of(stay)),
                      {}};
  }

  void note(Outcome& out) const {
    const auto left = that_left(out);
    if (!gone_.empty()) out.notes.push_back(no_node(gone_).what);
    std::vector<const Leaving*> listed, dead;
    bool registry = false, control_plane = false;
    for (const auto* one : left) {
      const auto host =
          std::ranges::find(members_.hosts, one->node.name, [](const MemberHost& member) { return member.node.name; });
      if (host != members_.hosts.end()) listed.push_back(one);
      if (one->is_dead) dead.push_back(one);
      control_plane = control_plane || one->is_control_plane;
      registry = registry || kept_payload(*one);
    }
    if (!listed.empty())
      out.notes.push_back(base::format("take {} out of {} before the next apply, which would make {} a node again",
                                       names_of(listed), input_.config.path, listed.size() == 1 ? "it" : "each"));
    if (!dead.empty())
      out.notes.push_back(
          base::format("{} must not come back with {} old disk, which still takes itself for a part of the cluster",
                       names_of(dead), dead.size() == 1 ? "its" : "an"));
    if (registry) note_payload(out);
    for (const auto& host : members_.hosts) {
      if (!host.away || leaves(host.node.name)) continue;
      out.notes.push_back(base::format("{} is away: {}{}", host.node.name, host.away->text(),
                                       control_plane ? "; the next apply tells it which control planes are left" : ""));
    }
  }

  // Of a dead one that is not known; by the rule that the first control planes do.
  bool kept_payload(const Leaving& leaving) const {
    if (!leaving.is_control_plane) return false;
    const auto host =
        std::ranges::find(members_.hosts, leaving.node.name, [](const MemberHost& member) { return member.node.name; });
    if (host != members_.hosts.end() && !host->away) return host->keeps_payload;
    size_t others = 0;
    for (const auto& one : members_.hosts) others += one.keeps_payload ? 1 : 0;
    return others < steps::kMostRegistryHosts;
  }

  void note_payload(Outcome& out) const {
    size_t keep = 0, could = 0;
    for (const auto& host : members_.hosts) {
      if (!host.node.is_control_plane() || leaves(host.node.name) || !members_.is_in_cluster(host.node)) continue;
      (host.keeps_payload || host.away ? keep : could) += 1;
    }
    if (could == 0) return;
    out.notes.push_back(
        base::format("a registry host left: the next apply brings the payload to another control plane{}",
                     keep == 0 ? "; until then no host can pull an image, so start it now" : ""));
  }

  Input& input_;
  const RemoveOptions& options_;
  Members members_;
  std::vector<Leaving> leaving_;
  std::set<std::string> gone_;  // named, and nothing is left to do: an earlier run that was cut had finished with them
  std::string asked_;
};

}  // namespace

Result<Outcome> remove(Input& input, const RemoveOptions& options) {
  SEALIFT_TRY(
      refuse_existing(input.config, "remove",
                      "`reset HOST` takes off a host what was put there, `remove --app` takes applications off"));
  SEALIFT_TRY(steps::check_hooks(input.payload.contents(), input.config, config::HookConfig::Phase::remove));
  SEALIFT_ASSIGN(auto members, look_at_members(input, options.names));
  return Remover(input, options, std::move(members)).run();
}

}  // namespace sealift::delivery
