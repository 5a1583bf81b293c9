// SPDX-License-Identifier: Apache-2.0
//
// An artifact as a bill of materials: what is in it and how that hangs together, in no format yet. Says only what the
// artifact itself says; nothing is asked of a network. Equal artifacts have equal bills.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "payload/format/reader.h"
#include "payload/hash/digest.h"

namespace sealift::sbom {

enum class Kind {
  artifact,
  base,         // that the artifact was built on; only its identity is known
  kubernetes,   // what its base document says
  program,      // the one that delivers, for one platform
  library,      // linked into a program
  application,  // a helm chart or manifests
  image,        // the index or manifest that its name stands for
  variant,      // an image's manifest for one platform, if there is an index
  attachment,   // a signature or the like, of an image
  file,
};

struct Component {
  Kind kind = Kind::file;
  std::string id;  // letters, digits, '-' and '.'; unique, and derived from what it is
  std::string name, version;
  std::string purl;  // package URL
  std::optional<Digest> digest;
  std::string license;      // as its makers write it; empty: not known
  std::string app_version;  // of a chart: that of the program in it
  std::string media_type;   // of images and attachments
  std::string remark;       // for people
};

enum class Link { contains, depends_on, links_statically, is_variant_of, is_about, descends_from };

struct Relation {
  std::string from;
  Link link = Link::contains;
  std::string to;
};

struct Bill {
  std::string identity;               // of the artifact, 64 digits
  std::vector<Component> components;  // the artifact first
  std::vector<Relation> relations;

  const Component& artifact() const { return components.front(); }
};

// Errors: those of reading the payload; corrupt for a chart or an image that can't be read.
Result<Bill> bill_of(const format::PayloadReader& payload);

}  // namespace sealift::sbom
