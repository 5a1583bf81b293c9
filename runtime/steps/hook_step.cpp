// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/hook_step.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/printable.h"
#include "payload/base/text.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/existing_cluster.h"
#include "runtime/steps/files.h"
#include "runtime/steps/undo_list.h"
#include "runtime/steps/units.h"

namespace sealift::steps {
namespace {

using config::HookConfig;
using Phase = HookConfig::Phase;

constexpr size_t kShown = size_t{16} << 10;  // bytes of what a program printed
constexpr size_t kShownInError = 2000;
constexpr size_t kShortestHidden = 4;  // shorter texts are in every output
constexpr std::string_view kHidden = "(not shown)";

std::string_view word(Phase phase) {
  switch (phase) {
    case Phase::hosts: return "hosts";
    case Phase::cluster: return "cluster";
    case Phase::app: return "app";
    case Phase::remove: return "remove";
    case Phase::reset: return "reset";
  }
  return "";
}

std::string key_of(const HookConfig& hook, const std::string& leaving) {
  return leaving.empty() ? hook.name : base::format("{}.{}", hook.name, leaving);
}

Digest digest_of_program(const HookSource& source, const HookConfig& hook) {
  if (hook.packed.empty()) return hash::sha256(base::as_bytes(hook.program));
  const auto& tree = source.payload.contents().tree;
  const auto file = tree.find(hook.packed);
  return file == tree.end() ? Digest{} : file->second.object.digest;  // refused by check_hooks
}

Digest inputs_of(const HookSource& source, const HookConfig& hook) {
  base::ByteWriter writer;
  writer.text(moment_of(hook));
  writer.bytes(digest_of_program(source, hook).bytes);
  writer.u32(static_cast<uint32_t>(hook.arguments.size()));
  for (const auto& argument : hook.arguments) writer.text(argument);
  writer.text(hook.input.reveal());
  return hash::sha256(writer.data());
}

// The whole, its lines, and their values: "password: x" shows x nowhere.
std::vector<std::string_view> parts_of(std::string_view input) {
  std::vector<std::string_view> out{base::trim(input)};
  for (const auto line : base::split(input, '\n')) {
    out.push_back(base::trim(line));
    if (const size_t end = line.find_first_of("=:"); end != std::string_view::npos) {
      auto value = base::trim(line.substr(end + 1));
      while (value.size() > 1 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
        value = value.substr(1, value.size() - 2);
      out.push_back(value);
    }
  }
  std::erase_if(out, [](std::string_view part) { return part.size() < kShortestHidden; });
  std::ranges::sort(out, std::ranges::greater{}, &std::string_view::size);
  return out;
}

std::string without(std::string text, const Secret& input) {
  for (const auto part : parts_of(input.reveal())) {
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + kHidden.size()))
      text.replace(at, part.size(), kHidden);
  }
  return text;
}

// Whole lines.
std::string end_of(std::string_view text, size_t limit) {
  text = base::trim(text);
  if (text.size() <= limit) return base::printable_lines(text);
  text.remove_prefix(text.size() - limit);
  if (const size_t line = text.find('\n'); line != std::string_view::npos) text.remove_prefix(line + 1);
  return "…\n" + base::printable_lines(text);
}

std::unexpected<Error> refused(ErrorCode code, const config::ClusterConfig& config, const HookConfig& hook,
                               config::Place place, const std::string& why) {
  return fail(code, "{}:{}:{}: the hook \"{}\": {}", config.path, place.line, place.column, base::printable(hook.name),
              why);
}

bool is_disabled(const config::ClusterConfig& config, const format::App& app) {
  return std::ranges::any_of(config.applications, [&](const config::ApplicationConfig& settings) {
    return !settings.enabled && (settings.name == app.name || settings.name == app.part_of);
  });
}

// Nothing to run: another artifact's application, or one that is not wanted.
enum class Runs { yes, no };

Result<Runs> check_app(const format::Contents& contents, const config::ClusterConfig& config, const HookConfig& hook,
                       const std::vector<SelectedApp>& apps, const IsElsewhere& elsewhere) {
  const auto named = [&](const SelectedApp& app) { return app.app->name == hook.app; };
  if (std::ranges::any_of(apps, named)) return Runs::yes;
  const auto no = [&](const std::string& why) {
    return refused(ErrorCode::invalid_config, config, hook, hook.app_place, why);
  };
  if (const auto* app = contents.find_app(hook.app)) {
    if (is_disabled(config, *app)) return Runs::no;
    return no(
        base::format("the application \"{}\" is not delivered; name it in spec.apps or remove the hook", hook.app));
  }
  std::vector<std::string> members;
  std::vector<std::string_view> known;
  for (const auto& app : apps) {
    known.emplace_back(app.app->name);
    if (app.app->part_of == hook.app) members.push_back(app.app->name);
  }
  if (!members.empty())
    return no(base::format("\"{}\" stands for several applications; name one of {}", base::printable(hook.app, 100),
                           base::join(members, ", ")));
  if (elsewhere(hook.app)) return Runs::no;
  const auto near = base::nearest(hook.app, known);
  return no(base::format("\"{}\" is no application of this delivery{}", base::printable(hook.app, 100),
                         near ? base::format("; did you mean \"{}\"?", *near) : ""));
}

Result<void> check_program(const format::Contents& contents, const config::ClusterConfig& config,
                           const HookConfig& hook) {
  if (hook.packed.empty() || contents.tree.contains(hook.packed)) return {};
  std::vector<std::string_view> known;
  for (const auto& [path, file] : contents.tree) known.emplace_back(path);
  const auto near = base::nearest(hook.packed, known);
  return refused(
      ErrorCode::not_in_artifact, config, hook, hook.place,
      base::format("its packedProgram {} is not in the artifact{}", base::printable(hook.packed, 1000),
                   near ? base::format("; did you mean {}?", *near) : "; `list` shows the files that it has"));
}

}  // namespace

std::string moment_of(const HookConfig& hook) {
  return base::format("{} {}{}", hook.is_before ? "before" : "after", word(hook.phase),
                      hook.phase == Phase::app ? "/" + hook.app : "");
}

engine::StepId hook_step(const HookConfig& hook, const std::string& leaving) { return "hook." + key_of(hook, leaving); }

HookStep::HookStep(const HookSource& source, const HookConfig& hook, Node node, std::string leaving)
    : BasicStep(
          hook_step(hook, leaving),
          base::format("run the hook {} ({}){}{}", hook.name, moment_of(hook), leaving.empty() ? "" : " for ", leaving),
          inputs_of(source, hook)),
      source_(source),
      hook_(hook),
      node_(std::move(node)),
      leaving_(std::move(leaving)),
      program_(base::format("{}/hook-{}", kProgramDirectory, key_of(hook, leaving_))),
      folder_(base::format("{}/hooks/{}", kRunDirectory, key_of(hook, leaving_))),
      unit_("sealift-hook-" + key_of(hook, leaving_)) {}

Result<engine::StepState> HookStep::check(const engine::LookContext& context) {
  if (hook_.phase == Phase::reset) {
    // Nothing is undone where nothing was delivered.
    SEALIFT_ASSIGN(const bool worked_on, context.host.worked_on());
    SEALIFT_ASSIGN(const auto ended, context.host.recorded(std::string(kResetEnd)));
    if (!worked_on || ended) return engine::StepState::done;
  }
  if (hook_.every_run) return engine::StepState::needed;
  SEALIFT_ASSIGN(const bool ran, recorded(context));
  return ran ? engine::StepState::done : engine::StepState::needed;
}

Result<bool> HookStep::is_running(host::HostView& host) const {
  return host.unit(unit_ + ".service").transform([](const host::UnitState& unit) { return is_at_work(unit); });
}

// The program lies on a disk: many distributions let nothing be started in /run.
Result<void> HookStep::lay(engine::StepContext& context, host::Host& host) const {
  auto program = hook_.packed.empty() ? text_file(program_, hook_.program, 0700)
                                      : object_file(program_, source_.payload,
                                                    source_.payload.contents().tree.at(hook_.packed).object, 0700);
  std::vector<WantedFile> files;
  files.push_back(std::move(program));
  engine::StepContext there{host,       context.others, context.cancel, context.aside,
                            node_.name, context.events, context.clock,  context.step};
  SEALIFT_TRY(FilesStep(id(), "", std::move(files)).apply(there));
  if (hook_.input.empty()) return {};
  SEALIFT_TRY(host.make_directory(folder_, {0700, 0, 0}, reason()));
  base::MemorySource input(base::as_bytes(hook_.input.reveal()));
  return host.write_atomic(folder_ + "/input", {0600, 0, 0}, input, reason());
}

Result<void> HookStep::take_away(host::Host& host) const {
  const auto input = host.take_away(host::Trace::Kind::path, folder_, reason());
  SEALIFT_TRY(host.take_away(host::Trace::Kind::path, program_, reason()));
  return input;
}

base::Command HookStep::command() const {
  base::Command out{{"/proc/self/exe", "node", "hook", "--program", program_},
                    {"SEALIFT_CLUSTER=" + source_.config.name, "SEALIFT_HOOK=" + hook_.name,
                     "SEALIFT_PHASE=" + moment_of(hook_), "SEALIFT_NODE=" + node_.name, "SEALIFT_NODE_IP=" + node_.ip,
                     base::format("SEALIFT_ROLE={}", node_.is_control_plane() ? "control-plane" : "worker")},
                    "/",
                    hook_.timeout};
  if (!leaving_.empty()) out.environment.push_back("SEALIFT_LEAVING=" + leaving_);
  if (node_.is_control_plane())
    out.environment.push_back(base::format("KUBECONFIG={}", kubeconfig_path(source_.config)));
  if (!hook_.input.empty()) out.argv.insert(out.argv.end(), {"--input", folder_ + "/input"});
  out.argv.emplace_back("--");
  out.argv.insert(out.argv.end(), hook_.arguments.begin(), hook_.arguments.end());
  return out;
}

Result<void> HookStep::judge(engine::StepContext& context, Result<base::ExitStatus> ended) const {
  if (!ended && ended.error().code == ErrorCode::timeout)  // not `timeout`: the runner would start it once more
    return fail(
        ErrorCode::command_failed,
        "the hook {} did not end within {} s and was stopped; give it a longer `timeout` or see what it waits for",
        hook_.name, hook_.timeout.count() / 1000);
  if (!ended) return fail_while(std::move(ended).error(), "running the hook " + hook_.name);
  const auto errors = without(std::move(ended->errors), hook_.input);
  const auto output = without(std::move(ended->output), hook_.input);
  const auto gap = output.empty() || output.ends_with('\n') ? "" : "\n";
  if (const auto said = end_of(output + gap + errors, kShown); !said.empty()) {
    Event event;
    event.level = Level::debug;
    event.host = node_.name;
    event.step = id();
    event.message = base::format("hook {}:\n{}", hook_.name, said);
    event.time = context.clock.now();
    context.events.on(event);
  }
  if (ended->ok()) return {};
  const auto last = end_of(base::trim(errors).empty() ? output : errors, kShownInError);
  return fail(ErrorCode::command_failed, "the hook {} ({}) ended with code {}{}{}", hook_.name, moment_of(hook_),
              ended->code, last.empty() ? ", and printed nothing" : ": ", last);
}

Result<void> HookStep::apply(engine::StepContext& context) {
  std::shared_ptr<host::Host> other;
  if (node_.name != context.host_name) {
    SEALIFT_ASSIGN(other, context.others.connection(node_.name, nullptr, context.cancel));
  }
  host::Host& host = other ? *other : context.host;
  // One that a killed run left running is waited for, with what it has.
  SEALIFT_ASSIGN(const bool running, is_running(host));
  if (!running) {
    if (auto laid = lay(context, host); !laid) {
      (void)take_away(host);
      return laid;
    }
  }
  auto ended = host.run_job(unit_, command(), reason(), context.cancel);
  bool over = ended.has_value();
  if (!over) {
    const auto still = is_running(host);
    over = still && !*still;
  }
  const auto taken = over ? take_away(host) : Result<void>();
  SEALIFT_TRY(judge(context, std::move(ended)));
  SEALIFT_TRY(taken);
  // Of a dead node that leaves: nobody would end this record should a node of its name come and leave again.
  if (!leaving_.empty() && !other) return {};
  return context.host.record(reason());
}

Result<void> check_hooks(const format::Contents& contents, const config::ClusterConfig& config,
                         const std::vector<SelectedApp>& apps, const IsElsewhere& elsewhere) {
  for (const auto& hook : config.hooks) {
    Runs runs = contents.base_document ? Runs::yes : Runs::no;
    if (hook.phase == Phase::app) {
      SEALIFT_ASSIGN(runs, check_app(contents, config, hook, apps, elsewhere));
    }
    if (runs == Runs::yes) SEALIFT_TRY(check_program(contents, config, hook));
  }
  return {};
}

Result<void> check_hooks(const format::Contents& contents, const config::ClusterConfig& config, Phase phase) {
  for (const auto& hook : config.hooks) {
    if (hook.phase == phase) SEALIFT_TRY(check_program(contents, config, hook));
  }
  return {};
}

}  // namespace sealift::steps
