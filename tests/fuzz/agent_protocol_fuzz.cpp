// SPDX-License-Identifier: Apache-2.0
//
// What an agent may send to the launch machine: noise, magic, frames in any order, and the values in their bodies.
#include <cstdlib>

#include "payload/base/stream.h"
#include "runtime/agent/protocol.h"
#include "runtime/host/json_values.h"

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

// A value that can be read round-trips, whatever it was meant to be.
template <class T>
void read_as(const json::Value& value) {
  const auto read = host::from_json<T>(value);
  if (!read) return;
  const auto text = json::to_canonical(host::to_json(*read));
  const auto parsed = json::parse(text);
  const auto again = parsed ? host::from_json<T>(*parsed) : Result<T>{std::unexpected(parsed.error())};
  if (!again || json::to_canonical(host::to_json(*again)) != text) std::abort();
}

void read_values(const json::Value& value) {
  read_as<host::Facts>(value);
  read_as<host::FileStatus>(value);
  read_as<host::UnitState>(value);
  read_as<host::DiskSpace>(value);
  read_as<host::FeatureResult>(value);
  read_as<host::LedgerEntry>(value);
  read_as<host::Reason>(value);
  read_as<base::Command>(value);
  read_as<std::vector<std::string>>(value);
  (void)host::error_from_json(value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  base::MemorySource source(bytes);
  if (!agent::skip_to_magic(source)) return 0;
  NoSink sink;
  agent::FrameWriter writer(sink);
  agent::BodyQueue queue(writer, 1);
  agent::Credit credit;
  bool ended = false;
  size_t queued = 0;
  while (auto frame = agent::read_frame(source)) {
    if (frame->body.size() > agent::kMaxFrame) std::abort();
    switch (frame->type) {
      case agent::FrameType::data: {
        const size_t piece = frame->body.size();
        if (queue.put(std::move(frame->body))) queued += piece;
        if (queued > agent::kWindow) std::abort();  // more was accepted than granted
        break;
      }
      case agent::FrameType::end:
        queue.finish();
        ended = true;
        break;
      case agent::FrameType::credit: {
        base::ByteReader reader(frame->body);
        if (const auto granted = reader.u32()) credit.grant(*granted);
        break;
      }
      default:
        if (const auto value = json::parse(base::as_text(frame->body))) read_values(*value);
    }
  }
  if (!ended) queue.finish();
  if (const auto body = base::read_all(queue, agent::kWindow); !body || body->size() != queued) std::abort();
  return 0;
}
