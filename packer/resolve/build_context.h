// SPDX-License-Identifier: Apache-2.0
//
// The folder that paths of a Kubefile count from, and what of it does not exist for the build (.sealiftignore).
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "packer/resolve/ignore_list.h"
#include "payload/base/cancel.h"

namespace sealift::resolve {

class BuildContext {
 public:
  // Everything in it exists.
  explicit BuildContext(std::string folder = {});
  // With the list beside the Kubefile, `<Kubefile>.sealiftignore`, or else with that of the folder, `.sealiftignore`.
  // Errors: invalid_input with its line; those of reading it.
  static Result<BuildContext> open(const std::string& folder, const std::string& kubefile, const CancelToken& cancel);

  const std::string& folder() const { return folder_; }
  const std::filesystem::path& place() const { return place_; }  // without links; empty if there is no such folder
  const IgnoreList& ignored() const { return ignored_; }

  // The path in the context of what lies at this path; "" is the context itself. Nothing if it lies elsewhere.
  std::optional<std::string> path_of(const std::string& path) const;

  // Files and folders that lines name, or that lie in such folders, and that are left out; as people know them.
  void leave_out(const std::string& path);
  bool has_left_out_below(const std::string& folder) const;
  // "3 files and folders, as .sealiftignore says"; empty if there are none.
  std::string left_out() const;

 private:
  std::string folder_, list_;
  std::filesystem::path named_, place_;  // absolute: as it is named, and without links
  IgnoreList ignored_;
  std::set<std::string> left_out_;  // normal: one file may be reached by several lines
};

// What the list says of a file, by its path in the context and, behind a link, by the path that the link leads to.
class Standing {
 public:
  // `path`: as named; `place`: without links. `context` must outlive this.
  Standing(const BuildContext& context, const std::string& path, const std::string& place);
  Standing below(const std::string& name) const;
  Standing behind_link(const std::string& place) const;

  // The line of the list.
  std::optional<Place> excluded_by() const;
  // Of an excluded folder.
  bool may_hold_exceptions() const;

 private:
  struct Way {
    std::string path;
    IgnoreList::Matches matches;
  };
  std::optional<Way> way(const std::optional<std::string>& path) const;

  const BuildContext* context_;
  std::optional<Way> named_, place_;  // the second only if it is another one
};

}  // namespace sealift::resolve
