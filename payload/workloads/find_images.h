// SPDX-License-Identifier: Apache-2.0
//
// Finds the container images that parsed Kubernetes documents name, wherever they stand: in pods, custom resources,
// environment variables, flags, ConfigMaps, and documents inside strings. It judges by structure, never by searching
// text, and makes no name that is not written there: what it can't read is told. Knows neither where documents come
// from nor what is packed. packer/DISCOVERY.md describes all this for people.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "payload/workloads/rules.h"
#include "payload/yaml/node.h"

namespace sealift::workloads {

// One place that names an image. Paths lead into strings: ".data[a.json] > .proxy.image".
struct Use {
  std::string image;     // as written, or put together of fields: "nginx", "reg.example/a:1@sha256:…"
  std::string object;    // "Deployment/shop"
  std::string path;      // ".spec.containers[0].image"; empty if a rule made it of the object as such
  int line = 0;          // in the document's text; within a string, of the string
  std::string found_by;  // one of kFoundBy, or "rule NAME"
  bool operator==(const Use&) const = default;
};

// "reference": a whole image name under a key that says nothing. "split fields": repository and tag as two values.
inline constexpr const char* kFoundBy[] = {"container", "image volume", "environment", "flag",
                                           "field",     "split fields", "reference",   "schema default"};

// Plainly meant for an image, but no name can be made of it.
struct Unresolved {
  std::string text;  // as written
  std::string object, path;
  int line = 0;
  std::string why;  // a clause: "it has no tag"
  bool operator==(const Unresolved&) const = default;
};

// An image, or nearly one, that nobody needs at the site.
struct Omitted {
  std::string text;
  std::string object, path;
  int line = 0;
  std::string reason;
  bool operator==(const Omitted&) const = default;
};

// In the order of the documents; what rules found comes last. No place stands twice with the same image.
struct Findings {
  std::vector<Use> images;
  std::vector<Unresolved> unresolved;
  std::vector<Omitted> omitted;
};

enum class TestHooks { omit, include };  // pods that only `helm test` creates

struct Options {
  TestHooks test_hooks = TestHooks::omit;
};

// What one place can prove about another: an environment variable with an image's name takes its value from a
// ConfigMap, whose own key says nothing.
struct Evidence {
  using Entry = std::pair<std::string, std::string>;  // a ConfigMap's name, a key of its data
  std::set<Entry> wanted;
  std::vector<std::pair<Entry, Use>> offered;
};

// For documents that are delivered together: one rendering, or better all, since a rule may need an operator's own
// documents to read its resources. Not thread-safe.
class ImageFinder {
 public:
  // `rules` must outlive this: there may be hundreds of finders.
  explicit ImageFinder(const Rules& rules, Options options = {}) : rules_(&rules), options_(options) {}
  explicit ImageFinder(Rules&&, Options = {}) = delete;
  void add(const yaml::Node& document);
  // The added documents that rules read.
  const std::vector<yaml::Node>& read_by_rules() const { return kept_; }
  // Once. `others`: documents of other renderings, where rules may find what they need, e.g. the operator of a
  // resource.
  Findings finish(std::span<const yaml::Node* const> others = {});

 private:
  void add_object(const yaml::Node& object, const std::string& kind_of_list);

  const Rules* rules_;
  Options options_;
  Findings findings_;
  Evidence evidence_;
  std::vector<yaml::Node> kept_;  // documents that rules read together
};

// Images that the annotations of a parsed Chart.yaml list: images, helm.sh/images, artifacthub.io/images. Only hints:
// such lists lack images of subcharts and name images that the values turned off.
std::vector<std::string> annotated_images(const yaml::Node& chart);

}  // namespace sealift::workloads
