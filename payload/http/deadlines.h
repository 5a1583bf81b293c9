// SPDX-License-Identifier: Apache-2.0
//
// When the time of each of many connections ends. One thread.
#pragma once

#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "payload/base/clock.h"

namespace sealift::http {

class Deadlines {
 public:
  using Id = uint64_t;
  // One for each id; the former one no longer counts.
  void set(Id id, Duration at) {
    erase(id);
    at_.emplace(id, at);
    by_time_.emplace(at, id);
  }
  void erase(Id id) {
    const auto found = at_.find(id);
    if (found == at_.end()) return;
    by_time_.erase({found->second, id});
    at_.erase(found);
  }
  std::optional<Duration> next() const {
    return by_time_.empty() ? std::nullopt : std::optional(by_time_.begin()->first);
  }
  // One whose time has come.
  std::optional<Id> late(Duration now) const {
    return by_time_.empty() || by_time_.begin()->first > now ? std::nullopt : std::optional(by_time_.begin()->second);
  }

 private:
  std::set<std::pair<Duration, Id>> by_time_;
  std::unordered_map<Id, Duration> at_;
};

}  // namespace sealift::http
