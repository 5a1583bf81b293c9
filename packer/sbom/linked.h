// SPDX-License-Identifier: Apache-2.0
//
// What a program of Sealift is linked with. It says so itself, in the text that it prints for --licenses
// (toolchain/licenses.cmake); that text is read out of the file, since the program may be for another machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sealift::sbom {

struct LinkedLibrary {
  std::string name, version, license;
  bool operator==(const LinkedLibrary&) const = default;
};

struct LinkedProgram {
  std::string version;  // of Sealift
  std::vector<LinkedLibrary> libraries;
};

// Of the program that runs on hosts. nullopt if the file says nothing of it.
std::optional<LinkedProgram> linked_into(std::string_view program);

}  // namespace sealift::sbom
