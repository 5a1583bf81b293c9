// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/sealift_program.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <optional>
#include <print>
#include <span>

#include "packer/cli/inspect.h"
#include "packer/pack/build.h"
#include "packer/resolve/kubefile.h"
#include "payload/base/process.h"
#include "payload/base/text.h"
#include "payload/base/version.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <CLI/CLI.hpp>
#pragma clang diagnostic pop

namespace sealift::licenses {
std::string_view text();  // made by the build
}

namespace sealift::packer_cli {
namespace {

CancelSource& cancel_source() {
  static CancelSource source;  // the one thing that a signal handler may touch
  return source;
}

// False if the reader has gone or the disk is full. std::println would throw, and a build may outlive its reader.
bool print_line(std::FILE* to, std::string line) {
  line += '\n';
  return std::fwrite(line.data(), 1, line.size(), to) == line.size() && std::fflush(to) == 0;
}

// Plain lines on stderr: what was packed, as it happens.
class Lines final : public EventSink {
 public:
  void on(const Event& event) override {
    if (event.kind != base::EventKind::message || event.level == Level::debug) return;
    print_line(stderr, (event.level == Level::warning ? "warning: " : "") + event.message);
  }
};

int report(const Error& error) {
  print_line(stderr, "sealift: " + error.text());
  return base::exit_code(error.code);
}

std::string own_folder() {
  const std::string program = base::own_program().value_or("");
  return program.substr(0, program.rfind('/'));
}

struct BuildArguments {
  std::string kubefile = "Kubefile", context = ".", output, tag, launch, tools;
  std::vector<std::string> platforms, build_args, stubs, plain_http, mirrors;
  int level = 9;
};

Result<pack::BuildOptions> to_options(const BuildArguments& arguments) {
  pack::BuildOptions out;
  out.kubefile = arguments.kubefile;
  out.context = arguments.context;
  out.output = arguments.output;
  const size_t colon = arguments.tag.find(':');
  out.name = arguments.tag.substr(0, colon);
  if (colon != std::string::npos) out.version = arguments.tag.substr(colon + 1);
  std::vector<std::string> platforms;
  for (const auto& list : arguments.platforms) {
    for (const auto part : base::split(list, ',')) platforms.emplace_back(part);
  }
  if (platforms.empty()) platforms.emplace_back(base::platform(base::own_architecture()));
  for (const auto& text : platforms) {
    const auto architecture = base::parse_architecture(text);
    if (!architecture)
      return fail(ErrorCode::usage, "--platform {}: linux/amd64 and linux/arm64 are known", base::printable(text));
    if (!std::ranges::contains(out.platforms, *architecture)) out.platforms.push_back(*architecture);
  }
  std::ranges::sort(out.platforms);
  if (!arguments.launch.empty()) {
    const auto architecture = base::parse_architecture(arguments.launch);
    if (!architecture || !std::ranges::contains(out.platforms, *architecture))
      return fail(ErrorCode::usage, "--launch-platform {}: it must be one of --platform",
                  base::printable(arguments.launch));
    out.launch = *architecture;
  }
  for (const auto& argument : arguments.build_args) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos)
      return fail(ErrorCode::usage, "--build-arg {}: write NAME=value", base::printable(argument));
    out.arguments[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  out.stubs = arguments.stubs;
  if (out.stubs.empty()) {
    for (const auto* name : {"stub-x86_64", "stub-aarch64"}) {
      const std::string path = own_folder() + "/" + name;
      if (::access(path.c_str(), R_OK) == 0) out.stubs.push_back(path);
    }
  }
  for (const auto& registry : arguments.plain_http) out.registries.endpoints.plain_http.insert(registry);
  for (const auto& mirror : arguments.mirrors) {
    const size_t equals = mirror.find('=');
    auto url = equals == std::string::npos ? Result<http::Url>(fail(ErrorCode::usage, "no URL"))
                                           : http::parse_url(mirror.substr(equals + 1));
    if (!url)
      return fail(ErrorCode::usage, "--mirror {}: write REGISTRY=https://HOST[:PORT][/PATH]", base::printable(mirror));
    out.registries.endpoints.mirrors[mirror.substr(0, equals)] = std::move(*url);
  }
  out.registries.login_files = distribution::login_files();
  if (!arguments.tools.empty()) out.tools = arguments.tools;
  out.zstd_level = arguments.level;
  out.threads = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  return out;
}

int run_build(const BuildArguments& arguments) {
  const auto options = to_options(arguments);
  if (!options) return report(options.error());
  for (const int number : {SIGINT, SIGTERM}) ::signal(number, [](int) { cancel_source().cancel(); });
  // A registry that ends a TLS connection while it is written to is an error of that connection, not the end of us.
  ::signal(SIGPIPE, SIG_IGN);
  Lines events;
  const auto summary = pack::build(*options, events, cancel_source().token());
  if (!summary) return report(summary.error());
  const auto line =
      std::format("{}: {}, {} objects, {} stored of {}, identity {}", options->output,
                  base::human_bytes(summary->file_size), summary->objects, base::human_bytes(summary->stored_bytes),
                  base::human_bytes(summary->plain_bytes), summary->identity.hex().substr(0, 16));
  return print_line(stdout, line)
             ? 0
             : report({ErrorCode::io, std::format("{} is written, but standard output can't be", options->output), {}});
}

void define_build(CLI::App& app, BuildArguments& arguments) {
  app.add_option("-f,--file", arguments.kubefile, "the Kubefile")->capture_default_str();
  app.add_option("-o,--output", arguments.output, "the artifact to write")->required();
  app.add_option("-t,--tag", arguments.tag, "name:version of the artifact");
  app.add_option("--platform", arguments.platforms,
                 "platforms of the hosts: linux/amd64, linux/arm64 (default: this machine's)")
      ->allow_extra_args(false);
  app.add_option("--build-arg", arguments.build_args, "NAME=value for an ARG of the Kubefile")->allow_extra_args(false);
  app.add_option("--stub", arguments.stubs,
                 "programs for the hosts (default: stub-x86_64 and stub-aarch64 beside sealift)")
      ->allow_extra_args(false);
  app.add_option("--launch-platform", arguments.launch, "whose program stands at the artifact's head");
  app.add_option("--tools", arguments.tools, "a folder with a kubeadm that runs on this machine");
  app.add_option("--plain-http", arguments.plain_http,
                 "HOST[:PORT] of a registry without TLS (those on this machine are known)")
      ->allow_extra_args(false);
  app.add_option("--mirror", arguments.mirrors,
                 "REGISTRY=URL: take the images of this registry from there; their names stay")
      ->allow_extra_args(false);
  app.add_option("--level", arguments.level, "zstd level")->check(CLI::Range(1, 19))->capture_default_str();
  app.add_option("context", arguments.context, "the folder that paths in the Kubefile count from")
      ->capture_default_str();
  std::string instructions = "Instructions of a Kubefile:\n";
  for (const auto& verb : resolve::verbs()) {
    if (verb.refused.empty()) instructions += std::format("  {:<7} {}\n", verb.word, verb.usage);
  }
  app.get_formatter()->enable_footer_formatting(false);  // keeps the lines
  app.footer(instructions);
}

// The first option that the command does not have. It is the mistake behind what the parser complains of first: a value
// without its option, a required option that is missing.
std::optional<Error> unknown_option(const CLI::App& app, std::span<char*> arguments) {
  const auto commands = app.get_subcommands();
  const CLI::App& command = commands.empty() ? app : *commands.front();
  for (size_t i = 0; i < arguments.size() && std::string_view(arguments[i]) != "--"; ++i) {
    const std::string word = arguments[i];
    if (!word.starts_with("--")) continue;
    const std::string name = word.substr(0, word.find('='));
    if (const auto* known = command.get_option_no_throw(name); known != nullptr) {
      if (name == word && known->get_items_expected_max() > 0) ++i;  // its value
      continue;
    }
    std::vector<std::string> names;
    for (const auto* option : command.get_options()) {
      for (const auto& long_name : option->get_lnames()) names.push_back("--" + long_name);
    }
    const auto near = base::nearest(name, std::vector<std::string_view>(names.begin(), names.end()));
    return Error{ErrorCode::usage,
                 std::format("the option {} is not known{}; sealift{} --help lists what there is",
                             base::printable(name), near ? std::format(", did you mean {}?", *near) : "",
                             commands.empty() ? "" : " " + command.get_name()),
                 {}};
  }
  return std::nullopt;
}

}  // namespace

int run_program(int argc, char** argv) {
  CLI::App app("Packs a Kubernetes base, applications and images into one executable for sites without a network.",
               "sealift");
  app.set_version_flag("--version", std::format("sealift {}", base::kVersion));
  bool licenses = false;
  app.add_flag("--licenses", licenses, "the licences of Sealift and of what is linked into it");
  BuildArguments build;
  define_build(*app.add_subcommand("build", "make an artifact from a Kubefile"), build);
  InspectArguments inspect;
  auto* inspect_command = app.add_subcommand("inspect", "what an artifact or payload holds");
  inspect_command->add_option("file", inspect.file, "the artifact")->required();
  inspect_command->add_flag("--json", inspect.json, "the contents document as JSON");
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_mistake = error.get_exit_code() != 0;  // else it is --help or --version
    if (const auto unknown =
            is_mistake ? unknown_option(app, std::span(argv, static_cast<size_t>(argc)).subspan(1)) : std::nullopt)
      return report(*unknown);
    return app.exit(error) == 0 ? 0 : base::exit_code(ErrorCode::usage);
  }
  if (licenses) {
    std::print("{}", licenses::text());
    return 0;
  }
  if (app.got_subcommand("build")) return run_build(build);
  if (app.got_subcommand(inspect_command)) {
    const auto text = inspect_artifact(inspect);
    if (!text) return report(text.error());
    std::print("{}", *text);
    return 0;
  }
  std::print("{}", app.help());
  return base::exit_code(ErrorCode::usage);
}

}  // namespace sealift::packer_cli
