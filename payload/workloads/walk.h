// SPDX-License-Identifier: Apache-2.0
//
// The walk through one object. Only for this library: ImageFinder chooses the objects.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "payload/workloads/find_images.h"
#include "payload/workloads/image_words.h"

namespace sealift::workloads {

// What the walker knows about a node from those above it.
struct Context {
  KeySays key = KeySays::nothing;  // of the node's key; items of a list have that of the list
  std::string_view word;           // that key; empty for items of lists within lists
  bool container = false;          // the mapping is a Container of core/v1: its image may be short
  bool volume = false;             // the mapping is a Volume
  bool arguments = false;          // the words of a command, or its text for a shell
  bool free_text = false;          // annotations: a bare name means nothing there
  bool disabled = false;           // below "enabled: false"
  bool data = false;               // an entry of a ConfigMap or a Secret
  bool windows = false;            // in a pod for Windows nodes
  std::string_view version;        // of the nearest mapping above that has one, for baseImage
  int embedded = 0;                // how many strings deep
  int line = 0;                    // of the outermost string, if embedded
};

// One of several values with names: members of a mapping, environment variables, flags.
struct Sibling {
  std::string_view name, text;
  const yaml::Node* value = nullptr;
  std::string place;  // behind the path of what holds them all
};

// Those of a mapping: its scalars.
std::vector<Sibling> siblings_of(const yaml::Node& mapping);

class Walker {
 public:
  Walker(std::string object, Findings& findings, Evidence& evidence)
      : object_(std::move(object)), findings_(findings), evidence_(evidence) {}
  void walk(const yaml::Node& object) { visit(object, {}); }

 private:
  // While it lives, path_ ends in one more part.
  class Step {
   public:
    Step(std::string& path, std::string_view part) : path_(path), size_(path.size()) { path_ += part; }
    ~Step() { path_.resize(size_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    std::string& path_;
    size_t size_;
  };

  void visit(const yaml::Node& node, const Context& context);
  void visit_mapping(const yaml::Node& node, Context context);
  void visit_member(const std::string& key, const yaml::Node& value, const Context& of_mapping);
  void visit_sequence(const yaml::Node& node, const Context& context);
  void visit_schema(const yaml::Node& node, std::string_view property, const Context& context);
  void visit_data(const std::string& key, const yaml::Node& entries, bool encoded, const Context& context);

  // Texts that hold more than a name (texts.cpp).
  void visit_text(const yaml::Node& node, const Context& context);
  void visit_settings(const yaml::Node& text, const Context& context);
  void visit_arguments(const yaml::Node& list, const Context& context);
  void visit_shell_text(const yaml::Node& text, const Context& context);
  void visit_pairs(std::string_view text, KeySays key, const char* found_by, const yaml::Node& at,
                   const Context& context);
  bool visit_inside(const yaml::Node& text, const Context& context);  // whether it holds documents

  // Judge one place (judge.cpp). True: what stands there needs no further look.
  bool judge_container(const yaml::Node& node, const Context& context);
  bool judge_volume(const yaml::Node& node, const Context& context);
  bool judge_variable(const yaml::Node& node, const Context& context);
  bool judge_named(std::string_view text, KeySays key, const char* found_by, const yaml::Node& at,
                   const Context& context);
  // The keys of the mapping that were put together: they need no further look.
  std::vector<std::string_view> judge_split(const yaml::Node& node, const Context& context);

  // The same for names that share their beginning: x.repository and x.tag, X_IMAGE_REPO and X_IMAGE_VERSION
  // (siblings.cpp). Returns the names that were put together.
  std::set<std::string_view> judge_siblings(const std::vector<Sibling>& all, const Context& context);

  void found(std::string image, const char* found_by, const yaml::Node& at, const Context& context);
  void unresolved(std::string_view text, std::string why, const yaml::Node& at, const Context& context);
  void omitted(std::string_view text, std::string reason, const yaml::Node& at, const Context& context);
  static int line_of(const yaml::Node& at, const Context& context);

  std::string object_;
  std::string path_;
  std::string config_map_;  // the name of the ConfigMap that is walked, if it is one
  bool native_ = false;     // the object is one of Kubernetes' own: nobody fills its containers in later
  Findings& findings_;
  Evidence& evidence_;
};

}  // namespace sealift::workloads
