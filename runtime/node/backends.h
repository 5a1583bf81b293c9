// SPDX-License-Identifier: Apache-2.0
//
// The API servers behind the balancer: which of them live, which one gets the next connection, and when which is to be
// asked whether it lives. Knows neither sockets nor clocks, only what it is told. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "payload/base/clock.h"

namespace sealift::node {

// Whatever happens to an API server, it is out of the choice after `every` + `patience`, which must be less than 3 s:
// the last good answer may just have come. A lost packet is sent again after 1 s at most and must not count.
struct HealthTimes {
  Duration every{1'000};     // how often each is asked
  Duration patience{1'500};  // for an answer
  // An API server that starts answers before it can serve: it refuses (403, 500) what it has not read yet. So one that
  // comes, or comes back, gets connections only after so many answers in a row, while there are others.
  unsigned answers_to_trust = 20;
};

class Backends {
 public:
  using Id = uint64_t;  // never given twice
  using Tell = std::function<void(const std::string& line)>;
  // `seed`: decides between equals, and so has to differ from node to node. `tell`: hears of each change, once.
  Backends(const std::vector<std::string>& addresses, const HealthTimes& times, uint32_t seed, Tell tell);

  // What is known of addresses that stay is kept. One that has left the list gets no connection any more; while it
  // still has some, it is asked on, so that they end if it dies.
  void set(const std::vector<std::string>& addresses);

  // --- connections ---
  // The one for a new connection that has been at those `tried` in vain; none if there is no other.
  std::optional<Id> choose(std::span<const Id> tried);
  const std::string& address(Id backend) const;  // of one that `choose` or `questions` has just named
  void enter(Id backend);
  void leave(Id backend);
  // It did not answer while another one lived: to wait for it is in vain. Never so if all are dead, or if there is only
  // one. When all come back after a failure of the network, one is the first; the others get time for their answers.
  bool is_hopeless(Id backend) const;

  // --- health ---
  // Those to be asked now. To each belongs one call of answers, fails or unasked.
  std::vector<Id> questions(Duration now);
  std::optional<Duration> next_question() const;
  void answers(Id backend);
  void fails(Id backend, const std::string& why);
  void unasked(Id backend);  // this host could not ask, which says nothing about the other
  // Bytes of a connection came from it. That proves as much as an answer.
  void heard(Id backend, Duration now);
  // Whether connections have been found hopeless since the last call.
  bool take_hopeless() { return std::exchange(found_hopeless_, false); }

 private:
  enum class Health : uint8_t { unknown, lives, dead };
  struct Backend {
    Id id = 0;
    std::string address;
    bool is_listed = true;
    Health health = Health::unknown;
    bool is_hopeless = false;
    unsigned answers_missing = 0;  // until it is trusted
    size_t connections = 0;
    bool is_asked = false;
    Duration next{};  // when it is to be asked again; at first at once
    std::optional<Duration> asked_at, heard_at;
  };
  Backend* find(Id backend);
  const Backend* find(Id backend) const;
  bool any_lives() const;
  void judge(Backend& backend, Health health, const std::string& why);
  void judge_alive(Backend& backend);
  void forget_unused();

  std::vector<Backend> backends_;
  HealthTimes times_;
  std::minstd_rand random_;
  Tell tell_;
  Id last_id_ = 0;
  bool found_hopeless_ = false;
};

}  // namespace sealift::node
