// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/inputs.h"

#include <algorithm>
#include <filesystem>

#include "packer/resolve/app.h"
#include "packer/resolve/checks.h"
#include "packer/resolve/discover.h"
#include "packer/resolve/images.h"
#include "packer/resolve/kubefile.h"
#include "packer/resolve/manifests.h"
#include "packer/resolve/object_checks.h"
#include "packer/resolve/parts.h"
#include "packer/resolve/remote.h"
#include "packer/resolve/rule_files.h"
#include "packer/resolve/templates.h"
#include "packer/resolve/tools.h"
#include "packer/resolve/tree.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// EM_X86_64 and EM_AARCH64 in an ELF header.
Result<Architecture> architecture_of_program(const std::string& path) {
  SEALIFT_ASSIGN(const auto file, base::OpenFile::open(path));
  Bytes head(20);
  if (file->size() < head.size() || !file->read_at(0, head))
    return fail(ErrorCode::invalid_input, "{} is not a program", path);
  base::ByteReader reader(head);
  const auto magic = reader.u32();
  (void)reader.bytes(14);
  const auto machine = reader.u16();
  if (magic && *magic == 0x464c457fU && machine) {
    if (*machine == 62) return Architecture::amd64;
    if (*machine == 183) return Architecture::arm64;
  }
  return fail(ErrorCode::invalid_input, "{} is not a program for x86_64 or aarch64", path);
}

Result<Digest> digest_of(const std::string& path) {
  SEALIFT_ASSIGN(const auto file, base::OpenFile::open(path));
  return hash::sha256(*file, 0, file->size());
}

Result<bool> is_same(const FileInput& one, const FileInput& other) {
  if (one.mode != other.mode) return false;
  if (one.source == other.source) return true;
  SEALIFT_ASSIGN(const auto first, digest_of(one.source));
  SEALIFT_ASSIGN(const auto second, digest_of(other.source));
  return first == second;
}

class Resolver {
 public:
  Resolver(const Request& request, Depth depth, Clock& clock, EventSink& events, const CancelToken& cancel)
      : request_(request),
        depth_(depth),
        events_(events),
        cancel_(cancel),
        images_(out_, request, clock, events, cancel),
        remote_(out_.locks, request.downloads, request.registries, clock, events, cancel) {}

  Result<Inputs> resolve() {
    auto out = resolve_all();
    if (!out) return std::unexpected(named_as_written(std::move(out).error()));
    return out;
  }

 private:
  Result<Inputs> resolve_all() {
    SEALIFT_TRY(read_lines());
    if (depth_ == Depth::manifests) warn_without_network(out_, events_);
    SEALIFT_TRY(fetch_postponed_tools());
    Tools tools(out_, request_, events_);
    SEALIFT_TRY(build_kustomizations(tools));
    SEALIFT_TRY(inspect_charts(out_, request_, tools, rules_, inspectors_, cancel_));
    auto wanted = problems_.note(settle(out_, inspectors_, events_));
    check_objects(format::AppKind::helm);
    SEALIFT_TRY(problems_.joined());
    if (depth_ == Depth::manifests) {
      SEALIFT_TRY(images_.plan());
      SEALIFT_TRY(check_image_names(out_.images));
    }
    SEALIFT_TRY(images_.add_wanted(std::move(*wanted)));
    if (depth_ == Depth::names) return std::move(out_);
    SEALIFT_TRY(images_.plan());
    SEALIFT_TRY(check_locks(out_.locks, request_.lock_use));
    SEALIFT_TRY(add_lock());
    SEALIFT_TRY(check_promises(out_, request_, tools, events_, cancel_));
    return std::move(out_);
  }

  // Everything that can be checked before a program is run. What has to be fetched comes last, and only if nothing else
  // is wrong.
  Result<void> read_lines() {
    SEALIFT_TRY(check_folder("the build's context", request_.context));
    SEALIFT_ASSIGN(const auto text, read_input(request_.kubefile));
    kubefile_ = parse_kubefile(text, request_.kubefile, request_.arguments);
    problems_ = std::move(kubefile_.problems);
    SEALIFT_ASSIGN(auto scratch, base::PrivateFolder::make());
    out_.scratch = std::make_unique<base::PrivateFolder>(std::move(scratch));
    SEALIFT_ASSIGN(out_.locks, read_locks(request_.kubefile, request_.lock_use));
    rule_lines_ = rule_files(kubefile_.instructions);
    SEALIFT_ASSIGN(rules_, load_rules(rule_lines_, request_.context, problems_));
    const auto take_all = [&](bool fetched) -> Result<void> {
      for (const auto& instruction : kubefile_.instructions) {
        if (is_fetched(instruction) == fetched) SEALIFT_TRY(take_line(instruction));
      }
      return {};
    };
    SEALIFT_TRY(take_all(false));
    const bool fetches = std::ranges::any_of(kubefile_.instructions, is_fetched);
    if (problems_.empty()) SEALIFT_TRY(take_all(true));
    knows_names_ = knows_names_ && kubefile_.is_complete && (problems_.empty() || !fetches);
    add_values();
    name_parts(out_);
    problems_.note(pack_rules());
    if (knows_names_) check_app_names(out_, problems_);
    if (depth_ == Depth::manifests) problems_.note(find_programs());
    problems_.note(fetch_postponed("base.yaml"));
    if (auto document = problems_.note(base_document())) {
      out_.base_document = std::move(*document);
      problems_.note(check_version());
    }
    check_templates(out_, request_, problems_);
    check_objects(format::AppKind::manifests);
    return problems_.joined();
  }

  static bool is_fetched(const Instruction& instruction) {
    const auto* app = std::get_if<AddApp>(&instruction.what);
    const auto* copy = std::get_if<Copy>(&instruction.what);
    return (app != nullptr && app->remote) || (copy != nullptr && is_url(copy->sources.front().text));
  }

  Result<void> take_line(const Instruction& instruction) {
    SEALIFT_TRY(cancel_.check());
    auto done = std::visit([&](const auto& what) { return take(instruction, what); }, instruction.what);
    if (done) return {};
    knows_names_ = knows_names_ && !std::holds_alternative<From>(instruction.what) &&
                   !std::holds_alternative<AddApp>(instruction.what);
    problems_.add(with_line(std::move(done).error(), instruction.place));
    return {};
  }

  // Most errors say it themselves.
  static Error with_line(Error error, const Place& place) {
    if (!error.what.contains(std::format("{}:{}", place.file, place.line)))
      error.while_doing.push_back("carrying out " + place.text());
    return error;
  }

  // What lies in the private folder has a name that people know.
  Error named_as_written(Error error) const {
    const auto put_back = [&](std::string& text) {
      for (const auto& [path, written] : unpacked_) text = base::replace_all(std::move(text), path, written);
    };
    put_back(error.what);
    std::ranges::for_each(error.while_doing, put_back);
    return error;
  }

  Result<void> check_version() const {
    const auto& asked = request_.kubernetes_version;
    const auto chart =
        std::ranges::find(out_.apps, format::AppKind::helm, [](const auto& app) { return app.app.kind; });
    if (!asked && !out_.base_document && knows_names_ && chart != out_.apps.end())
      return bad(
          chart->origin.place,
          "charts are rendered for the Kubernetes version of the base, and this artifact has no base; begin FROM "
          "one, or name the version with --kubernetes-version");
    if (!asked) return {};
    if (!format::is_kubernetes_version(*asked))
      return fail(ErrorCode::usage, "--kubernetes-version {}: write it like v1.34.4", base::printable(*asked));
    if (!out_.base_document || *asked == out_.base_document->kubernetes_version) return {};
    return fail(ErrorCode::usage,
                "--kubernetes-version {}: the base has {}, and charts are rendered for that; leave the option out",
                *asked, out_.base_document->kubernetes_version);
  }

  // Of applications of this kind that have been read.
  void check_objects(format::AppKind kind) {
    for (const auto& app : out_.apps) {
      const auto streams = inspectors_.find(app.app.name);
      if (app.app.kind == kind && streams != inspectors_.end())
        resolve::check_objects(out_, app, streams->second, kubernetes_version(out_, request_), problems_, events_);
    }
  }

  void tell(std::string message) { base::tell(events_, Level::info, std::move(message)); }

  static Origin origin_of(const Instruction& instruction, std::string_view operands) {
    return {std::format("{} {}", instruction.verb, operands), instruction.place};
  }

  Result<void> take(const Instruction& instruction, const From& line) {
    const std::string& name = line.base.text;
    if (name == "scratch") return {};
    auto file = base::OpenFile::open(in_context(request_.context, name));
    if (!file && !name.starts_with('/')) file = base::OpenFile::open(name);
    if (!file)
      return bad(line.base.place, std::format("the base {} can't be read: {}; name an artifact file",
                                              base::printable(name), file.error().what));
    auto opened = format::PayloadReader::open(**file);
    if (!opened) return fail_while(std::move(opened).error(), "opening the base " + base::printable(name));
    const auto& from = (*opened)->contents();
    for (const Architecture architecture : request_.platforms) {
      if (std::ranges::contains(from.stubs, architecture, &format::Stub::architecture)) continue;
      return bad(line.base.place, std::format("the base {} is not packed for {}", name, base::platform(architecture)));
    }
    SEALIFT_TRY(add_rules_of(**opened, rule_lines_, rules_));
    out_.contents = from;
    out_.contents.stubs.clear();   // replaced by this Sealift's own programs
    out_.contents.launch.clear();  // the new product decides what to launch
    out_.contents.bases.clear();
    out_.contents.created_by.clear();
    out_.contents.compressors.clear();
    constexpr std::string_view kInBase = "in the base: ";
    for (auto& image : out_.contents.images) {
      if (!image.reason.empty() && !image.reason.starts_with(kInBase)) image.reason.insert(0, kInBase);
    }
    tell(std::format("FROM {}: {} images, {} files", name, from.images.size(), from.tree.size()));
    out_.locks.used.bases[last_part(name)] = (*opened)->identity();
    out_.base = BaseInput{std::move(*file), std::move(*opened), origin_of(instruction, name)};
    return {};
  }

  // Each file of the tree belongs to one line: another line must not replace it silently. Files of the base
  // may be replaced.
  Result<void> claim(const LocalFile& file, const Origin& origin) {
    FileInput input{file.source, file.mode, origin};
    const auto there = out_.files.find(file.target);
    if (there != out_.files.end() && !is_url(file.source) && !is_url(there->second.source)) {
      SEALIFT_ASSIGN(const bool same, is_same(there->second, input));
      if (!same) {
        const auto& first = there->second;
        return bad(
            origin.place,
            std::format(
                "{} puts {} at {} of the payload's tree, where {} ({}) has put {}, which differs; give one of them another destination",
                origin.reason, input.source, file.target, first.origin.reason, first.origin.place.text(),
                first.source));
      }
    }
    out_.files.insert_or_assign(file.target, std::move(input));
    return {};
  }

  Result<void> claim(const std::vector<LocalFile>& files, const Origin& origin) {
    for (const auto& file : files) SEALIFT_TRY(claim(file, origin));
    return {};
  }

  Result<void> take(const Instruction& instruction, const Copy& line) {
    const auto& first = line.sources.front();
    std::map<std::string, std::string> downloads;  // at names, the URL itself stands for its file
    for (const auto& word : line.sources) {
      if (!is_url(word.text)) continue;
      downloads[word.text] = word.text;
      if (depth_ == Depth::names) continue;
      SEALIFT_ASSIGN(auto file, remote_.file(word, line.checksum));
      downloads[word.text] = std::move(file.path);
    }
    if (line.checksum && downloads.empty()) {
      SEALIFT_ASSIGN(const auto digest, digest_of(in_context(request_.context, first.text)));
      if (digest != *line.checksum)
        return fail(ErrorCode::corrupt, "{}: {} has the digest {}, not {}", first.place.text(), first.text,
                    digest.text(), line.checksum->text());
    }
    SEALIFT_ASSIGN(auto files, copied_files(line, request_.context, downloads));
    // A build writes it: with it, the next one would make other bytes.
    const auto lock = last_part(out_.locks.path);
    std::erase_if(files, [&](const LocalFile& file) {
      std::error_code none;
      return last_part(file.source) == lock && std::filesystem::equivalent(file.source, out_.locks.path, none);
    });
    for (const auto& file : files) {
      if (is_url(file.source)) postponed_[file.target] = {{file.source, instruction.place}, line.checksum};
    }
    tell(std::format("{} {}: {} files", instruction.verb, first.text, files.size()));
    return claim(files, origin_of(instruction, std::format("{} {}", first.text, line.destination.text)));
  }

  // Of what only names leaves out, that which names depend on.
  Result<void> fetch_postponed(const std::string& target) {
    const auto found = postponed_.find(target);
    if (found == postponed_.end()) return {};
    SEALIFT_ASSIGN(auto file, remote_.file(found->second.first, found->second.second));
    out_.files.at(target).source = std::move(file.path);
    return {};
  }
  Result<void> fetch_postponed_tools() {
    if (!out_.base_document) return {};
    for (const auto* name : {"helm", "kubectl"})
      SEALIFT_TRY(
          fetch_postponed(format::expand_architecture(out_.base_document->tools.at(name), base::own_architecture())));
    return {};
  }

  // The artifact carries its lock, so that anybody can see what it was made of.
  Result<void> add_lock() {
    if (out_.locks.used.empty()) return {};
    const LocalFile file{out_.scratch->path() + "/Kubefile.lock", std::string(lock::kTreePath), 0644};
    SEALIFT_TRY(lock::write(file.source, out_.locks.used));
    return claim(file, {"Kubefile.lock", {request_.kubefile, 1, 0}});
  }

  Result<void> take(const Instruction& instruction, const PutFile& line) {
    // Each role has its own place in the tree: two roles may have different files for one destination.
    const std::string role = line.role == format::HostRole::all ? "" : "-" + std::string(format::name(line.role));
    const std::string target = "files" + role + line.destination + (line.is_template ? ".tmpl" : "");
    auto& files = out_.contents.host_files;
    // A later line replaces an earlier one with the same destination and role.
    const auto replaced = std::ranges::find_if(files, [&](const format::HostFile& other) {
      return other.destination == line.destination && other.role == line.role;
    });
    if (replaced != files.end()) {
      if (replaced->source == target) out_.files.erase(target);
      files.erase(replaced);
    }
    std::vector<LocalFile> found;
    SEALIFT_TRY(walk(line.source.place, in_context(request_.context, line.source.text), target, found));
    if (found.size() != 1 || found.front().target != target)
      return bad(line.source.place, std::format("{} is a folder; FILE takes one file", line.source.text));
    found.front().mode = 0644;  // FILE sets the mode
    SEALIFT_TRY(claim(found, origin_of(instruction, std::format("{} {}", line.source.text, line.destination))));
    files.push_back({target, line.destination, line.mode, line.uid, line.gid, line.role, line.is_template, {}});
    return {};
  }

  Result<void> take(const Instruction& instruction, const AddApp& line) {
    SEALIFT_ASSIGN(const auto parts, parts_of(line, request_.context));
    for (const auto& part : parts) SEALIFT_TRY(take_app(instruction, part));
    return {};
  }
  Result<void> take_app(const Instruction& instruction, const AddApp& line) {
    SEALIFT_ASSIGN(auto local,
                   local_app(instruction.place, line,
                             {request_.context, out_.scratch->path(), rules_, problems_, unpacked_, remote_}));
    for (const auto& name : {local.app.name, local.app.part_of}) {
      const bool is_taken =
          out_.contents.find_app(name) != nullptr ||
          (name == local.app.name && std::ranges::contains(out_.contents.apps, name, &format::App::part_of));
      if (is_taken && !name.empty())
        return bad(line.name.place,
                   std::format("the application \"{}\" is packed already (by an earlier line or by the base)", name));
    }
    tell(std::format("{} {}: {}, {} files", instruction.verb, local.app.name, format::name(local.app.kind),
                     local.files.size()));
    const Origin origin = origin_of(instruction, local.app.name);
    SEALIFT_TRY(claim(local.files, origin));
    out_.contents.apps.push_back(local.app);
    if (!local.inspectors.empty()) inspectors_[local.app.name] = std::move(local.inspectors);
    out_.apps.push_back({std::move(local.app), line.needs, std::move(local.folder), {}, line.settings, origin});
    return {};
  }

  // Packs what `kubectl kustomize` makes of the folder, as one manifest.
  Result<void> build_kustomizations(Tools& tools) {
    for (auto& app : out_.apps) {
      if (app.app.kind == format::AppKind::helm || app.folder.empty()) continue;
      SEALIFT_ASSIGN(const auto command,
                     tools.command("kubectl", "so kustomizations can't be built", {"kustomize", absolute(app.folder)}));
      auto built = base::run_checked(command, {.output_limit = charts::kDocumentLimits.bytes}, cancel_);
      if (!built && built.error().code == ErrorCode::cancelled) return std::unexpected(std::move(built).error());
      if (!built)
        return bad(app.origin.place,
                   std::format("kubectl can't build {} (bases on other machines are not fetched: copy "
                               "them into the context): {}",
                               app.folder, built.error().what));
      const LocalFile file{std::format("{}/{}.yaml", out_.scratch->path(), app.app.name),
                           std::format("{}/{}.yaml", app.app.root, app.app.name), 0644};
      SEALIFT_TRY(base::write_file_atomic(file.source, base::as_bytes(*built), 0600));
      unpacked_[file.source] = "what kubectl makes of " + app.folder;
      SEALIFT_TRY(claim(file, app.origin));
      const auto& streams = inspectors_[app.app.name] =
          read_manifests(app.origin.place, std::span(&file, 1), rules_, problems_);
      resolve::check_objects(out_, app, streams, kubernetes_version(out_, request_), problems_, events_);
    }
    return problems_.joined();
  }

  // Later, since the line may stand above its application's.
  Result<void> take(const Instruction& instruction, const AddValues& line) {
    values_.emplace_back(&line, origin_of(instruction, line.app.text));
    return {};
  }
  void add_values() {
    for (const auto& [line, origin] : values_) {
      const auto is_meant = [&](const AppInput& input) {
        return input.app.name == line->app.text || input.app.part_of == line->app.text;
      };
      const auto app = std::ranges::find_if(out_.apps, is_meant);
      if (app == out_.apps.end()) {
        if (!knows_names_) continue;
        std::vector<std::string_view> known;
        for (const auto& other : out_.apps) known.push_back(other.app.name);
        const auto near = base::nearest(line->app.text, known);
        problems_.add(bad(line->app.place, std::format("VALUES for \"{}\", which no APP of this Kubefile has{}",
                                                       base::printable(line->app.text),
                                                       near ? std::format("; did you mean \"{}\"?", *near) : "")));
      } else if (app->app.kind != format::AppKind::helm) {
        problems_.add(
            bad(line->app.place, std::format("{} consists of manifests, which take no values", app->app.name)));
      } else {
        for (auto& one : out_.apps) {
          if (!is_meant(one)) continue;
          for (const auto& word : line->files) problems_.note(add_values(one, word, origin));
        }
      }
    }
  }
  Result<void> add_values(AppInput& app, const Word& word, const Origin& origin) {
    std::vector<LocalFile> found;
    const auto source = in_context(request_.context, word.text);
    const auto target = std::format("values/{}/{}", app.app.name, last_part(source));
    SEALIFT_TRY(walk(word.place, source, target, found));
    if (found.size() != 1 || found.front().target != target)
      return bad(word.place, std::format("{} is a folder; VALUES takes files", word.text));
    const auto twin = std::ranges::find(app.values, target, &LocalFile::target);
    if (twin != app.values.end())
      return bad(word.place, std::format("{} and {} share the name by which a site chooses a set of values; rename one",
                                         twin->source, source));
    SEALIFT_TRY(claim(found, origin));
    app.app.values.push_back(target);
    app.values.push_back(std::move(found.front()));
    return {};
  }

  Result<void> take(const Instruction&, const IgnoreImages& line) {
    out_.contents.ignored_images.push_back({line.pattern.text, line.reason});
    return {};
  }
  Result<void> take(const Instruction&, const AddRules&) { return {}; }  // read first
  static std::vector<Word> rule_files(const std::vector<Instruction>& instructions) {
    std::vector<Word> out;
    for (const auto& instruction : instructions) {
      if (const auto* line = std::get_if<AddRules>(&instruction.what))
        out.insert(out.end(), line->files.begin(), line->files.end());
    }
    return out;
  }
  // The site's check reads them when it renders charts.
  Result<void> pack_rules() {
    if (!std::ranges::contains(out_.contents.apps, format::AppKind::helm, &format::App::kind)) return {};
    std::erase_if(out_.contents.tree, [](const auto& file) { return file.first.starts_with(kOwnRulesFolder); });
    SEALIFT_ASSIGN(const auto own, write_own_rules(out_.scratch->path()));
    SEALIFT_TRY(claim(own, {"Sealift's rules", {request_.kubefile, 0, 0}, false}));
    for (const auto& line : rule_lines_) {
      const auto source = in_context(request_.context, line.text);
      SEALIFT_TRY(claim({source, std::format("{}{}", charts::kRulesFolder, last_part(source)), 0644},
                        {"IMAGE-RULES", line.place, false}));
    }
    return {};
  }

  Result<void> take(const Instruction& instruction, const AddImage& line) {
    return images_.take(line, std::format("{} {}", instruction.verb, line.name.text), instruction.place);
  }

  Result<void> take(const Instruction&, const SetEnvironment& line) {
    for (const auto& [name, value] : line.values) out_.contents.environment[name] = value;
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

  Result<void> find_programs() {
    for (const auto& path : request_.stubs) {
      SEALIFT_ASSIGN(const Architecture architecture, architecture_of_program(path));
      if (std::ranges::contains(request_.platforms, architecture)) out_.programs.push_back({architecture, path});
    }
    for (const Architecture architecture : request_.platforms) {
      if (std::ranges::contains(out_.programs, architecture, &ProgramInput::architecture)) continue;
      return fail(ErrorCode::not_found, "the program for {} hosts (stub-{}) is not beside sealift; name it with --stub",
                  base::platform(architecture), architecture == Architecture::amd64 ? "x86_64" : "aarch64");
    }
    return {};
  }

  Result<std::optional<format::BaseDocument>> base_document() {
    constexpr size_t kMaxDocument = size_t{1} << 20;
    auto& document = out_.contents.base_document;
    if (out_.holds("base.yaml")) document = "base.yaml";
    if (!document) return std::optional<format::BaseDocument>{};
    const std::string& path = *document;
    if (const auto local = out_.files.find(path); local != out_.files.end()) {
      SEALIFT_ASSIGN(const auto text, base::read_text_file(local->second.source, kMaxDocument));
      return format::parse_base_document(text, local->second.source);
    }
    SEALIFT_ASSIGN(const auto bytes,
                   out_.base->reader->read_all(out_.contents.tree.at(path).object.digest, kMaxDocument));
    return format::parse_base_document(base::as_text(bytes), path);
  }

  const Request& request_;
  Depth depth_;
  EventSink& events_;
  const CancelToken& cancel_;
  Kubefile kubefile_;
  Problems problems_;
  bool knows_names_ = true;                      // of all applications: none of their lines is a problem
  std::map<std::string, std::string> unpacked_;  // paths in the private folder, as people know them
  std::vector<Word> rule_lines_;
  workloads::Rules rules_;
  Inspectors inspectors_;
  std::vector<std::pair<const AddValues*, Origin>> values_;
  std::map<std::string, std::pair<Word, std::optional<Digest>>> postponed_;  // by target
  Inputs out_;
  ImageLines images_;
  Remote remote_;
};

}  // namespace

Result<Inputs> resolve(const Request& request, Depth depth, Clock& clock, EventSink& events,
                       const CancelToken& cancel) {
  return Resolver(request, depth, clock, events, cancel).resolve();
}

}  // namespace sealift::resolve
