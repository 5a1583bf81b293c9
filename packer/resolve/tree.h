// SPDX-License-Identifier: Apache-2.0
//
// Files of the build machine that go into the payload's tree, each with its source and target.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "packer/resolve/kubefile.h"
#include "packer/resolve/seen_file.h"
#include "payload/base/cancel.h"

namespace sealift::resolve {

class BuildContext;

struct LocalFile {
  std::string source;  // on this machine
  std::string target;  // in the tree, safe and relative
  uint32_t mode = 0644;
  bool is_private = false;            // only its owner can read it on this machine
  std::optional<SeenFile> seen = {};  // none if this Sealift has written it
};

// Its bytes. Errors: those of SeenFile::open() if it was seen.
Result<std::unique_ptr<base::Source>> open_file(const std::string& source, const std::optional<SeenFile>& seen);

// COPY and ADD: a folder's contents, or files into a folder (the destination ends in "/", or there are several
// sources). `downloads`: the file on this machine for each URL.
Result<std::vector<LocalFile>> copied_files(const Copy& copy, BuildContext& context,
                                            const std::map<std::string, std::string>& downloads = {});

// The text of a file that somebody names in a Kubefile. Errors: invalid_input if it is larger than `limit`, not_found,
// permission_denied, io; all name the file; cancelled while a pipe waits for its writer.
Result<std::string> read_input(const std::string& path, size_t limit, const CancelToken& cancel = {});

// The digest of a file's content. Errors: those of reading it.
Result<Digest> digest_of(const std::string& path);

// `what` it is stands before the path in errors: "the build's context prod: no such folder".
Result<void> check_folder(std::string_view what, const std::string& path);

std::string without_slashes(std::string path);   // trailing ones
std::string last_part(const std::string& path);  // the file's name
// Resolves a path of the Kubefile: absolute, or relative to the build's context.
std::string in_context(const std::string& context, const std::string& path);
// For programs that run in another folder.
std::string absolute(const std::string& path);

}  // namespace sealift::resolve
