// SPDX-License-Identifier: Apache-2.0
//
// Files of the build machine that go into the payload's tree, each with its source and target. Folders are read in
// sorted order, so that a build does not depend on the file system's order.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "packer/resolve/kubefile.h"
#include "payload/base/cancel.h"

namespace sealift::resolve {

struct LocalFile {
  std::string source;  // on this machine
  std::string target;  // in the tree, safe and relative
  uint32_t mode = 0644;
  bool is_private = false;  // only its owner can read it on this machine
};

// Where symbolic links may lead that lie in a folder which a line names; those that a line names lead anywhere.
enum class Links {
  inside,  // the folder, or the build's context: what somebody else links to does not enter an artifact unseen
  anywhere,
};

// COPY and ADD: a folder's contents, or files into a folder (the destination ends in "/", or there are several
// sources). `downloads`: the file on this machine for each URL.
Result<std::vector<LocalFile>> copied_files(const Copy& copy, const std::string& context,
                                            const std::map<std::string, std::string>& downloads = {});

// Adds a file, or all files below a folder, at this path of the tree. Errors are invalid_input with `place`.
Result<void> walk(const Place& place, const std::string& source, const std::string& target, const std::string& context,
                  std::vector<LocalFile>& out, Links links = Links::inside);

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
