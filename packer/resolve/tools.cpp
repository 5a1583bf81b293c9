// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/tools.h"

#include <fcntl.h>

#include <filesystem>

#include "payload/base/fd.h"

namespace sealift::resolve {
namespace {

Result<void> unpack(const format::PayloadReader& reader, const format::TreeFile& file, const std::string& path) {
  SEALIFT_ASSIGN(const auto fd, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0700));
  base::FdSink sink(fd.get());
  return reader.read(file.object.digest, {0, file.object.size}, sink);
}

}  // namespace

Result<std::string> Tools::find(const std::string& name) {
  std::error_code error;
  if (request_.tools) {
    if (!std::filesystem::is_directory(*request_.tools, error))
      return fail(ErrorCode::not_found, "the folder of --tools, {}, is not there", *request_.tools);
    const auto path = absolute(*request_.tools + "/" + name);
    if (std::filesystem::exists(path, error)) return path;
  }
  if (!inputs_.base_document) return std::string();
  const auto packed = format::expand_architecture(inputs_.base_document->tools.at(name), base::own_architecture());
  if (const auto local = inputs_.files.find(packed); local != inputs_.files.end())
    return absolute(local->second.source);
  const auto inherited = inputs_.contents.tree.find(packed);
  if (inherited == inputs_.contents.tree.end() || !inputs_.base) return std::string();
  auto path = inputs_.scratch->path() + "/" + name;
  SEALIFT_TRY(unpack(*inputs_.base->reader, inherited->second, path));
  return path;
}

Result<base::Command> Tools::command(const std::string& name, std::string_view why,
                                     std::vector<std::string> arguments) {
  auto known = found_.find(name);
  if (known == found_.end()) {
    SEALIFT_ASSIGN(auto path, find(name));
    known = found_.emplace(name, std::move(path)).first;
  }
  if (known->second.empty()) {
    return fail(ErrorCode::invalid_input,
                "no {} for this machine ({}) is packed, {}; name a folder that holds one with --tools", name,
                base::platform(base::own_architecture()), why);
  }
  arguments.insert(arguments.begin(), known->second);
  return base::confined(std::move(arguments), inputs_.scratch->path());
}

}  // namespace sealift::resolve
