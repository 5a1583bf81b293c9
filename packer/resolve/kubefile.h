// SPDX-License-Identifier: Apache-2.0
//
// The Kubefile as instructions with their places. Grammar: packer/KUBEFILE.md. Expands variables but does not look at
// files. Every problem names file and line, and the column where a single word is wrong.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "packer/charts/address.h"
#include "packer/resolve/problems.h"
#include "packer/resolve/words.h"
#include "payload/format/contents.h"

namespace sealift::resolve {

struct From {
  Word base;  // "scratch", an artifact file or a name in the local store
};

// INCLUDE: another artifact, beside the base
struct Include {
  Word artifact;
};

// REQUIRES: what the cluster must have already
struct Require {
  Word name;
  std::string versions;  // see format::Requirement
};

// REMOVE
enum class Part { image, app, file };
struct Remove {
  Part part = Part::file;
  std::vector<Word> names;
};

// ADD --unpack
struct Unpack {
  size_t strip = 0;        // leading parts that names lose
  std::vector<Word> only;  // patterns of names; empty = all
};

// COPY and ADD
struct Copy {
  std::vector<Word> sources;  // on this machine, as written; of ADD also URLs
  Word destination;           // in the payload's tree, as written
  std::optional<Digest> checksum;
  std::optional<Word> checksums;         // or the URL of a file of checksums
  std::optional<Unpack> unpack;          // each source is an archive
  bool follows_links = false;            // of COPY: links in folders may lead out of them and out of the context
  std::optional<uint32_t> mode;          // of all files: 0755 or 0644
  std::optional<Architecture> platform;  // for builds that pack it
};

// FILE
struct PutFile {
  Word source;
  std::string destination;  // on the hosts, safe and absolute
  uint32_t mode = 0644;
  uint32_t uid = 0, gid = 0;
  format::HostRole role = format::HostRole::all;
  bool is_template = false;
};

// APP and CNI
struct AddApp {
  Word name;
  bool is_network = false;
  std::vector<Word> sources;              // without the local:// prefix
  std::optional<charts::Address> remote;  // of the only source: a chart on another machine
  std::vector<Word> needs;
  std::optional<Word> target_namespace, release;
  std::vector<Word> settings;  // --set: "key=value", for renderings at the build only
  std::string part_of;         // set by parts_of(): the name of a line that brings several charts
};

// VALUES: each file is one set of values
struct AddValues {
  Word app;
  std::vector<Word> files;
};

// IGNORE-IMAGE
struct IgnoreImages {
  Word pattern;  // * stands for any text
  std::string reason;
};

// IMAGE-RULES
struct AddRules {
  std::vector<Word> files;
};

// IMAGE
struct AddImage {
  Word name;  // or a file with a name on each line: "images.txt"
  bool is_list = false;
  std::optional<std::string> from;  // as written; see sources::open_source()
};

// ENV
struct SetEnvironment {
  std::map<std::string, std::string> values;
};

// LABEL
struct SetLabels {
  std::map<std::string, std::string> values;
};

struct Launch {
  std::vector<Word> apps;
};

using What = std::variant<From, Include, Require, Remove, Copy, PutFile, AddApp, AddImage, SetEnvironment, SetLabels,
                          Launch, AddValues, IgnoreImages, AddRules>;
struct Instruction {
  std::string_view verb;  // as in verbs()
  Place place;            // of the line
  What what;
};

// A word that may begin a line, for help and documents.
struct Verb {
  std::string_view word;
  std::string_view usage;    // "NAME=value …"; empty if it is rejected
  std::string_view refused;  // why it is rejected and what to do instead; empty if it is accepted
};
std::vector<Verb> verbs();

// Whether a source of ADD is downloaded.
bool is_url(std::string_view source);

struct Kubefile {
  std::vector<Instruction> instructions;  // of the lines that can be read
  Problems problems;                      // of the others: invalid_input, unsupported, usage
  bool is_complete = true;                // false: what can't be read may have named further applications
  bool has_all_values = true;             // false: it may have been VALUES
};

// `arguments`: from --build-arg; one without an ARG is a problem.
Kubefile parse_kubefile(std::string_view text, const std::string& file,
                        const std::map<std::string, std::string>& arguments);

}  // namespace sealift::resolve
