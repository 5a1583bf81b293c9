// SPDX-License-Identifier: Apache-2.0
#include "payload/base/named_file.h"

#include <fcntl.h>
#include <poll.h>

#include <filesystem>

#include "payload/base/fd.h"

namespace sealift::base {
namespace {

constexpr int kMaxLinks = 40;    // as Linux does
constexpr int kLookAgain = 100;  // ms; a signal that cancels ends the wait at once

// Without blocking, which could not be cancelled.
class PatientSource final : public Source {
 public:
  PatientSource(int fd, const CancelToken& cancel) : fd_(fd), cancel_(cancel) {}
  Result<size_t> read(std::span<std::byte> buffer) override {
    for (;;) {
      SEALIFT_TRY(cancel_.check());
      pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, kLookAgain) <= 0) continue;
      return read_some(fd_, buffer);
    }
  }

 private:
  int fd_;
  const CancelToken& cancel_;
};

}  // namespace

std::string behind_links(const std::string& path) {
  std::filesystem::path out = path;
  for (int i = 0; i < kMaxLinks; ++i) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(out, error);
    if (error) return out.string();
    out = out.parent_path() / target;
  }
  return path;
}

Result<std::string> read_named_file(const std::string& path, size_t limit, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto fd, open_file(path, O_RDONLY | O_NONBLOCK));
  PatientSource source(fd.get(), cancel);
  auto data = read_all(source, limit);
  if (!data) return fail_while(std::move(data).error(), "reading " + path);
  return std::string(as_text(*data));
}

}  // namespace sealift::base
