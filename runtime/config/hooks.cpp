// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

using Phase = HookConfig::Phase;
using On = HookConfig::On;

constexpr std::string_view kAppPrefix = "app/";
constexpr auto kPhases = std::to_array<std::pair<std::string_view, Phase>>(
    {{"hosts", Phase::hosts}, {"cluster", Phase::cluster}, {"remove", Phase::remove}, {"reset", Phase::reset}});
constexpr auto kOn = std::to_array<std::pair<std::string_view, On>>({{"all", On::all},
                                                                     {"control-planes", On::control_planes},
                                                                     {"workers", On::workers},
                                                                     {"one-control-plane", On::one_control_plane}});

void read_moment(const Mapping& spec, HookConfig& hook) {
  const bool before = spec.find("before") != nullptr, after = spec.find("after") != nullptr;
  if (before == after)
    return spec.bad(before ? "after" : "before",
                    "a hook runs either \"before\" or \"after\" something: hosts, cluster, "
                    "app/NAME, remove or reset");
  hook.is_before = before;
  const auto* key = before ? "before" : "after";
  std::string text;
  spec.text(key, text);
  if (text.starts_with(kAppPrefix) && text.size() > kAppPrefix.size()) {
    hook.phase = Phase::app;
    hook.app = text.substr(kAppPrefix.size());
    hook.app_place = {spec.find(key)->line, spec.find(key)->column};
    return;
  }
  const auto known = std::ranges::find(kPhases, text, &std::pair<std::string_view, Phase>::first);
  if (known == kPhases.end())
    return spec.bad(key, base::format("\"{}\" is not known; hosts, cluster, app/NAME, remove or reset",
                                      base::printable(text, 100)));
  hook.phase = known->second;
}

void read_on(const Mapping& spec, HookConfig& hook, Reading& reading) {
  const bool of_cluster = hook.phase == Phase::cluster || hook.phase == Phase::app;
  hook.on = of_cluster ? On::one_control_plane : On::all;
  const auto* node = spec.find("on");
  if (node == nullptr) return;
  if (node->kind == yaml::Kind::sequence) {
    hook.on = On::named;
    for (const auto* name : spec.texts("on")) {
      hook.hosts.push_back(name->text);
      reading.named_hosts.push_back(name);
    }
    if (node->items.empty()) spec.bad("on", "\"on\" names no host");
    return;
  }
  std::string text;
  spec.text("on", text);
  const auto known = std::ranges::find(kOn, text, &std::pair<std::string_view, On>::first);
  if (known == kOn.end())
    return spec.bad("on",
                    base::format("\"{}\" is not known; all, control-planes, workers, one-control-plane, or a list "
                                 "of hosts",
                                 base::printable(text, 100)));
  hook.on = known->second;
}

// What a host can start: else the delivery would come as far as there.
bool is_program(std::string_view text) {
  return text.starts_with("#!") || text.starts_with(
                                       "\x7f"
                                       "ELF");
}

void read_program(const Mapping& spec, HookConfig& hook, Reading& reading) {
  const bool own = spec.find("program") != nullptr, packed = spec.find("packedProgram") != nullptr;
  if (own == packed)
    return spec.bad(
        own ? "packedProgram" : "program",
        "a hook has either a \"program\" (a file beside cluster.yaml) or a \"packedProgram\" (a file of the "
        "artifact)");
  std::string path;
  spec.text(own ? "program" : "packedProgram", path);
  if (own) {
    if (path.empty()) return;
    hook.program = reading.content_of(spec, "program", path);
    if (!hook.program.empty() && !is_program(hook.program))
      spec.bad("program", base::format("{} is no program that a host can start; a script begins with a line such as "
                                       "#!/bin/sh",
                                       base::printable(path, 1000)));
    return;
  }
  if (!path.empty() && !base::safe_relative_path(path))
    spec.bad("packedProgram", "the path must lead to a file of the artifact's tree, as `list` prints it");
  hook.packed = path;
}

}  // namespace

void read_hook(const yaml::Node& document, Reading& reading) {
  const Mapping top(document, reading.problems, kHook);
  HookConfig hook{.place = {document.line, document.column}};
  if (top.require("metadata")) {
    const Mapping metadata(*top.find("metadata"), reading.problems, kHookMetadata);
    if (metadata.require("name")) metadata.text("name", hook.name);
    if (!hook.name.empty() && !is_dns_label(hook.name))
      metadata.bad("name", "a hook's name may hold lower-case letters, digits and - only, at most 63");
    if (!hook.name.empty() && std::ranges::contains(reading.config.hooks, hook.name, &HookConfig::name))
      metadata.bad("name", base::format("a second Hook \"{}\"", base::printable(hook.name)));
  }
  if (!top.require("spec")) return;
  const auto& node = *top.find("spec");
  const Mapping spec(node, reading.problems, kHookSpec);
  if (node.kind != yaml::Kind::mapping) return;
  read_moment(spec, hook);
  read_on(spec, hook, reading);
  read_program(spec, hook, reading);
  for (const auto* argument : spec.texts("arguments")) {
    if (argument->text.contains('\0')) reading.problems.add(*argument, "an argument can't hold a zero byte");
    hook.arguments.push_back(argument->text);
  }
  std::string input;
  spec.text("inputFile", input);
  if (!input.empty()) hook.input = Secret(reading.content_of(spec, "inputFile", input));
  read_duration(spec, "timeout", hook.timeout);
  spec.boolean("everyRun", hook.every_run);
  reading.config.hooks.push_back(std::move(hook));
}

}  // namespace sealift::config
