// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/artifact.h"

#include <fcntl.h>

namespace sealift::cli {

Result<Artifact> open_artifact(const std::optional<std::string>& payload_path) {
  Artifact out;
  if (payload_path) {
    out.path = *payload_path;
    SEALIFT_ASSIGN(out.file, base::OpenFile::open(*payload_path));
  } else {
    out.path = "this program";
    // This opens the running image, even if its name is gone or replaced.
    SEALIFT_ASSIGN(base::Fd fd, base::open_file("/proc/self/exe", O_RDONLY));
    SEALIFT_ASSIGN(out.file, base::OpenFile::adopt(std::move(fd), out.path));
  }
  auto reader = format::PayloadReader::open(*out.file);
  if (!reader) {
    Error error = std::move(reader).error();
    if (!payload_path && error.code == ErrorCode::not_a_payload) {
      return fail(ErrorCode::not_a_payload,
                  "this program carries no payload; name the artifact or payload file with --payload FILE");
    }
    return fail_while(std::move(error), "opening " + out.path);
  }
  out.reader = std::move(*reader);
  return out;
}

}  // namespace sealift::cli
