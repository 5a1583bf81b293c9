// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "payload/base/duration.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/checks/all_checks.h"
#include "runtime/report/acceptance.h"

namespace sealift::cli {
namespace {

constexpr std::string_view kVerbs[] = {"apply",    "plan",       "join",   "status",   "check", "report",
                                       "history",  "kubeconfig", "remove", "rollback", "reset", "config",
                                       "registry", "verify",     "list",   "extract",  "info",  "help"};

void add_delivery_options(CLI::App& app, Arguments& out) {
  app.add_option("-c,--config", out.config, "the site's cluster.yaml")->type_name("FILE");
  app.add_option("--state", out.state, "folder for this cluster's journal [~/.local/state/sealift/<cluster>]")
      ->type_name("DIR");
  app.add_flag("--accept-new-host-keys", out.accept_new_host_keys,
               "trust SSH host keys seen for the first time, and remember them");
  app.add_flag("--allow-readable-secrets", out.allow_readable_secrets,
               "use files with passwords and keys although other users may read them");
}

void add_decisions(CLI::App& app, Arguments& out) {
  app.add_flag("--replace-product", out.replace_product,
               "although the cluster was made by an artifact of another name");
  app.add_flag("--allow-downgrade", out.allow_downgrade, "although the cluster has a newer version of this artifact");
  app.add_flag("--renew-authority", out.renew_authority,
               "replace the certificate authority of the node services now, and all of its certificates");
}

void add_common_options(CLI::App& app, Arguments& out) {
  app.add_option("--payload", out.payload,
                 "work with the payload of this artifact or payload file instead of the program's own")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--identity",
         [&out](const std::string& value) {
           const auto digest = Digest::parse(value);
           if (!digest) throw CLI::ValidationError("--identity", digest.error().what);
           out.identity = *digest;
         },
         "refuse any artifact but the one of this identity (info prints it), before anything of it is used")
      ->type_name("sha256:DIGEST");
  app.add_option_function<std::string>(
         "--log-format", [&out](const std::string& value) { out.json = value == "json"; },
         "text or json: one JSON object a line")
      ->type_name("FORMAT")
      ->check(CLI::Validator(CLI::IsMember({"text", "json"})).description(""));
  app.add_flag("-v,--verbose", out.verbose, "say more");
}

Duration duration_option(const std::string& option, const std::string& text) {
  const auto out = base::parse_duration(text);
  if (!out)
    throw CLI::ValidationError(option,
                               base::format("\"{}\" is not a time such as 90s, 10m or 1h", base::printable(text, 40)));
  return *out;
}

// Of a command that is nothing alone; else "".
std::string missing_word(const CLI::App& app) {
  for (const auto* command : app.get_subcommands()) {
    std::vector<std::string> words;
    for (const auto* further : command->get_subcommands({})) words.push_back(further->get_name());
    if (!words.empty() && command->get_subcommands().empty())
      return base::format("{0} needs a word after it: {1}", command->get_name(), base::join(words, " or "));
  }
  return "";
}

// The parser's error as one sentence, with the nearest known word.
Error usage_error(const CLI::App& app, const std::string& program, const std::vector<std::string>& arguments,
                  const CLI::ParseError& error) {
  const std::string missing = missing_word(app);
  std::string what = missing.empty() || error.get_name() != "RequiredError" ? error.what() : missing;
  std::ranges::replace(what, '\n', ' ');
  while (!what.empty() && (what.back() == '.' || what.back() == ' ')) what.pop_back();
  if (!arguments.empty() && !arguments.front().starts_with('-')) {
    if (std::ranges::find(kVerbs, arguments.front()) == std::end(kVerbs)) {
      what = base::format("unknown command {}", base::printable(arguments.front()));
      if (auto near = base::nearest(arguments.front(), kVerbs)) what += base::format(", did you mean {}?", *near);
    }
  }
  return Error{ErrorCode::usage, base::format("{}; {} --help lists what there is", what, program), {}};
}

// The parser's text without trailing blanks and repeated empty lines.
std::string tidy(const std::string& text) {
  std::string out;
  bool empty_before = true;
  for (std::string_view line : base::split(text, '\n')) {
    size_t end = line.find_last_not_of(' ');
    line = end == std::string_view::npos ? std::string_view() : line.substr(0, end + 1);
    if (line.empty() && empty_before) continue;
    empty_before = line.empty();
    out += line;
    out += '\n';
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

std::string main_footer(const std::string& program) {
  return base::format(
      "\n{0} --config cluster.yaml alone is the same as\n{0} apply --config cluster.yaml.\n\n"
      "Exit codes: 0 done; 2 usage, 3 configuration, 4 unsupported, 5 damaged artifact,\n"
      "6 untrusted, 7 files, 8 unreachable, 9 login, 10 busy, 11 command failed,\n"
      "12 preflight, 13 not in the artifact, 14 partial, 15 unhealthy, 130 stopped.\n",
      program);
}

constexpr std::string_view kWhatRuns =
    "\nThis command logs in to the hosts and runs the artifact's agent there as root, also if it only\n"
    "looks. The artifact is this program's own, or the one named with --payload. On this machine, apply\n"
    "and plan run its helm, without network. --identity, or artifact.identity in cluster.yaml, refuses\n"
    "every other artifact before anything of it is run.\n";

Result<Verb> needs_config(const Arguments& out, Verb verb, std::string_view command, const std::string& program) {
  if (out.config) return verb;
  return fail(ErrorCode::usage, "{} needs --config FILE; {} config init prints a template to start from", command,
              program);
}

void add_remove_options(CLI::App& remove, Arguments& out) {
  remove.add_option("hosts", out.hosts, "nodes, by their names in cluster.yaml or by address")->type_name("NAME");
  remove.add_option("--app", out.apps, "an application instead of nodes; may be given several times")
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  remove.add_flag("--with-data", out.with_data,
                  "with the application, what holds its data: claims, and definitions of kinds with all their objects");
  remove.add_flag("--dead", out.dead, "they will never answer again: only the cluster forgets them");
  remove.add_flag("--force", out.force,
                  "also if that loses data: pods that nothing makes again, and what pods keep on the node");
  remove
      .add_option_function<std::string>(
          "--timeout", [&out](const std::string& text) { out.timeout = duration_option("--timeout", text); },
          "how long pods may take to leave a node, such as 90s or 10m [5m]")
      ->type_name("TIME");
}

void add_rollback_options(CLI::App& rollback, Arguments& out) {
  rollback.add_option("--app", out.apps, "the application, one that is a helm chart")
      ->type_name("NAME")
      ->expected(1)
      ->required();
  rollback.add_option("--to", out.revision, "a revision as helm counts them [the former one]")->type_name("REVISION");
}

void add_report_options(CLI::App& report, Arguments& out) {
  report.add_option("-o,--output", out.output, "the file: .html to print and sign, .json, or .xml (JUnit)")
      ->type_name("FILE");
  report
      .add_option_function<std::vector<std::string>>(
          "--waive",
          [&out](const std::vector<std::string>& values) {
            for (const auto& value : values) {
              const auto waiver = report::parse_waiver(value);
              if (!waiver) throw CLI::ValidationError("--waive", waiver.error().what);
              out.waivers.insert_or_assign(waiver->first, waiver->second);
            }
          },
          "what this check finds (of this host or application alone) is accepted as it is, for this reason; may be "
          "given several times")
      ->type_name("ID[@SUBJECT]=REASON")
      ->expected(1)
      ->take_all();
  report.add_option("--title", out.title, "the report's heading [Acceptance report]")->type_name("TEXT");
}

Result<Verb> report_verb(const Arguments& out) {
  if (out.output.empty()) return fail(ErrorCode::usage, "report needs -o FILE: .html to print and sign, .json or .xml");
  SEALIFT_TRY(report::acceptance_format(out.output));
  return Verb::report;
}

// Nodes or applications, and the options of those only.
Result<Verb> remove_verb(const Arguments& out, const CLI::App& remove) {
  if (out.apps.empty() && out.hosts.empty())
    return fail(ErrorCode::usage, "remove needs the names of nodes, or --app NAME");
  if (out.apps.empty()) {
    if (out.with_data) return fail(ErrorCode::usage, "--with-data goes with --app");
    return Verb::remove;
  }
  if (!out.hosts.empty())
    return fail(ErrorCode::usage, "remove takes nodes or applications, not both: {} and --app {}",
                base::printable(out.hosts.front()), base::printable(out.apps.front()));
  for (const auto* option : {"--dead", "--force", "--timeout"}) {
    if (remove.count(option) != 0)
      return fail(ErrorCode::usage, "{} is about nodes, and does not go with --app", option);
  }
  return Verb::remove_apps;
}

}  // namespace

std::string first_help(const std::string& program) {
  return base::format(
      "This file holds a Kubernetes cluster and its applications, and delivers them to hosts over SSH.\n"
      "\n"
      "  {0} --info                          what is in it\n"
      "  {0} config init > cluster.yaml      a template; fill in the site's hosts\n"
      "  {0} plan --config cluster.yaml      what would be done; changes nothing\n"
      "  {0} --config cluster.yaml           make it so; the same again after any failure\n"
      "\n"
      "{0} --help lists everything.\n",
      program);
}

Result<Arguments> parse_arguments(const std::string& program, const std::vector<std::string>& arguments) {
  Arguments out;
  CLI::App app("Delivers the Kubernetes cluster and the applications in this file to hosts over SSH.", program);
  app.set_help_flag("-h,--help", "this text");
  auto layout = app.get_formatter();
  layout->column_width(30);
  layout->right_column_width(50);
  layout->enable_footer_formatting(false);
  layout->label("REQUIRED", "(required)");
  bool version = false, licenses = false, info_flag = false, list_flag = false, check_flag = false;
  app.add_flag("--version", version, "the version of this program");
  app.add_flag("--licenses", licenses, "the licences of this program and of all that is linked into it");
  app.add_flag("--info", info_flag, "same as info");
  app.add_flag("--list", list_flag, "same as list");
  app.add_flag("--check", check_flag, "same as verify");
  add_delivery_options(app, out);
  add_common_options(app, out);

  auto* apply =
      app.add_subcommand("apply", "make the cluster as cluster.yaml says, from whatever state the hosts are in");
  auto* plan =
      app.add_subcommand("plan", "run the agent on all hosts to look, and say what apply would do; changes nothing");
  auto* status = app.add_subcommand("status", "how the cluster is, and how the last run ended");
  auto* history = app.add_subcommand("history", "what was delivered to the cluster, when and by whom");
  auto* check = app.add_subcommand(
      "check", "look at everything: before a delivery whether it can begin, then the whole cluster; changes nothing");
  auto* report = app.add_subcommand(
      "report", "write the acceptance report: what was delivered, and all that check finds; to print and to sign");
  auto* kubeconfig = app.add_subcommand("kubeconfig", "print the administrator's kubeconfig (a secret)");
  auto* join = app.add_subcommand("join", "bring in the hosts of cluster.yaml that are no nodes yet, and nothing else");
  auto* remove = app.add_subcommand("remove", "take nodes or applications out of the cluster");
  auto* rollback = app.add_subcommand("rollback", "take an application back to an earlier revision of its release");
  auto* reset = app.add_subcommand("reset", "undo the whole delivery: hosts become what they were before it");
  auto* config = app.add_subcommand("config", "about cluster.yaml");
  auto* config_init = config->add_subcommand("init", "print a commented cluster.yaml to start from");
  auto* config_current =
      config->add_subcommand("current", "print the cluster.yaml that was applied last, as the cluster keeps it");
  auto* registry = app.add_subcommand("registry", "about the registry for people (registry.domain)");
  auto* registry_ca =
      registry->add_subcommand("ca", "print the authority that its certificate is from, for people's tools to import");
  auto* verify = app.add_subcommand("verify", "read and check every byte of the artifact");
  auto* list =
      app.add_subcommand("list", "list applications, images and files in the artifact, or what the cluster has");
  auto* extract = app.add_subcommand("extract", "write files and images out of the artifact into a folder");
  auto* info = app.add_subcommand("info", "what the artifact is, in a few lines");
  config->require_subcommand(1);
  registry->require_subcommand(1);
  const auto on_hosts = {apply,      plan,           join,        status, check,    report, history,
                         kubeconfig, config_current, registry_ca, remove, rollback, reset,  list};
  for (auto* command : on_hosts) add_delivery_options(*command, out);
  for (auto* command : {&app, apply, plan}) add_decisions(*command, out);
  for (auto* command : on_hosts) add_common_options(*command, out);
  for (auto* command : {verify, extract, info}) add_common_options(*command, out);
  bool dry_run = false;
  app.add_flag("--dry-run", dry_run, "same as plan");
  apply->add_flag("--dry-run", dry_run, "same as plan");
  join->add_flag("--dry-run", dry_run, "say what would be done, on the nodes that stand too; changes nothing");
  plan->add_flag("--offline", out.offline,
                 "connect to no host: check the configuration and the charts against the artifact only");
  plan->add_flag("--dry-run", dry_run)->group("");
  add_remove_options(*remove, out);
  add_rollback_options(*rollback, out);
  add_report_options(*report, out);
  bool in_cluster = false;
  list->add_flag("--cluster", in_cluster, "what was delivered to the cluster of --config instead, from which artifact");
  check->add_flag("--watch", out.watch, "look again every 10 s until it is stopped, and say what has changed");
  check->add_option("--junit", out.junit, "also write what was found as JUnit XML")->type_name("FILE");
  reset->add_option("hosts", out.hosts, "only these, which are in no cluster any more [all of cluster.yaml]")
      ->type_name("NAME");
  reset->add_flag("--verify", out.verify, "fail if anything is left on a host that was not there before");
  for (auto* command : {remove, rollback, reset})
    command->add_flag("-y,--yes", out.yes, "do not ask; without it, the cluster's name has to be typed");
  extract->add_option("-C,--to", out.to, "the folder; made if it is not there")->type_name("DIR")->required();
  extract->add_option("paths", out.paths, "files or folders of the artifact's tree [all, if no image is named]")
      ->type_name("PATH");
  extract->add_option("--image", out.images, "an image, into an OCI layout in DIR/images [all, if nothing is named]")
      ->type_name("NAME");
  extract->add_flag("--overwrite", out.overwrite, "replace files that are there already");
  app.require_subcommand(0, 1);

  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // the parser's order
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    out.verb = Verb::help;
    out.text = tidy(app.help());
    if (app.get_subcommands().empty()) out.text += main_footer(program);
    for (const auto* command : on_hosts)
      if (command->parsed() && command != list) out.text += kWhatRuns;
    if (plan->parsed()) out.text += "\nWanted of every host before anything is changed:\n" + checks::help();
    return out;
  } catch (const CLI::ParseError& error) {
    return fail(usage_error(app, program, arguments, error));
  }
  if (version)
    out.verb = Verb::version;
  else if (licenses)
    out.verb = Verb::licenses;
  else if (info_flag || info->parsed())
    out.verb = Verb::info;
  else if (list->parsed() && in_cluster) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::list_cluster, "list --cluster", program));
  } else if (list->parsed() && out.config)
    return fail(ErrorCode::usage, "list reads the artifact; with --config it needs --cluster, which asks the cluster");
  else if (list_flag || list->parsed())
    out.verb = Verb::list;
  else if (check_flag || verify->parsed())
    out.verb = Verb::verify;
  else if (extract->parsed())
    out.verb = Verb::extract;
  else if (config_init->parsed())
    out.verb = Verb::config_init;
  else if (config_current->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::config_current, "config current", program));
  } else if (registry_ca->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::registry_ca, "registry ca", program));
  } else if (join->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, dry_run ? Verb::plan_join : Verb::join, "join", program));
  } else if (plan->parsed() || (dry_run && (apply->parsed() || out.config))) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::plan, "plan", program));
  } else if (apply->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::apply, "apply", program));
  } else if (status->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::status, "status", program));
  } else if (check->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::check, "check", program));
  } else if (report->parsed()) {
    SEALIFT_ASSIGN(const auto verb, report_verb(out));
    SEALIFT_ASSIGN(out.verb, needs_config(out, verb, "report", program));
  } else if (kubeconfig->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::kubeconfig, "kubeconfig", program));
  } else if (remove->parsed()) {
    SEALIFT_ASSIGN(const auto verb, remove_verb(out, *remove));
    SEALIFT_ASSIGN(out.verb, needs_config(out, verb, "remove", program));
  } else if (rollback->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::rollback, "rollback", program));
  } else if (history->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::history, "history", program));
  } else if (reset->parsed()) {
    SEALIFT_ASSIGN(out.verb, needs_config(out, Verb::reset, "reset", program));
  } else if (out.config)
    out.verb = Verb::apply;
  else if (!arguments.empty())
    return fail(ErrorCode::usage, "nothing to do: name a command or --config FILE; {} --help lists what there is",
                program);
  return out;
}

}  // namespace sealift::cli
