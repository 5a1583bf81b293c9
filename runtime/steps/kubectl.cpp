// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/kubectl.h"

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/kubeconfig.h"

namespace sealift::steps {
namespace {

// Most waits end sooner; nobody should wait longer in silence.
constexpr Duration kTellEvery{10'000};

}  // namespace

base::Command kubectl(std::vector<std::string> arguments) {
  base::Command out{{"kubectl", "--request-timeout=20s"}, host::kube_environment(kKubeHome), "/", Duration{120'000}};
  out.argv.insert(out.argv.end(), arguments.begin(), arguments.end());
  return out;
}

Result<std::string> kubectl_get(host::HostView& host, std::vector<std::string> arguments, const CancelToken& cancel,
                                ByteView input) {
  const auto command = kubectl(std::move(arguments));
  base::CommandIo io;
  io.input = input;
  return base::output_of(command, host.query(command, io, cancel));
}

Result<std::optional<json::Value>> kubectl_object(host::HostView& host, std::vector<std::string> arguments,
                                                  const CancelToken& cancel) {
  arguments.insert(arguments.begin(), "get");
  arguments.insert(arguments.end(), {"--ignore-not-found", "-o", "json"});
  SEALIFT_ASSIGN(const auto output, kubectl_get(host, std::move(arguments), cancel));
  if (base::trim(output).empty()) return std::optional<json::Value>{};
  return json::parse(output, kHostJson).transform([](json::Value value) { return std::optional(std::move(value)); });
}

Result<std::string> kubectl_do(host::Host& host, std::vector<std::string> arguments, const host::Reason& reason,
                               const CancelToken& cancel) {
  const auto command = kubectl(std::move(arguments));
  return base::output_of(command, host.run(command, {}, reason, cancel));
}

Result<void> wait_until(engine::StepContext& context, Duration deadline, ErrorCode late, std::string_view what,
                        const std::function<Result<bool>(std::string& message)>& done) {
  const Duration begin = context.clock.monotonic();
  Duration told_at = begin;
  std::string message, told;
  for (;;) {
    SEALIFT_TRY(context.cancel.check());
    const auto now = done(message);
    if (now && *now) return {};
    if (!now) {
      // The runner handles a lost connection; anything else may pass.
      if (now.error().code == ErrorCode::unreachable || now.error().code == ErrorCode::cancelled)
        return std::unexpected(now.error());
      message = now.error().text();
    }
    if (context.clock.monotonic() - begin > deadline) {
      return fail(late, "{} after {} s: {}", what, deadline.count() / 1000,
                  message.empty() ? "no reason known" : message);
    }
    if (message != told && context.clock.monotonic() - told_at >= kTellEvery) {
      base::tell(context.events, Level::info, base::format("waiting: {}: {}", what, message), context.host_name);
      told = message;
      told_at = context.clock.monotonic();
    }
    context.clock.sleep(Duration{500});
  }
}

}  // namespace sealift::steps
