// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/files.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <set>

#include "payload/base/expand.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/text.h"

namespace sealift::steps {
namespace {

// Reads an object in pieces, so that a file of any size takes the memory of one piece.
class ObjectSource final : public base::Source {
 public:
  ObjectSource(const format::PayloadReader& payload, const WantedFile& file) : payload_(payload), file_(file) {}

  Result<size_t> read(std::span<std::byte> buffer) override {
    if (at_ == piece_.size()) {
      if (offset_ == file_.size) return 0;
      // A frame's size: smaller pieces would decode each frame several times.
      constexpr uint64_t kPiece = uint64_t{8} << 20;
      base::MemorySink sink(kPiece);
      SEALIFT_TRY(payload_.read(file_.digest, {offset_, std::min(kPiece, file_.size - offset_)}, sink));
      piece_ = sink.take();
      offset_ += piece_.size();
      at_ = 0;
    }
    const size_t count = std::min(buffer.size(), piece_.size() - at_);
    std::ranges::copy(ByteView(piece_).subspan(at_, count), buffer.begin());
    at_ += count;
    return count;
  }

 private:
  const format::PayloadReader& payload_;
  const WantedFile& file_;
  Bytes piece_;
  size_t at_ = 0;
  uint64_t offset_ = 0;
};

constexpr std::string_view kSandboxImage = "SANDBOX_IMAGE";  // of the variables, the one that the artifact decides

Digest digest_of_files(const std::vector<WantedFile>& files) {
  base::ByteWriter writer;
  for (const auto& file : files) {
    writer.text(file.path);
    writer.u32(file.spec.mode);
    writer.u32(file.spec.uid);
    writer.u32(file.spec.gid);
    writer.bytes(file.digest.bytes);
  }
  return hash::sha256(writer.data());
}

bool applies_to(format::HostRole role, const Node& node) {
  return role == format::HostRole::all || role == node.config.role;
}

Result<WantedFile> host_file(const Model& model, const Node& node, const format::HostFile& file,
                             const std::map<std::string, std::string>& variables) {
  const std::string source = format::expand_architecture(file.source, node.facts.architecture);
  const auto found = model.contents().tree.find(source);
  if (found == model.contents().tree.end()) {
    return fail(ErrorCode::not_in_artifact, "the artifact has no {} (for {} on {} hosts); pack it for this platform",
                source, file.destination, base::name(node.facts.architecture));
  }
  WantedFile out = object_file(file.destination, model.payload, found->second.object, file.mode);
  if (file.is_template) {
    SEALIFT_ASSIGN(const Bytes text, model.payload.read_tree(source, format::kMaxTemplate));
    SEALIFT_ASSIGN(auto rendered, render(base::as_text(text), variables, source));
    out = text_file(file.destination, std::move(rendered), file.mode);
  }
  out.spec.uid = file.uid;
  out.spec.gid = file.gid;
  return out;
}

enum class Missing { fails, is_left_out };  // a source that is not in the artifact, for this architecture

Result<std::vector<WantedFile>> files_for(const Model& model, const Node& node,
                                          const std::map<std::string, std::string>& variables, Missing missing) {
  std::vector<WantedFile> out;
  std::map<std::string, size_t> places;
  for (const auto* list : {&model.base.files, &model.contents().host_files}) {
    for (const auto& file : *list) {
      if (!applies_to(file.role, node) || (file.architecture && *file.architecture != node.facts.architecture))
        continue;
      auto wanted = host_file(model, node, file, variables);
      if (!wanted && wanted.error().code == ErrorCode::not_in_artifact && missing == Missing::is_left_out) continue;
      if (!wanted) return std::unexpected(std::move(wanted).error());
      const auto [place, is_new] = places.emplace(wanted->path, out.size());
      if (is_new)
        out.push_back(std::move(*wanted));
      else
        out[place->second] = std::move(*wanted);  // the later one wins
    }
  }
  return out;
}

}  // namespace

WantedFile text_file(std::string path, std::string text, uint32_t mode) {
  WantedFile file{std::move(path), {mode, 0, 0}, hash::sha256(base::as_bytes(text)), text.size(), nullptr, {}};
  file.text = std::move(text);
  return file;
}

WantedFile object_file(std::string path, const format::PayloadReader& payload, const format::ObjectRef& object,
                       uint32_t mode) {
  return {std::move(path), {mode, 0, 0}, object.digest, object.size, &payload, {}};
}

FilesStep::FilesStep(engine::StepId id, std::string description, std::vector<WantedFile> files,
                     std::vector<std::string> unwanted)
    : BasicStep(std::move(id), std::move(description), digest_of_files(files)),
      files_(std::move(files)),
      unwanted_(std::move(unwanted)) {}

Result<bool> FilesStep::is_there(const engine::LookContext& context, const WantedFile& file) const {
  SEALIFT_ASSIGN(const auto status, context.host.stat(file.path));
  if (!status || status->type != host::FileType::regular || status->size != file.size || status->spec != file.spec)
    return false;
  SEALIFT_ASSIGN(const auto digest, context.host.digest(file.path));
  return digest == file.digest;
}

Result<engine::StepState> FilesStep::check(const engine::LookContext& context) {
  for (const auto& file : files_) {
    SEALIFT_ASSIGN(const bool there, is_there(context, file));
    if (!there) return engine::StepState::needed;
  }
  for (const auto& path : unwanted_) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, path));
    if (there) return engine::StepState::needed;
  }
  return engine::StepState::done;
}

Result<void> FilesStep::put(engine::StepContext& context, const WantedFile& file) const {
  SEALIFT_ASSIGN(const bool there, is_there(context.looking(), file));
  if (there) return {};
  base::MemorySource text(base::as_bytes(file.text));
  Result<void> written;
  if (file.payload != nullptr) {
    ObjectSource object(*file.payload, file);
    written = context.host.write_atomic(file.path, file.spec, object, reason());
  } else {
    written = context.host.write_atomic(file.path, file.spec, text, reason());
  }
  if (!written)
    return fail_while(std::move(written).error(), base::format("writing {} on {}", file.path, context.host_name));
  return {};
}

// Several at a time: while the host writes one to disk, the next is on the line.
Result<void> FilesStep::apply(engine::StepContext& context) {
  constexpr unsigned kAtOnce = 2;
  std::set<std::string> folders;
  for (const auto& file : files_) folders.insert(file.path.substr(0, std::max<size_t>(file.path.rfind('/'), 1)));
  for (const auto& folder : folders) {
    SEALIFT_ASSIGN(const auto status, context.host.stat(folder));
    if (!status) SEALIFT_TRY(context.host.make_directory(folder, {0755, 0, 0}, reason()));
  }
  for (const auto& path : unwanted_) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, path));
    if (there) SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, path, reason()));
  }
  uint64_t total = 0, done = 0;
  for (const auto& file : files_) total += file.size;
  std::mutex mutex;
  return base::try_parallel(files_.size(), kAtOnce, context.cancel, [&](size_t i, const CancelToken&) -> Result<void> {
    SEALIFT_TRY(put(context, files_[i]));
    const std::lock_guard lock(mutex);
    done += files_[i].size;
    context.progress(done, total);
    return {};
  });
}
std::map<std::string, std::string> template_variables(const Model& model, const Node& node) {
  std::map<std::string, std::string> out = model.contents().environment;
  const auto sandbox = model.base.images.find("sandbox");
  out[std::string(kSandboxImage)] = sandbox == model.base.images.end() ? "" : sandbox->second;
  out["REGISTRY_PORT"] = std::to_string(model.config.registry.port);
  out["DATA_ROOT"] = node.config.data_root;
  out["NODE_IP"] = node.ip;
  out["NODE_NAME"] = node.name;
  if (!model.config.existing) {  // what networks such a cluster has is not known
    out["POD_CIDR"] = model.config.network.pods;
    out["SERVICE_CIDR"] = model.config.network.services;
  }
  out["ARCH"] = base::name(node.facts.architecture);
  return out;
}

Result<std::string> render(std::string_view text, const std::map<std::string, std::string>& variables,
                           std::string_view where) {
  const auto value = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  auto out = base::expand(text, {.value = value, .dollars = base::ExpandRules::Dollars::doubled});
  if (out) return std::move(*out);
  const auto line = 1 + std::ranges::count(text.substr(0, out.error().offset), '\n');
  if (out.error().kind == base::ExpandProblem::Kind::not_closed)
    return fail(ErrorCode::invalid_input, "{}:{}: \"${{\" without \"}}\"", where, line);
  if (out.error().kind == base::ExpandProblem::Kind::too_long)
    return fail(ErrorCode::limit_exceeded,
                "{}:{}: with its variables this file is larger than any file for hosts may be", where, line);
  return fail(ErrorCode::invalid_input,
              "{}:{}: the variable {} is not known; packer/KUBEFILE.md lists those that templates may use", where, line,
              base::printable(out.error().name));
}

Result<std::vector<WantedFile>> host_files(const Model& model, const Node& node) {
  return files_for(model, node, template_variables(model, node), Missing::fails);
}

Result<std::map<std::string, host::ArtifactRecord::HostKinds>> claimed_files(const Model& model) {
  constexpr std::array kRoles{format::HostRole::control_plane, format::HostRole::worker};
  constexpr std::array kArchitectures{Architecture::amd64, Architecture::arm64};
  std::map<std::string, host::ArtifactRecord::HostKinds> out;
  for (const auto role : kRoles) {
    for (const auto architecture : kArchitectures) {
      Node any;
      any.config.role = role;
      any.facts.architecture = architecture;
      auto variables = template_variables(model, any);
      for (const auto name : format::kTemplateVariables) {
        if (name != kSandboxImage) variables[std::string(name)] = base::format("${{{}}}", name);
      }
      SEALIFT_ASSIGN(const auto files, files_for(model, any, variables, Missing::is_left_out));
      const auto kind = base::format("{} {}", format::name(role), base::name(architecture));
      for (const auto& file : files) out[file.path].emplace(kind, digest_of_files({file}));
    }
  }
  for (auto& [path, kinds] : out) {
    const Digest first = kinds.begin()->second;
    const bool same = kinds.size() == kRoles.size() * kArchitectures.size() &&
                      std::ranges::all_of(kinds, [&](const auto& kind) { return kind.second == first; });
    if (same) kinds = {{"", first}};
  }
  return out;
}

std::vector<WantedFile> site_files(const Model& model, const Node& node) {
  std::vector<WantedFile> out;
  for (const auto& file : model.config.files) {
    if (applies_to(file.role, node)) out.push_back(text_file(file.destination, file.content, file.mode));
  }
  return out;
}

}  // namespace sealift::steps
