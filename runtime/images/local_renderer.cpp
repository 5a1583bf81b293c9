// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <mutex>
#include <optional>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/private_folder.h"
#include "payload/charts/render.h"
#include "runtime/images/chart_renderer.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/model.h"

namespace sealift::images {
namespace {

// An executable file without a name: neither a full disk nor `noexec` keeps it from being started.
Result<base::Fd> memory_file(const char* name) {
#ifdef MFD_EXEC
  int fd = ::memfd_create(name, MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create(name, MFD_CLOEXEC);  // before Linux 6.3
#else
  const int fd = ::memfd_create(name, MFD_CLOEXEC);
#endif
  if (fd < 0) return fail_errno(errno, "make a file in memory");
  return base::Fd(fd);
}

Result<void> put(const std::string& path, ByteView bytes) {
  std::error_code error;
  std::filesystem::create_directories(path.substr(0, path.rfind('/')), error);
  if (error) return fail_errno(error.value(), "make the folder of " + path);
  SEALIFT_ASSIGN(const auto fd, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  return base::FdSink(fd.get()).write(bytes);
}

class LocalRenderer final : public ChartRenderer {
 public:
  explicit LocalRenderer(const format::PayloadReader& payload) : payload_(payload) {}

  Result<std::string> render(const ChartRequest& request, const CancelToken& cancel) override {
    SEALIFT_ASSIGN(const auto program, path_of(Tool::helm));
    SEALIFT_ASSIGN(const auto folder, base::PrivateFolder::make_in_memory());
    charts::Rendering rendering{.chart = folder.path() + "/chart",
                                .release = request.release,
                                .target_namespace = request.target_namespace,
                                .kubernetes_version = request.kubernetes_version,
                                .values = {},
                                .api_versions = request.api_versions,
                                .arguments = {}};
    for (const auto& [path, file] : steps::app_files(payload_.contents(), *request.app)) {
      if (request.changed_files.contains(path)) continue;
      SEALIFT_ASSIGN(const auto bytes, payload_.read_all(file.object.digest, steps::kMaxAppFile));
      SEALIFT_TRY(put(rendering.chart + "/" + path, bytes));
    }
    for (const auto& [path, text] : request.changed_files)
      SEALIFT_TRY(put(rendering.chart + "/" + path, base::as_bytes(text)));
    for (const auto& text : request.values) {
      rendering.values.push_back(base::format("{}/values-{}.yaml", folder.path(), rendering.values.size()));
      SEALIFT_TRY(put(rendering.values.back(), base::as_bytes(text)));
    }
    auto words = charts::template_arguments(rendering);
    words.insert(words.begin(), program);
    return charts::render(base::confined(std::move(words), folder.path()), cancel);
  }

  Result<std::string> patch(const std::string& manifests, const std::string& target_namespace,
                            const std::vector<kube::Patch>& patches, const CancelToken& cancel) override {
    SEALIFT_ASSIGN(const auto program, path_of(Tool::kubectl));
    SEALIFT_ASSIGN(const auto folder, base::PrivateFolder::make_in_memory());
    for (size_t i = 0; i < patches.size(); ++i)
      SEALIFT_TRY(put(base::format("{}/{}.yaml", folder.path(), i), base::as_bytes(patches[i].text)));
    const auto patcher = [&](size_t index, const std::string& object) {
      auto words = kube::patch_arguments(patches[index], base::format("{}/{}.yaml", folder.path(), index));
      words.insert(words.begin(), program);
      auto command = base::confined(std::move(words), folder.path());
      command.environment.emplace_back("KUBECONFIG=/dev/null");
      base::CommandIo io;
      io.input = base::as_bytes(object);
      return base::run_checked(command, io, cancel);
    };
    return kube::patch_objects(manifests, target_namespace, patches, patcher);
  }

  void use(Tool tool, Bytes program) override { given_[tool] = std::move(program); }

 private:
  static std::string name_of(Tool tool) { return tool == Tool::helm ? "helm" : "kubectl"; }

  Result<void> write(Tool tool, base::Sink& sink) const {
    if (const auto given = given_.find(tool); given != given_.end()) return sink.write(given->second);
    const auto name = name_of(tool);
    if (!payload_.contents().base_document)
      return fail(ErrorCode::not_in_artifact,
                  "the artifact brings no {}, having no base, and the cluster's own {} "
                  "does not run on this machine or was not asked for",
                  name, name);
    SEALIFT_ASSIGN(const auto base, steps::read_base(payload_));
    const auto path = format::expand_architecture(base.tools.at(name), base::own_architecture());
    const auto file = payload_.contents().tree.find(path);
    if (file == payload_.contents().tree.end())
      return fail(ErrorCode::not_in_artifact, "the artifact has no {} for this machine ({})", name, path);
    return payload_.read(file->second.object.digest, {0, file->second.object.size}, sink);
  }

  // A program's path; unpacked once.
  Result<std::string> path_of(Tool tool) {
    const std::lock_guard lock(mutex_);
    auto& program = programs_[tool];
    if (!program) {
      SEALIFT_ASSIGN(auto fd, memory_file(name_of(tool).c_str()));
      base::FdSink sink(fd.get());
      SEALIFT_TRY(write(tool, sink));
      program = std::move(fd);
    }
    // The child has this descriptor until it becomes the program. Only root may open files of this process (see
    // base::keep_memory_private), which a script's interpreter would have to.
    std::array<char, 2> begin{};
    const bool is_script = ::pread(program->get(), begin.data(), begin.size(), 0) == 2 && begin == std::array{'#', '!'};
    return is_script ? base::format("/proc/{}/fd/{}", ::getpid(), program->get())
                     : base::format("/proc/self/fd/{}", program->get());
  }

  const format::PayloadReader& payload_;
  std::map<Tool, Bytes> given_;
  std::mutex mutex_;
  std::map<Tool, std::optional<base::Fd>> programs_;
};

}  // namespace

std::unique_ptr<ChartRenderer> make_local_renderer(const format::PayloadReader& payload) {
  return std::make_unique<LocalRenderer>(payload);
}

}  // namespace sealift::images
