// SPDX-License-Identifier: Apache-2.0
//
// Which members etcd can spare: a table of members, as letters: a small one does not answer, "+" marks one that leaves,
// "*" a learner.
#include "runtime/steps/quorum.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <string_view>

using namespace sealift;

namespace {

std::string refusal(std::string_view members) {
  std::vector<steps::EtcdMember> all;
  std::set<std::string> answering, leaving;
  for (const char letter : members) {
    if (letter == '+') {
      leaving.insert(all.back().id);
    } else if (letter == '*') {
      all.back().is_learner = true;
    } else {
      const std::string id(1, letter);
      if (letter >= 'A' && letter <= 'Z') answering.insert(id);
      all.push_back({id, "cp" + id, {}, false});
    }
  }
  return steps::quorum_refusal(all, answering, leaving).value_or("");
}

struct Case {
  std::string_view members, says;  // "": it may
};

}  // namespace

TEST_CASE("quorum: what etcd can spare, and why not, with the numbers") {
  for (const auto& [members, says] : std::to_array<Case>({
           // nobody of etcd leaves
           {"A", ""},
           {"ab", ""},
           // from 5 to 3 to 1, and one by one
           {"ABCD+E+", ""},
           {"ABC+D+", ""},
           {"AB+C+", ""},
           {"AB+", ""},
           {"A+BCD+E+", ""},
           {"ABCD+E+F+G+", ""},
           // the dead, as long as there is a majority without them
           {"ABc+", ""},
           {"ABCd+e+", ""},
           {"ABc+D+", ""},
           {"ABCd+e", ""},
           {"ABCDe+", ""},
           // the last one
           {"A+", "the only control plane would leave; the last control plane can't be removed"},
           {"A+B+", "all 2 control planes would leave; the last control plane can't be removed"},
           {"A+B+C+", "all 3 control planes would leave"},
           {"A+b+", "all 2 control planes would leave"},
           // no majority now
           {"Ab+", "etcd has no quorum: of 2 members 1 answers, 2 are needed"},
           {"Abc+", "etcd has no quorum: of 3 members 1 answers, 2 are needed"},
           {"ABcd+e", "etcd has no quorum: of 5 members 2 answer, 3 are needed"},
           {"Ab+c+", "etcd has no quorum: of 3 members 1 answers, 2 are needed"},
           // none then
           {"AB+c", "of the 2 members that would remain 1 answers, 2 are needed"},
           {"ABC+de+", ""},
           {"AB+C+de+", "of the 2 members that would remain 1 answers, 2 are needed"},
           {"AB+C+d", "of the 2 members that would remain 1 answers, 2 are needed"},
           {"ABC+d+e", ""},
           {"ABCD+e", ""},
           {"AB+C+De", ""},
           {"ABC+de", "of the 4 members that would remain 2 answer, 3 are needed"},
           // learners do not vote
           {"AB*+", ""},
           {"Ab*+", ""},
           {"A+B*", "the only control plane would leave"},
           {"ABc*+", ""},
           {"AB+C*", ""},
           {"AB+c*", ""},
           {"AB+Cd*", ""},
       })) {
    INFO(members);
    const std::string said = refusal(members);
    INFO(said);
    CHECK((says.empty() ? said.empty() : said.contains(says)));
  }
}
