// SPDX-License-Identifier: Apache-2.0
#include "packer/store/verified.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/base/format.h"

namespace sealift::store {
namespace {

namespace fs = std::filesystem;

std::string name_of(const struct stat& status) {
  const auto time = [](const timespec& at) { return base::format("{}.{:09}", at.tv_sec, at.tv_nsec); };
  return base::format("{:x}-{}-{}-{}-{}", status.st_dev, status.st_ino, status.st_size, time(status.st_mtim),
                      time(status.st_ctim));
}

bool counts(const std::string& note) {
  std::error_code error;
  const auto time = fs::last_write_time(note, error);
  if (error) return false;
  const auto age = fs::file_time_type::clock::now() - time;
  return age >= std::chrono::seconds(-1) && age < std::chrono::days(kVerifiedDays);
}

}  // namespace

Verified::Verified(const std::string& store) : folder_(store.empty() ? "" : store + "/verified") {}

bool Verified::has(int fd) const {
  struct stat status{};
  return !folder_.empty() && ::fstat(fd, &status) == 0 && counts(base::format("{}/{}", folder_, name_of(status)));
}

void Verified::note(const std::string& path) const {
  struct stat status{};
  if (folder_.empty() || ::stat(path.c_str(), &status) != 0) return;
  if (!base::make_directories(folder_, 0700)) return;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    std::error_code none;
    if (!counts(entry.path().string())) fs::remove(entry.path(), none);
  }
  (void)base::open_file(base::format("{}/{}", folder_, name_of(status)), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
                        0600);
}

void Verified::forget(const std::string& path) const {
  struct stat status{};
  if (!folder_.empty() && ::stat(path.c_str(), &status) == 0)
    ::unlink(base::format("{}/{}", folder_, name_of(status)).c_str());
}

}  // namespace sealift::store
