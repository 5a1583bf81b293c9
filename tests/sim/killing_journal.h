// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>

#include "payload/base/cancel.h"
#include "runtime/engine/journal.h"

namespace sealift::sim {

// Counts records; at record `at` (0: never) the launch program dies: nothing reaches a host any more.
template <class Site>
class KillingJournal final : public engine::Journal {
 public:
  KillingJournal(Site& site, CancelSource& cancel, size_t at) : site_(site), cancel_(cancel), at_(at) {}
  void begin(const std::string&, const engine::StepId&, const Digest&) override { record(); }
  void output(const std::string&, const engine::StepId&, std::string_view) override {}
  void end(const std::string&, const engine::StepId&, engine::StepStatus, const Error*, Duration) override { record(); }
  void finish(const Error*) override {}
  size_t records() const { return records_; }

 private:
  void record() {
    if (++records_ != at_) return;
    site_.all_reachable(false);
    cancel_.cancel();
  }
  Site& site_;
  CancelSource& cancel_;
  size_t at_;
  std::atomic<size_t> records_ = 0;
};

}  // namespace sealift::sim
