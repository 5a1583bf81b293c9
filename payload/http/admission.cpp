// SPDX-License-Identifier: Apache-2.0
#include "payload/http/admission.h"

#include <algorithm>

namespace sealift::http {
namespace {

constexpr uint64_t kSpoken = uint64_t{1} << 63U;

}  // namespace

size_t Shares::taken_by(const Caller& caller) const {
  const auto found = by_caller_.find(caller);
  return found == by_caller_.end() ? 0 : found->second;
}

bool Shares::has_own_room(const Caller& caller) const {
  if (caller.is_root()) return true;
  const size_t limit = caller.is_trusted ? std::max(limits_.per_caller, limits_.all / 2) : limits_.per_caller;
  return taken_by(caller) < limit;
}

bool Shares::has_room(const Caller& caller) const {
  if (taken_ >= limits_.all) return false;
  const size_t open = limits_.all - std::min(limits_.all, limits_.reserved);
  return caller.is_trusted || taken_ - taken_by_trusted_ < open;
}

void Shares::take(const Caller& caller) {
  ++by_caller_[caller];
  ++taken_;
  if (caller.is_trusted) ++taken_by_trusted_;
}

void Shares::give_back(const Caller& caller) {
  const auto found = by_caller_.find(caller);
  if (--found->second == 0) by_caller_.erase(found);
  --taken_;
  if (caller.is_trusted) --taken_by_trusted_;
}

Admission::Verdict Admission::enter(Id id, const Caller& caller) {
  Verdict out;
  if (!shares_.has_own_room(caller)) {
    out.victim = evict_from(caller);
    if (!out.victim) return out;
  }
  if (!shares_.has_room(caller)) {
    out.victim = evict_biggest(false);
    if (!out.victim && caller.is_trusted) out.victim = evict_biggest(true);
    if (!out.victim) return out;
  }
  out.is_admitted = true;
  members_[id].caller = caller;
  shares_.take(caller);
  waits(id);
  return out;
}

void Admission::works(Id id) {
  auto& member = members_.at(id);
  remove_waiting(member);
  member.waiting_since = 0;
}

void Admission::waits(Id id) {
  auto& member = members_.at(id);
  member.waiting_since = ++now_;
  waiting_[member.caller].emplace(now_, id);
}

void Admission::speaks(Id id) {
  auto& member = members_.at(id);
  remove_waiting(member);
  member.waiting_since = kSpoken | ++now_;
  waiting_[member.caller].emplace(member.waiting_since, id);
}

std::optional<Admission::Id> Admission::trust(Id id) {
  Caller caller = members_.at(id).caller;
  if (caller.is_trusted) return std::nullopt;
  leave(id);
  caller.is_trusted = true;
  const auto verdict = enter(id, caller);
  return verdict.is_admitted ? verdict.victim : id;
}

void Admission::leave(Id id) {
  const auto found = members_.find(id);
  if (found == members_.end()) return;
  remove_waiting(found->second);
  shares_.give_back(found->second.caller);
  members_.erase(found);
}

std::optional<Admission::Id> Admission::evict_any() {
  const auto out = evict_biggest(false);
  return out ? out : evict_biggest(true);
}

std::optional<Admission::Id> Admission::evict_from(const Caller& caller) {
  const auto found = waiting_.find(caller);
  if (found == waiting_.end()) return std::nullopt;
  const Id out = found->second.begin()->second;
  leave(out);
  return out;
}

std::optional<Admission::Id> Admission::evict_biggest(bool trusted) {
  const Caller* biggest = nullptr;
  for (const auto& [caller, unused] : waiting_) {
    if (caller.is_trusted != trusted) continue;
    if (biggest == nullptr || shares_.taken_by(caller) > shares_.taken_by(*biggest)) biggest = &caller;
  }
  if (biggest == nullptr) return std::nullopt;
  return evict_from(Caller(*biggest));
}

void Admission::remove_waiting(const Member& member) {
  if (member.waiting_since == 0) return;
  const auto found = waiting_.find(member.caller);
  found->second.erase(member.waiting_since);
  if (found->second.empty()) waiting_.erase(found);
}

}  // namespace sealift::http
