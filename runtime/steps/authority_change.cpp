// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/authority_change.h"

#include "payload/base/clock.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/certificates.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/units.h"

namespace sealift::steps {
namespace {

constexpr const char* kDoor = "sealift-authority.service";
// Longer than a mirror needs to notice that its files were replaced (node_main.cpp, kLookEvery).
constexpr Duration kUntilNoticed{5'000};

engine::StepState needed_if(bool needed) { return needed ? engine::StepState::needed : engine::StepState::done; }

bool is_to_begin(const Certificates& pki, bool asked) {
  if (pki.authorities.empty() || pki.authorities.size() > 1) return false;
  return pki.next_waits || asked || pki.authorities.front().is_due;
}

// The key that it holds in memory may be the former one. Its socket starts it again.
Result<void> stop_door(engine::StepContext& context, const host::Reason& reason) {
  SEALIFT_ASSIGN(const auto state, context.host.unit(kDoor));
  return is_at_work(state) ? context.host.unit_action(kDoor, host::UnitAction::stop, reason) : Result<void>{};
}

Result<void> run_pki(engine::StepContext& context, const host::Reason& reason, std::vector<std::string> words) {
  words.insert(words.begin() + 1, {"node", "pki"});
  words.insert(words.end(), {"--dir", std::string(kPkiDirectory)});
  const base::Command command{std::move(words), {}, "/", {}};
  return base::output_of(command, context.host.run(command, {}, reason, context.cancel))
      .transform([](const std::string&) {});
}

}  // namespace

Result<bool> authority_changes(host::HostView& host, bool asked, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const bool there, exists(host, bundle_path()));
  if (!there) return false;
  SEALIFT_ASSIGN(const auto pki, look_at_pki(host, cancel));
  if (pki.authorities.size() > 1 || is_to_begin(pki, asked)) return true;
  // A run that ended between its last two steps. Of versions without the copy, the delivery brings it.
  SEALIFT_ASSIGN(const auto bundle, host.digest(bundle_path()));
  SEALIFT_ASSIGN(const auto copy, host.digest(mirror_bundle_path()));
  return copy && copy != bundle;
}

NextAuthorityStep::NextAuthorityStep(const Model& model, const Node& node, bool asked)
    : BasicStep(
          "authority.next",
          "create the next certificate authority for traffic between node services, and let it take over on all hosts",
          digest_of({"next authority", model.config.name})),
      program_(node_program(model, node).value_or("")),
      cluster_(model.config.name),
      asked_(asked) {}

Result<engine::StepState> NextAuthorityStep::check(const engine::LookContext& context) {
  return look_at_pki(context.host, context.cancel).transform([&](const Certificates& pki) {
    return needed_if(is_to_begin(pki, asked_));
  });
}

Result<void> NextAuthorityStep::apply(engine::StepContext& context) {
  return run_pki(context, reason(), {program_, "make-next", "--name", cluster_});
}

BundleStep::BundleStep(const Model& model, const Node& node, Part part)
    : BasicStep(
          part == Part::trust ? "authority.trust" : "authority.forget",
          part == Part::trust ? "believe both certificate authorities" : "believe the new certificate authority alone",
          digest_of({"bundle of authorities"})),
      from_(model.any_control_plane().name),
      stops_door_(part == Part::forget && node.is_control_plane()) {}

Result<engine::StepState> BundleStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto first, context.others.view(from_, context.cancel));
  SEALIFT_ASSIGN(const auto wanted, first->digest(bundle_path()));
  for (const auto& path : {bundle_path(), mirror_bundle_path()}) {
    SEALIFT_ASSIGN(const auto there, context.host.digest(path));
    if (there != wanted) return engine::StepState::needed;
  }
  return engine::StepState::done;
}

Result<void> BundleStep::apply(engine::StepContext& context) {
  if (stops_door_) SEALIFT_TRY(stop_door(context, reason()));
  SEALIFT_ASSIGN(const auto first, context.others.connection(from_, nullptr, context.cancel));
  return bring_bundle(*first, from_, context.host, reason());
}

TakeOverStep::TakeOverStep(const Model& model, const Node& node, Part part, bool all_there)
    : BasicStep(part == Part::promote ? "authority.switch" : "authority.retire",
                part == Part::promote ? "let the next certificate authority issue"
                                      : "take the former certificate authority out of use",
                digest_of({"authority takes over"})),
      program_(node_program(model, node).value_or("")),
      part_(part),
      all_there_(all_there) {}

Result<engine::StepState> TakeOverStep::check(const engine::LookContext& context) {
  if (!all_there_ || !context.aside.empty()) return engine::StepState::done;
  return look_at_pki(context.host, context.cancel).transform([&](const Certificates& pki) {
    return needed_if(part_ == Part::promote ? pki.next_waits : !pki.next_waits && pki.authorities.size() > 1);
  });
}

Result<void> TakeOverStep::apply(engine::StepContext& context) {
  context.clock.sleep(kUntilNoticed);
  SEALIFT_TRY(context.cancel.check());
  if (part_ == Part::retire) SEALIFT_TRY(stop_door(context, reason()));
  return run_pki(context, reason(), {program_, part_ == Part::promote ? "promote" : "retire"});
}

}  // namespace sealift::steps
