// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/payload_blobs.h"

#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "payload/hash/digest.h"

namespace sealift::node {
namespace {

// How long a pull waits for bytes still arriving; containerd gives up only much later.
constexpr Duration kArrivalWait{60'000};
constexpr Duration kArrivalPoll{300};
// Memory held by each pull, however slow its client is.
constexpr size_t kRawPiece = size_t{128} << 10;
constexpr uint64_t kDecodedPiece = uint64_t{1} << 20;

}  // namespace

PayloadBlobs::StateStamp PayloadBlobs::state_stamp() const {
  struct stat status{};
  if (::stat((path_ + ".state").c_str(), &status) != 0) return {-1, 0};
  return {status.st_size, (int64_t{status.st_mtim.tv_sec} * 1'000'000'000) + status.st_mtim.tv_nsec};
}

// Null until the metadata has arrived.
const PayloadBlobs::Opened* PayloadBlobs::opened() {
  const std::lock_guard lock(mutex_);
  if (opened_) return &*opened_;
  const auto stamp = state_stamp();
  if (opened_at_ == stamp) return nullptr;
  auto file = base::OpenFile::open(path_);
  if (!file) return nullptr;
  auto reader = format::PayloadReader::open(**file);
  if (!reader) {
    opened_at_ = stamp;
    return nullptr;
  }
  Catalog catalog((*reader)->contents());
  opened_.emplace(std::move(*file), std::move(*reader), std::move(catalog));
  return &*opened_;
}

bool PayloadBlobs::is_here(const Digest& digest) {
  const auto* payload = opened();
  if (payload == nullptr) return false;
  const std::lock_guard lock(mutex_);
  if (pieces_.complete) return true;
  if (const auto stamp = state_stamp(); pieces_at_ != stamp) {
    if (auto pieces = host::read_stored_pieces(path_)) {
      pieces_ = std::move(*pieces);
      pieces_at_ = stamp;
    }
    if (pieces_.complete) return true;
  }
  const auto frames = payload->reader->frames_of(std::span(&digest, 1));
  return frames && std::ranges::all_of(*frames, [&](const format::Frame& frame) {
           return pieces_.covers(frame.offset, frame.stored_size);
         });
}

Result<void> PayloadBlobs::wait_until(const std::function<bool()>& here, const std::string& what) {
  const Duration begin = clock_.monotonic();
  for (;;) {
    SEALIFT_TRY(stopped_.token().check());
    if (here()) return {};
    if (clock_.monotonic() - begin > kArrivalWait)
      return fail(ErrorCode::timeout, "{} is still on its way to this host", what);
    clock_.sleep(kArrivalPoll);
  }
}

Result<std::optional<BlobInfo>> PayloadBlobs::stat(const Question& question) {
  SEALIFT_TRY(wait_until([&] { return opened() != nullptr; }, "the payload"));
  auto found = opened()->catalog.find(question);
  if (!found) return std::nullopt;
  return BlobInfo{question, found->digest, found->size, std::move(found->media_type)};
}

void PayloadBlobs::list(Repositories& out) {
  if (const auto* payload = opened()) payload->catalog.list(out);
}

Result<void> PayloadBlobs::await(const BlobInfo& blob) {
  return wait_until([&] { return is_here(blob.digest); }, blob.digest.text());
}

Result<void> PayloadBlobs::read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) {
  SEALIFT_ASSIGN(range, within(blob, range));
  if (!is_here(blob.digest))
    return fail(ErrorCode::unreachable, "{} is still on its way to this host", blob.digest.text());
  base::FunctionSink stoppable([&, stopped = stopped_.token()](ByteView data) {
    return stopped.check().and_then([&] { return sink.write(data); });
  });
  const auto object = opened()->reader->find(blob.digest);
  if (object && object->raw_offset) return read_raw(blob, *object->raw_offset, range, stoppable);
  return read_decoded(blob, range, stoppable);
}

// Hashes a frame first and then sends its bytes, both through one small buffer: PayloadReader::read would hold the
// whole frame, 8 MiB, for each of hundreds of slow clients. The second read comes from the page cache.
Result<void> PayloadBlobs::read_raw(const BlobInfo& blob, base::FileOffset begin, format::ByteRange range,
                                    base::Sink& sink) {
  const auto& reader = *opened()->reader;
  SEALIFT_ASSIGN(const auto frames, reader.frames_of(std::span(&blob.digest, 1)));
  Bytes buffer(kRawPiece);
  const auto each_piece = [&](uint64_t from, uint64_t to, base::Sink& use) -> Result<void> {
    while (from < to) {
      const auto piece = std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(kRawPiece, to - from)));
      SEALIFT_TRY(reader.file().read_at(reader.payload_offset() + from, piece));
      SEALIFT_TRY(use.write(piece));
      from += piece.size();
    }
    return {};
  };
  for (const auto& frame : frames) {
    const uint64_t frame_end = frame.offset + frame.stored_size;
    const uint64_t from = std::max(begin + range.offset, frame.offset),
                   to = std::min(begin + range.offset + range.size, frame_end);
    if (from >= to) continue;
    hash::Sha256 hasher;
    base::FunctionSink hashing([&](ByteView piece) -> Result<void> {
      hasher.update(piece);
      return {};
    });
    SEALIFT_TRY(each_piece(frame.offset, frame_end, hashing));
    if (hasher.finish() != frame.stored_hash) {
      return fail(ErrorCode::corrupt,
                  "{} is damaged at offset {} (object {}); remove it, deliver again, then restart sealift-mirror",
                  path_, reader.payload_offset() + frame.offset, blob.digest.text());
    }
    SEALIFT_TRY(each_piece(from, to, sink));
  }
  return {};
}

Result<void> PayloadBlobs::read_decoded(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) {
  for (const uint64_t end = range.offset + range.size; range.offset < end; range.offset += range.size) {
    range.size = std::min(kDecodedPiece, end - range.offset);
    base::MemorySink piece(static_cast<size_t>(range.size));
    decoders_.acquire();
    const auto decoded = opened()->reader->read(blob.digest, range, piece);
    decoders_.release();
    SEALIFT_TRY(decoded);
    SEALIFT_TRY(sink.write(piece.data()));
  }
  return {};
}

}  // namespace sealift::node
