// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/inputs.h"

#include <algorithm>

#include "packer/resolve/app.h"
#include "packer/resolve/checks.h"
#include "packer/resolve/discover.h"
#include "packer/resolve/images.h"
#include "packer/resolve/kubefile.h"
#include "packer/resolve/manifests.h"
#include "packer/resolve/remote.h"
#include "packer/resolve/tools.h"
#include "packer/resolve/tree.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

std::unexpected<Error> bad(const Place& place, std::string_view what) {
  return fail(ErrorCode::invalid_input, "{}: {}", place.text(), what);
}

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
    SEALIFT_ASSIGN(const auto text, base::read_text_file(request_.kubefile, size_t{4} << 20));
    SEALIFT_ASSIGN(const auto instructions, parse_kubefile(text, request_.kubefile, request_.arguments));
    SEALIFT_ASSIGN(out_.locks, read_locks(request_.kubefile, request_.lock_use));
    SEALIFT_ASSIGN(auto scratch, PrivateFolder::make());
    out_.scratch = std::make_unique<PrivateFolder>(std::move(scratch));
    SEALIFT_ASSIGN(rules_, load_rules(rule_files(instructions), request_.context));
    for (const auto& instruction : instructions) {
      SEALIFT_TRY(cancel_.check());
      auto done = std::visit([&](const auto& what) { return take(instruction, what); }, instruction.what);
      if (!done) return fail_while(std::move(done).error(), std::format("carrying out {}", instruction.place.text()));
    }
    SEALIFT_TRY(add_values());
    SEALIFT_TRY(check_app_names(out_));
    SEALIFT_TRY(find_programs());
    SEALIFT_TRY(fetch_postponed("base.yaml"));
    SEALIFT_ASSIGN(out_.base_document, base_document());
    SEALIFT_TRY(fetch_postponed_tools());
    Tools tools(out_, request_);
    SEALIFT_TRY(build_kustomizations(tools));
    SEALIFT_TRY(inspect_charts(out_, request_, tools, rules_, inspectors_, cancel_));
    SEALIFT_ASSIGN(auto wanted, settle(out_, std::move(inspectors_), events_));
    if (depth_ == Depth::manifests) SEALIFT_TRY(images_.plan());
    SEALIFT_TRY(images_.add_wanted(std::move(wanted)));
    if (depth_ == Depth::names) return std::move(out_);
    SEALIFT_TRY(images_.plan());
    SEALIFT_TRY(check_locks(out_.locks, request_.lock_use));
    SEALIFT_TRY(add_lock());
    SEALIFT_TRY(check_promises(out_, request_, tools, events_, cancel_));
    return std::move(out_);
  }

 private:
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
    out_.contents = from;
    out_.contents.stubs.clear();   // replaced by this Sealift's own programs
    out_.contents.launch.clear();  // the new product decides what to launch
    out_.contents.bases.clear();
    out_.contents.created_by.clear();
    out_.contents.compressors.clear();
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
    SEALIFT_ASSIGN(const auto files, copied_files(line, request_.context, downloads));
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
    SEALIFT_ASSIGN(auto local,
                   local_app(instruction.place, line, request_.context, out_.scratch->path(), rules_, remote_));
    if (out_.contents.find_app(local.app.name) != nullptr) {
      return bad(
          line.name.place,
          std::format("the application \"{}\" is packed already (by an earlier line or by the base)", local.app.name));
    }
    tell(std::format("{} {}: {}, {} files", instruction.verb, local.app.name, format::name(local.app.kind),
                     local.files.size()));
    const Origin origin = origin_of(instruction, local.app.name);
    SEALIFT_TRY(claim(local.files, origin));
    out_.contents.apps.push_back(local.app);
    inspectors_[local.app.name] = std::move(local.inspectors);
    out_.apps.push_back({std::move(local.app), line.needs, std::move(local.folder), {}, line.settings, origin});
    return {};
  }

  // Packs what `kubectl kustomize` makes of the folder, as one manifest.
  Result<void> build_kustomizations(Tools& tools) {
    for (auto& app : out_.apps) {
      if (app.app.kind == format::AppKind::helm || app.folder.empty()) continue;
      SEALIFT_ASSIGN(const auto command,
                     tools.command("kubectl", "so kustomizations can't be built", {"kustomize", absolute(app.folder)}));
      auto built = base::run_checked(command, {.output_limit = kDocumentLimits.bytes}, cancel_);
      if (!built && built.error().code == ErrorCode::cancelled) return std::unexpected(std::move(built).error());
      if (!built)
        return bad(app.origin.place,
                   std::format("kubectl can't build {} (bases on other machines are not fetched: copy "
                               "them into the context): {}",
                               app.folder, built.error().what));
      const LocalFile file{std::format("{}/{}.yaml", out_.scratch->path(), app.app.name),
                           std::format("{}/{}.yaml", app.app.root, app.app.name), 0644};
      SEALIFT_TRY(base::write_file_atomic(file.source, base::as_bytes(*built), 0600));
      SEALIFT_TRY(claim(file, app.origin));
      SEALIFT_ASSIGN(inspectors_[app.app.name], read_manifests(app.origin.place, std::span(&file, 1), rules_));
    }
    return {};
  }

  // Later, since the line may stand above its application's.
  Result<void> take(const Instruction& instruction, const AddValues& line) {
    values_.emplace_back(&line, origin_of(instruction, line.app.text));
    return {};
  }
  Result<void> add_values() {
    for (const auto& [line, origin] : values_) {
      const auto app =
          std::ranges::find(out_.apps, line->app.text, [](const AppInput& input) { return input.app.name; });
      if (app == out_.apps.end()) {
        std::vector<std::string_view> known;
        for (const auto& other : out_.apps) known.push_back(other.app.name);
        const auto near = base::nearest(line->app.text, known);
        return bad(line->app.place, std::format("VALUES for \"{}\", which no APP of this Kubefile has{}",
                                                base::printable(line->app.text),
                                                near ? std::format("; did you mean \"{}\"?", *near) : ""));
      }
      if (app->app.kind != format::AppKind::helm)
        return bad(line->app.place, std::format("{} consists of manifests, which take no values", app->app.name));
      for (const auto& word : line->files) {
        std::vector<LocalFile> found;
        const auto source = in_context(request_.context, word.text);
        const auto target = std::format("values/{}/{}", app->app.name, last_part(source));
        SEALIFT_TRY(walk(word.place, source, target, found));
        if (found.size() != 1 || found.front().target != target)
          return bad(word.place, std::format("{} is a folder; VALUES takes files", word.text));
        SEALIFT_TRY(claim(found, origin));
        app->app.values.push_back(target);
        app->values.push_back(std::move(found.front()));
      }
    }
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
