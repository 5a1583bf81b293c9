// SPDX-License-Identifier: Apache-2.0
//
// How much was free on the disks of a cluster at the last calls of `check` from this launch machine, for a forecast. A
// sample an hour at most, for a month at most. Kept in the state folder by runtime/cli; decides nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/base/error.h"

namespace sealift::inspection {

class DiskHistory {
 public:
  // {"format":1,"disks":[{"host":"w1","mount":"/var","samples":[[<ms since 1970>,<free bytes>],…]},…]}. Errors:
  // corrupt; unsupported_version if a newer Sealift wrote it.
  static Result<DiskHistory> parse(std::string_view text);
  std::string text() const;

  // `now_ms`: since 1970. Samples of what seems to be the future are forgotten: a clock was set back.
  void add(const std::string& host, const std::string& mount, int64_t now_ms, uint64_t free_bytes);
  // In how many days nothing will be free if it goes on as since the oldest sample that is kept; nothing if less than
  // an hour is known, or if it does not shrink.
  std::optional<double> days_left(const std::string& host, const std::string& mount, int64_t now_ms,
                                  uint64_t free_bytes) const;
  bool operator==(const DiskHistory&) const = default;

 private:
  struct Sample {
    int64_t at_ms = 0;
    uint64_t free_bytes = 0;
    bool operator==(const Sample&) const = default;
  };
  std::map<std::pair<std::string, std::string>, std::vector<Sample>> disks_;  // by host and mount point; oldest first
};

}  // namespace sealift::inspection
