// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/kernel_step.h"

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kModulesPath = "/etc/modules-load.d/sealift.conf";
constexpr std::string_view kSysctlsPath = "/etc/sysctl.d/90-sealift.conf";
constexpr std::string_view kHeader = "# written by Sealift\n";

std::string modules_text(const std::vector<std::string>& modules) {
  std::string out(kHeader);
  for (const auto& module : modules) out += module + "\n";
  return out;
}

std::string sysctls_text(const std::map<std::string, std::string>& sysctls) {
  std::string out(kHeader);
  for (const auto& [key, value] : sysctls) out += key + " = " + value + "\n";
  return out;
}

}  // namespace

KernelStep::KernelStep(std::vector<std::string> modules, std::map<std::string, std::string> sysctls)
    : BasicStep("kernel", base::format("load {} kernel modules, set {} sysctls", modules.size(), sysctls.size()),
                digest_of({modules_text(modules), sysctls_text(sysctls)})),
      modules_(std::move(modules)),
      sysctls_(std::move(sysctls)),
      modules_text_(modules_text(modules_)),
      sysctls_text_(sysctls_text(sysctls_)) {}

Result<bool> KernelStep::file_is(const engine::LookContext& context, const std::string& path,
                                 const std::string& text) const {
  SEALIFT_ASSIGN(const auto digest, context.host.digest(path));
  return digest == hash::sha256(base::as_bytes(text));
}

Result<void> KernelStep::write(engine::StepContext& context, const std::string& path, const std::string& text) const {
  SEALIFT_ASSIGN(const bool there, file_is(context.looking(), path, text));
  if (there) return {};
  SEALIFT_TRY(
      context.host.make_directory(path.substr(0, path.rfind('/')), {0755, 0, 0}, reason()));  // bare hosts lack it
  base::MemorySource source(base::as_bytes(text));
  return context.host.write_atomic(path, {0644, 0, 0}, source, reason());
}

Result<engine::StepState> KernelStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool modules, file_is(context, std::string(kModulesPath), modules_text_));
  SEALIFT_ASSIGN(const bool sysctls, file_is(context, std::string(kSysctlsPath), sysctls_text_));
  if (!modules || !sysctls) return engine::StepState::needed;
  // A loaded module shows by its sysctls and in preflight's trials; /proc/modules lacks built-in ones.
  for (const auto& [key, value] : sysctls_) {
    SEALIFT_ASSIGN(const auto now, context.host.sysctl(key));
    if (!now || base::trim(*now) != value) return engine::StepState::needed;
  }
  return engine::StepState::done;
}

Result<void> KernelStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(write(context, std::string(kModulesPath), modules_text_));
  for (const auto& module : modules_) SEALIFT_TRY(context.host.load_module(module, reason()));
  SEALIFT_TRY(write(context, std::string(kSysctlsPath), sysctls_text_));
  for (const auto& [key, value] : sysctls_) {
    SEALIFT_ASSIGN(const auto now, context.host.sysctl(key));
    if (!now || base::trim(*now) != value) SEALIFT_TRY(context.host.set_sysctl(key, value, reason()));
  }
  return {};
}

}  // namespace sealift::steps
