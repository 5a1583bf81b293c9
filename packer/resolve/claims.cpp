// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/claims.h"

namespace sealift::resolve {
namespace {

Result<bool> is_same(const FileInput& one, const FileInput& other) {
  if (one.mode != other.mode) return false;
  if (one.source == other.source) return true;
  SEALIFT_ASSIGN(const auto first, digest_of(one.source));
  SEALIFT_ASSIGN(const auto second, digest_of(other.source));
  return first == second;
}

}  // namespace

Origin origin_of(const Instruction& instruction, std::string_view operands) {
  return {std::format("{} {}", instruction.verb, operands), instruction.place};
}

Result<void> claim(Inputs& inputs, const LocalFile& file, const Origin& origin) {
  FileInput input{file.source, file.mode, origin};
  const auto there = inputs.files.find(file.target);
  if (there != inputs.files.end()) {
    SEALIFT_ASSIGN(const bool same, is_same(there->second, input));
    if (!same) {
      const auto& first = there->second;
      return bad(
          origin.place,
          std::format(
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
