// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/claims.h"

#include "payload/base/format.h"

namespace sealift::resolve {
namespace {

Result<bool> is_same(const FileInput& one, const FileInput& other) {
  if (one.mode != other.mode) return false;
  if (one.source == other.source) return true;
  SEALIFT_ASSIGN(const auto first, digest_of(one.source));
  SEALIFT_ASSIGN(const auto second, digest_of(other.source));
  return first == second;
}

// The first path that `target` would lie below, or that would lie below it.
template <class Tree>
auto clash(const Tree& tree, const std::string& target) {
  for (size_t slash = target.find('/'); slash != std::string::npos; slash = target.find('/', slash + 1)) {
    if (const auto at = tree.find(target.substr(0, slash)); at != tree.end()) return at;
  }
  const std::string folder = target + "/";
  const auto below = tree.lower_bound(folder);
  return below != tree.end() && below->first.starts_with(folder) ? below : tree.end();
}

std::unexpected<Error> both(const std::string& target, const Origin& origin, const std::string& other,
                            const std::string& who) {
  return bad(origin.place,
             base::format("{} puts a file at {} of the payload's tree, where {} puts one at {}: a path is a "
                          "file or a folder; give one of them another destination",
                          origin.reason, target, who, other));
}

}  // namespace

Result<void> check_shape(const Inputs& inputs, const std::string& target, const Origin& origin) {
  const auto text = [](const Origin& other) { return base::format("{} ({})", other.reason, other.place.text()); };
  if (const auto at = clash(inputs.files, target); at != inputs.files.end())
    return both(target, origin, at->first, text(at->second.origin));
  if (const auto at = clash(inputs.awaited, target); at != inputs.awaited.end())
    return both(target, origin, at->first, text(at->second));
  if (const auto at = clash(inputs.contents.tree, target); at != inputs.contents.tree.end())
    if (const auto* base = inputs.base_of(at->first)) return both(target, origin, at->first, text(base->origin));
  return {};
}

Origin origin_of(const Instruction& instruction, std::string_view operands) {
  return {base::format("{} {}", instruction.verb, operands), instruction.place};
}

Result<void> claim(Inputs& inputs, const LocalFile& file, const Origin& origin) {
  SEALIFT_TRY(check_shape(inputs, file.target, origin));
  FileInput input{file.source, file.mode, origin, file.seen};
  const auto there = inputs.files.find(file.target);
  if (there != inputs.files.end()) {
    SEALIFT_ASSIGN(const bool same, is_same(there->second, input));
    if (!same) {
      const auto& first = there->second;
      return bad(
          origin.place,
          base::format(
              "{} puts {} at {} of the payload's tree, where {} ({}) has put {}, which differs; give one of them another destination",
              origin.reason, input.source, file.target, first.origin.reason, first.origin.place.text(), first.source));
    }
  }
  inputs.files.insert_or_assign(file.target, std::move(input));
  return {};
}

Result<void> claim(Inputs& inputs, std::span<const LocalFile> files, const Origin& origin) {
  for (const auto& file : files) SEALIFT_TRY(claim(inputs, file, origin));
  return {};
}

}  // namespace sealift::resolve
