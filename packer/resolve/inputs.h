// SPDX-License-Identifier: Apache-2.0
//
// What a Kubefile comes to: everything that goes into an artifact, each with the reason why it is there and the place
// that says so. Found and checked before a byte is packed; nothing here is written. Manifests of images have been
// fetched, blobs have not.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "packer/resolve/manifests.h"
#include "packer/resolve/words.h"
#include "packer/sources/image_source.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/base/file.h"
#include "payload/format/base_document.h"
#include "payload/format/contents.h"
#include "payload/format/reader.h"

namespace sealift::resolve {

struct Request {
  std::string kubefile;
  std::string context = ".";  // paths of the Kubefile count from here
  std::vector<Architecture> platforms;
  std::map<std::string, std::string> arguments;  // --build-arg
  std::vector<std::string> stubs;                // programs for the hosts, told apart by their ELF header
  std::optional<std::string> tools;              // folder with a kubeadm for this machine, if none is packed for it
  sources::RegistryOptions registries;           // for IMAGE without --from
};

struct Origin {
  std::string reason;  // "COPY etc/ etc/", "IMAGE redis:7"
  Place place;
};

struct FileInput {
  std::string source;  // on this machine
  uint32_t mode = 0644;
  Origin origin;
};

struct AppInput {
  format::App app;  // its files are among the others
  std::vector<Word> needs;
  std::vector<WantedImage> images;  // of its manifests, each with who wants it and where that is written
  Origin origin;
};

struct ImageInput {
  image::Reference reference;
  sources::ImagePlan plan;                 // its manifests and what they name, with digests and sizes
  sources::ImageSource* source = nullptr;  // of its blobs; owned by Inputs
  Origin origin;
};

struct ProgramInput {
  Architecture architecture = Architecture::amd64;
  std::string source;  // on this machine
};

struct BaseInput {
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;
  Origin origin;
};

struct Inputs {
  std::optional<BaseInput> base;  // none = scratch
  // What this build adds, by path in the payload's tree.
  std::map<std::string, FileInput> files;
  std::vector<AppInput> apps;          // in the order of the Kubefile
  std::vector<ImageInput> images;      // likewise
  std::vector<ProgramInput> programs;  // one a platform
  std::vector<Word> launch;
  std::optional<format::BaseDocument> base_document;  // also an inherited one
  // All that can be said before a byte is read: of the tree only what the base gives, no programs, of layers only what
  // the base knows.
  format::Contents contents;

  std::map<std::string, std::unique_ptr<sources::ImageSource>> sources;  // by folder; "" = registries
  bool holds(const std::string& path) const { return files.contains(path) || contents.tree.contains(path); }
};

// Reads the Kubefile and looks at everything that it names; checks what the payload promises (checks.h). `clock` must
// live as long as the result. Errors: invalid_input and unsupported with file and line, not_found, corrupt, io …
Result<Inputs> resolve(const Request& request, Clock& clock, EventSink& events, const CancelToken& cancel);

}  // namespace sealift::resolve
