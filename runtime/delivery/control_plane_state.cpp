// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/control_plane_state.h"

#include <array>

#include "payload/base/text.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {
namespace {

// Below the five seconds in which people expect an answer, with room for the login.
constexpr std::string_view kRequestTimeout = "--request-timeout=2s";
constexpr Duration kProbeTimeout{3'000};
constexpr size_t kLongestDetail = 300;

constexpr auto kUnits = std::to_array<std::string_view>(
    {"containerd.service", "kubelet.service", "sealift-api.service", "sealift-mirror.service"});

bool is_of_the_host(ErrorCode code) {
  return code == ErrorCode::unreachable || code == ErrorCode::cancelled || code == ErrorCode::protocol;
}

}  // namespace

std::string last_line(std::string_view text) {
  text = base::trim(text);
  const size_t begin = text.rfind('\n');
  return base::printable(base::trim(begin == std::string_view::npos ? text : text.substr(begin + 1)), kLongestDetail);
}

StatusLine api_down(const std::string& name, const Error& error) {
  return {"API server on " + name, "down", "does not answer: " + last_line(error.what), false};
}

Result<ControlPlaneState> look_at_state(host::HostView& host, const std::string& name, const CancelToken& cancel) {
  ControlPlaneState out;
  base::Command probe{{"kubectl", std::format("--kubeconfig={}", steps::kAdminKubeconfig), std::string(kRequestTimeout),
                       "get", "--raw", "/readyz"},
                      {std::string(steps::kKubeHome)},
                      "/",
                      kProbeTimeout};
  const auto asked = host.query(probe, {}, cancel);
  if (!asked && is_of_the_host(asked.error().code)) return std::unexpected(asked.error());
  out.api_answers = asked && asked->ok();
  if (!out.api_answers) out.down.push_back(api_down(name, asked ? base::command_error(probe, *asked) : asked.error()));
  for (const auto unit : kUnits) {
    SEALIFT_ASSIGN(const auto state, host.unit(std::string(unit)));
    if (state.active == "active") continue;
    const std::string what = state.loaded ? state.active : "not installed";
    out.down.push_back({std::format("{} on {}", unit, name), what,
                        std::format("`journalctl -u {}` on {} tells why", unit, name), false});
  }
  return out;
}

}  // namespace sealift::delivery
