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

class LocalHelm final : public ChartRenderer {
 public:
  explicit LocalHelm(const format::PayloadReader& payload) : payload_(payload) {}

  Result<std::string> render(const ChartRequest& request, const CancelToken& cancel) override {
    SEALIFT_ASSIGN(const auto program, helm());
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
      rendering.values.push_back(std::format("{}/values-{}.yaml", folder.path(), rendering.values.size()));
      SEALIFT_TRY(put(rendering.values.back(), base::as_bytes(text)));
    }
    auto words = charts::template_arguments(rendering);
    words.insert(words.begin(), program);
    return charts::render(base::confined(std::move(words), folder.path()), cancel);
  }

  void use_helm(Bytes program) override { given_ = std::move(program); }

 private:
  Result<void> write_helm(base::Sink& sink) const {
    if (given_) return sink.write(*given_);
    if (!payload_.contents().base_document)
      return fail(ErrorCode::not_in_artifact,
                  "the artifact brings no helm, having no base, and the cluster's own helm "
                  "does not run on this machine or was not asked for");
    SEALIFT_ASSIGN(const auto base, steps::read_base(payload_));
    const auto path = format::expand_architecture(base.tools.at("helm"), base::own_architecture());
    const auto file = payload_.contents().tree.find(path);
    if (file == payload_.contents().tree.end())
      return fail(ErrorCode::not_in_artifact, "the artifact has no helm for this machine ({})", path);
    return payload_.read(file->second.object.digest, {0, file->second.object.size}, sink);
  }

  // Its path; unpacked once.
  Result<std::string> helm() {
    const std::lock_guard lock(mutex_);
    if (!helm_) {
      SEALIFT_ASSIGN(auto fd, memory_file("helm"));
      base::FdSink sink(fd.get());
      SEALIFT_TRY(write_helm(sink));
      helm_ = std::move(fd);
    }
    // The child has this descriptor until it becomes the program. Only root may open files of this process (see
    // base::keep_memory_private), which a script's interpreter would have to.
    std::array<char, 2> begin{};
    const bool is_script = ::pread(helm_->get(), begin.data(), begin.size(), 0) == 2 && begin == std::array{'#', '!'};
    return is_script ? std::format("/proc/{}/fd/{}", ::getpid(), helm_->get())
                     : std::format("/proc/self/fd/{}", helm_->get());
  }

  const format::PayloadReader& payload_;
  std::optional<Bytes> given_;
  std::mutex mutex_;
  std::optional<base::Fd> helm_;
};

}  // namespace

std::unique_ptr<ChartRenderer> make_local_helm(const format::PayloadReader& payload) {
  return std::make_unique<LocalHelm>(payload);
}

}  // namespace sealift::images
