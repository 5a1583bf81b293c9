// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/stage.h"

#include <fcntl.h>

#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/process.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/format/app_limits.h"
#include "payload/format/reader.h"
#include "payload/json/value.h"
#include "runtime/node/patch.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxInput = size_t{16} << 20;

Result<void> put(const std::string& folder, const std::string& path, ByteView bytes) {
  SEALIFT_ASSIGN(const auto safe, base::safe_relative_path(path));
  const auto file = folder + "/" + safe;
  SEALIFT_TRY(base::make_directories(file.substr(0, file.rfind('/')), 0700));
  SEALIFT_ASSIGN(const auto fd, base::open_file(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  return base::write_all(fd.get(), bytes);
}

}  // namespace

Result<std::map<std::string, std::string>> staged_files_of(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text, {.bytes = kMaxInput, .depth = 4}));
  std::map<std::string, std::string> out;
  if (!value.is_object()) return fail(ErrorCode::protocol, "node stage: the input is not an object");
  for (const auto& [path, content] : *value.members()) {
    if (content.string() == nullptr) return fail(ErrorCode::protocol, "node stage: {} is no text", path);
    out[path] = *content.string();
  }
  return out;
}

Result<void> stage(const Staging& staging) {
  std::error_code error;
  std::filesystem::remove_all(staging.folder, error);
  if (error) return fail_errno(error.value(), "remove " + staging.folder);
  SEALIFT_ASSIGN(const auto file, base::OpenFile::open(staging.payload));
  SEALIFT_ASSIGN(const auto payload, format::PayloadReader::open(*file));
  const std::string prefix = staging.root + "/";
  const auto& tree = payload->contents().tree;
  for (auto at = tree.lower_bound(prefix); at != tree.end() && at->first.starts_with(prefix); ++at) {
    const auto path = "tree/" + at->first.substr(prefix.size());
    if (staging.files.contains(path)) continue;
    SEALIFT_ASSIGN(const auto bytes, payload->read_all(at->second.object.digest, format::kMaxAppFile));
    SEALIFT_TRY(put(staging.folder, path, bytes));
  }
  for (const auto& [path, text] : staging.files) SEALIFT_TRY(put(staging.folder, path, base::as_bytes(text)));
  if (!staging.files.contains(std::string(kPatchesFile))) return {};
  SEALIFT_ASSIGN(const auto program, base::own_program());
  std::filesystem::create_symlink(program, base::format("{}/{}", staging.folder, kProgramLink), error);
  if (error) return fail_errno(error.value(), "make a link in " + staging.folder);
  return {};
}

}  // namespace sealift::node
