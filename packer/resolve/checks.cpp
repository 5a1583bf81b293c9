// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/checks.h"

#include <algorithm>
#include <map>
#include <set>

#include "packer/resolve/tools.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/process.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"

namespace sealift::resolve {
namespace {

Result<void> check_name(const format::Contents& contents, const Word& word, std::string_view who) {
  if (contents.find_app(word.text) != nullptr) return {};
  std::vector<std::string_view> known;
  for (const auto& app : contents.apps) known.push_back(app.name);
  const auto near = base::nearest(word.text, known);
  return fail(ErrorCode::invalid_input, "{}: {} \"{}\", which is not packed{}", word.place.text(), who,
              base::printable(word.text), near ? base::format("; did you mean \"{}\"?", *near) : "");
}

// Applications that wait for each other, or nothing. A base's applications were checked when it was packed and can't
// need later ones.
Result<void> check_circles(const std::vector<AppInput>& inputs) {
  std::map<std::string, const AppInput*> apps;  // that nothing shows to be startable yet
  std::map<std::string, size_t> waits;
  std::map<std::string, std::vector<const AppInput*>> waiting;
  for (const auto& app : inputs) apps[app.app.name] = &app;
  std::vector<const AppInput*> startable;
  for (const auto& [name, app] : apps) {
    for (const auto& need : app->needs) {
      if (!apps.contains(need.text)) continue;
      ++waits[name];
      waiting[need.text].push_back(app);
    }
    if (!waits.contains(name)) startable.push_back(app);
  }
  while (!startable.empty()) {
    const auto name = startable.back()->app.name;
    startable.pop_back();
    apps.erase(name);
    for (const auto* app : waiting[name]) {
      if (--waits[app->app.name] == 0) startable.push_back(app);
    }
  }
  if (apps.empty()) return {};
  // Each one left needs another one that is left: the way comes back to itself.
  std::vector<const AppInput*> path{apps.begin()->second};
  std::map<std::string, size_t> at{{path[0]->app.name, 0}};
  for (;;) {
    const auto& need =
        *std::ranges::find_if(path.back()->needs, [&](const Word& word) { return apps.contains(word.text); });
    const auto [begin, fresh] = at.emplace(need.text, path.size());
    if (fresh) {
      path.push_back(apps.at(need.text));
      continue;
    }
    std::string text;
    for (const auto* app : std::span(path).subspan(begin->second)) text += app->app.name + " NEEDS ";
    return fail(ErrorCode::invalid_input,
                "{}: applications that wait for each other would never start: {}{}; remove one of these NEEDS",
                need.place.text(), base::printable(text, 1'000), need.text);
  }
}

}  // namespace

void check_app_names(const Inputs& inputs, Problems& problems) {
  for (const auto& app : inputs.apps) {
    for (const auto& need : app.needs)
      problems.note(check_name(inputs.contents, need, base::format("the application \"{}\" NEEDS", app.app.name)));
  }
  for (const auto& app : inputs.launch) problems.note(check_name(inputs.contents, app, "LAUNCH names"));
  // Two charts under one release would replace each other.
  std::map<std::pair<std::string, std::string>, std::string> releases;
  for (const auto& app : inputs.contents.apps) {
    if (app.kind != format::AppKind::helm) continue;
    const auto release = app.release_name();
    const auto [first, fresh] = releases.emplace(std::pair(app.default_namespace(), release), app.name);
    if (fresh) continue;
    const auto line = std::ranges::find(inputs.apps, app.name, [](const auto& input) { return input.app.name; });
    problems.add(fail(
        ErrorCode::invalid_input,
        "{}: {} and {} would be the same release \"{}\" in the same namespace; give one another RELEASE or NAMESPACE",
        line == inputs.apps.end() ? app.name : line->origin.place.text(), first->second, app.name, release));
  }
  problems.note(check_circles(inputs.apps));
}

Result<void> check_image_names(std::span<const ImageInput> images) {
  std::map<std::string, const ImageInput*> first;
  Problems problems;
  for (const auto& image : images) {
    if (image.plan.image.name.empty()) continue;  // it can't be had
    const auto [there, fresh] = first.emplace(image.reference.text(), &image);
    if (fresh || there->second->plan.image.root.digest == image.plan.image.root.digest) continue;
    problems.add(fail(ErrorCode::invalid_input,
                      "{}: {} is another image here ({}) than in {} ({}); a name can stand for one only: leave out one "
                      "of the lines",
                      image.origin.place.text(), image.reference.text(), image.plan.image.root.digest.text(),
                      there->second->origin.place.text(), there->second->plan.image.root.digest.text()));
  }
  return problems.joined();
}

namespace {

Result<void> check_base_files(const Inputs& inputs, const Request& request) {
  const format::BaseDocument& base = *inputs.base_document;
  const auto check = [&](const std::string& path, Architecture architecture) -> Result<void> {
    const auto expanded = format::expand_architecture(path, architecture);
    if (inputs.holds(expanded)) return {};
    return fail(ErrorCode::invalid_input,
                "base.yaml names {}, which is not in the payload's tree; COPY it, or leave {} out with --platform",
                expanded, base::platform(architecture));
  };
  for (const Architecture architecture : request.platforms) {
    for (const auto& file : base.files) SEALIFT_TRY(check(file.source, architecture));
    for (const auto& [name, path] : base.tools) SEALIFT_TRY(check(path, architecture));
  }
  for (const auto& [role, image] : base.images) {
    if (inputs.contents.find_image(image) == nullptr)
      return fail(ErrorCode::invalid_input, "base.yaml names the image {} ({}), which is not packed; add an IMAGE line",
                  image, role);
  }
  return {};
}

Result<void> check_kubeadm_images(const Inputs& inputs, Tools& tools, EventSink& events, const CancelToken& cancel) {
  const format::BaseDocument& base = *inputs.base_document;
  SEALIFT_ASSIGN(const auto command,
                 tools.command("kubeadm", "so the images that it will ask for can't be checked",
                               {"config", "images", "list", "--kubernetes-version", base.kubernetes_version}));
  SEALIFT_ASSIGN(const auto output, base::run_checked(command, {}, cancel));
  std::vector<std::string> missing;
  size_t count = 0;
  for (const auto line : base::split(output, '\n')) {
    const auto name = base::trim(line);
    if (name.empty()) continue;
    ++count;
    if (inputs.contents.find_image(name) == nullptr) missing.emplace_back(name);
  }
  if (!missing.empty()) {
    return fail(ErrorCode::invalid_input, "kubeadm {} will ask for images that are not packed: {}; add IMAGE lines",
                base.kubernetes_version, base::join(missing, ", "));
  }
  base::tell(events, Level::info,
             base::format("kubeadm {} will ask for {} packed", base.kubernetes_version,
                          base::counted(count, "image: it is", "images: all are")));
  return {};
}

}  // namespace

void warn_without_network(const Inputs& inputs, EventSink& events) {
  constexpr std::string_view kFolder = "/etc/cni/net.d/";
  const auto& contents = inputs.contents;
  if (!inputs.base_document || contents.apps.empty()) return;
  const auto is_network = [&](const auto& file) { return file.destination.starts_with(kFolder); };
  if (std::ranges::any_of(contents.apps, &format::App::is_network) ||
      std::ranges::any_of(contents.host_files, is_network) ||
      std::ranges::any_of(inputs.base_document->files, is_network))
    return;
  base::tell(
      events, Level::warning,
      "no pod network is packed: applications would wait forever. Write CNI in place of APP for the application that is the network, or add one (CNI flannel local://…), or a FILE in /etc/cni/net.d");
}

Result<void> check_promises(const Inputs& inputs, const Request& request, Tools& tools, EventSink& events,
                            const CancelToken& cancel) {
  // An inherited document was checked with everything it names, and a base's images stay packed.
  if (!inputs.base_document || !inputs.files.contains(*inputs.contents.base_document)) return {};
  SEALIFT_TRY(check_base_files(inputs, request));
  return check_kubeadm_images(inputs, tools, events, cancel);
}

}  // namespace sealift::resolve
