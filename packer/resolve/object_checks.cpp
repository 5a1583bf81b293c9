// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/object_checks.h"

#include <algorithm>
#include <map>
#include <set>

#include "packer/resolve/kubernetes_apis.h"
#include "packer/resolve/object_names.h"
#include "packer/resolve/render.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// Sources: etcd --max-request-bytes; Kubernetes apimachinery, TotalAnnotationSizeLimitB; core/v1, MaxSecretSize, which
// also holds for ConfigMaps. kubectl applies at the server, and adds no annotation of its own.
constexpr uint64_t kMaxObject = uint64_t{3} << 19;
constexpr uint64_t kMaxAnnotations = uint64_t{256} << 10;
constexpr uint64_t kMaxData = uint64_t{1} << 20;

class Checks {
 public:
  Checks(const AppInput& app, std::optional<int> minor, bool asks_for_versions, Problems& problems, EventSink& events)
      : app_(app), minor_(minor), asks_for_versions_(asks_for_versions), problems_(problems), events_(events) {}

  void look_at(const charts::ObjectNote& object) {
    for (const auto& container : object.without_image)
      refuse(object, base::format("{} has no image; the API server would refuse it", base::printable(container)));
    check_size(object, "is", object.bytes, kMaxObject, "etcd takes objects");
    check_size(object, "has annotations of", object.annotation_bytes, kMaxAnnotations,
               "the API server takes annotations");
    check_size(object, "has data of", object.data_bytes, kMaxData, "the API server takes data");
    check_version(object);
    check_name(object);
  }

  // `seen`: the objects that are applied together.
  using Seen = std::map<std::string, const charts::ObjectNote*>;
  void look_for_twin(const charts::ObjectNote& object, Seen& seen) {
    if (object.is_hook || object.name.empty()) return;  // hooks come and go
    const auto [first, fresh] = seen.emplace(
        base::format("{}\n{}\n{}\n{}", group_of(object), object.kind,
                     object.target_namespace.empty() ? app_.app.default_namespace() : object.target_namespace,
                     object.name),
        &object);
    if (fresh) return;
    if (app_.app.kind == format::AppKind::helm)
      warn(object, base::format("it is rendered twice, also in {}; helm may refuse that at the first installation",
                                first->second->place));
    else
      refuse(object, base::format("it stands at {} already, and the last one would win; remove one of them",
                                  first->second->place));
  }

  // helm looks up the kinds of all templates before it creates the first object; what lies in crds/ comes before.
  void look_for_definitions(std::span<const charts::ObjectNote> rendering) {
    if (asks_for_versions_) return;  // and may wait for them
    std::map<std::string, const charts::ObjectNote*> defined;
    for (const auto& object : rendering) {
      if (!object.defines.empty() && !object.is_hook && object.place.contains("/templates/"))
        defined.emplace(object.defines, &object);
    }
    for (const auto& object : rendering) {
      const auto definition = defined.find(base::format("{} {}", group_of(object), object.kind));
      if (definition != defined.end() && !object.is_hook)
        warn(object,
             base::format("its definition is a template, too ({}); helm refuses that at the first installation: "
                          "move the definition into the chart's crds/",
                          definition->second->place));
    }
  }

 private:
  static std::string group_of(const charts::ObjectNote& object) {
    const size_t slash = object.api_version.find('/');
    return slash == std::string::npos ? "" : object.api_version.substr(0, slash);
  }

  void check_size(const charts::ObjectNote& object, std::string_view what, uint64_t size, uint64_t limit,
                  std::string_view who) {
    if (size <= limit) return;
    refuse(object, base::format("it {} {}, and {} of at most {}; split it", what, base::human_bytes(size), who,
                                base::human_bytes(limit)));
  }

  void check_version(const charts::ObjectNote& object) {
    const auto* api = minor_ ? find_old_api(object.api_version, object.kind) : nullptr;
    if (api == nullptr || *minor_ < api->deprecated) return;
    const auto what = base::printable(object.api_version);
    if (api->removed == 0 || *minor_ < api->removed) {
      warn(object,
           base::format("{} is deprecated since Kubernetes 1.{}{}; use {}", what, api->deprecated,
                        api->removed == 0 ? "" : base::format(", and removed in 1.{}", api->removed), api->instead));
    } else if (asks_for_versions_) {
      // helm template has old versions among its Capabilities, whatever --kube-version says.
      warn(object, base::format("Kubernetes 1.{} removed {}; if the chart does not ask for the cluster's API versions "
                                "first, the installation fails: use {}",
                                api->removed, what, api->instead));
    } else {
      refuse(object, base::format("Kubernetes 1.{} removed {}, and this artifact is for 1.{}; use {}", api->removed,
                                  what, *minor_, api->instead));
    }
  }

  void check_name(const charts::ObjectNote& object) {
    const auto problem = name_problem(group_of(object), object.kind, object.name);
    if (object.name.empty() || !problem) return;
    if (problem->is_certain)
      refuse(object, "the API server refuses " + problem->what);
    else
      warn(object, "the API server may refuse " + problem->what);
  }

  std::string sentence(const charts::ObjectNote& object, std::string_view what) const {
    return base::format("{}: {}: {}: {}/{}: {}", app_.origin.place.text(), app_.origin.reason, object.place,
                        base::printable(object.kind), base::printable(object.name), what);
  }
  // Once for all sets of values that show the same.
  bool is_new(const charts::ObjectNote& object, std::string_view what) {
    const auto file = object.place.substr(0, object.place.find(" with "));
    return told_.insert(base::format("{}\n{}\n{}\n{}", file, object.kind, object.name, what)).second;
  }
  void refuse(const charts::ObjectNote& object, std::string_view what) {
    if (is_new(object, what)) problems_.add(fail(ErrorCode::invalid_input, "{}", sentence(object, what)));
  }
  void warn(const charts::ObjectNote& object, std::string_view what) {
    if (is_new(object, what)) base::tell(events_, Level::warning, sentence(object, what));
  }

  const AppInput& app_;
  std::optional<int> minor_;
  bool asks_for_versions_;
  Problems& problems_;
  EventSink& events_;
  std::set<std::string> told_;
};

size_t files_of(const Inputs& inputs, const AppInput& app) {
  const auto is_own = [&](const auto& file) { return file.first.starts_with(app.app.root + "/"); };
  return static_cast<size_t>(std::ranges::count_if(inputs.files, is_own));
}

}  // namespace

void check_objects(const Inputs& inputs, const AppInput& app, std::span<const charts::Inspector> streams,
                   const std::optional<std::string>& version, Problems& problems, EventSink& events) {
  const bool is_chart = app.app.kind == format::AppKind::helm;
  Checks checks(app, version ? minor_of(*version) : std::nullopt, is_chart && asks_for_api_versions(inputs, app),
                problems, events);
  Checks::Seen seen;
  size_t count = 0;
  for (const auto& stream : streams) {
    if (is_chart) {
      seen.clear();  // a rendering of its own
      checks.look_for_definitions(stream.objects());
    }
    for (const auto& object : stream.objects()) {
      checks.look_at(object);
      checks.look_for_twin(object, seen);
      ++count;
    }
  }
  if (count != 0) return;
  const auto sentence = base::format("{}: {}: ", app.origin.place.text(), app.origin.reason);
  if (is_chart)
    base::tell(events, Level::warning, sentence + "the chart renders no object with any of its sets of values");
  else if (streams.size() == files_of(inputs, app))  // what can't be read is told already
    problems.add(fail(ErrorCode::invalid_input, "{}its files hold no object; there is nothing to apply", sentence));
}

}  // namespace sealift::resolve
