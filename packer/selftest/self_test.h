// SPDX-License-Identifier: Apache-2.0
//
// The factory's test of a finished artifact: everything that the build has proved is proved again from the file alone,
// as a site will have it. Touches no network and no host, and changes nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "packer/resolve/inputs.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"

namespace sealift::selftest {

struct Request {
  std::string name;                               // of the artifact, for messages
  std::optional<std::string> tools;               // as in resolve::Request
  std::optional<std::string> kubernetes_version;  // likewise
  // "erp:key=value": what the APP line of the Kubefile sets for renderings; an artifact does not keep it.
  std::vector<std::string> settings;
  unsigned threads = 2;
};

// A part of the test that has ended. `what`: a line for people, what was checked.
struct Part {
  bool is_good = false;
  std::string what;
};

// `on_part`: as the parts end. Progress has the step "bytes". Errors: what is wrong, all in one: corrupt if the file is
// damaged (nothing else is then looked at), else invalid_input; not_in_artifact for a setting of an application that is
// not there; cancelled; a machine that can't run the artifact's programs.
Result<void> run(resolve::BaseInput artifact, const Request& request, const std::function<void(const Part&)>& on_part,
                 EventSink& events, const CancelToken& cancel);

}  // namespace sealift::selftest
