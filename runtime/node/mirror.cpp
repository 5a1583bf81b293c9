// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/mirror.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "runtime/node/delivered_payloads.h"
#include "runtime/node/error_answer.h"
#include "runtime/node/people_door.h"
#include "runtime/node/pki.h"
#include "runtime/node/registries.h"
#include "runtime/node/upstream_blobs.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;
constexpr size_t kMaxRegistries = size_t{8} << 20;
// An object up to this size is read, and so checked, before the response starts: manifests and configurations.
constexpr uint64_t kReadAhead = uint64_t{256} << 10;

http::Response later(std::string text) {
  auto out = message(503, "UNAVAILABLE", std::move(text));
  out.headers["Retry-After"] = "5";
  return out;
}

// For the journal: which object was asked for, and why there is none.
void log_failed(const Question& question, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", target_of(question).c_str(), why.c_str());
}

// Of a registry of others. Never 401: containerd would look for a login of its own. 502 is not waited for by other
// hosts, which would only ask the same registry again and again.
http::Response failed_there(const Question& question, const Error& error) {
  log_failed(question, error.text());
  if (error.code == ErrorCode::cancelled) return later(error.text());
  return message_with_warning(502, "UNAVAILABLE", error.text());
}

http::Response failed(const Question& question, const Error& error) {
  const bool waited = error.code == ErrorCode::timeout || error.code == ErrorCode::cancelled;
  if (!waited) log_failed(question, error.text());
  if (error.code == ErrorCode::protocol) return message(502, "UNAVAILABLE", error.text());
  // untrusted: a host that still has another cluster's certificate
  if (waited || base::may_pass(error.code) || error.code == ErrorCode::untrusted) return later(error.text());
  return message(500, "UNKNOWN", error.text());
}

http::Response::Stream memory_stream(Bytes bytes) {
  return {bytes.size(),
          [bytes = std::make_shared<const Bytes>(std::move(bytes))](uint64_t offset, uint64_t size, base::Sink& sink) {
            return sink.write(ByteView(*bytes).subspan(static_cast<size_t>(offset), static_cast<size_t>(size)));
          }};
}

http::Response::Stream source_stream(std::shared_ptr<BlobSource> source, const BlobInfo& blob) {
  return {blob.size, [source = std::move(source), blob](uint64_t offset, uint64_t size, base::Sink& sink) {
            bool client_gone = false;
            base::FunctionSink to_client([&](ByteView data) {
              auto written = sink.write(data);
              client_gone = !written;
              return written;
            });
            auto read = source->read(blob, {offset, size}, to_client);
            if (!read && !client_gone) log_failed(blob.question, read.error().text());
            return read;
          }};
}

using Failed = http::Response (*)(const Question& question, const Error& error);

http::Response answer_from(const std::shared_ptr<BlobSource>& source, const BlobInfo& blob,
                           const http::Request& request, Failed failed) {
  http::Response out{
      200,
      {{"Docker-Distribution-Api-Version", "registry/2.0"}, {"Docker-Content-Digest", blob.digest.text()}},
      blob.media_type,
      {},
      {}};
  out.stream = source_stream(source, blob);
  if (request.is_head()) return out;  // the size is known; no bytes are needed
  if (auto here = source->await(blob); !here) return failed(blob.question, here.error());
  if (blob.size > kReadAhead) return out;
  base::MemorySink bytes(kReadAhead);
  if (auto read = source->read(blob, {}, bytes); !read) return failed(blob.question, read.error());
  out.stream = memory_stream(bytes.take());
  return out;
}

// Limits the requests that one listener answers at once.
class Turns {
 public:
  // A turn ends when its last copy is destroyed. Null: none is left.
  std::shared_ptr<void> take() {
    if (++taken_ > Mirror::kRequests) {
      --taken_;
      return nullptr;
    }
    return {this, [](Turns* turns) { --turns->taken_; }};
  }

 private:
  std::atomic<unsigned> taken_ = 0;
};

// Keeps the turn until the body is written.
http::Response in_turn(Turns& turns, Mirror& mirror, const http::Request& request, Mirror::Asker asker) {
  auto turn = turns.take();
  if (!turn) {
    std::fprintf(stderr, "%u requests at once: refusing one more with 503\n", Mirror::kRequests);
    return later("too many requests at once; ask again later");
  }
  auto out = mirror.answer(request, asker);
  if (out.stream) {
    out.stream->write = [turn = std::move(turn), write = std::move(out.stream->write)](
                            uint64_t offset, uint64_t size, base::Sink& sink) { return write(offset, size, sink); };
  }
  return out;
}

struct Identities {
  std::optional<http::TlsIdentity> server, client;

  // Programs of this host need no certificate: they can't be told apart by one. The mirror needs its own.
  std::optional<http::TlsIdentity> local() const {
    auto out = server;
    if (out) out->authority.clear();
    return out;
  }
};

Result<Identities> read_identities(const MirrorConfig& config) {
  Identities out;
  const auto read = [&](const std::string& path, std::optional<http::TlsIdentity>& target) -> Result<void> {
    SEALIFT_ASSIGN(const auto authority, base::read_text_file(config.ca, kMaxPem));
    SEALIFT_ASSIGN(auto pair, read_pair(path));
    target = http::TlsIdentity{authority, std::move(pair.certificate), std::move(pair.key)};
    return {};
  };
  if (!config.server.empty()) SEALIFT_TRY(read(config.server, out.server));
  if (!config.registry_hosts.empty()) SEALIFT_TRY(read(config.client, out.client));
  return out;
}

}  // namespace

struct Mirror::State {
  explicit State(Clock& given) : clock(given) {}
  Clock& clock;
  MirrorConfig config;
  // Asked in this order.
  std::unique_ptr<DeliveredPayloads> payloads;  // of a registry host
  std::shared_ptr<UpstreamBlobs> upstream;      // of any other host
  std::mutex mutex;                             // of the next two
  std::shared_ptr<Registries> registries;       // of others
  std::optional<Error> unread;                  // why they can't be asked
  std::shared_ptr<BlobCache> cache;             // used by one thread, in read_registries()

  std::vector<std::shared_ptr<BlobSource>> sources(Asker asker) const {
    auto out = payloads ? payloads->sources() : std::vector<std::shared_ptr<BlobSource>>();
    if (upstream && asker != Asker::other_host) out.push_back(upstream);
    return out;
  }
  std::pair<std::shared_ptr<Registries>, std::optional<Error>> others() {
    const std::lock_guard lock(mutex);
    return {registries, unread};
  }
  Result<void> read_registries();
  Turns local_turns, peer_turns;
  Listeners listeners;
  std::unique_ptr<http::Server> local, peer;
  std::unique_ptr<PeopleDoor> people;

  std::vector<http::Server*> servers() const {
    std::vector<http::Server*> out{local.get(), peer.get(), people ? people->server() : nullptr};
    std::erase(out, nullptr);
    return out;
  }
};

// What is being answered goes on with the former ones.
Result<void> Mirror::State::read_registries() {
  if (config.registries.empty()) return {};
  auto text = base::read_text_file(config.registries, kMaxRegistries);
  auto read = text.and_then([](const std::string& json) { return parse_registries_config(json); });
  if (text) explicit_bzero(text->data(), text->size());
  if (!read) {
    auto error = std::move(read).error();
    error.while_doing.push_back("reading " + config.registries);
    const std::lock_guard lock(mutex);
    if (!registries) unread = error;
    return fail(std::move(error));
  }
  if (read->cache_folder.empty())
    cache.reset();
  else if (cache && cache->folder() == read->cache_folder)
    cache->set_limit(read->cache_bytes);
  else
    cache = std::make_shared<BlobCache>(read->cache_folder, read->cache_bytes);
  auto fresh = std::make_shared<Registries>(std::move(*read), cache, clock);
  const std::lock_guard lock(mutex);
  registries = std::move(fresh);
  unread.reset();
  return {};
}

Mirror::Mirror(std::unique_ptr<State> state) : state_(std::move(state)) {}
Mirror::~Mirror() {
  if (state_->payloads) state_->payloads->stop();
  if (state_->upstream) state_->upstream->stop();
  if (state_->registries) state_->registries->stop();
  // Before state_ is destroyed, which requests still use.
  for (auto* server : state_->servers()) server->stop();
}
void Mirror::drain(Duration most) {
  // All at once: a pull through the one needs nothing of the others.
  const auto servers = state_->servers();
  for (auto* server : servers) server->close_door();
  Clock& clock = base::system_clock();
  const Duration end = clock.monotonic() + most;
  const auto answers = [&] { return std::ranges::any_of(servers, &http::Server::answers); };
  while (answers() && clock.monotonic() < end) clock.sleep(Duration{50});
}
Result<void> Mirror::reload() {
  const auto read = state_->read_registries();
  SEALIFT_ASSIGN(const auto identities, read_identities(state_->config));
  if (identities.server) SEALIFT_TRY(state_->local->set_identity(*identities.local()));
  if (identities.server && state_->peer) SEALIFT_TRY(state_->peer->set_identity(*identities.server));
  if (identities.client) state_->upstream->set_identity(*identities.client);
  return read;
}
Result<void> Mirror::reload_people() { return state_->people ? state_->people->reload() : Result<void>{}; }
uint16_t Mirror::local_port() const { return state_->local->port(); }
uint16_t Mirror::peer_port() const { return state_->peer ? state_->peer->port() : 0; }
uint16_t Mirror::people_port() const {
  const auto* server = state_->people ? state_->people->server() : nullptr;
  return server == nullptr ? 0 : server->port();
}

http::Response Mirror::answer(const http::Request& request, Asker asker) {
  if (request.path == "/v2" || request.path == "/v2/")
    return {200, {{"Docker-Distribution-Api-Version", "registry/2.0"}}, "application/json", "{}", {}};
  const auto ns = request.query.find("ns");
  if (ns == request.query.end() || ns->second.empty()) {
    return message(400, "NAME_UNKNOWN",
                   "this mirror serves every registry, so each request must say which: ?ns=REGISTRY (containerd does)");
  }
  const auto question = parse_question(request.path, ns->second);
  if (!question) return message(404, "UNSUPPORTED", "only manifests and blobs are served here");
  return answer(*question, request, asker);
}

http::Response Mirror::answer(const Question& question, const http::Request& request, Asker asker) {
  std::optional<Error> unknown;  // a source could not tell yet
  for (const auto& source : state_->sources(asker)) {
    const auto blob = source->stat(question);
    if (!blob)
      unknown = blob.error();
    else if (*blob)
      return answer_from(source, **blob, request, failed);
  }
  if (unknown) return failed(question, *unknown);
  auto [registries, unread] = state_->others();
  if (asker == Asker::people) {
    registries.reset();
    unread.reset();
  }
  if (registries) {
    const auto blob = registries->stat(question);
    if (!blob) return failed_there(question, blob.error());
    if (*blob) return answer_from(registries, **blob, request, failed_there);
  }
  if (unread) return failed_there(question, *unread);
  if (question.of_referrers)  // the specification: an empty list, not an error
    return {200,
            {{"Docker-Distribution-Api-Version", "registry/2.0"}},
            "application/vnd.oci.image.index.v1+json",
            R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})",
            {}};
  const auto asked = registries ? registries->asked_for(question) : std::string();
  const auto why =
      base::format("{}/{}:{} is not in artifact {}{}", question.registry, question.repository, question.reference,
                   state_->payloads ? state_->payloads->titles() : state_->config.artifact,
                   asked.empty() ? "" : ", and " + asked + " has no such image");
  const bool is_manifest = question.kind == Question::Kind::manifest;
  // Said once, on the host whose containerd wants it; people may ask for what they like.
  if (is_manifest && asker == Asker::host_itself) log_failed(question, base::printable(why, 1000));
  return message(404, is_manifest ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN", why);
}

Result<std::unique_ptr<Mirror>> Mirror::start(const MirrorConfig& config, Clock& clock, Listeners listeners) {
  auto state = std::make_unique<State>(clock);
  state->listeners = std::move(listeners);
  state->config = config;
  if (!config.artifacts.empty()) state->payloads = std::make_unique<DeliveredPayloads>(config.artifacts, clock);
  SEALIFT_ASSIGN(const auto identities, read_identities(config));
  if (identities.client) {
    std::vector<http::Origin> hosts;
    for (const auto& host : config.registry_hosts) {
      SEALIFT_ASSIGN(const auto url, http::parse_url("https://" + host));
      hosts.push_back(url.origin);
    }
    state->upstream = std::make_shared<UpstreamBlobs>(std::move(hosts), *identities.client, clock);
  }
  // A file that can't be used must not keep the cluster's own images away.
  if (const auto read = state->read_registries(); !read) std::fprintf(stderr, "%s\n", read.error().text().c_str());
  std::unique_ptr<Mirror> out(new Mirror(std::move(state)));
  const auto listen = [mirror = out.get()](const std::string& address, uint16_t port,
                                           std::optional<http::TlsIdentity> tls, const std::optional<base::Fd>& passed,
                                           Turns& turns, Asker asker) {
    http::ServerOptions options{address, port, std::move(tls)};
    if (passed) options.listener = passed->get();
    // `turns` refuses what is too much in all, with a line in the journal. Before, nobody but containerd, kubelets and
    // hosts of this cluster gets more than an eighth of it, and all others together three quarters.
    options.limits.requests = {
        .all = size_t{2} * kRequests, .reserved = kRequests + kRequests / 4, .per_caller = kRequests / 8};
    options.limits.connections = {.all = size_t{4} * kRequests, .reserved = kRequests, .per_caller = kRequests / 4};
    return http::Server::start(std::move(options), [mirror, &turns, asker](const http::Request& request) {
      return in_turn(turns, *mirror, request, asker);
    });
  };
  State& made = *out->state_;
  SEALIFT_ASSIGN(made.local, listen(config.local_address, config.local_port, identities.local(), made.listeners.local,
                                    made.local_turns, Asker::host_itself));
  if (!config.peer_address.empty()) {
    if (!identities.server) return fail(ErrorCode::invalid_config, "the mirror for other hosts has no certificate");
    SEALIFT_ASSIGN(made.peer, listen(config.peer_address, config.peer_port, identities.server, made.listeners.peer,
                                     made.peer_turns, Asker::other_host));
  }
  if (config.people && made.payloads) {
    made.people = std::make_unique<PeopleDoor>(
        *config.people, made.listeners.people, *made.payloads,
        [mirror = out.get()](const Question& question, const http::Request& request) {
          return mirror->answer(question, request, Asker::people);
        },
        clock);
    // Nodes get their images, whatever is wrong with the site's certificate; reload_people() tries again.
    if (const auto opened = made.people->reload(); !opened)
      std::fprintf(stderr, "the door for people stays closed: %s\n", opened.error().text().c_str());
  }
  return out;
}

}  // namespace sealift::node
