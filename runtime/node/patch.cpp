// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/patch.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/process.h"
#include "payload/format/app_limits.h"
#include "runtime/kube/patches.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPatches = size_t{16} << 20;
constexpr Duration kPatience{60'000};

Result<void> put(const std::string& path, std::string_view text) {
  SEALIFT_ASSIGN(const auto fd, base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  return base::write_all(fd.get(), base::as_bytes(text));
}

bool is_manifest(const std::filesystem::path& path) {
  constexpr auto kEndings = std::to_array<std::string_view>({".yaml", ".yml", ".json"});  // kubectl's
  return std::ranges::contains(kEndings, path.extension().string());
}

// In the order in which kubectl takes them.
Result<std::vector<std::string>> manifests_below(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  std::filesystem::recursive_directory_iterator at(folder, error);
  for (; !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    if (at->is_regular_file(error) && is_manifest(at->path())) out.push_back(at->path().string());
  }
  if (error) return fail_errno(error.value(), "read " + folder);
  std::ranges::sort(out);
  return out;
}

}  // namespace

Result<std::string> patch_manifests(const std::string& folder, const std::string& target_namespace,
                                    std::string_view manifests) {
  SEALIFT_ASSIGN(const auto text, base::read_text_file(base::format("{}/{}", folder, kPatchesFile), kMaxPatches));
  SEALIFT_ASSIGN(const auto patches, kube::patches_of_json(text));
  const auto file = folder + "/patch.yaml";
  const auto patcher = [&](size_t index, const std::string& object) -> Result<std::string> {
    SEALIFT_TRY(put(file, patches[index].text));
    base::Command command{
        kube::patch_arguments(patches[index], file), {"KUBECONFIG=/dev/null", "HOME=" + folder}, "/", kPatience};
    command.argv.insert(command.argv.begin(), "kubectl");
    base::CommandIo io;
    io.input = base::as_bytes(object);
    return base::run_checked(command, io);
  };
  return kube::patch_objects(manifests, target_namespace, patches, patcher);
}

Result<void> patch_tree(const std::string& folder, const std::string& target_namespace) {
  SEALIFT_ASSIGN(const auto files, manifests_below(folder + "/tree"));
  std::string manifests;
  for (const auto& file : files) {
    SEALIFT_ASSIGN(const auto text, base::read_text_file(file, format::kMaxAppFile));
    manifests += base::format("---\n{}\n", text);
  }
  SEALIFT_ASSIGN(const auto patched, patch_manifests(folder, target_namespace, manifests));
  for (const auto& file : files) std::filesystem::remove(file);
  return put(folder + "/tree/patched.yaml", patched);
}

}  // namespace sealift::node
