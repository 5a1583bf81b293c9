// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/delivery_commands.h"

#include <algorithm>
#include <map>
#include <memory>

#include "payload/base/clock.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/console/json_lines.h"
#include "runtime/cli/artifact.h"
#include "runtime/cli/check_command.h"
#include "runtime/cli/connector.h"
#include "runtime/cli/report_command.h"
#include "runtime/cli/secrets.h"
#include "runtime/cli/undo_commands.h"
#include "runtime/config/cluster_config.h"
#include "runtime/delivery/delivery.h"
#include "runtime/delivery/join.h"
#include "runtime/delivery/records.h"
#include "runtime/engine/journal.h"
#include "runtime/images/chart_renderer.h"
#include "runtime/report/outcome_json.h"
#include "runtime/report/outcome_text.h"
#include "runtime/report/records.h"
#include "runtime/report/state_directory.h"
#include "runtime/ui/terminal.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): musl declares it only with _GNU_SOURCE

namespace sealift::cli {
namespace {

constexpr size_t kLargestConfig = size_t{4} << 20;

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    size_t equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

// Prints all problems, each on its own line; the error that follows counts them.
Result<config::ClusterConfig> load(const std::string& path, const std::map<std::string, std::string>& variables,
                                   console::Output messages, bool json) {
  SEALIFT_ASSIGN(config::ParsedConfig parsed, config::load_cluster_config(path, variables));
  if (parsed.problems.empty()) return std::move(parsed.config);
  if (!json) {
    for (const auto& problem : parsed.problems) messages.line(problem.text());
    bool unsupported = std::ranges::any_of(parsed.problems,
                                           [](const auto& problem) { return problem.code == ErrorCode::unsupported; });
    return fail(unsupported ? ErrorCode::unsupported : ErrorCode::invalid_config,
                "{}: {} {} to solve; nothing was touched", path, parsed.problems.size(),
                parsed.problems.size() == 1 ? "problem" : "problems");
  }
  return fail(config::to_error(parsed.problems));
}

// The display suited to the events' destination.
struct Display {
  std::unique_ptr<EventSink> sink;
  ui::Terminal* live = nullptr;
  void finish() {
    if (live != nullptr) live->finish();
  }
};

Display make_display(const Arguments& arguments, const console::Output& out, Clock& clock) {
  ui::Verbosity verbosity = arguments.verbose ? ui::Verbosity::verbose : ui::Verbosity::normal;
  Display display;
  if (arguments.json) {
    display.sink = std::make_unique<console::JsonLines>(out);
  } else if (out.is_terminal()) {
    auto terminal = std::make_unique<ui::Terminal>(out, clock, verbosity, console::wants_colour(out));
    display.live = terminal.get();
    display.sink = std::move(terminal);
  } else {
    display.sink = std::make_unique<ui::PlainLines>(out, verbosity);
  }
  return display;
}

// The name under which a run that changes hosts is kept in the journal; empty for any other.
std::string_view change_named(Verb verb) {
  switch (verb) {
    case Verb::apply: return "apply";
    case Verb::join: return "join";
    case Verb::remove:
    case Verb::remove_apps: return "remove";
    case Verb::rollback: return "rollback";
    case Verb::reset: return "reset";
    default: return {};
  }
}

Result<delivery::Outcome> carry_out(delivery::Input& input, const Arguments& arguments) {
  switch (arguments.verb) {
    case Verb::apply: return delivery::apply(input);
    case Verb::join: return delivery::join(input);
    default: return undo(input, arguments);
  }
}

Result<void> change(delivery::Input& input, Display& display, console::Output out, const Arguments& arguments) {
  const Duration began = input.clock.monotonic();
  auto outcome = carry_out(input, arguments);
  display.finish();
  if (!outcome) {
    const Error& error = outcome.error();
    input.journal.finish(&error);
    return fail(error);
  }
  if (arguments.json) {
    out.json_line(report::to_json(*outcome));
  } else {
    for (const auto& line : report::outcome_lines(*outcome, input.clock.monotonic() - began)) out.line(line);
  }
  if (outcome->error) return fail(std::move(*outcome->error));
  return {};
}

Result<void> plan(delivery::Input& input, Display& display, console::Output out, const Arguments& arguments) {
  auto planned = arguments.verb == Verb::plan_join ? delivery::plan_join(input) : delivery::plan(input);
  display.finish();
  if (!planned) return fail(std::move(planned).error());
  if (arguments.json) {
    for (const auto& line : planned->lines) out.json_line(report::to_json(line));
  } else {
    for (const auto& line : report::plan_lines(*planned, arguments.verbose)) out.line(line);
  }
  if (planned->blocking != 0) {
    return fail(ErrorCode::preflight, "{} {} to solve before apply would change anything; nothing was changed",
                planned->blocking, planned->blocking == 1 ? "finding" : "findings");
  }
  return {};
}

Result<void> status(delivery::Input& input, Display& display, console::Output out, bool json,
                    const std::string& state) {
  if (!json) {
    auto journal = engine::read_journal(state);
    if (journal) {
      for (const auto& line : report::last_run_lines(*journal)) out.line(line);
    } else {
      base::tell(input.events, Level::warning, journal.error().text());
    }
  }
  auto lines = delivery::status(input);
  display.finish();
  if (!lines) return fail(std::move(lines).error());
  if (json) {
    for (const auto& line : *lines) out.json_line(report::to_json(line));
  } else {
    for (const auto& line : report::status_lines(*lines)) out.line(line);
  }
  size_t ill = static_cast<size_t>(std::ranges::count_if(*lines, [](const auto& line) { return !line.healthy; }));
  if (ill != 0)
    return fail(ErrorCode::unhealthy, "{} of {} are not as they should be (marked with !)", ill, lines->size());
  return {};
}

Result<void> kubeconfig(delivery::Input& input, Display& display, console::Output out) {
  auto text = delivery::kubeconfig(input);
  display.finish();
  if (!text) return fail(std::move(text).error());
  out.write(text->reveal());
  return {};
}

Result<void> current_config(delivery::Input& input, Display& display, console::Output out) {
  auto text = delivery::current_config(input);
  display.finish();
  if (!text) return fail(std::move(text).error());
  out.write(*text);
  return {};
}

// Where people's tools take an authority for one registry. Not for the whole machine: who has its key could then be any
// site for it.
std::vector<std::string> import_hints(const config::RegistryDomain& domain) {
  const auto place = base::format("{}:{}", domain.name, domain.port);
  return {base::format("For this registry alone, save it as ca.crt in /etc/docker/certs.d/{} (docker),", place),
          base::format("/etc/containers/certs.d/{} (podman, skopeo) or /etc/containerd/certs.d/{} (nerdctl);", place,
                       place),
          base::format("helm takes it as `helm registry login {} --ca-file ca.crt`.", place)};
}

Result<void> registry_authority(delivery::Input& input, Display& display, console::Output out,
                                console::Output messages) {
  auto text = delivery::registry_authority(input);
  display.finish();
  if (!text) return fail(std::move(text).error());
  out.write(*text);
  for (const auto& hint : import_hints(*input.config.registry.domain)) messages.line(hint);
  return {};
}

// What the cluster has recorded, each as a line of JSON or all of it as text.
template <class Record>
Result<void> records(delivery::Input& input, Display& display, console::Output out, bool json,
                     Result<std::vector<Record>> (*ask)(delivery::Input&),
                     std::vector<std::string> (*lines_of)(const std::vector<Record>&)) {
  const auto found = ask(input);
  display.finish();
  if (!found) return fail(found.error());
  if (json) {
    for (const auto& record : *found) out.json_line(report::to_json(record));
  } else {
    for (const auto& line : lines_of(*found)) out.line(line);
  }
  return {};
}

// The others never ask the site's registries, and must not ask a person for their passwords either.
bool looks_at_registries(Verb verb) {
  return verb == Verb::apply || verb == Verb::plan || verb == Verb::join || verb == Verb::plan_join ||
         verb == Verb::check;
}

}  // namespace

Result<void> run_delivery(const Arguments& arguments, const console::Output& out, const console::Output& messages,
                          const CancelToken& cancel) {
  Clock& clock = base::system_clock();
  const std::map<std::string, std::string> variables = environment();
  const std::string& path = *arguments.config;
  SEALIFT_ASSIGN(config::ClusterConfig cluster, load(path, variables, messages, arguments.json));
  auto demands = demands_of(arguments);
  if (!cluster.identities.empty()) demands.push_back({cluster.identities, "artifact.identity in " + path});
  SEALIFT_ASSIGN(const Artifact artifact, open_artifact(arguments.payload, demands));
  std::string state;
  // A plan that connects nowhere keeps nothing, and needs no home folder.
  if (!arguments.offline) {
    SEALIFT_ASSIGN(state, report::state_path(arguments.state, cluster.name, variables));
  }
  if (takes_away(arguments.verb)) SEALIFT_TRY(confirm(arguments, cluster, cancel));
  // Secrets before anything is displayed: a prompt must not meet a moving picture.
  std::map<std::string, agent::HostSecrets> logins;
  SecretStore secrets(cancel, arguments.allow_readable_secrets ? Readable::allowed : Readable::refused);
  if (!arguments.offline) {
    SEALIFT_ASSIGN(logins, resolve_secrets(cluster, looks_at_registries(arguments.verb), secrets));
  }
  const std::string command(change_named(arguments.verb));
  const bool changes = !command.empty();
  if (changes || arguments.accept_new_host_keys) SEALIFT_TRY(report::make_state_directory(state));
  std::unique_ptr<engine::Journal> journal = std::make_unique<engine::NoJournal>();
  engine::FileJournal* kept = nullptr;
  if (changes) {
    SEALIFT_ASSIGN(std::string text, base::read_text_file(path, kLargestConfig));
    engine::RunHeader header{command, cluster.name, hash::sha256(base::as_bytes(text)), artifact.reader->identity(),
                             artifact.reader->artifact_name()};
    SEALIFT_ASSIGN(auto file, engine::FileJournal::open(state, header, clock));
    kept = file.get();
    journal = std::move(file);
  }
  Display display = make_display(arguments, changes ? out : messages, clock);
  for (const auto& warning : secrets.warnings()) base::tell(*display.sink, Level::warning, warning);
  std::unique_ptr<delivery::HostConnector> connector;
  if (arguments.offline) {
    connector = make_no_connector();
  } else {
    ConnectorOptions options{.payload = *artifact.reader,
                             .logins = std::move(logins),
                             .state_directory = state,
                             .accept_new_host_keys = arguments.accept_new_host_keys,
                             .events = *display.sink,
                             .clock = clock,
                             .cancel = cancel};
    SEALIFT_ASSIGN(connector, make_ssh_connector(std::move(options)));
  }
  const auto charts = images::make_local_renderer(*artifact.reader);
  delivery::Input input{.payload = *artifact.reader,
                        .config = cluster,
                        .connector = *connector,
                        .journal = *journal,
                        .events = *display.sink,
                        .clock = clock,
                        .cancel = cancel,
                        .charts = *charts,
                        .offline = arguments.offline,
                        .allowed = {arguments.replace_product, arguments.allow_downgrade},
                        .renew_authority = arguments.renew_authority,
                        .who = owner_name()};
  Result<void> done;
  switch (arguments.verb) {
    case Verb::apply:
    case Verb::join:
    case Verb::remove:
    case Verb::remove_apps:
    case Verb::rollback:
    case Verb::reset: done = change(input, display, out, arguments); break;
    case Verb::plan:
    case Verb::plan_join: done = plan(input, display, out, arguments); break;
    case Verb::status: done = status(input, display, out, arguments.json, state); break;
    case Verb::check: done = check(input, [&] { display.finish(); }, out, arguments, state); break;
    case Verb::report: done = report_acceptance(input, [&] { display.finish(); }, out, arguments, state); break;
    case Verb::kubeconfig: done = kubeconfig(input, display, out); break;
    case Verb::list_cluster:
      done = records(input, display, out, arguments.json, delivery::delivered_artifacts, report::artifact_lines);
      break;
    case Verb::history:
      done = records(input, display, out, arguments.json, delivery::history, report::history_lines);
      break;
    case Verb::registry_ca: done = registry_authority(input, display, out, messages); break;
    case Verb::config_current: done = current_config(input, display, out); break;
    default: done = fail(ErrorCode::internal, "not a delivery command");
  }
  if (kept != nullptr && kept->trouble()) {
    base::tell(*display.sink, Level::warning, "the journal of this run is not complete: " + kept->trouble()->text());
  }
  return done;
}

}  // namespace sealift::cli
