// SPDX-License-Identifier: Apache-2.0
//
// A mirror that many ask at once, for bytes that are still on their way.
#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "payload/http/client.h"
#include "runtime/node/mirror.h"
#include "tests/support/recorded_payloads.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using tests::TemporaryFolder;
using tests::TinyPayload;

namespace {

http::Reply get(uint16_t port, const std::string& target) {
  http::Client client({"http", "127.0.0.1", port}, {});
  auto reply = client.get(target, {});
  REQUIRE(reply);
  return *reply;
}

// Waits end only when the test says so.
class HeldClock final : public Clock {
 public:
  WallTime now() const override { return {}; }
  Duration monotonic() const override { return {}; }
  void sleep(Duration) override {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [&] { return open_; });
    --waiting_;
  }
  bool have_come(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return waiting_ >= count; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  static constexpr std::chrono::seconds kPatience{60};  // so that a failing test ends too
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

// Concurrent pulls of one target, and their replies.
class Pulls {
 public:
  Pulls(uint16_t port, const std::string& target, int count) : replies_(static_cast<size_t>(count)) {
    for (auto& reply : replies_) {
      threads_.emplace_back([&reply, port, target] {
        http::Client client({"http", "127.0.0.1", port}, {});
        if (auto got = client.get(target, {})) reply = std::move(*got);
      });
    }
  }
  const std::vector<http::Reply>& replies() {
    threads_.clear();
    return replies_;
  }

 private:
  std::vector<http::Reply> replies_;
  std::vector<std::jthread> threads_;
};

// A registry host with an arriving payload: so far its metadata and the second image's manifest.
struct HeldMirror {
  explicit HeldMirror(const TemporaryFolder& folder) : tiny(folder), payload(folder, tiny) {
    payload.metadata_comes();
    for (const auto& frame : payload.frames(tiny.quay_manifest)) payload.comes(frame);
    node::MirrorConfig config;
    config.local_address = "127.0.0.1";
    config.artifacts = tests::record_payloads(folder.path(), {payload.path()});
    auto started = node::Mirror::start(config, clock);
    REQUIRE(started);
    mirror = std::move(*started);
  }
  std::string layer() const { return "/v2/library/hello/blobs/" + tiny.layer.text() + "?ns=docker.io"; }
  static std::string manifest() { return "/v2/library/hello/manifests/1.0?ns=docker.io"; }

  HeldClock clock;
  TinyPayload tiny;
  tests::ArrivingPayload payload;
  std::unique_ptr<node::Mirror> mirror;
};

}  // namespace

TEST_CASE("pulls that wait for bytes on their way keep no other from being answered") {
  constexpr int kWaiting = 100;
  const TemporaryFolder folder;
  HeldMirror held(folder);
  const uint16_t port = held.mirror->local_port();
  Pulls waiting(port, held.layer(), kWaiting);
  CHECK(held.clock.have_come(kWaiting));
  CHECK(get(port, "/v2/").status == 200);
  CHECK(get(port, "/v2/library/hello/manifests/1.0?ns=quay.io").status == 200);
  held.payload.all_comes();
  held.clock.open();
  for (const auto& reply : waiting.replies()) {
    CHECK(reply.status == 200);
    CHECK(reply.text == held.tiny.docker_layer);
  }
}

TEST_CASE("more requests at once than a mirror has room for are told to come later, at once") {
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = files.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  const TemporaryFolder folder;
  HeldMirror held(folder);
  const uint16_t port = held.mirror->local_port();
  Pulls waiting(port, held.manifest(), node::Mirror::kRequests);
  CHECK(held.clock.have_come(node::Mirror::kRequests));
  const auto late = get(port, "/v2/");
  CHECK(late.status == 503);
  CHECK(late.headers.at("retry-after") == "5");
  CHECK(late.text.contains("too many requests at once"));
  held.payload.all_comes();
  held.clock.open();
  size_t good = 0;
  for (const auto& reply : waiting.replies())
    good += hash::sha256(base::as_bytes(reply.text)) == held.tiny.docker_manifest ? 1 : 0;
  CHECK(good == node::Mirror::kRequests);
  CHECK(get(port, "/v2/").status == 200);
}

TEST_CASE("a mirror that stops lets nobody wait for bytes any longer") {
  const TemporaryFolder folder;
  HeldMirror held(folder);
  Pulls waiting(held.mirror->local_port(), held.layer(), 3);
  CHECK(held.clock.have_come(3));
  std::jthread end([&] { held.mirror.reset(); });
  held.clock.open();  // the bytes never arrive: without this the wait would never end
  end.join();
  for (const auto& reply : waiting.replies()) CHECK(reply.status != 200);
}
