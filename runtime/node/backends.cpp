// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/backends.h"

#include <algorithm>
#include <format>
#include <tuple>
#include <utility>

namespace sealift::node {

Backends::Backends(const std::vector<std::string>& addresses, const HealthTimes& times, uint32_t seed, Tell tell)
    : times_(times), random_(seed), tell_(std::move(tell)) {
  set(addresses);
  // They may have been there for long: of all at once, none is preferred.
  for (auto& backend : backends_) backend.answers_missing = 0;
}

void Backends::set(const std::vector<std::string>& addresses) {
  for (auto& backend : backends_) backend.is_listed = std::ranges::contains(addresses, backend.address);
  for (const auto& address : addresses) {
    if (std::ranges::contains(backends_, address, &Backend::address)) continue;
    backends_.push_back({.id = ++last_id_,
                         .address = address,
                         .answers_missing = times_.answers_to_trust,
                         .asked_at = {},
                         .heard_at = {}});
  }
  forget_unused();
}

// One alone is not asked, so that nothing is known of it either.
void Backends::forget_unused() {
  std::erase_if(backends_, [](const Backend& backend) { return !backend.is_listed && backend.connections == 0; });
  if (backends_.size() != 1) return;
  backends_.front().health = Health::unknown;
  backends_.front().is_hopeless = false;
}

// Those with the fewest connections of this host first, and chance among equals. A node has few connections, one each
// of the kubelet and of what runs on the host network. If all nodes began with the first of the list, or stayed with
// the last one that worked, a single API server would carry a hundred of them: from the beginning, and again after each
// restart of another. So each node begins somewhere, and a server that comes back gets the next connections.
std::optional<Backends::Id> Backends::choose(std::span<const Id> tried) {
  std::vector<const Backend*> best;
  const auto order = [](const Backend& backend) {
    return std::tuple(backend.health == Health::dead, backend.answers_missing > 0, backend.connections);
  };
  for (const auto& backend : backends_) {
    if (!backend.is_listed || std::ranges::contains(tried, backend.id)) continue;
    if (!best.empty() && order(backend) < order(*best.front())) best.clear();
    if (best.empty() || order(backend) == order(*best.front())) best.push_back(&backend);
  }
  if (best.empty()) return std::nullopt;
  return best[std::uniform_int_distribution<size_t>(0, best.size() - 1)(random_)]->id;
}

const std::string& Backends::address(Id backend) const { return find(backend)->address; }

void Backends::enter(Id backend) { ++find(backend)->connections; }

void Backends::leave(Id backend) {
  auto& left = *find(backend);
  if (--left.connections == 0 && !left.is_listed) forget_unused();
}

bool Backends::is_hopeless(Id backend) const {
  const auto* found = find(backend);
  return found != nullptr && found->is_hopeless && any_lives();
}

bool Backends::any_lives() const {
  return std::ranges::any_of(backends_,
                             [](const Backend& other) { return other.is_listed && other.health == Health::lives; });
}

std::vector<Backends::Id> Backends::questions(Duration now) {
  std::vector<Id> out;
  if (backends_.size() < 2) return out;  // there is no choice: the answer would change nothing
  for (auto& backend : backends_) {
    if (backend.is_asked || backend.next > now) continue;
    if (backend.heard_at && *backend.heard_at + times_.every > now) {
      judge_alive(backend);
      backend.next = *backend.heard_at + times_.every;
      continue;
    }
    backend.is_asked = true;
    backend.asked_at = now;
    backend.next = now + times_.every;
    out.push_back(backend.id);
  }
  return out;
}

std::optional<Duration> Backends::next_question() const {
  std::optional<Duration> out;
  if (backends_.size() < 2) return out;
  for (const auto& backend : backends_) {
    if (!backend.is_asked && (!out || backend.next < *out)) out = backend.next;
  }
  return out;
}

void Backends::answers(Id backend) {
  auto* found = find(backend);
  if (found == nullptr) return;
  found->is_asked = false;
  judge_alive(*found);
}

void Backends::fails(Id backend, const std::string& why) {
  auto* found = find(backend);
  if (found == nullptr) return;
  found->is_asked = false;
  if (backends_.size() < 2) return;
  if (found->heard_at && *found->heard_at >= found->asked_at) return;  // it did answer, though others
  judge(*found, Health::dead, why);
  // Again each time: it may have got a connection since, when no other was left.
  found->is_hopeless = any_lives();
  if (found->is_hopeless) found_hopeless_ = true;
}

void Backends::unasked(Id backend) {
  if (auto* found = find(backend)) found->is_asked = false;
}

void Backends::heard(Id backend, Duration now) {
  if (auto* found = find(backend)) found->heard_at = now;
}

void Backends::judge_alive(Backend& backend) {
  if (backend.answers_missing > 0) --backend.answers_missing;
  judge(backend, Health::lives, {});
}

void Backends::judge(Backend& backend, Health health, const std::string& why) {
  if (backend.health == health) return;
  if (health == Health::dead) tell_(std::format("{} does not answer ({})", backend.address, why));
  if (backend.health == Health::dead) tell_(std::format("{} answers again", backend.address));
  backend.health = health;
  if (health == Health::lives) backend.is_hopeless = false;
  if (health == Health::dead) backend.answers_missing = times_.answers_to_trust;
}

Backends::Backend* Backends::find(Id backend) {
  const auto found = std::ranges::find(backends_, backend, &Backend::id);
  return found == backends_.end() ? nullptr : &*found;
}

const Backends::Backend* Backends::find(Id backend) const {
  const auto found = std::ranges::find(backends_, backend, &Backend::id);
  return found == backends_.end() ? nullptr : &*found;
}

}  // namespace sealift::node
