// SPDX-License-Identifier: Apache-2.0
//
// A command that is cut at each of its moments in turn: the launch program is killed, or something happens to one of
// the machines. Each cut has a place of its own, as `make()` returns it: a DeliverySite, or what has one as its `site`.
// The command is `run(place, journal, cancel)`; `after(place)` starts it again and checks what came of it.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>
#include <type_traits>

#include "tests/sim/killing_journal.h"
#include "tests/sim/wanted_end.h"

namespace sealift::sim {

template <class Place>
DeliverySite& site_of(Place& place) {
  if constexpr (std::is_same_v<Place, DeliverySite>)
    return place;
  else
    return place.site;
}

// The command of most.
inline Result<delivery::Outcome> apply_to(DeliverySite& site, engine::Journal& journal, const CancelToken& cancel) {
  return site.apply(journal, base::no_events(), cancel);
}

// How many records the command makes if nothing disturbs it; it must end well.
template <class Place, class Run>
size_t records_of(Place& place, Run run) {
  CancelSource cancel;
  KillingJournal journal(site_of(place), cancel, 0);
  require_delivered(run(place, journal, cancel.token()));
  return journal.records();
}

// The launch program is killed at each of the command's records, or at every `stride`-th.
template <class Make, class Run, class After>
void kill_at_records(size_t records, Make make, Run run, After after, size_t stride = 1) {
  for (size_t at = 1; at <= records; at += stride) {
    INFO("killed at record " << at << " of " << records);
    auto place = make();
    CancelSource cancel;
    KillingJournal journal(site_of(place), cancel, at);
    const auto killed = run(place, journal, cancel.token());
    if (at < records) CHECK((!killed || killed->error));
    site_of(place).all_reachable(true);
    after(place);
  }
}

// One place, where the command is started again and again: its n-th attempt is killed at its record n * stride, until
// one comes to its end, which is returned. So it is killed after every number of records, in states that kills have
// left; for places that are too large to be made anew for each kill.
template <class Place, class Run>
Result<delivery::Outcome> kill_again_and_again(Place& place, size_t stride, Run run) {
  for (size_t at = stride;; at += stride) {
    CancelSource cancel;
    KillingJournal journal(site_of(place), cancel, at);
    auto outcome = run(place, journal, cancel.token());
    if (journal.records() < at) {
      CHECK(at > stride);
      return outcome;
    }
    site_of(place).all_reachable(true);
  }
}

// What can happen to a machine at one of its changes.
struct Interruption {
  bool (*hits)(const std::string& call);          // the changes at which it can
  Error (*happens)(tests::FakeMachine& machine);  // returns what the change fails with
  bool ends_run;                                  // false: the run may go on by itself
};

inline constexpr Interruption kPowerFails{[](const std::string&) { return true; },
                                          [](tests::FakeMachine& machine) {
                                            machine.power_cut();
                                            machine.set_reachable(false);  // off until switched on
                                            return Error{ErrorCode::unreachable, "power", {}};
                                          },
                                          true};
inline constexpr Interruption kProgramIsKilled{
    [](const std::string& call) { return call == "inside"; },
    [](tests::FakeMachine&) { return Error{ErrorCode::command_failed, "Killed", {}}; }, true};

// It happens to the machine at each of its changes of the command, inside of programs too; once in each run. Returns
// where it happened: "write /etc/x", "inside kubeadm init: add-ons".
template <class Make, class Run, class After>
std::set<std::string> interrupt_at_changes(const Interruption& interruption, size_t host, Make make, Run run,
                                           After after) {
  std::set<std::string> out;
  for (size_t at = 1;; ++at) {
    auto place = make();
    tests::FakeMachine& machine = site_of(place).machine(host);
    size_t seen = 0;
    std::string where;
    machine.before_change = [&](const std::string& call, const std::string& target) -> Result<void> {
      if (!interruption.hits(call) || ++seen != at) return {};
      where = call + " " + target;
      return fail(interruption.happens(machine));
    };
    engine::NoJournal journal;
    const auto first = run(place, journal, CancelToken{});
    if (where.empty()) return out;
    out.insert(where);
    INFO("h" << host << ", change " << at << ": " << where);
    if (interruption.ends_run) CHECK((!first || first->error));
    machine.before_change = {};
    machine.set_reachable(true);
    after(place);
  }
}

}  // namespace sealift::sim
