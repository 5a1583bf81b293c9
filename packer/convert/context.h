// SPDX-License-Identifier: Apache-2.0
//
// The folder that a foreign Kubefile is built in, and the tree that its COPY lines make of it. Commands name files of
// the tree, ours take files of the folder. Paths are relative to the folder; nothing outside it is looked at.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"

namespace sealift::convert {

class Context {
 public:
  explicit Context(std::string folder) : folder_(std::move(folder)) {}

  bool has(const std::string& path) const { return is_file(path) || is_folder(path); }
  bool is_file(const std::string& path) const;
  bool is_folder(const std::string& path) const;
  bool is_link(const std::string& path) const;  // whatever it leads to
  bool is_executable(const std::string& path) const;
  // Names in a folder, sorted; with "*" and the like in the last part of a path: the paths that fit.
  std::vector<std::string> names_in(const std::string& folder) const;
  std::vector<std::string> fitting(const std::string& pattern) const;
  Result<std::string> read(const std::string& path) const;  // at most 512 KiB
  // What the folder is called, without versions: applications/redis/v7.2 is "redis".
  std::string product() const;

 private:
  std::string on_disk(const std::string& path) const;
  std::string folder_;
};

// "a//./b/" as "a/b"; "." is "". Keeps a leading "..".
std::string clean_path(std::string_view path);
std::string last_part(const std::string& path);
std::string below(const std::string& folder, const std::string& name);  // either may be empty

// COPY or ADD of a foreign Kubefile.
struct Copied {
  std::vector<std::string> sources;  // clean paths of the folder
  std::string destination;           // clean path of the tree
  bool is_used = false;              // by a command: its files are taken from the folder
};

class Tree {
 public:
  explicit Tree(const Context& context) : context_(&context) {}

  size_t add(Copied copied);
  const Copied& copied(size_t number) const { return copies_[number]; }

  struct Found {
    std::string path;  // in the folder
    bool exists = false;
  };
  // The file or folder that a command means with this path, seen from `folder` of the tree. Marks what brings it.
  std::optional<Found> locate(std::string_view path, const std::string& folder);

 private:
  struct Candidate {
    std::string path;
    size_t copy = 0;
  };
  void candidates_of(size_t number, const std::string& path, std::vector<Candidate>& out) const;

  const Context* context_;
  std::vector<Copied> copies_;
};

}  // namespace sealift::convert
