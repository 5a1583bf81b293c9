// SPDX-License-Identifier: Apache-2.0
//
// The agent's protocol: frames over the two ends of a pipe. It carries requests with an optional body, responses with
// an optional body, and credit for bodies. It does not know the meaning of requests (see calls.h).
//
// Bytes: the agent first writes kMagic (a login shell's output before it is skipped, at most 64 KiB); then both sides
// send frames:
//   u32 size of the frame's body (≤ kMaxFrame) · u8 type · u32 request id · body          (little-endian)
// hello      JSON {"version", "digest"?, "error"?}: first frame of each side
// request    JSON {"call", …}; with "body": true, data frames and an end frame follow
// data, end  part of a body, in either direction; id names the request
// response   JSON {…} or {"error": {"code", "what", "while"}}; with "body": true data and end follow
// credit     u32 bytes that the receiver of a body will take in addition to those granted before; a body starts with
//            kWindow of credit. A response ends the request's body: the unsent rest is not wanted
// cancel     the caller no longer waits for this request; the body it was sending ends here
// ping, pong keep-alive
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "payload/base/bytes.h"
#include "payload/base/deadline.h"
#include "payload/base/stream.h"
#include "payload/json/value.h"

namespace sealift::agent {

inline constexpr std::string_view kMagic = "\nSEALIFT-AGENT 1\n";
inline constexpr size_t kMaxNoise = size_t{64} << 10;
inline constexpr uint32_t kMaxFrame = 4U << 20;
inline constexpr uint32_t kPiece = 256U << 10;  // of a body
inline constexpr uint32_t kWindow = 4U << 20;

enum class FrameType : uint8_t {  // never renumber
  hello = 1,
  request = 2,
  data = 3,
  end = 4,
  response = 5,
  credit = 6,
  cancel = 7,
  ping = 8,
  pong = 9,
};

struct WireFrame {
  FrameType type = FrameType::ping;
  uint32_t id = 0;
  Bytes body;
};

// Errors: protocol for an impossible frame, truncated at the end of the stream.
Result<WireFrame> read_frame(base::Source& source);
// Parses one frame from memory, for the fuzzer and tests.
Result<WireFrame> parse_frame(base::ByteReader& reader);
// Reads up to and including kMagic. Errors: protocol, with the text printed instead.
Result<void> skip_to_magic(base::Source& source);

// Writes whole frames; any thread.
class FrameWriter {
 public:
  explicit FrameWriter(base::Sink& sink) : sink_(sink) {}
  Result<void> write(FrameType type, uint32_t id, ByteView body);
  Result<void> write_json(FrameType type, uint32_t id, const json::Value& value);

 private:
  base::Sink& sink_;
  std::mutex mutex_;
};

// The receiving side of a body: the connection's reader puts pieces in; one consumer takes them out and grants credit
// for them.
class BodyQueue final : public base::Source {
 public:
  // read() waits until `until`, or for ever.
  BodyQueue(FrameWriter& writer, uint32_t id, const base::Deadline* until = nullptr)
      : writer_(writer), id_(id), until_(until) {}
  Result<size_t> read(std::span<std::byte> buffer) override;
  // Errors: protocol if the sender exceeds its credit.
  Result<void> put(Bytes piece);
  void finish();
  void abort(Error error);
  // The consumer wants no more: later pieces are dropped. The sender stops at the response or at a cancel.
  void drop();

 private:
  FrameWriter& writer_;
  uint32_t id_;
  const base::Deadline* until_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Bytes> pieces_;
  size_t at_ = 0;  // offset in the first piece
  size_t queued_ = 0;
  bool ended_ = false;
  bool dropping_ = false;
  std::optional<Error> error_;
};

// The sending side's credit.
class Credit {
 public:
  explicit Credit(const base::Deadline* until = nullptr) : until_(until) {}
  // Waits, no longer than `until`, until at least one byte may be sent; returns how many, at most `wanted`.
  Result<uint32_t> take(uint32_t wanted);
  void grant(uint32_t bytes);
  void abort(Error error);

 private:
  const base::Deadline* until_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t available_ = kWindow;
  std::optional<Error> error_;
};

// Sends a body, limited by credit, and its end frame.
Result<void> send_body(FrameWriter& writer, uint32_t id, Credit& credit, base::Source& body);

}  // namespace sealift::agent
