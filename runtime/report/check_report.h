// SPDX-License-Identifier: Apache-2.0
//
// What `check` has found: for people, as JSON, and as JUnit for continuous integration.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "runtime/inspection/observation.h"

namespace sealift::report {

using Observations = std::vector<inspection::Observation>;
// What both sides leave as it is: the reason, by the id of the check, or by "id@subject" for what it finds of one host
// or application alone.
using Waivers = std::map<std::string, std::string>;
// The one that covers a finding, the narrower of two; end() if there is none.
Waivers::const_iterator waiver_of(const inspection::Observation& one, const Waivers& waivers);

// What fails first, then warnings, each with its remedy; a last line with the sums. What is well only if `all`.
std::vector<std::string> check_lines(const Observations& found, bool all);
// "12 ok, 1 warning, 2 failed"
std::string check_sums(const Observations& found);
// {"event":"check","id":"disk.space","subject":"w1","verdict":"warn","evidence":"…","remedy":"…"}
std::string to_json(const inspection::Observation& observation);
// One test suite for each theme ("disk"), one test case for each observation; a failure for each that fails, and the
// evidence of the others, warnings among them, as output; what is not well but waived is skipped. Source: the JUnit XML
// format as Jenkins and GitLab read it.
std::string to_junit(const Observations& found, const std::string& cluster, WallTime time, Duration took,
                     const Waivers& waivers = {});

// For --watch: what is said differently than in the call before. What is no longer said counts as well again.
Observations changes(const Observations& before, const Observations& now);

}  // namespace sealift::report
