// SPDX-License-Identifier: Apache-2.0
#include "packer/selftest/self_test.h"

#include <algorithm>
#include <map>

#include "packer/resolve/base.h"
#include "packer/resolve/checks.h"
#include "packer/resolve/discover.h"
#include "packer/resolve/object_checks.h"
#include "packer/resolve/packed.h"
#include "packer/resolve/programs.h"
#include "packer/resolve/render.h"
#include "packer/resolve/templates.h"
#include "packer/selftest/images.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::selftest {
namespace {

class SelfTest {
 public:
  SelfTest(const Request& request, const std::function<void(const Part&)>& on_part, EventSink& events,
           const CancelToken& cancel)
      : request_(request), on_part_(on_part), events_(events), cancel_(cancel) {}

  Result<void> run(resolve::BaseInput artifact) {
    payload_ = artifact.reader.get();
    SEALIFT_TRY(check_bytes());
    if (!problems_.empty()) return problems_.joined();  // what is read now would only follow from it
    SEALIFT_ASSIGN(inputs_, resolve::packed_inputs(std::move(artifact), request_.name));
    SEALIFT_TRY(take_settings());
    as_built_.tools = request_.tools;
    as_built_.kubernetes_version = request_.kubernetes_version;
    for (const auto& stub : payload_->contents().stubs) as_built_.platforms.push_back(stub.architecture);
    SEALIFT_TRY(check_programs());
    SEALIFT_TRY(check_images());
    resolve::Tools tools(inputs_, as_built_, events_);
    SEALIFT_TRY(check_apps(tools));
    SEALIFT_TRY(check_order());
    SEALIFT_TRY(check_base(tools));
    return problems_.joined();
  }

  Error named(Error error) const {
    return inputs_.scratch ? resolve::named_as_packed(inputs_, std::move(error)) : error;
  }

 private:
  // The part is good if no problem has come up since the last one.
  void end_part(std::string what) {
    on_part_({problems_.count() == told_, std::move(what)});
    told_ = problems_.count();
  }
  void is_wrong(std::string what) {
    problems_.add(Error{ErrorCode::invalid_input, base::format("{}: {}", request_.name, what), {}});
  }

  void take(const std::vector<format::Damage>& damages) {
    for (const auto& damage : damages)
      problems_.add(
          fail(ErrorCode::corrupt,
               "{}: {} is damaged at offset {}: {}; copy the file again from where it came, or build it again",
               request_.name, damage.where, damage.offset, damage.error.text()));
  }

  Result<void> check_bytes() {
    const auto show = [&](format::VerifyProgress state) {
      events_.on({.kind = base::EventKind::progress, .step = "bytes", .done = state.done, .total = state.total});
    };
    SEALIFT_ASSIGN(const auto damages, payload_->verify(request_.threads, show, cancel_));
    take(damages);
    end_part(base::format("every byte: {}", base::human_bytes(payload_->file().size())));
    if (!damages.empty()) return {};
    std::vector<Digest> digests;
    for (const auto& object : payload_->objects()) digests.push_back(object.digest);
    SEALIFT_ASSIGN(const auto wrong, payload_->verify_objects(digests, request_.threads, cancel_));
    take(wrong);
    end_part(base::format("every object, decoded: {}", base::counted(digests.size(), "object", "objects")));
    return {};
  }

  Result<void> take_settings() {
    for (const auto& setting : request_.settings) {
      const auto name = setting.substr(0, setting.find(':'));
      const auto app =
          std::ranges::find(inputs_.apps, name, [](const resolve::AppInput& input) { return input.app.name; });
      if (name.size() == setting.size() || !setting.contains('='))
        return fail(ErrorCode::usage, "--set {}: write APP:key=value", base::printable(setting));
      if (app == inputs_.apps.end())
        return fail(ErrorCode::not_in_artifact, "--set {}: {} has no application of this name",
                    base::printable(setting), request_.name);
      app->settings.push_back({setting.substr(name.size() + 1), app->origin.place});
    }
    return {};
  }

  Result<void> check_programs() {
    std::vector<std::string> platforms;
    for (const auto& stub : payload_->contents().stubs) {
      base::MemorySink head(resolve::kProgramHead);
      const auto size = std::min<uint64_t>(resolve::kProgramHead, stub.object.size);
      SEALIFT_TRY(payload_->read(stub.object.digest, {0, size}, head));
      platforms.emplace_back(base::platform(stub.architecture));
      if (resolve::architecture_of_program(head.data()) != stub.architecture)
        is_wrong(
            base::format("what it has for {} hosts is no program for them; build it again with a stub of Sealift's",
                         platforms.back()));
    }
    if (platforms.empty()) is_wrong("it holds no program, so it can't deliver itself; build it again");
    end_part("programs: " + (platforms.empty() ? "none" : base::join(platforms, ", ")));
    return {};
  }

  Result<void> check_images() {
    SEALIFT_ASSIGN(const size_t count, selftest::check_images(*payload_, problems_));
    end_part(base::format("images, from their names to their layers, for every platform: {}", count));
    return {};
  }

  Result<void> check_apps(resolve::Tools& tools) {
    if (inputs_.apps.empty()) return {};
    problems_.note(resolve::check_version(inputs_, as_built_, true));
    SEALIFT_ASSIGN(const auto rules, resolve::packed_rules(inputs_));
    auto inspectors = resolve::inspect_manifests(inputs_, rules, problems_);
    std::vector<const resolve::AppInput*> charts;
    size_t renderings = 0;
    for (const auto& app : inputs_.apps) {
      if (app.app.kind != format::AppKind::helm) continue;
      charts.push_back(&app);
      renderings += resolve::render_jobs(app).size();
    }
    if (resolve::kubernetes_version(inputs_, as_built_)) {
      const size_t before = problems_.count();
      SEALIFT_TRY(resolve::inspect_charts(charts, inputs_, as_built_, tools, rules, inspectors, problems_, cancel_));
      if (problems_.count() != before)
        base::tell(
            events_, Level::info,
            "an artifact does not keep what APP --set gave at its build: give it again with --set APP:key=value");
    }
    const bool is_complete = problems_.count() == told_;
    for (const auto& app : inputs_.apps) {
      if (const auto streams = inspectors.find(app.app.name); streams != inspectors.end())
        resolve::check_objects(inputs_, app, streams->second, resolve::kubernetes_version(inputs_, as_built_),
                               problems_, events_);
    }
    size_t objects = 0;
    for (const auto& [app, streams] : inspectors) {
      for (const auto& stream : streams) objects += stream.objects().size();
    }
    end_part(base::format(
        "applications: {}, {} with {}, {}", inputs_.apps.size(), base::counted(charts.size(), "chart", "charts"),
        base::counted(renderings, "set of values", "sets of values"), base::counted(objects, "object", "objects")));
    if (is_complete) check_uses(inspectors);
    return {};
  }

  // Every image that the applications will ask for is there.
  void check_uses(resolve::Inspectors& inspectors) {
    const auto wanted = resolve::settle(inputs_, inspectors, events_);
    if (!wanted) problems_.add(wanted.error());
    size_t count = 0;
    for (const auto& image : wanted.value_or(std::vector<resolve::Wanted>{})) {
      ++count;
      if (payload_->contents().find_image(image.reference) != nullptr) continue;
      is_wrong(
          base::format("{}: the image {} is not packed; build the artifact again with `IMAGE {}`, or name it with "
                       "IGNORE-IMAGE and the reason why nothing pulls it",
                       image.reason, image.reference.text(), image.reference.text()));
    }
    end_part(base::format("images that the applications name: {}", count));
  }

  Result<void> check_order() {
    resolve::check_app_names(inputs_, problems_);
    resolve::warn_without_network(inputs_, events_);
    const auto& launch = inputs_.contents.launch;
    end_part("launch: " + (launch.empty() ? "all applications" : base::join(launch, ", ")));
    return {};
  }

  Result<void> check_base(resolve::Tools& tools) {
    resolve::check_templates(inputs_, as_built_, problems_);
    auto promises = resolve::check_promises(inputs_, as_built_, tools, events_, cancel_);
    if (!promises && promises.error().code == ErrorCode::cancelled) return promises;
    problems_.note(std::move(promises));
    const auto& contents = payload_->contents();
    if (!inputs_.base_document && contents.name.empty())
      is_wrong(
          "it has neither a Kubernetes base nor a name, by which a cluster would know its next version; build it "
          "with -t NAME:VERSION");
    std::vector<std::string> required;
    for (const auto& requirement : contents.requirements) required.push_back(requirement.text());
    end_part(inputs_.base_document
                 ? base::format("base: {} {}", inputs_.base_document->name, inputs_.base_document->kubernetes_version)
                 : base::format("base: none; it goes onto a cluster that is there{}",
                                required.empty() ? "" : ", with " + base::join(required, ", ")));
    return {};
  }

  const Request& request_;
  const std::function<void(const Part&)>& on_part_;
  EventSink& events_;
  const CancelToken& cancel_;
  const format::PayloadReader* payload_ = nullptr;  // owned by inputs_
  resolve::Inputs inputs_;
  resolve::Request as_built_;
  resolve::Problems problems_;
  size_t told_ = 0;  // problems of the parts that have ended
};

}  // namespace

Result<void> run(resolve::BaseInput artifact, const Request& request, const std::function<void(const Part&)>& on_part,
                 EventSink& events, const CancelToken& cancel) {
  SelfTest test(request, on_part, events, cancel);
  auto done = test.run(std::move(artifact));
  if (!done) return std::unexpected(test.named(std::move(done).error()));
  return done;
}

}  // namespace sealift::selftest
