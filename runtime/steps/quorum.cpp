// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/quorum.h"

#include <algorithm>

#include "payload/base/count.h"
#include "payload/base/format.h"

namespace sealift::steps {
namespace {

struct Voters {
  size_t all = 0, answer = 0;
  size_t needed() const { return all / 2 + 1; }
  bool suffice() const { return answer >= needed(); }
};

std::string numbers(const Voters& voters) {
  return base::format("{}, {} needed", base::counted(voters.answer, "answers", "answer"),
                      base::counted(voters.needed(), "is", "are"));
}

}  // namespace

std::optional<std::string> quorum_refusal(const std::vector<EtcdMember>& members,
                                          const std::set<std::string>& answering,
                                          const std::set<std::string>& leaving) {
  if (std::ranges::none_of(members, [&](const EtcdMember& member) { return leaving.contains(member.id); })) return {};
  Voters now, then;
  for (const auto& member : members) {
    if (member.is_learner) continue;
    const size_t answers = answering.contains(member.id) ? 1 : 0;
    ++now.all;
    now.answer += answers;
    if (leaving.contains(member.id)) continue;
    ++then.all;
    then.answer += answers;
  }
  if (then.all == 0) {
    return base::format(
        "{} would leave; the last control plane can't be removed, only the whole cluster undone (`reset`)",
        now.all == 1 ? "the only control plane" : base::format("all {} control planes", now.all));
  }
  if (!now.suffice()) {
    return base::format(
        "etcd has no quorum: of {} {}; without one it can't remove anything, so bring control planes back first",
        base::counted(now.all, "member", "members"), numbers(now));
  }
  if (then.suffice()) return {};
  return base::format(
      "etcd would lose its quorum: of the {} that would remain {}; bring the others back first, or remove those that "
      "never will come (--dead)",
      base::counted(then.all, "member", "members"), numbers(then));
}

}  // namespace sealift::steps
