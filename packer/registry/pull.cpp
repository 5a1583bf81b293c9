// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/pull.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <numeric>

#include "packer/registry/session.h"
#include "packer/store/present.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/progress.h"
#include "payload/base/text.h"

namespace sealift::registry {
namespace {

// One artifact in a registry.
class Remote {
 public:
  Remote(Session& session, const image::Reference& from, const CancelToken& cancel)
      : session_(session), registry_(session.remote()), from_(from), cancel_(cancel) {}

  Result<distribution::RemoteManifest> manifest(Architecture platform) {
    SEALIFT_ASSIGN(auto root, from_.digest ? registry_.manifest(from_.repository, *from_.digest, cancel_)
                                           : registry_.manifest(from_.repository, from_.tag, cancel_));
    SEALIFT_ASSIGN(const auto entries, parse_index(root.bytes));
    if (!entries) return root;
    const auto fitting = std::ranges::find_if(
        *entries, [&](const Entry& entry) { return std::ranges::contains(entry.platforms, platform); });
    if (fitting == entries->end())
      return fail(ErrorCode::not_found, "it has no artifact for {}; name another platform with --platform",
                  base::platform(platform));
    return registry_.manifest(from_.repository, fitting->manifest.digest, cancel_);
  }

  Result<Document> document(ByteView manifest) { return session_.document(from_.repository, manifest, cancel_); }
  Result<Bytes> bytes(const writer::Run& run) { return session_.bytes(from_.repository, run, cancel_); }

  // Whose frames the sink compares.
  Result<void> frames(const writer::Run& run, uint64_t begin, base::Sink& sink, const CancelToken& stop) {
    return registry_.blob(from_.repository, run.digest, run.size, begin, sink, stop, distribution::Compare::by_caller);
  }

 private:
  Session& session_;
  distribution::Registry& registry_;  // the session's
  const image::Reference& from_;
  const CancelToken& cancel_;
};

uint64_t size_of(const Document& document) {
  return std::accumulate(document.blobs.begin(), document.blobs.end(), document.metadata.size,
                         [](uint64_t sum, const writer::Run& run) { return sum + run.size; });
}

// Before anything is fetched. What is here already may take no room: that is for the file system to say.
Result<void> check_room(const std::string& output, uint64_t needed) {
  needed -= std::min(needed, writer::Partial::waiting_for(output));
  std::error_code error;
  const auto folder = writer::folder_of(output);
  const uint64_t free = std::filesystem::space(folder, error).available;
  if (error || needed <= free) return {};
  return fail(ErrorCode::no_space,
              "{} are to be fetched, and {} has {} left; make room there, or name an output elsewhere",
              base::human_bytes(needed), folder, base::human_bytes(free));
}

// What a name stands for.
struct Found {
  std::unique_ptr<Session> session;
  Digest manifest;
  Document document;
};

Result<Found> look_up(const image::Reference& from, const PullOptions& options, Clock& clock,
                      const CancelToken& cancel) {
  Found out;
  SEALIFT_ASSIGN(out.session, Session::open(from.registry, options.registries, clock));
  Remote remote(*out.session, from, cancel);
  SEALIFT_ASSIGN(const auto manifest, remote.manifest(options.platform));
  out.manifest = manifest.digest;
  auto document = remote.document(manifest.bytes);
  if (!document) return fail_while(std::move(document).error(), "looking at " + from.text());
  out.document = std::move(*document);
  return out;
}

Result<Pulled> receive(const Found& found, const image::Reference& from, const std::string& output,
                       const PullOptions& options, EventSink& events, const CancelToken& cancel) {
  const Document& document = found.document;
  Remote remote(*found.session, from, cancel);
  Pulled out;
  out.identity = document.metadata.digest;
  out.manifest = found.manifest;
  out.bytes = size_of(document);
  if (options.here.empty()) SEALIFT_TRY(check_room(output, out.bytes));
  base::tell(events, Level::info,
             base::format("pulling {}: {} in {}", from.text(), base::human_bytes(out.bytes),
                          base::counted(document.blobs.size() + 1, "blob", "blobs")));
  SEALIFT_ASSIGN(const Bytes metadata, remote.bytes(document.metadata));
  SEALIFT_ASSIGN(auto partial, writer::Partial::open(output, events));
  SEALIFT_ASSIGN(const auto payload,
                 writer::ReceivedPayload::create(output, metadata, document.metadata_offset, document.launch,
                                                 document.blobs, std::move(partial)));
  for (const auto* artifact : options.here) payload->offer(*artifact);

  base::Progress progress(events, "pull", out.bytes);
  progress.add(metadata.size());
  std::atomic<uint64_t> fetched = metadata.size();
  const auto order = largest_first(document.blobs);
  SEALIFT_TRY(base::try_parallel(
      order.size(), sources::kRequests, cancel, [&](size_t n, const CancelToken& stop) -> Result<void> {
        const writer::Run& run = document.blobs[order[n]];
        SEALIFT_ASSIGN(const bool is_here, payload->take_over(order[n], stop));
        if (is_here) {
          progress.add(run.size);
          return {};
        }
        const auto go_on = [&](base::Sink& sink, uint64_t begin) {
          progress.add(begin);
          fetched += run.size - begin;
          base::FunctionSink counted([&](ByteView data) -> Result<void> {
            SEALIFT_TRY(sink.write(data));
            progress.add(data.size());
            return {};
          });
          return remote.frames(run, begin, counted, stop);
        };
        auto done = payload->resume(order[n], go_on, stop);
        if (done) return {};
        return fail_while(std::move(done).error(), base::format("fetching {} of {}", run.digest.text(), from.text()));
      }));
  out.fetched = fetched;
  out.size = payload->reader().payload_size() + payload->reader().payload_offset();
  SEALIFT_TRY(payload->finish());
  return out;
}

}  // namespace

bool names_registry(std::string_view text) {
  const size_t slash = text.find('/');
  const auto first = text.substr(0, slash);
  return slash != std::string_view::npos && (first.contains('.') || first.contains(':') || first == "localhost");
}

Result<image::Reference> parse_name(std::string_view text) {
  if (!names_registry(text))
    return fail(ErrorCode::usage, "{} names no registry; write REGISTRY/PATH:TAG, such as harbor.example/prod/erp:3.4",
                base::printable(text));
  auto parsed = image::parse_reference(text);
  if (!parsed) return fail(ErrorCode::usage, "{}", parsed.error().what);
  return parsed;
}

Result<Pulled> pull(const image::Reference& from, const std::string& output, const PullOptions& options, Clock& clock,
                    EventSink& events, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto found, look_up(from, options, clock, cancel));
  return receive(found, from, output, options, events, cancel);
}

Result<store::Artifact> pull_into_store(const store::Store& store, const image::Reference& from, PullOptions options,
                                        Clock& clock, EventSink& events, const CancelToken& cancel) {
  const auto name = from.name() + ":" + (from.tag.empty() ? from.digest->hex().substr(0, 12) : from.tag);
  SEALIFT_ASSIGN(const auto found, look_up(from, options, clock, cancel));
  const auto identity = found.document.metadata.digest.text();
  SEALIFT_ASSIGN(const auto there, store.find(identity));
  if (there) {
    base::tell(events, Level::info, base::format("{} is in the local store already: {}", from.text(), identity));
    SEALIFT_TRY(store.tag(identity, name));
    return store.get(name);
  }
  SEALIFT_ASSIGN(const auto build, store.begin(name));
  store::Present here;
  here.add_newest(store);
  options.here.assign(here.readers().begin(), here.readers().end());
  SEALIFT_TRY(receive(found, from, build.path, options, events, cancel));
  return store.adopt(build);
}

}  // namespace sealift::registry
