// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/tools.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "payload/base/fd.h"
#include "payload/base/format.h"

namespace sealift::resolve {
namespace {

Result<void> unpack(const format::PayloadReader& reader, const format::TreeFile& file, const std::string& path) {
  SEALIFT_ASSIGN(const auto fd, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0700));
  base::FdSink sink(fd.get());
  auto done = reader.read(file.object.digest, {0, file.object.size}, sink);
  if (!done) return fail_while(std::move(done).error(), "unpacking " + path);
  return done;
}

}  // namespace

Result<std::string> Tools::find(const std::string& name) {
  std::error_code error;
  if (request_.tools) {
    SEALIFT_TRY(check_folder("the folder of --tools,", *request_.tools));
    const auto path = absolute(*request_.tools + "/" + name);
    if (std::filesystem::exists(path, error)) return path;
    base::tell(events_, Level::warning,
               base::format("the folder of --tools, {}, holds no {}; the base's is used", *request_.tools, name));
  }
  if (!inputs_.base_document) return std::string();
  const auto packed = format::expand_architecture(inputs_.base_document->tools.at(name), base::own_architecture());
  const auto own = inputs_.scratch->path() + "/" + name;
  if (const auto local = inputs_.files.find(packed); local != inputs_.files.end()) {
    const auto path = absolute(local->second.source);
    if (::access(path.c_str(), X_OK) == 0) return path;
    std::filesystem::copy_file(path, own, error);  // what was downloaded is no program yet
    if (!error) std::filesystem::permissions(own, std::filesystem::perms::owner_all, error);
    if (error) return fail(ErrorCode::io, "copy {} to {}: {}", path, own, error.message());
    return own;
  }
  const auto* base = inputs_.base_of(packed);
  if (base == nullptr) return std::string();
  SEALIFT_TRY(unpack(*base->reader, inputs_.contents.tree.at(packed), own));
  return own;
}

Result<std::string> Tools::known(const std::string& name) {
  auto there = found_.find(name);
  if (there == found_.end()) {
    SEALIFT_ASSIGN(auto path, find(name));
    there = found_.emplace(name, std::move(path)).first;
  }
  return there->second;
}

Result<bool> Tools::has(const std::string& name) {
  SEALIFT_ASSIGN(const auto path, known(name));
  return !path.empty();
}

Result<base::Command> Tools::command(const std::string& name, std::string_view why,
                                     std::vector<std::string> arguments) {
  SEALIFT_ASSIGN(auto path, known(name));
  if (path.empty()) {
    const auto machine = base::platform(base::own_architecture());
    if (request_.tools)
      return fail(ErrorCode::invalid_input,
                  "the folder of --tools, {}, holds no {}, nor is one for this machine ({}) packed, {}",
                  *request_.tools, name, machine, why);
    return fail(ErrorCode::invalid_input,
                "no {} for this machine ({}) is packed, {}; name a folder that holds one with --tools", name, machine,
                why);
  }
  arguments.insert(arguments.begin(), std::move(path));
  return base::confined(std::move(arguments), inputs_.scratch->path());
}

}  // namespace sealift::resolve
