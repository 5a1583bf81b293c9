// SPDX-License-Identifier: Apache-2.0
//
// What an agent may say to the launch machine: noise, magic, frames in any order, and the values in their bodies.
#include <cstdlib>

#include "payload/base/stream.h"
#include "runtime/host/calls.h"
#include "runtime/host/protocol.h"

using namespace sealift;

namespace {

class NoSink final : public base::Sink {
 public:
  Result<void> write(ByteView data) override {
    written_ += data.size();
    return {};
  }
  size_t written_ = 0;
};

// Every reader of values, whatever the value is meant to be.
void read_values(const json::Value& value) {
  (void)host::file_status_from(value);
  (void)host::unit_state_from(value);
  (void)host::disk_space_from(value);
  (void)host::ledger_entry_from(value);
  (void)host::error_from_json(value);
  (void)host::texts_from(&value);
  // What is read as facts or as a command is written again as the same. (The first reading may bring numbers that are
  // out of range into it.)
  if (const auto facts = host::facts_from(value)) {
    const auto in_range = host::facts_from(host::to_json(*facts));
    if (!in_range) std::abort();
    const auto text = json::to_canonical(host::to_json(*in_range));
    const auto parsed = json::parse(text);
    const auto again = parsed ? host::facts_from(*parsed) : Result<host::Facts>{std::unexpected(parsed.error())};
    if (!again || json::to_canonical(host::to_json(*again)) != text) std::abort();
  }
  const auto command = host::command_from(value);
  if (host::command_from(host::to_json(command)).argv != command.argv) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  base::MemorySource source(bytes);
  if (!host::skip_to_magic(source)) return 0;
  NoSink sink;
  host::FrameWriter writer(sink);
  host::BodyQueue queue(writer, 1);
  host::Credit credit;
  bool ended = false;
  size_t queued = 0;
  while (auto frame = host::read_frame(source)) {
    if (frame->body.size() > host::kMaxFrame) std::abort();
    switch (frame->type) {
      case host::FrameType::data: {
        const size_t piece = frame->body.size();
        if (queue.put(std::move(frame->body))) queued += piece;
        if (queued > host::kWindow) std::abort();  // more than was granted was taken
        break;
      }
      case host::FrameType::end:
        queue.finish();
        ended = true;
        break;
      case host::FrameType::credit: {
        base::ByteReader reader(frame->body);
        if (const auto granted = reader.u32()) credit.grant(*granted);
        break;
      }
      default:
        if (const auto value = json::parse(base::as_text(frame->body))) read_values(*value);
    }
  }
  if (!ended) queue.finish();
  if (const auto body = base::read_all(queue, host::kWindow); !body || body->size() != queued) std::abort();
  return 0;
}
