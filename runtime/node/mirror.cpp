// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/mirror.h"

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/format/reader.h"
#include "payload/http/client.h"
#include "payload/json/value.h"
#include "runtime/host/payload_store.h"
#include "runtime/node/catalog.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;
// How long a pull waits for bytes that are on their way; containerd gives up a request only much later.
constexpr Duration kArrivalWait{60'000};
constexpr Duration kArrivalPoll{300};

http::Response message(int status, std::string code, std::string text) {
  json::Value error = json::Value::object();
  error.set("code", std::move(code));
  error.set("message", std::move(text));
  json::Value errors = json::Value::array();
  errors.push_back(std::move(error));
  json::Value body = json::Value::object();
  body.set("errors", std::move(errors));
  return {status, {{"Docker-Distribution-Api-Version", "registry/2.0"}}, "application/json", json::to_canonical(body), {}};
}

struct Endpoint {
  std::string host;
  uint16_t port = 0;
};

Result<Endpoint> parse_endpoint(std::string_view text) {
  SEALIFT_ASSIGN(const auto url, http::parse_url("http://" + std::string(text)));
  return Endpoint{url.origin.host, url.origin.port};
}

// One payload file of this host, opened when enough of it is there.
class LocalPayload {
 public:
  explicit LocalPayload(std::string path) : path_(std::move(path)) {}

  // Null while not even the metadata has arrived.
  const format::PayloadReader* reader() {
    const std::lock_guard lock(mutex_);
    if (reader_) return reader_.get();
    auto file = base::OpenFile::open(path_);
    if (!file) return nullptr;
    auto reader = format::PayloadReader::open(**file);
    if (!reader) return nullptr;
    file_ = std::move(*file);
    reader_ = std::move(*reader);
    catalog_.emplace(reader_->contents());
    return reader_.get();
  }
  const Catalog& catalog() const { return *catalog_; }

  bool has(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    if (!pieces_.complete) refresh();
    if (pieces_.complete) return true;
    const auto frames = reader_->frames_of(std::span(&digest, 1));
    return frames && std::ranges::all_of(*frames, [&](const format::Frame& frame) { return pieces_.covers(frame.offset, frame.stored_size); });
  }

 private:
  void refresh() {
    if (auto pieces = host::read_stored_pieces(path_)) pieces_ = std::move(*pieces);
  }
  std::string path_;
  std::mutex mutex_;
  std::unique_ptr<base::OpenFile> file_;
  std::unique_ptr<format::PayloadReader> reader_;
  std::optional<Catalog> catalog_;
  host::StoredPieces pieces_;
};

// The other hosts, in their order; the one that answered last is asked first.
class Upstream {
 public:
  Upstream(std::vector<std::string> hosts, http::TlsIdentity identity) : hosts_(std::move(hosts)), identity_(std::move(identity)) {}

  bool empty() const { return hosts_.empty(); }

  Result<http::Reply> head(const std::string& target) {
    return each([&](http::Client& client) { return client.head(target, {}); });
  }
  Result<http::Reply> get(const std::string& target) {
    return each([&](http::Client& client) { return client.get(target, {}); });
  }
  // Streams a range; when a host dies in the middle the next one goes on where it stopped.
  Result<void> stream(const std::string& target, uint64_t offset, uint64_t size, base::Sink& sink) {
    const uint64_t end = offset + size;
    std::optional<Error> refused;
    base::FunctionSink counting([&](ByteView data) -> Result<void> {
      auto written = sink.write(data);
      if (!written) refused = written.error();
      offset += data.size();
      return written;
    });
    auto reply = each([&](http::Client& client) -> Result<http::Reply> {
      if (refused) return fail(*refused);
      auto got = client.get_to(target, {{"Range", std::format("bytes={}-{}", offset, end - 1)}}, counting);
      if (got && offset != end && got->status < 400) return fail(ErrorCode::unreachable, "the stream ended early");
      return got;
    });
    if (!reply) return std::unexpected(std::move(reply).error());
    if (offset != end) return fail(ErrorCode::protocol, "a registry host answered {}", reply->status);
    return {};
  }

 private:
  Result<http::Reply> each(const std::function<Result<http::Reply>(http::Client&)>& ask) {
    Error last{ErrorCode::unreachable, "no registry host is known", {}};
    for (const auto& host : order()) {
      auto endpoint = parse_endpoint(host);
      if (!endpoint) return std::unexpected(std::move(endpoint).error());
      http::Client client({"https", endpoint->host, endpoint->port}, {identity_.authority, identity_.certificate, identity_.key, Duration{3'000}, Duration{90'000}});
      auto reply = ask(client);
      if (reply && reply->status < 500) {
        const std::lock_guard lock(mutex_);
        preferred_ = host;
        return reply;
      }
      last = reply ? Error{ErrorCode::unreachable, std::format("{} answered {}: {}", host, reply->status, base::printable(reply->text)), {}} : reply.error();
    }
    return fail(std::move(last));
  }
  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out = hosts_;
    std::ranges::stable_partition(out, [&](const std::string& host) { return host == preferred_; });
    return out;
  }

  std::vector<std::string> hosts_;
  http::TlsIdentity identity_;
  std::mutex mutex_;
  std::string preferred_;
};

}  // namespace

struct Mirror::State {
  MirrorConfig config;
  Clock* clock = nullptr;
  std::vector<std::unique_ptr<LocalPayload>> payloads;
  std::unique_ptr<Upstream> upstream;
  std::unique_ptr<http::Server> local, peer;

  http::Response not_in_artifact(const Question& question) const {
    return message(404, question.kind == Question::Kind::manifest ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN",
                   std::format("{}/{}:{} is not in artifact {}", question.registry, question.repository, question.reference, config.artifact));
  }

  http::Response from_local(LocalPayload& payload, const Found& found, const http::Request& request) const {
    http::Response out{200, {{"Docker-Distribution-Api-Version", "registry/2.0"}, {"Docker-Content-Digest", found.digest.text()}}, found.media_type, {}, {}};
    const auto* reader = payload.reader();
    const Duration begin = clock->monotonic();
    while (!payload.has(found.digest)) {
      if (request.is_head()) break;  // the size is known, the bytes are not asked for
      if (clock->monotonic() - begin > kArrivalWait) {
        auto late = message(503, "UNAVAILABLE", std::format("{} is still on its way to this host", found.digest.text()));
        late.headers["Retry-After"] = "5";
        return late;
      }
      clock->sleep(kArrivalPoll);
    }
    out.stream = http::Response::Stream{found.size, [reader, digest = found.digest](uint64_t offset, uint64_t size, base::Sink& sink) {
                                          auto read = reader->read(digest, {offset, size}, sink);
                                          if (!read && read.error().code != ErrorCode::unreachable) std::fprintf(stderr, "%s\n", read.error().text().c_str());
                                          return read;
                                        }};
    return out;
  }

  http::Response from_upstream(const Question& question, const http::Request& request) const {
    const std::string target = std::format("/v2/{}/{}/{}?ns={}", question.repository, question.kind == Question::Kind::manifest ? "manifests" : "blobs",
                                           question.reference, http::percent_encode(question.registry));
    const bool whole = question.kind == Question::Kind::manifest && !request.is_head();
    auto reply = whole ? upstream->get(target) : upstream->head(target);
    if (!reply) {
      std::fprintf(stderr, "%s: %s\n", target.c_str(), reply.error().text().c_str());
      auto out = message(503, "UNAVAILABLE", "no registry host answers: " + reply.error().text());
      out.headers["Retry-After"] = "5";
      return out;
    }
    if (reply->status == 404) return not_in_artifact(question);
    http::Response out{reply->status, {{"Docker-Distribution-Api-Version", "registry/2.0"}}, "application/octet-stream", {}, {}};
    if (const auto type = reply->headers.find("content-type"); type != reply->headers.end()) out.content_type = type->second;
    if (const auto digest = reply->headers.find("docker-content-digest"); digest != reply->headers.end()) out.headers["Docker-Content-Digest"] = digest->second;
    if (whole) {
      out.text = std::move(reply->text);
      return out;
    }
    const auto length = reply->headers.find("content-length");
    const auto size = length == reply->headers.end() ? std::nullopt : base::parse_u64(length->second);
    if (!size) return message(502, "UNAVAILABLE", "a registry host did not say how long the object is");
    out.stream = http::Response::Stream{*size, [this, target](uint64_t offset, uint64_t count, base::Sink& sink) {
                                          auto streamed = upstream->stream(target, offset, count, sink);
                                          if (!streamed) std::fprintf(stderr, "%s: %s\n", target.c_str(), streamed.error().text().c_str());
                                          return streamed;
                                        }};
    return out;
  }
};

Mirror::Mirror(std::unique_ptr<State> state) : state_(std::move(state)) {}
Mirror::~Mirror() = default;
uint16_t Mirror::local_port() const { return state_->local->port(); }
uint16_t Mirror::peer_port() const { return state_->peer ? state_->peer->port() : 0; }

http::Response Mirror::answer(const http::Request& request) {
  if (request.path == "/v2" || request.path == "/v2/") return {200, {{"Docker-Distribution-Api-Version", "registry/2.0"}}, "application/json", "{}", {}};
  const auto ns = request.query.find("ns");
  if (ns == request.query.end() || ns->second.empty()) {
    return message(400, "NAME_UNKNOWN", "this mirror serves every registry, so each request must say which: ?ns=REGISTRY (containerd does)");
  }
  const auto question = parse_question(request.path, ns->second);
  if (!question) return message(404, "UNSUPPORTED", "only manifests and blobs are served here");
  bool metadata_missing = false;
  for (const auto& payload : state_->payloads) {
    const Duration begin = state_->clock->monotonic();
    while (payload->reader() == nullptr && state_->clock->monotonic() - begin < kArrivalWait) state_->clock->sleep(kArrivalPoll);
    if (payload->reader() == nullptr) {
      metadata_missing = true;
      continue;
    }
    if (const auto found = payload->catalog().find(*question)) return state_->from_local(*payload, *found, request);
  }
  if (!state_->upstream->empty()) return state_->from_upstream(*question, request);
  if (metadata_missing) return message(503, "UNAVAILABLE", "the payload is still on its way to this host");
  return state_->not_in_artifact(*question);
}

Result<std::unique_ptr<Mirror>> Mirror::start(const MirrorConfig& config, Clock& clock) {
  auto state = std::make_unique<State>();
  state->config = config;
  state->clock = &clock;
  for (const auto& path : config.payloads) state->payloads.push_back(std::make_unique<LocalPayload>(path));
  http::TlsIdentity identity;
  if (!config.peer_address.empty() || !config.registry_hosts.empty()) {
    SEALIFT_ASSIGN(identity.authority, base::read_text_file(config.ca, kMaxPem));
    SEALIFT_ASSIGN(identity.certificate, base::read_text_file(config.certificate, kMaxPem));
    SEALIFT_ASSIGN(const auto key, base::read_text_file(config.key, kMaxPem));
    identity.key = Secret(key);
  }
  state->upstream = std::make_unique<Upstream>(config.registry_hosts, identity);
  std::unique_ptr<Mirror> out(new Mirror(std::move(state)));
  const auto handler = [mirror = out.get()](const http::Request& request) { return mirror->answer(request); };
  SEALIFT_ASSIGN(out->state_->local, http::Server::start({config.local_address, config.local_port, {}, 32}, handler));
  if (!config.peer_address.empty()) {
    SEALIFT_ASSIGN(out->state_->peer, http::Server::start({config.peer_address, config.peer_port, identity, 32}, handler));
  }
  return out;
}

Result<MirrorConfig> parse_mirror_config(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text));
  MirrorConfig out;
  SEALIFT_ASSIGN(const auto local, value.text("localListen"));
  SEALIFT_ASSIGN(const auto local_endpoint, parse_endpoint(local));
  out.local_address = local_endpoint.host;
  out.local_port = local_endpoint.port;
  if (const auto peer = value.text_or("peerListen", ""); !peer.empty()) {
    SEALIFT_ASSIGN(const auto endpoint, parse_endpoint(peer));
    out.peer_address = endpoint.host;
    out.peer_port = endpoint.port;
  }
  const auto texts = [&](std::string_view key, std::vector<std::string>& target) {
    const auto* list = value.find(key);
    if (list == nullptr || !list->is_array()) return;
    for (const auto& element : *list->elements()) {
      if (element.string() != nullptr) target.push_back(*element.string());
    }
  };
  texts("payloads", out.payloads);
  texts("registryHosts", out.registry_hosts);
  out.ca = value.text_or("ca", "");
  out.certificate = value.text_or("certificate", "");
  out.key = value.text_or("key", "");
  out.artifact = value.text_or("artifact", "");
  return out;
}

}  // namespace sealift::node
