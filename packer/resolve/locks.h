// SPDX-License-Identifier: Apache-2.0
//
// The lock beside a Kubefile, as one run uses it: what was there, what of it counts, what this run has found.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "packer/lock/lock.h"

namespace sealift::resolve {

// What a run makes of the lock. Without any of these: names that it has mean what it says, others are added.
struct LockUse {
  bool exact = false;              // --locked: every difference is an error
  bool renew_all = false;          // lock --update: every name is resolved anew
  std::vector<std::string> renew;  // or only these, as they stand in the lock; images also by a short name
};

struct Locks {
  std::string path;
  std::optional<lock::Lock> before;  // as it was there
  lock::Lock known;                  // what of it counts
  lock::Lock used;                   // what this run has resolved: the artifact's lock
  std::set<std::string> elsewhere;   // URLs of lines for platforms that this run does not pack
  // What this run has resolved or leaves as it was.
  lock::Lock kept() const;
  // What belongs beside the Kubefile now.
  lock::Lock after() const { return before ? lock::merged(*before, kept()) : used; }
  bool has_changed() const { return before ? *before != after() : !after().empty(); }
};

// `path`: of the lock. Errors: those of lock::read() and lock::forget(); invalid_input if there is none and it is to be
// exact.
Result<Locks> read_locks(const std::string& path, const LockUse& use, const CancelToken& cancel);
// invalid_input that names every difference, if there may be none.
Result<void> check_locks(const Locks& locks, const LockUse& use);
// Replaces the file if something in it has changed, the one that it leads to if it is a link, and returns a line for
// each change. None is made for a build that takes nothing from elsewhere.
Result<std::vector<std::string>> keep_locks(const Locks& locks);
// An error about something whose digest the lock gave, with what to do if the new one is meant.
std::unexpected<Error> fail_locked(Error error, const Locks& locks, const std::string& name);

}  // namespace sealift::resolve
