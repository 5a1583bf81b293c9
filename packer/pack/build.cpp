// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/build.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>

#include "packer/pack/checks.h"
#include "packer/pack/images.h"
#include "packer/resolve/kubefile.h"
#include "packer/resolve/tree.h"
#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::pack {
namespace {

using resolve::Instruction;
using resolve::Verb;

// EM_X86_64 and EM_AARCH64 of an ELF header.
Result<Architecture> architecture_of_program(const std::string& path) {
  SEALIFT_ASSIGN(const auto file, base::OpenFile::open(path));
  Bytes head(20);
  if (file->size() < head.size() || !file->read_at(0, head)) return fail(ErrorCode::invalid_input, "{} is not a program", path);
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

class Builder {
 public:
  Builder(const BuildOptions& options, EventSink& events, const CancelToken& cancel) : options_(options), events_(events), cancel_(cancel), images_(options, base::system_clock(), events) {}

  Result<writer::Summary> build() {
    SEALIFT_ASSIGN(const auto text, base::read_text_file(options_.kubefile, size_t{4} << 20));
    SEALIFT_ASSIGN(const auto instructions, resolve::parse_kubefile(text, options_.kubefile, options_.arguments));
    writer::Options writing;
    writing.zstd_level = options_.zstd_level;
    writing.threads = options_.threads;
    writing.cancel = cancel_;
    SEALIFT_ASSIGN(writer_, writer::PayloadWriter::create(options_.output, writing));
    for (size_t i = 0; i < instructions.size();) {
      SEALIFT_TRY(cancel_.check());
      if (const size_t images = images_from(instructions, i); images > 0) {
        SEALIFT_TRY(images_.pack(std::span(instructions).subspan(i, images), *writer_, contents_, cancel_));
        i += images;
      } else {
        if (auto done = carry_out(instructions[i]); !done) return fail_while(std::move(done).error(), std::format("carrying out {}", instructions[i].place.text()));
        ++i;
      }
    }
    SEALIFT_TRY(add_stubs());
    contents_.name = options_.name;
    contents_.version = options_.version;
    if (contents_.tree.contains("base.yaml")) contents_.base_document = "base.yaml";
    SEALIFT_ASSIGN(const auto base, base_document());
    const Promises promises{contents_, options_.platforms, local_paths_, launch_place_, options_.tools, wanted_images_, base};
    SEALIFT_TRY(check_promises(promises, events_, cancel_));
    std::ranges::sort(contents_.apps, {}, &format::App::name);
    std::ranges::sort(contents_.images, {}, &format::Image::name);
    tell("writing " + options_.output);
    return writer_->finish(std::move(contents_), head(), events_);
  }

 private:
  // How many IMAGE lines follow each other from here.
  static size_t images_from(const std::vector<Instruction>& instructions, size_t begin) {
    size_t end = begin;
    while (end < instructions.size() && instructions[end].verb == Verb::image) ++end;
    return end - begin;
  }

  void tell(std::string message) { base::tell(events_, Level::info, std::move(message)); }

  Result<void> carry_out(const Instruction& instruction) {
    switch (instruction.verb) {
      case Verb::from: return from(instruction);
      case Verb::copy: return copy(instruction);
      case Verb::add: return add(instruction);
      case Verb::file: return host_file(instruction);
      case Verb::app: return app(instruction);
      case Verb::image: return fail(ErrorCode::internal, "an image out of its row");
      case Verb::env:
        for (const auto& [name, value] : instruction.settings) contents_.environment[name] = value;
        return {};
      case Verb::label:
        for (const auto& [name, value] : instruction.settings) contents_.labels[name] = value;
        return {};
      case Verb::launch:
        contents_.launch = instruction.words;
        launch_place_ = instruction.place.text();
        return {};
    }
    return {};
  }

  Result<void> from(const Instruction& instruction) {
    const std::string& name = instruction.words[0];
    if (name == "scratch") return {};
    auto file = base::OpenFile::open(resolve::in_context(options_.context, name));
    if (!file && !name.starts_with('/')) file = base::OpenFile::open(name);
    if (!file) return fail(ErrorCode::invalid_input, "{}: the base {} can't be read: {}; name an artifact file", instruction.place.text(), base::printable(name), file.error().what);
    base_file_ = std::move(*file);
    auto opened = format::PayloadReader::open(*base_file_);
    if (!opened) return fail_while(std::move(opened).error(), "opening the base " + base::printable(name));
    base_ = std::move(*opened);
    SEALIFT_TRY(writer_->add_base(*base_));
    const auto& from = base_->contents();
    for (const Architecture architecture : options_.platforms) {
      if (!std::ranges::contains(from.stubs, architecture, &format::Stub::architecture)) {
        return fail(ErrorCode::invalid_input, "{}: the base {} is not packed for {}", instruction.place.text(), name, base::platform(architecture));
      }
    }
    contents_ = from;
    contents_.stubs.clear();   // this Sealift's own programs come in their place
    contents_.launch.clear();  // what starts is this product's affair
    contents_.bases.clear();
    contents_.created_by.clear();
    contents_.compressors.clear();
    tell(std::format("FROM {}: {} images, {} files", name, from.images.size(), from.tree.size()));
    return {};
  }

  Result<format::ObjectRef> add_file(const std::string& path) {
    SEALIFT_ASSIGN(const auto fd, base::open_file(path, O_RDONLY));
    base::FdSource source(fd.get());
    return writer_->add(source, writer::Storage::automatic);
  }

  Result<void> add_tree(const std::vector<resolve::LocalFile>& files) {
    for (const auto& file : files) {
      SEALIFT_TRY(cancel_.check());
      SEALIFT_ASSIGN(const auto object, add_file(file.source));
      contents_.tree[file.target] = {object, file.mode};
      local_paths_[file.target] = file.source;
    }
    return {};
  }

  Result<void> copy(const Instruction& instruction) {
    SEALIFT_ASSIGN(const auto files, resolve::copied_files(instruction, options_.context));
    tell(std::format("COPY {}: {} files", instruction.words.front(), files.size()));
    return add_tree(files);
  }

  Result<void> add(const Instruction& instruction) {
    if (instruction.checksum) {
      if (instruction.words.size() != 2) return fail(ErrorCode::invalid_input, "{}: --checksum is for one file", instruction.place.text());
      SEALIFT_ASSIGN(const auto file, base::OpenFile::open(resolve::in_context(options_.context, instruction.words[0])));
      SEALIFT_ASSIGN(const auto digest, hash::sha256(*file, 0, file->size()));
      if (digest != *instruction.checksum) {
        return fail(ErrorCode::corrupt, "{}: {} has the digest {}, not {}", instruction.place.text(), instruction.words[0], digest.text(), instruction.checksum->text());
      }
    }
    return copy(instruction);
  }

  Result<void> host_file(const Instruction& instruction) {
    const std::string& source = instruction.words[0];
    // Each role has its own place in the tree: two roles may have different files at one destination.
    const std::string role = instruction.role == format::HostRole::all ? "" : "-" + std::string(format::name(instruction.role));
    const std::string target = "files" + role + instruction.words[1] + (instruction.is_template ? ".tmpl" : "");
    const resolve::LocalFile file{resolve::in_context(options_.context, source), target, 0644};
    if (auto added = add_tree({file}); !added) return added;
    format::HostFile out{target, instruction.words[1], instruction.mode, instruction.uid, instruction.gid, instruction.role, instruction.is_template, {}};
    std::erase_if(contents_.host_files, [&](const format::HostFile& other) { return other.destination == out.destination && other.role == out.role; });
    contents_.host_files.push_back(std::move(out));
    return {};
  }

  Result<void> app(const Instruction& instruction) {
    SEALIFT_ASSIGN(auto local, resolve::local_app(instruction, options_.context));
    if (contents_.find_app(local.app.name) != nullptr) {
      return fail(ErrorCode::invalid_input, "{}: the application \"{}\" is packed already (by an earlier line or by the base)", instruction.place.text(), local.app.name);
    }
    tell(std::format("APP {}: {}, {} files", local.app.name, format::name(local.app.kind), local.files.size()));
    SEALIFT_TRY(add_tree(local.files));
    contents_.apps.push_back(std::move(local.app));
    std::ranges::move(local.images, std::back_inserter(wanted_images_));
    return {};
  }

  Result<void> add_stubs() {
    for (const auto& path : options_.stubs) {
      SEALIFT_ASSIGN(const Architecture architecture, architecture_of_program(path));
      if (!std::ranges::contains(options_.platforms, architecture)) continue;
      SEALIFT_ASSIGN(const auto object, add_file(path));
      contents_.stubs.push_back({architecture, object});
    }
    for (const Architecture architecture : options_.platforms) {
      if (std::ranges::contains(contents_.stubs, architecture, &format::Stub::architecture)) continue;
      return fail(ErrorCode::not_found, "the program for {} hosts (stub-{}) is not beside sealift; name it with --stub", base::platform(architecture),
                  architecture == Architecture::amd64 ? "x86_64" : "aarch64");
    }
    std::ranges::sort(contents_.stubs, {}, &format::Stub::architecture);
    return {};
  }

  Result<std::optional<format::BaseDocument>> base_document() const {
    if (!contents_.base_document) return std::optional<format::BaseDocument>{};
    constexpr size_t kMaxDocument = size_t{1} << 20;
    const std::string& path = *contents_.base_document;
    const auto local = local_paths_.find(path);
    if (local != local_paths_.end()) {
      SEALIFT_ASSIGN(const auto text, base::read_text_file(local->second, kMaxDocument));
      return format::parse_base_document(text, local->second);
    }
    SEALIFT_ASSIGN(const auto bytes, base_->read_all(contents_.tree.at(path).object.digest, kMaxDocument));
    return format::parse_base_document(base::as_text(bytes), path);
  }

  std::optional<Architecture> head() const {
    if (options_.launch) return options_.launch;
    const bool own = std::ranges::contains(options_.platforms, base::own_architecture());
    return own ? base::own_architecture() : options_.platforms.front();
  }

  const BuildOptions& options_;
  EventSink& events_;
  CancelToken cancel_;
  std::unique_ptr<base::OpenFile> base_file_;
  std::unique_ptr<format::PayloadReader> base_;
  std::unique_ptr<writer::PayloadWriter> writer_;
  ImagePacker images_;
  std::map<std::string, std::string> local_paths_;  // tree path → file of this machine, for what this build added
  format::Contents contents_;
  std::string launch_place_;
  std::vector<resolve::WantedImage> wanted_images_;
};

}  // namespace

Result<writer::Summary> build(const BuildOptions& options, EventSink& events, const CancelToken& cancel) {
  return Builder(options, events, cancel).build();
}

}  // namespace sealift::pack
