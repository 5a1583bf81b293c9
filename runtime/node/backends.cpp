// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/backends.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "payload/base/format.h"

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
    backends_.push_back(
        {.id = ++last_id_, .address = address, .said = {}, .answers_missing = times_.answers_to_trust, .heard_at = {}});
  }
  forget_unused();
}

// One alone is not asked, so that nothing is known of it either.
void Backends::forget_unused() {
  std::erase_if(backends_, [](const Backend& backend) { return !backend.is_listed && backend.connections == 0; });
  if (backends_.size() != 1) return;
  auto& alone = backends_.front();
  alone.health = Health::unknown;
  alone.is_hopeless = false;
  alone.said.reset();
  alone.answers_missing = 0;
  alone.is_told = false;
}

// If none is trusted, one that may soon be, or says nothing of readiness, before one that says no, and that before a
// dead one. Of these, those with the fewest connections of this host first, and chance among equals. A node has few
// connections, one each of the kubelet and of what runs on the host network. If all nodes began with the first of the
// list, or stayed with the last one that worked, a single API server would carry a hundred of them: from the beginning,
// and again after each restart of another. So each node begins somewhere, and a server that comes back gets the next
// connections.
std::optional<Backends::Id> Backends::choose(std::span<const Id> tried) {
  std::vector<const Backend*> best;
  const auto order = [](const Backend& backend) {
    return std::tuple(backend.health == Health::dead, backend.said == Answer::not_ready, backend.answers_missing > 0,
                      backend.connections);
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
    backend.is_asked = true;
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

bool Backends::is_of_interest(Id backend) const { return backends_.size() > 1 && find(backend) != nullptr; }

void Backends::answers(Id backend, Answer answer, const std::string& why) {
  auto* found = find(backend);
  if (found == nullptr) return;
  found->is_asked = false;
  if (backends_.size() > 1) judge_alive(*found, answer, why);
}

void Backends::fails(Id backend, const std::string& why, Duration now) {
  auto* found = find(backend);
  if (found == nullptr) return;
  found->is_asked = false;
  if (backends_.size() < 2) return;
  // It takes no new connections, as when it shuts down, but serves those that it has.
  if (found->heard_at && *found->heard_at + times_.every > now) return judge_alive(*found, Answer::not_ready, why);
  if (found->health != Health::dead) tell_(base::format("{} does not answer ({})", found->address, why));
  found->health = Health::dead;
  found->said.reset();
  found->answers_missing = times_.answers_to_trust;
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

void Backends::judge_alive(Backend& backend, Answer answer, const std::string& why) {
  if (backend.health == Health::dead) tell_(base::format("{} answers again", backend.address));
  backend.health = Health::lives;
  backend.is_hopeless = false;
  // Who has spoken of readiness and does so no more has been started anew.
  const bool is_lost = answer == Answer::not_ready || (answer == Answer::lives && backend.said == Answer::ready);
  if (is_lost) backend.answers_missing = times_.answers_to_trust;
  if (is_lost && !backend.is_told) {
    tell_(base::format("{} is not ready: {}", backend.address, why));
    backend.is_told = true;
  }
  if (answer == Answer::ready && backend.said != Answer::ready)
    backend.answers_missing = std::min(backend.answers_missing, times_.ready_to_trust);
  backend.said = answer;
  // One that has left the list, and its etcd, answers nothing any more through the connections that it still has.
  if (answer == Answer::not_ready && !backend.is_listed && any_lives()) backend.is_hopeless = found_hopeless_ = true;
  if (answer == Answer::not_ready) return;
  if (backend.answers_missing > 0) --backend.answers_missing;
  if (backend.answers_missing > 0 || !backend.is_told) return;
  tell_(base::format("{} is ready again", backend.address));
  backend.is_told = false;
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
