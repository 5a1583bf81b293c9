// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/checks.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/process.h"
#include "payload/base/text.h"

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
  if (!promises.contents.base_document) return {};
  const auto local = promises.local_paths.find(*promises.contents.base_document);
  if (local == promises.local_paths.end()) return {};  // inherited, with everything it names
  SEALIFT_ASSIGN(const auto text, base::read_text_file(local->second, size_t{1} << 20));
  SEALIFT_ASSIGN(const auto base, format::parse_base_document(text, local->second));
  SEALIFT_TRY(check_base_files(promises, base));
  return check_kubeadm_images(promises, base, events, cancel);
}

}  // namespace sealift::pack
