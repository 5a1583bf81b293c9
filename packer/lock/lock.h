// SPDX-License-Identifier: Apache-2.0
//
// Kubefile.lock: what the names in a Kubefile stood for when it was last resolved. A document only: it fetches and
// compares nothing on the network. packer/LOCK.md describes it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/platform.h"
#include "payload/hash/digest.h"

namespace sealift::lock {

// Where an artifact carries its lock, in the payload's tree.
inline constexpr std::string_view kTreePath = "sealift/Kubefile.lock";

struct Image {
  Digest root;  // of the index or manifest
  std::map<Architecture, Digest> platforms;
  bool operator==(const Image&) const = default;
};

struct Chart {
  Digest archive;                  // of its .tgz
  std::optional<Digest> manifest;  // of an OCI artifact
  bool operator==(const Chart&) const = default;
};

struct Lock {
  std::map<std::string, Digest> bases;  // FROM: a file without folders, or a name with its registry → identity
  std::map<std::string, Chart> charts;  // by address, dependencies too
  std::map<std::string, Image> images;  // by full name; those that name a digest are not here
  std::map<std::string, Digest> urls;   // of ADD
  bool empty() const { return bases.empty() && charts.empty() && images.empty() && urls.empty(); }
  bool operator==(const Lock&) const = default;
};

// "Kubefile" → "Kubefile.lock", beside it.
std::string path_of(const std::string& kubefile);

// Sorted, one entry a line or a short block. parse() takes what to_text() writes; invalid_input with line and column.
std::string to_text(const Lock& lock);
Result<Lock> parse(std::string_view text, std::string_view where);
// nullopt if there is no such file.
Result<std::optional<Lock>> read(const std::string& path, const CancelToken& cancel = {});
// Replaces the file completely or not at all.
Result<void> write(const std::string& path, const Lock& lock);

// A line for each entry that is not the same, for people: "IMAGE x: sha256:… → sha256:…", "… (new)", "… (gone)".
// Platforms that are in `before` only are no difference: a build may be for some of them.
std::vector<std::string> differences(const Lock& before, const Lock& now);

// `now`, with the platforms that `before` has of the same images: a build for one platform keeps the others.
Lock merged(const Lock& before, Lock now);

// Removes the entries with these names, of any kind. not_found, with the nearest, if there is none of that name.
Result<void> forget(Lock& lock, std::span<const std::string> names);

}  // namespace sealift::lock
