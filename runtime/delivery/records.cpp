// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/records.h"

#include "runtime/delivery/control_plane.h"

namespace sealift::delivery {
namespace {

// By the first control plane whose answer `ask` takes.
template <class Out>
Result<Out> ask_any(Input& input, const char* what, Result<Out> (*ask)(host::HostView&, const CancelToken&)) {
  SEALIFT_ASSIGN(const auto found, find_control_planes(input));
  Error last;
  for (const auto& one : found.there) {
    auto answer = ask(*one.host, input.cancel);
    if (answer) return answer;
    last = std::move(answer).error();
  }
  return fail_while(std::move(last), what);
}

}  // namespace

Result<std::vector<host::ArtifactRecord>> delivered_artifacts(Input& input) {
  using Records = std::vector<host::ArtifactRecord>;
  // Control planes after the third have none.
  return ask_any<Records>(input, "asking the cluster for its artifacts",
                          [](host::HostView& host, const CancelToken&) -> Result<Records> {
                            SEALIFT_ASSIGN(auto records, host::read_artifact_records(host));
                            if (records.empty()) return fail(ErrorCode::not_found, "no artifact is recorded there");
                            return records;
                          });
}

Result<std::vector<steps::HistoryEntry>> history(Input& input) {
  return ask_any<std::vector<steps::HistoryEntry>>(input, "asking the cluster for its history", steps::read_history);
}

}  // namespace sealift::delivery
