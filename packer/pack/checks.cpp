// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/checks.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "payload/base/process.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"

namespace sealift::pack {
namespace {

Result<void> check_apps(const Promises& promises) {
  const auto& contents = promises.contents;
  std::vector<std::string> known;
  for (const auto& app : contents.apps) known.push_back(app.name);
  const std::vector<std::string_view> words(known.begin(), known.end());
  for (const auto& app : contents.apps) {
    for (const auto& need : app.needs) {
      if (contents.find_app(need) == nullptr) return fail(ErrorCode::invalid_input, "the application \"{}\" NEEDS \"{}\", which is not packed", app.name, need);
    }
  }
  for (const auto& name : contents.launch) {
    if (contents.find_app(name) != nullptr) continue;
    const auto near = base::nearest(name, words);
    return fail(ErrorCode::invalid_input, "{}: LAUNCH names \"{}\", which is not packed{}", promises.launch_place, name,
                near ? std::format("; did you mean \"{}\"?", *near) : "");
  }
  return {};
}

Result<void> check_base_files(const Promises& promises, const format::BaseDocument& base) {
  const auto check = [&](const std::string& path, Architecture architecture) -> Result<void> {
    const auto expanded = format::expand_architecture(path, architecture);
    if (promises.contents.tree.contains(expanded)) return {};
    return fail(ErrorCode::invalid_input, "base.yaml names {}, which is not in the payload's tree; COPY it, or leave {} out with --platform", expanded,
                base::platform(architecture));
  };
  for (const Architecture architecture : promises.platforms) {
    for (const auto& file : base.files) SEALIFT_TRY(check(file.source, architecture));
    for (const auto& [name, path] : base.tools) SEALIFT_TRY(check(path, architecture));
  }
  for (const auto& [role, image] : base.images) {
    if (promises.contents.find_image(image) == nullptr) return fail(ErrorCode::invalid_input, "base.yaml names the image {} ({}), which is not packed; add an IMAGE line", image, role);
  }
  return {};
}

// As the site's mirror looks for it: by digest in the repository if the name has one, else by tag.
bool is_packed(const format::Contents& contents, const image::Reference& wanted) {
  return std::ranges::any_of(contents.images, [&](const format::Image& packed) {
    const auto reference = image::parse_reference(packed.name);
    if (!reference || reference->name() != wanted.name()) return false;
    if (!wanted.digest) return reference->tag == wanted.tag;
    return packed.root.digest == *wanted.digest || std::ranges::contains(packed.inner_indexes, *wanted.digest, [](const auto& inner) { return inner.object.digest; }) ||
           std::ranges::contains(packed.platforms, *wanted.digest, [](const auto& platform) { return platform.manifest.digest; });
  });
}

// All at once, one a line: people mend them in one go.
Result<void> check_wanted_images(const Promises& promises) {
  std::string lines;
  for (const auto& wanted : promises.wanted) {
    const auto reference = image::parse_reference(wanted.image);
    if (reference && is_packed(promises.contents, *reference)) continue;
    lines += std::format("\n  {}: {} wants {}: ", wanted.place, base::printable(wanted.object), base::printable(wanted.image));
    lines += reference ? std::format("add the line IMAGE {}", reference->text()) : reference.error().what;
  }
  if (lines.empty()) return {};
  return fail(ErrorCode::invalid_input, "manifests want images that are neither packed nor in a base:{}", lines);
}

void warn_without_network(const Promises& promises, EventSink& events) {
  constexpr std::string_view kFolder = "/etc/cni/net.d/";
  const auto& contents = promises.contents;
  if (!promises.base || contents.apps.empty()) return;
  const auto is_network = [&](const auto& file) { return file.destination.starts_with(kFolder); };
  if (std::ranges::any_of(contents.apps, &format::App::is_network) || std::ranges::any_of(contents.host_files, is_network) || std::ranges::any_of(promises.base->files, is_network)) return;
  base::tell(events, Level::warning,
             "no pod network is packed: applications would wait for ever. Write CNI in place of APP for the application that is the network, or add one (CNI flannel local://…), or a FILE in /etc/cni/net.d");
}

// A folder of its own for the HOME of a program that we start; gone at the end.
class PrivateFolder {
 public:
  static Result<PrivateFolder> make() {
    std::string path = std::filesystem::temp_directory_path().string() + "/sealift-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return fail_errno(errno, "make a temporary folder");
    return PrivateFolder(std::move(path));
  }
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<void> check_kubeadm_images(const Promises& promises, const format::BaseDocument& base, EventSink& events, const CancelToken& cancel) {
  const auto path = format::expand_architecture(base.tools.at("kubeadm"), base::own_architecture());
  const auto local = promises.local_paths.find(path);
  std::string kubeadm = local == promises.local_paths.end() ? "" : local->second;
  if (promises.tools) kubeadm = *promises.tools + "/kubeadm";
  if (kubeadm.empty()) {
    // An inherited base.yaml was checked when its base was packed, and a base's images stay packed.
    if (!promises.local_paths.contains("base.yaml")) return {};
    return fail(ErrorCode::invalid_input,
                "{} is not packed, so the images that kubeadm will want can't be checked; name a folder with a kubeadm for this machine with --tools", path);
  }
  SEALIFT_ASSIGN(const auto home, PrivateFolder::make());
  std::error_code error;
  const auto program = std::filesystem::absolute(kubeadm, error);
  const base::Command command{{program.string(), "config", "images", "list", "--kubernetes-version", base.kubernetes_version}, {"HOME=" + home.path()}, "/", Duration{60'000}};
  SEALIFT_ASSIGN(const auto output, base::run_checked(command, {}, cancel));
  std::vector<std::string> missing;
  size_t count = 0;
  for (const auto line : base::split(output, '\n')) {
    const auto name = base::trim(line);
    if (name.empty()) continue;
    ++count;
    if (promises.contents.find_image(name) == nullptr) missing.emplace_back(name);
  }
  if (!missing.empty()) {
    return fail(ErrorCode::invalid_input, "kubeadm {} will ask for images that are not packed: {}; add IMAGE lines", base.kubernetes_version, base::join(missing, ", "));
  }
  base::tell(events, Level::info, std::format("kubeadm {} will ask for {} images: all are packed", base.kubernetes_version, count));
  return {};
}

}  // namespace

Result<void> check_promises(const Promises& promises, EventSink& events, const CancelToken& cancel) {
  SEALIFT_TRY(check_apps(promises));
  SEALIFT_TRY(check_wanted_images(promises));
  warn_without_network(promises, events);
  // An inherited one was checked with everything it names.
  if (!promises.base || !promises.local_paths.contains(*promises.contents.base_document)) return {};
  SEALIFT_TRY(check_base_files(promises, *promises.base));
  return check_kubeadm_images(promises, *promises.base, events, cancel);
}

}  // namespace sealift::pack
