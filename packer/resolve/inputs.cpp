// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/inputs.h"

#include <algorithm>

#include "packer/resolve/app_lines.h"
#include "packer/resolve/base.h"
#include "packer/resolve/checks.h"
#include "packer/resolve/claims.h"
#include "packer/resolve/discover.h"
#include "packer/resolve/file_lines.h"
#include "packer/resolve/images.h"
#include "packer/resolve/merge.h"
#include "packer/resolve/object_checks.h"
#include "packer/resolve/parts.h"
#include "packer/resolve/programs.h"
#include "packer/resolve/requirements.h"
#include "packer/resolve/rule_files.h"
#include "packer/resolve/templates.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

const std::string kBaseDocument = "base.yaml";

class Resolver {
 public:
  Resolver(const Request& request, Depth depth, Clock& clock, EventSink& events, const CancelToken& cancel)
      : request_(request),
        depth_(depth),
        clock_(clock),
        events_(events),
        cancel_(cancel),
        remote_(out_.locks, request.downloads, request.registries, clock, events, cancel),
        files_(out_, request, context_, depth, remote_, findings_.unpacked, events, cancel),
        apps_(out_, request, context_, findings_, remote_, events, cancel),
        images_(out_, request, context_, clock, events, cancel) {}

  Result<Inputs> resolve() {
    auto out = resolve_all();
    if (!out) return std::unexpected(named_as_written(std::move(out).error()));
    return out;
  }

 private:
  Result<Inputs> resolve_all() {
    SEALIFT_TRY(read_lines());
    if (depth_ == Depth::manifests) {
      if (const auto left_out = context_.left_out(); !left_out.empty()) base::tell(events_, Level::info, left_out);
      warn_without_network(out_, events_);
    }
    SEALIFT_TRY(fetch_tools());
    Tools tools(out_, request_, events_);
    SEALIFT_TRY(apps_.build_kustomizations(tools));
    SEALIFT_TRY(render_charts(tools));
    std::optional<std::vector<Wanted>> wanted;
    if (findings_.problems.empty()) wanted = findings_.problems.note(settle(out_, findings_.inspectors, events_));
    check_objects(format::AppKind::helm);
    SEALIFT_TRY(findings_.problems.joined());
    if (depth_ == Depth::manifests) {
      SEALIFT_TRY(images_.plan());
      findings_.problems.note(check_image_names(out_.images));
    }
    SEALIFT_TRY(images_.add_wanted(std::move(*wanted)));
    if (depth_ == Depth::names) return std::move(out_);
    SEALIFT_TRY(images_.plan());
    images_.tell(findings_.problems);
    check_inherited_images(out_, findings_.problems);
    SEALIFT_TRY(findings_.problems.joined());
    SEALIFT_TRY(check_locks(out_.locks, request_.lock_use));
    SEALIFT_TRY(add_lock());
    SEALIFT_TRY(check_promises(out_, request_, tools, events_, cancel_));
    return std::move(out_);
  }

  // Everything that can be checked before a program is run. What has to be fetched comes last, and only if nothing else
  // is wrong.
  Result<void> read_lines() {
    SEALIFT_TRY(check_folder("the build's context", request_.context));
    SEALIFT_ASSIGN(context_, BuildContext::open(request_.context, request_.kubefile, cancel_));
    SEALIFT_ASSIGN(const auto text, read_input(request_.kubefile, size_t{4} << 20, cancel_));
    kubefile_ = parse_kubefile(text, request_.kubefile, request_.arguments);
    findings_.problems = std::move(kubefile_.problems);
    SEALIFT_ASSIGN(auto scratch, base::PrivateFolder::make());
    out_.scratch = std::make_unique<base::PrivateFolder>(std::move(scratch));
    SEALIFT_ASSIGN(out_.locks,
                   read_locks(request_.lock.value_or(lock::path_of(request_.kubefile)), request_.lock_use, cancel_));
    rule_lines_ = rule_lines(kubefile_.instructions);
    SEALIFT_ASSIGN(findings_.rules, own_rules());
    const auto rule_files = load_rules(rule_lines_, context_, findings_.rules, findings_.problems);
    for (const auto& instruction : kubefile_.instructions) SEALIFT_TRY(take_line(instruction));
    knows_names_ = knows_names_ && kubefile_.is_complete;
    apps_.add_values(knows_names_);
    name_parts(out_);
    findings_.problems.note(pack_rules(out_, request_, rule_files));
    check_conflicts(out_, findings_.problems);
    if (knows_names_) check_app_names(out_, findings_.problems);
    if (depth_ == Depth::manifests) {
      if (auto programs = findings_.problems.note(find_programs(request_))) out_.programs = std::move(*programs);
    }
    findings_.problems.note(images_.open_given());
    const bool base_waits = files_.is_waiting_for(kBaseDocument);
    if (!base_waits) read_base();
    check_templates(out_, request_, findings_.problems);
    if (!findings_.problems.empty()) return refused();
    fetch();
    if (base_waits) read_base();
    check_templates(out_, request_, findings_.problems);
    return findings_.problems.empty() ? Result<void>() : refused();
  }

  // What helm says of the charts that are here is told in the same run, whatever else is wrong.
  Result<void> refused() {
    if (knows_version_ && kubefile_.has_all_values && !apps_.charts().empty()) {
      Tools tools(out_, request_, events_);
      if (findings_.problems.note(tools.has("helm")).value_or(false)) SEALIFT_TRY(render_charts(tools));
      check_objects(format::AppKind::helm);
    }
    return findings_.problems.joined();
  }

  Result<void> render_charts(Tools& tools) {
    return inspect_charts(apps_.charts(), out_, request_, tools, findings_.rules, findings_.inspectors,
                          findings_.problems, cancel_);
  }

  // What waits for it; of files, only those that names depend on if there is no more to do.
  void fetch() {
    apps_.fetch(findings_.problems);
    if (depth_ == Depth::manifests)
      files_.fetch(findings_.problems);
    else
      files_.fetch_for(kBaseDocument, findings_.problems);
  }

  // base.yaml, and what is checked against its Kubernetes version.
  void read_base() {
    auto document = read_base_document(out_);
    if (!document) {
      findings_.problems.add(std::move(document).error());
    } else {
      out_.base_document = std::move(*document);
      settle_requirements(out_, findings_.problems);
      knows_version_ = findings_.problems.note(check_version(out_, request_, knows_names_)) &&
                       kubernetes_version(out_, request_).has_value();
    }
    check_objects(format::AppKind::manifests);
  }

  Result<void> take_line(const Instruction& instruction) {
    SEALIFT_TRY(cancel_.check());
    auto done = std::visit([&](const auto& what) { return take(instruction, what); }, instruction.what);
    if (done) return {};
    knows_names_ = knows_names_ && !std::holds_alternative<From>(instruction.what) &&
                   !std::holds_alternative<Include>(instruction.what) &&
                   !std::holds_alternative<AddApp>(instruction.what);
    findings_.problems.add(with_line(std::move(done).error(), instruction.place));
    return {};
  }

  // What lies in the private folder has a name that people know.
  Error named_as_written(Error error) const {
    const auto put_back = [&](std::string& text) {
      for (const auto& [path, written] : findings_.unpacked) text = base::replace_all(std::move(text), path, written);
      if (out_.scratch) text = base::replace_all(std::move(text), out_.scratch->path() + "/", "");  // programs
    };
    put_back(error.what);
    std::ranges::for_each(error.while_doing, put_back);
    return error;
  }

  // Of applications of this kind that have been read.
  void check_objects(format::AppKind kind) {
    for (const auto& app : out_.apps) {
      const auto streams = findings_.inspectors.find(app.app.name);
      if (app.app.kind == kind && streams != findings_.inspectors.end())
        resolve::check_objects(out_, app, streams->second, kubernetes_version(out_, request_), findings_.problems,
                               events_);
    }
  }

  // Charts are rendered and kustomizations built even if names are all that is asked for.
  Result<void> fetch_tools() {
    if (!out_.base_document) return {};
    for (const auto* name : {"helm", "kubectl"})
      files_.fetch_for(format::expand_architecture(out_.base_document->tools.at(name), base::own_architecture()),
                       findings_.problems);
    return findings_.problems.joined();
  }

  // The artifact carries its lock, so that anybody can see what it was made of.
  Result<void> add_lock() {
    if (out_.locks.used.empty()) return {};
    const LocalFile file{out_.scratch->path() + "/Kubefile.lock", std::string(lock::kTreePath), 0644};
    SEALIFT_TRY(lock::write(file.source, out_.locks.used));
    return claim(out_, file, {"Kubefile.lock", {request_.kubefile, 1, 0}});
  }

  BaseUse base_use() const { return {request_, rule_lines_, clock_, events_, cancel_}; }
  Result<void> take(const Instruction& instruction, const From& line) {
    return take_base(instruction, line.base, base_use(), findings_.rules, out_);
  }
  Result<void> take(const Instruction& instruction, const Include& line) {
    return take_base(instruction, line.artifact, base_use(), findings_.rules, out_);
  }
  Result<void> take(const Instruction&, const Require& line) { return require(line, out_); }
  Result<void> take(const Instruction&, const Remove& line) {
    remove(line, out_, findings_.problems);
    return {};
  }
  Result<void> take(const Instruction& instruction, const Copy& line) { return files_.take(instruction, line); }
  Result<void> take(const Instruction& instruction, const PutFile& line) { return files_.take(instruction, line); }
  Result<void> take(const Instruction& instruction, const AddApp& line) { return apps_.take(instruction, line); }
  Result<void> take(const Instruction& instruction, const AddValues& line) { return apps_.take(instruction, line); }
  Result<void> take(const Instruction&, const IgnoreImages& line) {
    out_.contents.ignored_images.push_back({line.pattern.text, line.reason});
    return {};
  }
  Result<void> take(const Instruction&, const AddRules&) { return {}; }  // read first
  Result<void> take(const Instruction& instruction, const AddImage& line) {
    return images_.take(line, base::format("{} {}", instruction.verb, line.name.text), instruction.place);
  }

  Result<void> take(const Instruction&, const SetEnvironment& line) {
    for (const auto& [name, value] : line.values) {
      out_.contents.environment[name] = value;
      out_.conflicts.erase({Disputed::variable, name});
    }
    return {};
  }
  Result<void> take(const Instruction&, const SetLabels& line) {
    for (const auto& [name, value] : line.values) out_.contents.labels[name] = value;
    return {};
  }
  Result<void> take(const Instruction&, const Launch& line) {
    out_.launch = line.apps;
    for (const auto& app : line.apps) out_.contents.launch.push_back(app.text);
    return {};
  }

  const Request& request_;
  Depth depth_;
  Clock& clock_;
  EventSink& events_;
  const CancelToken& cancel_;
  Kubefile kubefile_;
  bool knows_names_ = true;     // of all applications: none of their lines is a problem
  bool knows_version_ = false;  // of Kubernetes
  std::vector<Word> rule_lines_;
  AppFindings findings_;
  BuildContext context_;
  Inputs out_;
  Remote remote_;
  FileLines files_;
  AppLines apps_;
  ImageLines images_;
};

}  // namespace

Result<Inputs> resolve(const Request& request, Depth depth, Clock& clock, EventSink& events,
                       const CancelToken& cancel) {
  return Resolver(request, depth, clock, events, cancel).resolve();
}

}  // namespace sealift::resolve
