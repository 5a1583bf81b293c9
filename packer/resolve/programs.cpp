// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/programs.h"

#include <algorithm>

#include "payload/base/file.h"

namespace sealift::resolve {
namespace {

Result<Architecture> read_architecture(const std::string& path) {
  SEALIFT_ASSIGN(const auto file, base::OpenFile::open(path));
  Bytes head(kProgramHead);
  if (file->size() < head.size() || !file->read_at(0, head))
    return fail(ErrorCode::invalid_input, "{} is not a program", path);
  if (const auto architecture = architecture_of_program(head)) return *architecture;
  return fail(ErrorCode::invalid_input, "{} is not a program for x86_64 or aarch64", path);
}

}  // namespace

// EM_X86_64 and EM_AARCH64
std::optional<Architecture> architecture_of_program(ByteView head) {
  base::ByteReader reader(head);
  const auto magic = reader.u32();
  (void)reader.bytes(14);
  const auto machine = reader.u16();
  if (!magic || *magic != 0x464c457fU || !machine) return std::nullopt;
  if (*machine == 62) return Architecture::amd64;
  if (*machine == 183) return Architecture::arm64;
  return std::nullopt;
}

Result<std::vector<ProgramInput>> find_programs(const Request& request) {
  std::vector<ProgramInput> out;
  for (const auto& path : request.stubs) {
    SEALIFT_ASSIGN(const Architecture architecture, read_architecture(path));
    if (std::ranges::contains(request.platforms, architecture)) out.push_back({architecture, path});
  }
  for (const Architecture architecture : request.platforms) {
    if (std::ranges::contains(out, architecture, &ProgramInput::architecture)) continue;
    return fail(ErrorCode::not_found, "the program for {} hosts (stub-{}) is not beside sealift; name it with --stub",
                base::platform(architecture), architecture == Architecture::amd64 ? "x86_64" : "aarch64");
  }
  return out;
}

}  // namespace sealift::resolve
