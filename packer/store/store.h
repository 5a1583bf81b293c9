// SPDX-License-Identifier: Apache-2.0
//
// Artifacts on this machine, found by name. In its folder:
//   artifacts/HEX.run   the artifact whose identity this is, whole and verified when it came
//   names.json          which name means which identity (names.h)
//   builds/             unfinished builds, and what interrupted ones left for the next
//   verified/           which artifacts were found whole a while ago (verified.h)
//   lock                held while names and artifacts change, for moments only
// Files appear under their names when they are complete: a kill at any moment leaves at most an artifact without a
// name or a file in builds/, which prune() removes. An artifact that is removed while somebody reads it stays readable
// for him.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "packer/store/names.h"
#include "payload/base/cancel.h"
#include "payload/base/fd.h"

namespace sealift::store {

struct Artifact {
  Digest identity;
  std::string path;
  uint64_t size = 0;               // bytes of the file
  int64_t came = 0;                // seconds since 1970
  std::vector<std::string> names;  // full, sorted; empty if it has none
};

struct Removed {
  std::vector<std::string> lines;  // what was removed, for people
  uint64_t bytes = 0;
};

// A build whose result will be stored under this name.
struct Build {
  std::string name;  // full
  std::string path;  // where it writes, in builds/
  base::Fd lock;     // of this name's builds
};

// Writes a verified copy that shares extents where the file system can; it appears under its name when it is complete.
// Errors: those of opening an artifact; corrupt, no_space, cancelled …
Result<void> copy_artifact(const std::string& from, const std::string& to, const CancelToken& cancel);

class Store {
 public:
  // ${XDG_DATA_HOME}/sealift/store, else below ~/.local/share; empty if neither is known.
  static std::string default_folder();
  // Nothing is made before something is stored.
  explicit Store(std::string folder) : folder_(std::move(folder)) {}

  // By name, those without one last. Errors: those of reading names.json.
  Result<std::vector<Artifact>> list() const;
  // By name ("erp:3.4"), by identity, or by the first digits of one (at least 6). nullopt if there is none;
  // invalid_input if several begin so.
  Result<std::optional<Artifact>> find(std::string_view what) const;
  // The same, but not_found, with the names that are similar.
  Result<Artifact> get(std::string_view what) const;

  // Makes the folders. `busy` if a build for this name is running.
  Result<Build> begin(const std::string& name) const;
  // Takes the complete artifact, verified when it was written, that lies at the build's path, under its name and
  // further, full ones.
  Result<Artifact> adopt(const Build& build, const std::vector<std::string>& further = {}) const;
  // Copies an artifact in (sharing extents where the file system can) and verifies the copy. Without names it gets its
  // own (-t of its build). Errors: corrupt; invalid_input if it has no name of its own and none is given.
  Result<Artifact> load(const std::string& file, std::vector<std::string> names, const CancelToken& cancel) const;

  // Gives an artifact one more name, which may be another one's so far.
  Result<void> tag(std::string_view what, std::string_view name) const;
  // Takes this name away, and the artifact if it was the last one; given an identity, the artifact with all its names.
  Result<Removed> remove(std::string_view what) const;
  // Artifacts without a name, and what is in builds/ and no running build uses. `dry`: only tells.
  Result<Removed> prune(bool dry) const;
  // Reads every byte. A line for each thing that is not as it should be, with what to do.
  Result<std::vector<std::string>> check(unsigned threads, const CancelToken& cancel) const;

  const std::string& folder() const { return folder_; }

 private:
  Result<base::Fd> lock() const;
  Result<Names> read_names() const;
  Result<void> write_names(const Names& names) const;
  std::string path_of(const Digest& identity) const;

  std::string folder_;
};

}  // namespace sealift::store
