// SPDX-License-Identifier: Apache-2.0
//
// The result of reading a Kubefile: everything that goes into an artifact, each with its reason and its place in the
// Kubefile. Resolved and checked before a byte is packed; nothing is written here. Image manifests have been fetched,
// blobs have not.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "packer/resolve/locks.h"
#include "packer/resolve/tree.h"
#include "packer/resolve/words.h"
#include "packer/sources/image_source.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/base/file.h"
#include "payload/base/private_folder.h"
#include "payload/format/base_document.h"
#include "payload/format/contents.h"
#include "payload/format/reader.h"

namespace sealift::resolve {

struct Request {
  std::string kubefile;
  std::string context = ".";  // paths in the Kubefile are relative to this
  std::vector<Architecture> platforms;
  std::map<std::string, std::string> arguments;   // --build-arg
  std::vector<std::string> stubs;                 // programs for the hosts, identified by their ELF headers
  std::optional<std::string> tools;               // folder with programs for this machine, if none are packed for it
  std::optional<std::string> kubernetes_version;  // "v1.34.4": charts are rendered for it if there is no base
  std::optional<std::string> images;              // where those without --from are, as in --from; else the registries
  sources::RegistryOptions registries;
  std::string downloads;            // folder of the cache, see downloads::default_folder()
  std::optional<std::string> lock;  // file; beside the Kubefile if none is named
  LockUse lock_use;
  std::string output;           // what is written with the result: COPY leaves it out; empty: nothing is
  std::string store;            // folder of the local store; empty: there is none
  bool with_tests = false;      // also the images of helm's test hooks
  bool with_referrers = false;  // also signatures and the like: sources::plan_referrers()
};

struct Origin {
  std::string reason;  // "COPY etc/ etc/", "IMAGE redis:7", "APP erp: Deployment/web …"
  Place place;
  bool found = false;                      // by inspecting an application
  bool is_line() const { return !found; }  // of the Kubefile or of a list
};

struct FileInput {
  std::string source;  // on this machine
  uint32_t mode = 0644;
  Origin origin;
  std::optional<SeenFile> seen = {};  // as in LocalFile
};

struct AppInput {
  format::App app;  // its files are in Inputs::files
  std::vector<Word> needs;
  std::string folder;             // of a chart or a kustomization, on this machine; else empty
  std::vector<LocalFile> values;  // sets of values, the default first
  std::vector<Word> settings;     // --set
  Origin origin;
};

struct ImageInput {
  image::Reference reference;
  sources::ImagePlan plan;                 // its manifests and the blobs they name, with digests and sizes
  sources::ImageSource* source = nullptr;  // for its blobs; owned by Inputs
  Origin origin;
  int line = 0;  // of the Kubefile; the place may be in a list
};

struct ProgramInput {
  Architecture architecture = Architecture::amd64;
  std::string source;  // on this machine
};

// FROM or INCLUDE
struct BaseInput {
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;
  Origin origin;
};

// What two artifacts may have differently: a path of the tree, an application, an image's full name, a destination on
// hosts, a variable of the environment.
enum class Disputed { file, app, image, host_file, variable };
using Dispute = std::pair<Disputed, std::string>;

struct Inputs {
  std::unique_ptr<base::PrivateFolder> scratch;   // for what is unpacked; goes last, since `files` may lie there
  std::unique_ptr<base::PrivateFolder> unpacked;  // likewise, for the files of archives; made when it is needed
  std::vector<BaseInput> bases;                   // that of FROM first; none = scratch
  std::map<Dispute, Error> conflicts;             // of two bases, which no line has decided yet
  Locks locks;
  // What this build adds, by path in the payload's tree.
  std::map<std::string, FileInput> files;
  std::map<std::string, Origin> awaited;  // paths that lines will put files at which are still to be fetched
  std::vector<AppInput> apps;             // in Kubefile order
  std::vector<ImageInput> images;         // likewise
  std::vector<ProgramInput> programs;     // one per platform
  std::vector<Word> launch;
  std::map<std::string, Place> required;              // by name: the REQUIRES lines of this Kubefile
  std::optional<format::BaseDocument> base_document;  // may be inherited
  // Everything known before a byte is read: only the base's part of the tree, no programs, and only those layers that
  // the base has measured.
  format::Contents contents;

  std::map<std::string, std::unique_ptr<sources::ImageSource>> sources;  // by folder; "" = registries
  bool holds(const std::string& path) const { return files.contains(path) || contents.tree.contains(path); }
  // The base that this inherited path of the tree comes from; null if it is not inherited.
  const BaseInput* base_of(const std::string& path) const;
};

enum class Depth {
  names,      // which images, and why: nothing is fetched but charts, and what is needed to read them
  manifests,  // everything that can be known before a byte is packed
};

// Reads the Kubefile, resolves everything it names and checks the payload's promises (checks.h). `clock` must outlive
// the result. Errors: invalid_input and unsupported with file and line, not_found, corrupt, io …
Result<Inputs> resolve(const Request& request, Depth depth, Clock& clock, EventSink& events, const CancelToken& cancel);

}  // namespace sealift::resolve
