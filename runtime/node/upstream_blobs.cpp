// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/upstream_blobs.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "runtime/node/error_answer.h"
#include "runtime/node/relay.h"

namespace sealift::node {
namespace {

constexpr Duration kConnectTimeout{3'000};
// Longer than a registry host waits for bytes still arriving there.
constexpr Duration kReadTimeout{90'000};
// An overloaded registry host says so at once (503), and one that restarts refuses connections. containerd would
// abandon the pull on either, so the hosts are asked again for a while.
constexpr Duration kPatience{60'000};
constexpr Duration kPoll{2'000}, kFirstPoll{100};

std::optional<std::string> header(const http::Reply& reply, const std::string& name) {
  const auto found = reply.headers.find(name);
  return found == reply.headers.end() ? std::nullopt : std::optional(found->second);
}

// Checks that the bytes for the relay begin at its position.
Result<void> check_begin(const http::Reply& head, uint64_t position) {
  if (head.status == 200 && position != 0)
    return fail(ErrorCode::protocol, "a part was asked for and the whole answered");
  const auto place = header(head, "content-range");
  if (head.status == 206 && !(place && place->starts_with(base::format("bytes {}-", position)))) {
    return fail(ErrorCode::protocol, "bytes from {} on were asked for, the answer is {}", position,
                base::printable(place.value_or("without a place")));
  }
  return {};
}

Result<BlobInfo> info_of(const Question& question, const http::Reply& head) {
  const auto size = base::parse_u64(header(head, "content-length").value_or(""));
  if (!size) return fail(ErrorCode::protocol, "a registry host did not say how long the object is");
  const auto asked = Digest::parse(question.reference);
  const auto named = Digest::parse(header(head, "docker-content-digest").value_or(""));
  if (!asked && !named)
    return fail(ErrorCode::protocol, "a registry host did not say which digest {} has", question.reference);
  if (asked && named && *asked != *named)
    return fail(ErrorCode::protocol, "a registry host answered {} for {}", named->text(), asked->text());
  return BlobInfo{question, asked ? *asked : *named, *size,
                  header(head, "content-type").value_or("application/octet-stream")};
}

}  // namespace

Result<std::optional<BlobInfo>> UpstreamBlobs::stat(const Question& question) {
  SEALIFT_ASSIGN(const auto head,
                 ask([target = target_of(question)](http::Client& client) { return client.head(target, {}); }));
  if (head.status == 404) return std::nullopt;
  if (head.status != 200) return fail(ErrorCode::protocol, "a registry host answered {}", head.status);
  return info_of(question, head);
}

Result<void> UpstreamBlobs::await(const BlobInfo&) { return stopped_.token().check(); }

Result<void> UpstreamBlobs::read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) {
  SEALIFT_ASSIGN(range, within(blob, range));
  if (range.size == 0) return {};
  Question exactly = blob.question;
  exactly.reference = blob.digest.text();  // a tag could name something else by now
  const std::string target = target_of(exactly);
  Relay relay(blob, range, sink);
  const auto request = [&](http::Client& client) -> Result<http::Reply> {
    if (relay.failed()) return fail(*relay.failed());
    if (relay.complete()) return http::Reply{};  // the answer was longer than it should be
    const auto begins = [&](const http::Reply& head) { return check_begin(head, relay.position()); };
    SEALIFT_ASSIGN(auto got, client.get_to(target, {{"Range", relay.wanted()}}, relay, begins));
    if (got.status >= 500 || relay.complete()) return got;
    if (got.status >= 300) return fail(ErrorCode::protocol, "{} answered {}", client.origin().text(), got.status);
    return fail(ErrorCode::unreachable, "the stream of {} ended early", client.origin().text());
  };
  const auto reply = ask(request, [&] { return relay.position(); });
  if (relay.failed()) return fail(*relay.failed());
  return reply.transform([](const http::Reply&) {});
}

void UpstreamBlobs::stop() {
  stopped_.cancel();
  const std::lock_guard lock(mutex_);
  for (auto* client : at_work_) client->stop();
}

void UpstreamBlobs::set_identity(http::TlsIdentity identity) {
  const std::lock_guard lock(mutex_);
  identity_ = std::move(identity);
}

Result<http::Reply> UpstreamBlobs::ask(const Request& request, const std::function<uint64_t()>& received) {
  const CancelToken stopped = stopped_.token();
  std::optional<Duration> silent_since;
  // A door in a crowd lets in who knocks again; a host that is away is not asked all the time.
  for (Duration wait = kFirstPoll;; wait = std::min(2 * wait, kPoll)) {
    const uint64_t before = received();
    Error last{ErrorCode::unreachable, "none is known", {}};
    bool passing = false;
    std::optional<Error>
        failed_there;  // a registry of others failed a host (mirror.cpp), and nobody who has it answered
    std::optional<http::Reply> absent;  // another host may have another artifact's
    std::unique_lock lock(mutex_);
    const auto hosts = hosts_;
    lock.unlock();
    for (const auto& host : hosts) {
      if (stopped.cancelled()) break;
      auto reply = ask_one(host, request);
      if (reply && reply->status == 404) {
        absent = std::move(*reply);
        continue;
      }
      if (reply && reply->status < 500) {
        answered(host);
        return reply;
      }
      if (!reply && reply.error().code == ErrorCode::corrupt) {
        deceived(host);
        return reply;
      }
      if (reply && reply->status == 502) {
        failed_there =
            Error{ErrorCode::protocol, base::format("{}, asked through {}", reason_of(*reply), host.text()), {}};
        continue;
      }
      passing = passing || (reply ? reply->status == 503 : base::may_pass(reply.error().code));
      last = reply ? Error{ErrorCode::unreachable,
                           base::format("{} answered {}: {}", host.text(), reply->status, reason_of(*reply)),
                           {}}
                   : std::move(reply).error();
    }
    SEALIFT_TRY(stopped.check());
    if (absent) return std::move(*absent);
    const Duration now = clock_.monotonic();
    if (!silent_since || received() != before) silent_since = now;
    const bool is_over = !passing || now - *silent_since >= kPatience;
    if (is_over && failed_there) return fail(std::move(*failed_there));
    if (is_over) return fail(Error{last.code, "no registry host answers: " + last.what, std::move(last.while_doing)});
    SEALIFT_TRY(base::pause(clock_, wait, stopped));
  }
}

Result<http::Reply> UpstreamBlobs::ask_one(const http::Origin& host, const Request& request) {
  std::unique_lock taking(mutex_);
  http::ClientOptions options{identity_.authority, identity_.certificate, identity_.key,
                              kConnectTimeout,     kReadTimeout,          {}};
  taking.unlock();
  http::Client client(host, std::move(options));
  taking.lock();
  at_work_.insert(&client);
  taking.unlock();
  auto reply = request(client);
  const std::lock_guard lock(mutex_);
  at_work_.erase(&client);
  return reply;
}

void UpstreamBlobs::answered(const http::Origin& host) {
  const std::lock_guard lock(mutex_);
  std::ranges::stable_partition(hosts_, [&](const http::Origin& other) { return other == host; });
}

void UpstreamBlobs::deceived(const http::Origin& host) {
  const std::lock_guard lock(mutex_);
  std::ranges::stable_partition(hosts_, [&](const http::Origin& other) { return other != host; });
}

}  // namespace sealift::node
