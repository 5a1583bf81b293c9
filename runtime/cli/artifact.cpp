// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/artifact.h"

#include <fcntl.h>

#include <algorithm>

#include "payload/base/text.h"
#include "payload/format/trailer.h"

namespace sealift::cli {
namespace {

Result<void> check_identity(const std::string& path, const Digest& found, std::span<const Demand> demands) {
  for (const auto& [identities, by] : demands) {
    if (std::ranges::contains(identities, found)) continue;
    std::vector<std::string> wanted;
    for (const auto& identity : identities) wanted.push_back(identity.text());
    return fail(
        ErrorCode::untrusted,
        "{} has the identity {}, but {} demands {}. Nothing of it was run. Get the right file; or, if this is the one "
        "that is meant, ask its maker for its identity and correct {}",
        path, found.text(), by, base::join(wanted, " or "), by);
  }
  return {};
}

// Opens the payload; `demands` are met first.
Result<std::unique_ptr<format::PayloadReader>> open_payload(const std::string& path, const base::OpenFile& file,
                                                            std::span<const Demand> demands) {
  if (!demands.empty()) {
    SEALIFT_ASSIGN(const auto trailer, format::read_trailer(file));
    SEALIFT_TRY(check_identity(path, trailer.metadata_hash, demands));
  }
  SEALIFT_ASSIGN(auto reader, format::PayloadReader::open(file));
  SEALIFT_TRY(check_identity(path, reader->identity(), demands));  // the file may just have been overwritten
  return reader;
}

}  // namespace

std::vector<Demand> demands_of(const Arguments& arguments) {
  if (!arguments.identity) return {};
  return {{{*arguments.identity}, "--identity"}};
}

Result<Artifact> open_artifact(const std::optional<std::string>& payload_path, std::span<const Demand> demands) {
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
  auto reader = open_payload(out.path, *out.file, demands);
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
