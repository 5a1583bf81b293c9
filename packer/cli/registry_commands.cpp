// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/registry_commands.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "packer/cli/build_display.h"
#include "packer/cli/local_store.h"
#include "packer/cli/opened_payload.h"
#include "packer/registry/pull.h"
#include "packer/registry/push.h"
#include "packer/registry/push_images.h"
#include "packer/registry/session.h"
#include "packer/store/present.h"
#include "payload/base/count.h"
#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/console/prompt.h"
#include "payload/distribution/kept_logins.h"
#include "payload/json/value.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <CLI/CLI.hpp>
#pragma clang diagnostic pop

namespace sealift::packer_cli {
namespace {

sources::RegistryOptions options_of(const RegistryArguments& arguments) {
  sources::RegistryOptions out;
  for (const auto& registry : arguments.plain_http) out.endpoints.plain_http.insert(registry);
  out.login_files = distribution::login_files();
  return out;
}

// "harbor.example:8443" of what people write: also "https://harbor.example:8443/".
Result<std::string> registry_of(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  const auto parsed = image::parse_reference(base::format("{}/x", text));
  if (!parsed || parsed->registry != text)
    return fail(ErrorCode::usage, "{} is no registry; write HOST or HOST:PORT", base::printable(text));
  return parsed->registry;
}

std::string as_text(const registry::Pushed& pushed, const std::string& name) {
  return base::format("{}: {} in {}, {} in {} of them new; {}\n", name, base::human_bytes(pushed.bytes),
                      base::counted(pushed.blobs, "blob", "blobs"), base::human_bytes(pushed.sent_bytes),
                      pushed.sent_blobs, pushed.manifest.text());
}

Result<std::string> push_images(const RegistryArguments& arguments, const format::PayloadReader& artifact,
                                const registry::PushOptions& options, EventSink& events, const CancelToken& cancel) {
  if (!arguments.to.empty() || arguments.adds)
    return fail(ErrorCode::usage,
                "--images sends the images under their own names: leave the other name and --add out");
  std::string prefix = arguments.images;
  while (prefix.ends_with('/')) prefix.pop_back();
  const auto naming = arguments.scoped ? registry::Naming::scoped : registry::Naming::short_names;
  SEALIFT_ASSIGN(const auto sent,
                 registry::push_images(artifact, prefix, naming, options, base::system_clock(), events, cancel));
  std::string out;
  for (const auto& image : sent)
    out += base::format("{} {}{}\n", image.to, image.root.text(),
                        image.is_reduced ? "  (only the packed platforms, so under another digest)" : "");
  return out;
}

Result<std::string> push(const RegistryArguments& arguments, EventSink& events, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto artifact, open_payload(arguments.what));
  registry::PushOptions options{options_of(arguments), arguments.other, arguments.adds};
  if (!arguments.images.empty()) return push_images(arguments, *artifact.reader, options, events, cancel);
  // A name of the local store may be the registry's too.
  SEALIFT_ASSIGN(const auto to, registry::parse_name(arguments.to.empty() ? arguments.what : arguments.to));
  if (to.digest)
    return fail(ErrorCode::usage, "{} has a digest, which follows from what is sent; give it a tag", to.text());
  auto pushed = registry::push(*artifact.reader, to, options, base::system_clock(), events, cancel);
  if (!pushed)
    return fail_while(std::move(pushed).error(), base::format("pushing {} to {}", arguments.what, to.text()));
  return as_text(*pushed, to.text());
}

Result<std::string> pull(const RegistryArguments& arguments, EventSink& events, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto from, registry::parse_name(arguments.what));
  registry::PullOptions options{options_of(arguments)};
  if (!arguments.platform.empty()) {
    const auto platform = base::parse_architecture(arguments.platform);
    if (!platform)
      return fail(ErrorCode::usage, "--platform {}: linux/amd64 and linux/arm64 are known",
                  base::printable(arguments.platform));
    options.platform = *platform;
  }
  const store::Store local(store::Store::default_folder());
  if (arguments.output.empty()) {
    SEALIFT_ASSIGN(const auto artifact,
                   registry::pull_into_store(local, from, options, base::system_clock(), events, cancel));
    return line_of(artifact);
  }
  store::Present here;
  here.add(arguments.output);
  here.add_newest(local);
  options.here.assign(here.readers().begin(), here.readers().end());
  SEALIFT_ASSIGN(const auto pulled,
                 registry::pull(from, arguments.output, options, base::system_clock(), events, cancel));
  return base::format("{}: {}, {} of it fetched now, identity {}\n", arguments.output, base::human_bytes(pulled.size),
                      base::human_bytes(pulled.fetched), shown(pulled.identity));
}

// Standard input up to its end, without the line's end.
Result<Secret> password_from_input() {
  constexpr size_t kMost = size_t{64} << 10;
  std::string text(kMost, '\0');
  size_t size = 0;
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, text.data() + size, text.size() - size);
    if (count < 0) return fail_errno(errno, "read standard input");
    if (count == 0) break;
    size += static_cast<size_t>(count);
    if (size == kMost) return fail(ErrorCode::limit_exceeded, "the password on standard input is too long");
  }
  const std::string_view line = std::string_view(text).substr(0, size);
  Secret out(std::string(line.substr(0, line.find_last_not_of("\r\n") + 1)));
  explicit_bzero(text.data(), text.size());
  if (out.empty()) return fail(ErrorCode::usage, "there is no password on standard input");
  return out;
}

Result<std::string> log_in(const RegistryArguments& arguments, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto registry, registry_of(arguments.what));
  distribution::Login login;
  login.user = arguments.user;
  if (login.user.contains(':')) return fail(ErrorCode::usage, "-u {}: a user's name has no colon", login.user);
  SEALIFT_ASSIGN(login.password,
                 arguments.password_stdin
                     ? password_from_input()
                     : console::ask_secret(base::format("Password of {} at {}", login.user, registry),
                                           "there is no terminal to ask for the password at; give it on standard "
                                           "input, with --password-stdin",
                                           cancel));
  const auto only = distribution::Logins::of(registry, login);
  const auto options = options_of(arguments);
  SEALIFT_ASSIGN(const auto remote,
                 distribution::Registry::open(registry, options.endpoints, only, base::system_clock()));
  SEALIFT_TRY(remote->check_login(cancel));
  SEALIFT_ASSIGN(const auto where, distribution::keep_login(registry, login));
  return base::format("logged in to {} as {}; the login is kept in {}\n", registry, login.user, where);
}

Result<std::string> log_out(const RegistryArguments& arguments) {
  SEALIFT_ASSIGN(const auto registry, registry_of(arguments.what));
  SEALIFT_ASSIGN(const bool was_there, distribution::forget_login(registry));
  return base::format("{} {}\n", was_there ? "the login is removed:" : "there is no login for", registry);
}

Result<std::string> search(const RegistryArguments& arguments, const CancelToken& cancel) {
  std::string_view name = arguments.what;
  const bool is_registry = !name.contains('/') || name.find('/') + 1 == name.size();
  std::string registry, repository;
  if (is_registry) {
    SEALIFT_ASSIGN(registry, registry_of(name));
  } else {
    SEALIFT_ASSIGN(const auto parsed, registry::parse_name(name));
    registry = parsed.registry;
    repository = parsed.repository;
  }
  SEALIFT_ASSIGN(const auto session, registry::Session::open(registry, options_of(arguments), base::system_clock()));
  auto& remote = session->remote();
  SEALIFT_ASSIGN(const auto found, is_registry ? remote.repositories(cancel) : remote.tags(repository, cancel));
  if (arguments.json) {
    json::Value list = json::Value::array();
    for (const auto& one : found) list.push_back(one);
    return json::to_canonical(list) + "\n";
  }
  std::string out;
  for (const auto& one : found)
    out += is_registry ? base::format("{}/{}\n", registry, one) : base::format("{}/{}:{}\n", registry, repository, one);
  return out;
}

void define_plain_http(CLI::App& command, RegistryArguments& arguments) {
  command
      .add_option("--plain-http", arguments.plain_http,
                  "HOST[:PORT] of a registry without TLS (those on this machine are known)")
      ->allow_extra_args(false);
}

}  // namespace

void define_registry(CLI::App& app, RegistryArguments& arguments) {
  auto* push = app.add_subcommand("push", "send an artifact, or its images, to a registry");
  push->add_option("artifact", arguments.what, "a file, or a name of the local store")->required();
  push->add_option("name", arguments.to, "REGISTRY/PATH:TAG (default: the artifact's name in the local store)");
  push->add_flag("--add", arguments.adds, "keep what the name means for other platforms");
  push->add_option("--mount-from", arguments.other,
                   "PATH of a repository in the same registry that may have parts of it, such as its base's");
  push->add_option("--images", arguments.images, "REGISTRY/PATH: send the container images, below this path");
  push->add_flag("--scoped", arguments.scoped, "with --images: keep the images' registries in their names");
  define_plain_http(*push, arguments);
  auto* pull = app.add_subcommand("pull", "fetch an artifact from a registry");
  pull->add_option("name", arguments.what, "REGISTRY/PATH:TAG")->required();
  pull->add_option("-o,--output", arguments.output, "the file to write (default: into the local store)");
  pull->add_option("--platform", arguments.platform,
                   "linux/amd64 or linux/arm64, if the name has several artifacts (default: this machine's)");
  define_plain_http(*pull, arguments);
  auto* login = app.add_subcommand("login", "keep a login for a registry, as docker and podman do");
  login->add_option("registry", arguments.what, "HOST[:PORT]")->required();
  login->add_option("-u,--username", arguments.user, "the user, or the robot account")->required();
  login->add_flag("--password-stdin", arguments.password_stdin,
                  "take the password from standard input (default: ask on the terminal)");
  define_plain_http(*login, arguments);
  auto* logout = app.add_subcommand("logout", "remove the login for a registry");
  logout->add_option("registry", arguments.what, "HOST[:PORT]")->required();
  auto* search = app.add_subcommand("search", "the tags of a path in a registry, or all its paths");
  search->add_option("name", arguments.what, "REGISTRY/PATH, or REGISTRY")->required();
  search->add_flag("--json", arguments.json, "as JSON");
  define_plain_http(*search, arguments);
}

std::optional<Result<std::string>> run_registry(const CLI::App& app, const RegistryArguments& arguments,
                                                const CancelToken& cancel) {
  if (app.got_subcommand("login")) return log_in(arguments, cancel);
  if (app.got_subcommand("logout")) return log_out(arguments);
  if (app.got_subcommand("search")) return search(arguments, cancel);
  const bool is_push = app.got_subcommand("push");
  if (!is_push && !app.got_subcommand("pull")) return std::nullopt;
  BuildDisplay events(console::Output(STDERR_FILENO), base::system_clock());
  auto out = is_push ? push(arguments, events, cancel) : pull(arguments, events, cancel);
  events.finish();
  return out;
}

}  // namespace sealift::packer_cli
