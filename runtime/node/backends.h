// SPDX-License-Identifier: Apache-2.0
//
// The API servers behind the balancer: which of them are ready, which one gets the next connection, and when which is
// to be asked. Knows neither sockets nor clocks, only what it is told. One thread.
//
// Dead is who does not answer: another one gets its connections, and those that it has end. Not ready is who says so
// (it has lost its etcd, or is shutting down) or answers, but not that: it gets no new connection while another one is
// ready, and keeps those that it has, as with kube-proxy. An API server that shuts down serves them to their end; one
// without its etcd fails requests, which clients notice, until its kubelet ends it; and its state may last a second, as
// when etcd elects a leader, while a hundred nodes that connect anew would burden the others for longer.
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
// the last good answer may just have come. A lost packet must not count: that of a new connection is sent again after
// 1 s, those of an old one sooner.
struct HealthTimes {
  Duration every{1'000};     // how often each is asked
  Duration prompt{700};      // for an answer on a connection that is kept; then it is asked anew on a new one
  Duration patience{1'800};  // for an answer, both together
  // What comes, or comes back, gets connections only after so many answers in a row, while there are others. "Ready" is
  // believed soon, but not the first time: etcd, with which it comes and goes, may be there for a moment only. Whoever
  // says nothing of readiness may be hardened (no anonymous users), and may be starting: an API server that starts
  // answers before it can serve, and refuses (403) what it has not read yet.
  unsigned ready_to_trust = 3, answers_to_trust = 20;
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
  enum class Answer : uint8_t { ready, not_ready, lives };  // lives: it said nothing of readiness
  // Those to be asked now. To each belongs one call of answers, fails or unasked.
  std::vector<Id> questions(Duration now);
  std::optional<Duration> next_question() const;
  // False once answers would change nothing: it has gone, or is the only one.
  bool is_of_interest(Id backend) const;
  void answers(Id backend, Answer answer, const std::string& why);
  void fails(Id backend, const std::string& why, Duration now);
  void unasked(Id backend);  // this host could not ask, which says nothing about the other
  // Bytes of a connection came from it. That proves that it lives, and no more.
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
    std::optional<Answer> said;    // last, since it lives
    unsigned answers_missing = 0;  // until it is trusted
    bool is_told = false;          // that it is not ready
    size_t connections = 0;
    bool is_asked = false;
    Duration next{};  // when it is to be asked again; at first at once
    std::optional<Duration> heard_at;
  };
  Backend* find(Id backend);
  const Backend* find(Id backend) const;
  bool any_lives() const;
  void judge_alive(Backend& backend, Answer answer, const std::string& why);
  void forget_unused();

  std::vector<Backend> backends_;
  HealthTimes times_;
  std::minstd_rand random_;
  Tell tell_;
  Id last_id_ = 0;
  bool found_hopeless_ = false;
};

}  // namespace sealift::node
