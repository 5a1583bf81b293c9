// SPDX-License-Identifier: Apache-2.0
//
// A host that lies in the agent's own words: each call gets frames made by a grammar from the input. Whatever they say,
// the call ends, and the connection holds no more memory than its limit (remote_host.h).
#include <fuzzer/FuzzedDataProvider.h>
#include <sanitizer/allocator_interface.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "payload/base/format.h"
#include "payload/base/version.h"
#include "runtime/agent/protocol.h"
#include "runtime/agent/remote_host.h"

using namespace sealift;
using agent::FrameType;

namespace {

constexpr size_t kMostHeld = size_t{64} << 20;

// Bytes that the launch machine's side has allocated and not freed since a call began; the highest count of them.
std::atomic<int64_t> held = 0, most_held = 0;
thread_local bool is_lying = false;  // what this thread allocates now is the liar's
void count_allocated(const volatile void*, size_t size) {
  if (is_lying) return;
  const int64_t now = held += static_cast<int64_t>(size);
  int64_t most = most_held;
  while (now > most && !most_held.compare_exchange_weak(most, now)) {
  }
}
void count_freed(const volatile void* at) {
  if (is_lying) return;
  held -= static_cast<int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(at)));
}
const int kHooked = __sanitizer_install_malloc_and_free_hooks(count_allocated, count_freed);

// Sentences of the grammar.
class Grammar {
 public:
  explicit Grammar(FuzzedDataProvider& data) : data_(data) {}

  std::string frame_body() {
    switch (data_.ConsumeIntegralInRange(0, 5)) {
      case 0: return data_.ConsumeRandomLengthString(64);
      case 1: return std::string(4, static_cast<char>(data_.ConsumeIntegral<uint8_t>()));
      case 2: return std::string(size(), 'x');
      default: return object(4);
    }
  }

 private:
  size_t size() { return data_.PickValueInArray<size_t>({0, 1, 9, 4096, 65'536, 262'144, 1'000'000, 4U << 20U}); }
  size_t count() { return data_.PickValueInArray<size_t>({0, 1, 2, 3, 5, 70, 3'000, 199'990, 250'000, 1'000'000}); }
  std::string key() {
    return data_.PickValueInArray({"value",     "body",      "there",  "complete", "code", "outputBytes",
                                   "error",     "what",      "while",  "version",  "busy", "hostname",
                                   "addresses", "listeners", "type",   "spec",     "size", "works",
                                   "detail",    "seq",       "change", "kind"});
  }
  std::string value(int depth) {
    switch (data_.ConsumeIntegralInRange(0, 9)) {
      case 0: return "true";
      case 1: return "false";
      case 2:
        return data_.PickValueInArray({"0", "-1", "18446744073709551615", "1e999", "99999999999999999999", "0.5"});
      case 3: return R"("\u001b[2J\u202e")";
      case 4: return "\"" + std::string(std::min<size_t>(size(), 1U << 20U), 'a') + "\"";
      case 5:
        return repeated(
            data_.PickValueInArray({"{}", "[]", "\"\"", "0", "{\"a\":0}", "\"abcdefghijklmnopqrstuvwxyz\""}));
      case 6: return std::string(count() % 3'001, '[');
      case 7: return depth > 0 ? "[" + value(depth - 1) + "," + value(depth - 1) + "]" : "null";
      default: return depth > 0 ? object(depth - 1) : "null";
    }
  }
  // A list of the same, as long as a frame takes.
  std::string repeated(const std::string& item) {
    const size_t times = std::min(count(), size_t{agent::kMaxFrame} / (item.size() + 1) - 100);
    std::string out = "[";
    for (size_t i = 0; i < times; ++i) out += item + ",";
    return out + item + "]";
  }
  std::string object(int depth) {
    std::string out = "{";
    const int members = data_.ConsumeIntegralInRange(0, 4);
    for (int i = 0; i < members; ++i) out += (i == 0 ? "\"" : ",\"") + key() + "\":" + value(depth);
    return out + "}";
  }

  FuzzedDataProvider& data_;
};

// The agent's side: after each request its lies for it, and at the end of the script the end of the stream.
class Liar final : public base::Source, public base::Sink {
 public:
  Liar(FuzzedDataProvider& data, Grammar& grammar) : data_(data), grammar_(grammar) {
    agent::FrameWriter writer(into_);
    (void)into_.write(base::as_bytes(agent::kMagic));
    (void)writer.write(FrameType::hello, 0, base::as_bytes(base::format(R"({{"version":"{}"}})", base::kVersion)));
  }

  Result<size_t> read(std::span<std::byte> buffer) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return at_ < text_.size() || closed_; });
    const size_t size = std::min(buffer.size(), text_.size() - at_);
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(at_), size, buffer.begin());
    at_ += size;
    return size;
  }

  // Frames from the launch machine; a whole one comes with each call.
  Result<void> write(ByteView data) override {
    base::ByteReader reader(data);
    const auto frame = agent::parse_frame(reader);
    if (!frame || frame->type != FrameType::request) return {};
    const std::lock_guard lock(mutex_);
    lie(frame->id);
    changed_.notify_all();
    return {};
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  struct Into final : base::Sink {
    explicit Into(Bytes& text) : text_(text) {}
    Result<void> write(ByteView data) override {
      text_.insert(text_.end(), data.begin(), data.end());
      return {};
    }
    Bytes& text_;
  };

  void lie(uint32_t id) {
    is_lying = true;
    text_.erase(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    agent::FrameWriter writer(into_);
    const int frames = data_.ConsumeIntegralInRange(0, 6);
    for (int i = 0; i < frames; ++i) {
      const auto type =
          data_.ConsumeBool() ? FrameType::response : static_cast<FrameType>(data_.ConsumeIntegralInRange(1, 10));
      const uint32_t whose = data_.ConsumeIntegralInRange(0, 7) == 0 ? data_.ConsumeIntegral<uint32_t>() : id;
      std::string body = grammar_.frame_body();
      if (body.size() > agent::kMaxFrame) body.resize(agent::kMaxFrame);
      (void)writer.write(type, whose, base::as_bytes(body));
    }
    closed_ = true;  // nothing more comes for this call
    is_lying = false;
  }

  FuzzedDataProvider& data_;
  Grammar& grammar_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Bytes text_;
  size_t at_ = 0;
  bool closed_ = false;
  Into into_{text_};
};

void call(agent::RemoteHost& host, int which) {
  switch (which) {
    case 0: (void)host.facts(); break;
    case 1: (void)host.stat("/"); break;
    case 2: (void)host.read("/x", size_t{1} << 20); break;
    case 3: (void)host.list("/"); break;
    case 4: (void)host.ledger(); break;
    case 5: (void)host.store_state("/x"); break;
    case 6: (void)host.query({{"x"}, {}, "/", {}}, {}, {}); break;
    case 7: (void)host.try_feature("overlay"); break;
    case 8: (void)host.digest("/x"); break;
    default: (void)host.record({"step", ""}); break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (kHooked == 0) std::abort();
  FuzzedDataProvider data(bytes, size);
  Grammar grammar(data);
  const int which = data.ConsumeIntegralInRange(0, 9);
  auto liar = std::make_unique<Liar>(data, grammar);
  auto host = agent::RemoteHost::connect({*liar, *liar, [&] { liar->close(); }, nullptr}, base::system_clock());
  if (!host) std::abort();
  held = most_held = 0;
  call(**host, which);
  host->reset();
  if (const int64_t most = most_held; most > static_cast<int64_t>(kMostHeld)) {
    std::fprintf(stderr, "call %d held %lld bytes\n", which, static_cast<long long>(most));
    std::abort();
  }
  return 0;
}
