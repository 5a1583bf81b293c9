// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/protocol.h"

#include <algorithm>
#include <array>

#include "payload/base/text.h"

namespace sealift::agent {
namespace {

constexpr size_t kHeader = 9;
constexpr Duration kLook{100};  // how often a wait looks at its deadline

bool is_known(uint8_t type) { return type >= 1 && type <= 9; }

Result<void> read_exactly(base::Source& source, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    SEALIFT_ASSIGN(const size_t count, source.read(buffer));
    if (count == 0) return fail(ErrorCode::truncated, "the agent's stream ended");
    buffer = buffer.subspan(count);
  }
  return {};
}

template <class Ready>
Result<void> await(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, const base::Deadline* until,
                   Ready ready) {
  if (until == nullptr) {
    changed.wait(lock, ready);
    return {};
  }
  while (!changed.wait_for(lock, kLook, ready)) SEALIFT_TRY(until->check("the agent, in the middle of a call"));
  return {};
}

struct Header {
  uint32_t size;
  WireFrame frame;
};

Result<Header> parse_header(base::ByteReader& reader) {
  Header out{};
  SEALIFT_ASSIGN(out.size, reader.u32());
  SEALIFT_ASSIGN(const uint8_t type, reader.u8());
  SEALIFT_ASSIGN(out.frame.id, reader.u32());
  if (out.size > kMaxFrame || !is_known(type))
    return fail(ErrorCode::protocol, "a frame of type {} with {} bytes", type, out.size);
  out.frame.type = static_cast<FrameType>(type);
  return out;
}

}  // namespace

Result<WireFrame> parse_frame(base::ByteReader& reader) {
  SEALIFT_ASSIGN(auto header, parse_header(reader));
  SEALIFT_ASSIGN(const auto body, reader.bytes(header.size));
  header.frame.body.assign(body.begin(), body.end());
  return std::move(header.frame);
}

Result<WireFrame> read_frame(base::Source& source) {
  std::array<std::byte, kHeader> bytes;
  SEALIFT_TRY(read_exactly(source, bytes));
  base::ByteReader reader(bytes);
  SEALIFT_ASSIGN(auto header, parse_header(reader));
  // Memory grows with the bytes received, not with the announced size.
  auto& body = header.frame.body;
  while (body.size() < header.size) {
    const size_t at = body.size(), piece = std::min<size_t>(header.size - at, kPiece);
    body.resize(at + piece);
    SEALIFT_TRY(read_exactly(source, std::span(body).subspan(at)));
  }
  return std::move(header.frame);
}

Result<void> skip_to_magic(base::Source& source) {
  std::string seen = "\n";  // the magic may come at the very beginning
  std::array<std::byte, 1> one;
  while (!seen.ends_with(kMagic)) {
    if (seen.size() > kMaxNoise)
      return fail(ErrorCode::protocol, "the host keeps printing instead of starting the agent: {}",
                  base::printable(seen));
    SEALIFT_ASSIGN(const size_t count, source.read(one));
    if (count == 0) {
      return fail(ErrorCode::protocol, "the agent did not start; the host said: {}",
                  base::printable(base::trim(seen), 1000));
    }
    seen += static_cast<char>(one[0]);
  }
  return {};
}

Result<void> FrameWriter::write(FrameType type, uint32_t id, ByteView body) {
  base::ByteWriter writer;
  writer.u32(static_cast<uint32_t>(body.size()));
  writer.u8(static_cast<uint8_t>(type));
  writer.u32(id);
  writer.bytes(body);
  const std::lock_guard lock(mutex_);
  return sink_.write(writer.data());
}

Result<void> FrameWriter::write_json(FrameType type, uint32_t id, const json::Value& value) {
  return write(type, id, base::as_bytes(json::to_canonical(value)));
}

Result<size_t> BodyQueue::read(std::span<std::byte> buffer) {
  size_t count = 0;
  {
    std::unique_lock lock(mutex_);
    SEALIFT_TRY(await(changed_, lock, until_, [&] { return !pieces_.empty() || ended_ || error_; }));
    if (error_) return fail(*error_);
    if (pieces_.empty()) return 0;
    const ByteView piece = ByteView(pieces_.front()).subspan(at_);
    count = std::min(buffer.size(), piece.size());
    std::ranges::copy(piece.first(count), buffer.begin());
    at_ += count;
    queued_ -= count;
    if (at_ == pieces_.front().size()) {
      pieces_.pop_front();
      at_ = 0;
    }
  }
  base::ByteWriter credit;
  credit.u32(static_cast<uint32_t>(count));
  SEALIFT_TRY(writer_.write(FrameType::credit, id_, credit.data()));
  return count;
}

Result<void> BodyQueue::put(Bytes piece) {
  const std::lock_guard lock(mutex_);
  if (dropping_ || piece.empty()) return {};
  if (queued_ + piece.size() > kWindow) return fail(ErrorCode::protocol, "the peer sent more than it had credit for");
  queued_ += piece.size();
  pieces_.push_back(std::move(piece));
  changed_.notify_all();
  return {};
}

void BodyQueue::finish() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void BodyQueue::abort(Error error) {
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
  changed_.notify_all();
}

void BodyQueue::drop() {
  const std::lock_guard lock(mutex_);
  dropping_ = true;
  pieces_.clear();
  queued_ = at_ = 0;
}

Result<uint32_t> Credit::take(uint32_t wanted) {
  std::unique_lock lock(mutex_);
  SEALIFT_TRY(await(changed_, lock, until_, [&] { return available_ > 0 || error_; }));
  if (error_) return fail(*error_);
  const auto count = static_cast<uint32_t>(std::min<uint64_t>(wanted, available_));
  available_ -= count;
  return count;
}

void Credit::grant(uint32_t bytes) {
  const std::lock_guard lock(mutex_);
  available_ += bytes;
  changed_.notify_all();
}

void Credit::abort(Error error) {
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
  changed_.notify_all();
}

Result<void> send_body(FrameWriter& writer, uint32_t id, Credit& credit, base::Source& body) {
  Bytes buffer(kPiece);
  for (;;) {
    SEALIFT_ASSIGN(const size_t count, body.read(buffer));
    if (count == 0) return writer.write(FrameType::end, id, {});
    for (ByteView left = ByteView(buffer).first(count); !left.empty();) {
      SEALIFT_ASSIGN(const uint32_t allowed, credit.take(static_cast<uint32_t>(left.size())));
      SEALIFT_TRY(writer.write(FrameType::data, id, left.first(allowed)));
      left = left.subspan(allowed);
    }
  }
}

}  // namespace sealift::agent
