// SPDX-License-Identifier: Apache-2.0
#include "packer/downloads/cache.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "payload/base/file.h"

namespace sealift::downloads {

std::string default_folder() {
  const auto from = [](const char* variable, std::string_view below) -> std::string {
    const char* value = std::getenv(variable);
    return value == nullptr || *value == '\0' ? "" : value + std::string(below) + "/downloads";
  };
  for (auto folder : {from("SEALIFT_CACHE", ""), from("XDG_CACHE_HOME", "/sealift"), from("HOME", "/.cache/sealift")}) {
    if (!folder.empty()) return folder;
  }
  return {};
}

std::optional<CachedFile> Cache::find(const Digest& digest) const {
  const auto path = path_of(digest);
  const auto file = base::OpenFile::open(path);
  if (!file) return std::nullopt;
  const auto found = hash::sha256(**file, 0, (*file)->size());
  if (found && *found == digest) return CachedFile{path, digest, (*file)->size()};
  ::unlink(path.c_str());
  return std::nullopt;
}

Result<std::string> Cache::make(const std::string& name) const {
  if (folder_.empty())
    return fail(ErrorCode::usage,
                "there is no folder for downloads; name one in the environment: SEALIFT_CACHE=FOLDER");
  auto out = folder_ + "/" + name;
  SEALIFT_TRY(base::make_directories(out, 0700));
  return out;
}

Result<std::string> Cache::parts() const { return make("parts"); }

Result<CachedFile> Cache::add(ByteView data) const {
  SEALIFT_TRY(make("sha256"));
  const Digest digest = hash::sha256(data);
  SEALIFT_TRY(base::write_file_atomic(path_of(digest), data, 0600));
  return CachedFile{path_of(digest), digest, data.size()};
}

Result<CachedFile> Cache::adopt(const std::string& path, const Digest& digest, uint64_t size) const {
  SEALIFT_ASSIGN(const auto folder, make("sha256"));
  const auto target = path_of(digest);
  if (std::rename(path.c_str(), target.c_str()) != 0) return fail_errno(errno, "rename " + path);
  SEALIFT_TRY(base::sync_directory(folder));
  return CachedFile{target, digest, size};
}

}  // namespace sealift::downloads
