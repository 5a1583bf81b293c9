// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/build.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "packer/pack/image_packer.h"
#include "packer/resolve/tree.h"
#include "packer/store/present.h"
#include "packer/store/verified.h"
#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/named_file.h"
#include "payload/base/parallel.h"
#include "payload/base/text.h"
#include "payload/format/references.h"
#include "payload/writer/output_file.h"

namespace sealift::pack {
namespace {

Result<format::ObjectRef> add_file(writer::PayloadWriter& writer, const std::string& path,
                                   const std::optional<resolve::SeenFile>& seen, const CancelToken& cancel) {
  SEALIFT_TRY(cancel.check());
  return writer.add({path, [path, seen] { return resolve::open_file(path, seen); }}, writer::Storage::automatic);
}

// On several threads: hashing takes as long as reading. `tree` has the files of a base.
Result<void> add_files(const resolve::Inputs& inputs, unsigned threads, writer::PayloadWriter& writer,
                       std::map<std::string, format::TreeFile>& tree, const CancelToken& cancel) {
  struct Job {
    const std::string& path;
    const resolve::FileInput& input;
    format::TreeFile& file;
  };
  std::vector<Job> jobs;
  jobs.reserve(inputs.files.size());
  for (const auto& [path, input] : inputs.files) jobs.push_back({path, input, tree[path]});
  return base::try_parallel(jobs.size(), threads, cancel, [&](size_t i, const CancelToken& stop) -> Result<void> {
    const auto& [path, input, file] = jobs[i];
    auto object = add_file(writer, input.source, input.seen, stop);
    if (!object)
      return fail_while(std::move(object).error(),
                        base::format("packing {} ({}, {})", path, input.origin.reason, input.origin.place.text()));
    file = {*object, input.mode};
    return {};
  });
}

Architecture head(const BuildOptions& options) {
  if (options.launch) return *options.launch;
  const bool own = std::ranges::contains(options.platforms, base::own_architecture());
  return own ? base::own_architecture() : options.platforms.front();
}

// The artifact that will be replaced, then those of the local store: their blobs need not be fetched again.
store::Present previous_artifacts(const BuildOptions& options, EventSink& events) {
  store::Present out;
  if (out.add(options.output))
    base::tell(events, Level::info, options.output + " is there: blobs that it holds are taken from it");
  if (!options.store.empty()) out.add_newest(store::Store(options.store));
  return out;
}

// What of the bases is in the artifact: neither what lines have removed, nor files that others replace.
std::set<Digest> kept_of_bases(const resolve::Inputs& inputs) {
  std::set<Digest> out;
  format::Contents contents = inputs.contents;
  for (const auto& file : inputs.files) contents.tree.erase(file.first);
  const auto keep = [&](const format::Reference& reference) -> Result<void> {
    out.insert(reference.object.digest);
    return {};
  };
  (void)format::for_each_reference(contents, keep);
  // This Sealift's programs may be the same ones.
  for (const auto& base : inputs.bases) {
    for (const auto& stub : base.reader->contents().stubs) out.insert(stub.object.digest);
  }
  return out;
}

// Before anything is fetched, as far as sizes are known. What is copied may take no room: that is worth a warning.
Result<void> check_room(const std::string& output, ImagePacker::Needs needs, EventSink& events) {
  const uint64_t waiting = writer::Partial::waiting_for(output);
  needs.fetched -= std::min(needs.fetched, waiting);
  std::error_code error;
  const auto folder = writer::folder_of(output);
  const uint64_t free = std::filesystem::space(folder, error).available;
  if (error || needs.fetched + needs.copied <= free) return {};
  if (needs.fetched > free)
    return fail(ErrorCode::no_space,
                "{} of images are to be fetched, and {} has {} left; make room there, or name an output elsewhere",
                base::human_bytes(needs.fetched), folder, base::human_bytes(free));
  base::tell(events, Level::warning,
             base::format("{} may need {} in {}, which has {} left: unless its file system shares what is copied from "
                          "artifacts that are there, the build will end before its end",
                          output, base::human_bytes(needs.fetched + needs.copied), folder, base::human_bytes(free)));
  return {};
}

Result<writer::Summary> pack(const resolve::Inputs& inputs, const BuildOptions& options, writer::PayloadWriter& writer,
                             EventSink& events, const CancelToken& cancel) {
  const auto kept = kept_of_bases(inputs);
  const store::Verified verified(options.store);
  for (const auto& base : inputs.bases) {
    using Base = writer::PayloadWriter::Base;
    const auto state = verified.has(base.file->fd()) ? Base::was_verified : Base::not_verified;
    SEALIFT_TRY(writer.add_base(*base.reader, [&](const Digest& digest) { return kept.contains(digest); }, state));
  }
  ImagePacker images(inputs.images, writer);
  const auto previous = inputs.images.empty() ? store::Present() : previous_artifacts(options, events);
  auto needs = images.needs(previous.readers());
  for (const auto& base : inputs.bases) needs.copied += base.reader->payload_size();
  SEALIFT_TRY(check_room(options.output, needs, events));
  format::Contents contents = inputs.contents;
  contents.name = options.name;
  contents.version = options.version;
  SEALIFT_TRY(add_files(inputs, options.threads, writer, contents.tree, cancel));
  for (const auto& program : inputs.programs) {
    SEALIFT_ASSIGN(const auto object, add_file(writer, program.source, {}, cancel));
    contents.stubs.push_back({program.architecture, object});
  }
  // Only what comes over a network is worth keeping; for the rest, nothing shall be left.
  std::unique_ptr<writer::Partial> partial;
  if (writer::Partial::waiting_for(options.output) != 0 ||
      std::ranges::any_of(inputs.images, [](const auto& image) { return image.source->is_remote(); })) {
    SEALIFT_ASSIGN(partial, writer::Partial::open(options.output, events));
  }
  if (!contents.base_document && contents.name.empty() && !contents.requirements.empty())
    base::tell(
        events, Level::warning,
        "it has neither a Kubernetes base nor a name (-t NAME:VERSION): FROM and INCLUDE take it, a cluster does "
        "not");
  base::tell(events, Level::info, "writing " + options.output);
  const auto known = contents.layers;
  SEALIFT_ASSIGN(const auto payload, writer.place(std::move(contents), head(options), events, std::move(partial)));
  store::MeasuredLayers measured(options.store);
  SEALIFT_ASSIGN(const auto layers,
                 images.fill(*payload, known, measured, previous.readers(), options.output, events, cancel));
  return payload->finish(layers, events);
}

// What has come is of use, and takes room.
void tell_what_waits(const std::string& output, EventSink& events) {
  const uint64_t bytes = writer::Partial::waiting_for(output);
  if (bytes == 0) return;
  base::tell(events, Level::warning,
             base::format(
                 "{} keeps the {} of images that have come: the next build of {} goes on from there; it may be "
                 "deleted at any time, with {}",
                 writer::Partial::path_of(output), base::human_bytes(bytes), output, writer::Partial::list_of(output)));
}

// What is there is replaced only if it is an artifact, whole or not.
Result<void> check_output(const std::string& path) {
  if (path.empty()) return fail(ErrorCode::usage, "--output is empty; name a file");
  SEALIFT_TRY(resolve::check_folder("the output's folder", writer::folder_of(path)));
  if (std::error_code error; std::filesystem::is_directory(path, error))
    return fail(ErrorCode::already_exists, "the output {} is a folder; name a file in it", path);
  const auto file = base::OpenFile::open(path);
  if (!file || (*file)->size() == 0) return {};
  const auto reader = format::PayloadReader::open(**file);
  if (reader || reader.error().code != ErrorCode::not_a_payload) return {};
  return fail(ErrorCode::already_exists, "the output {} is there and is no artifact; delete it, or name another file",
              path);
}

Result<void> check_inputs(const resolve::Inputs& inputs, const std::string& output) {
  for (const auto& [path, input] : inputs.files) {
    std::error_code none;
    const auto source = base::behind_links(input.source);
    if (resolve::last_part(source) == resolve::last_part(output) && std::filesystem::equivalent(source, output, none))
      return fail(ErrorCode::invalid_input, "{}: {} packs {}, which is the output; name another one",
                  input.origin.place.text(), input.origin.reason, input.source);
  }
  return {};
}

std::unexpected<Error> unwritable_lock(const Error& error, const resolve::Locks& locks, std::string_view remedy) {
  return fail(error.code, "the lock {} can't be written: {}; {}", locks.path, error.text(), remedy);
}

// Before the long part. A lock that stays as it is may be where nothing can be written.
Result<void> check_lock(const resolve::Locks& locks) {
  if (!locks.has_changed()) return {};
  const auto file = writer::OutputFile::create(base::behind_links(locks.path));
  return file ? Result<void>() : unwritable_lock(file.error(), locks, "name another file with --lock");
}

}  // namespace

Result<writer::Summary> build(const BuildOptions& given, EventSink& events, const CancelToken& cancel) {
  BuildOptions options = given;
  if (!given.output.empty()) options.output = base::behind_links(given.output);
  // First, so that an unwritable output is reported before anything is fetched.
  SEALIFT_TRY(check_output(options.output));
  const auto lock = options.lock.value_or(lock::path_of(options.kubefile));
  SEALIFT_TRY(resolve::check_folder("the lock's folder", writer::folder_of(base::behind_links(lock))));
  SEALIFT_ASSIGN(const auto writer,
                 writer::PayloadWriter::create(
                     options.output, {.zstd_level = options.zstd_level, .threads = options.threads, .cancel = cancel}));
  SEALIFT_ASSIGN(const auto inputs,
                 resolve::resolve(options, resolve::Depth::manifests, base::system_clock(), events, cancel));
  SEALIFT_TRY(check_inputs(inputs, options.output));
  SEALIFT_TRY(check_lock(inputs.locks));
  auto summary = pack(inputs, options, *writer, events, cancel);
  if (!summary && summary.error().code != ErrorCode::busy) tell_what_waits(options.output, events);
  if (!summary && summary.error().code == ErrorCode::no_space)
    return fail_while(std::move(summary).error(), "writing " + options.output);
  if (!summary) return summary;
  store::Verified(options.store).note(options.output);
  // The artifact is whole, and carries its lock.
  const auto changes = resolve::keep_locks(inputs.locks);
  if (!changes)
    return unwritable_lock(
        changes.error(), inputs.locks,
        base::format("{} is complete, and `sealift inspect --lock {}` prints what belongs into the lock",
                     options.output, options.output));
  for (const auto& line : *changes) base::tell(events, Level::info, base::format("{}: {}", inputs.locks.path, line));
  return summary;
}

}  // namespace sealift::pack
