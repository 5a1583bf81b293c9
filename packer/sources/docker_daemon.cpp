// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "packer/sources/image_store.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "payload/http/client.h"
#include "payload/json/value.h"

namespace sealift::sources {
namespace {

constexpr std::string_view kDefaultSocket = "/var/run/docker.sock";
constexpr Duration kPatience{600'000};  // older daemons lay the whole archive on disk before they send its first byte

// Ends a client's request when the token is cancelled, which waits for nobody.
class StopsClient {
 public:
  StopsClient(http::Client& client, const CancelToken& cancel) {
    auto thread = Thread::start([this, &client, &cancel] {
      while (!done_ && !cancel.cancelled()) base::system_clock().sleep(Duration{100});
      if (!done_) client.stop();
    });
    if (thread) thread_ = std::move(*thread);
  }
  ~StopsClient() {
    done_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> done_ = false;
  Thread thread_;
};

class DockerDaemon final : public ImageStore {
 public:
  explicit DockerDaemon(std::string socket) : socket_(std::move(socket)), place_("the Docker daemon at " + socket_) {}
  const std::string& place() const override { return place_; }

  Result<void> save(const image::Reference& reference, std::span<const Architecture>, base::Sink& sink,
                    const CancelToken& cancel) override {
    SEALIFT_TRY(check_access());
    http::Client client({"unix", socket_, 80}, {.read_timeout = kPatience});
    const StopsClient stopper(client, cancel);
    const std::string path = "/images/" + reference.text();
    SEALIFT_ASSIGN(const auto found, ask(client, path + "/json", cancel));
    if (found.status == 404) return no_such_image(reference, place_, names(client, cancel));
    if (found.status != 200) return refused(found);
    base::FunctionSink until_cancelled([&](ByteView data) -> Result<void> {
      SEALIFT_TRY(cancel.check());
      return sink.write(data);
    });
    const auto reply = client.get_to(path + "/get", {}, until_cancelled);
    SEALIFT_TRY(cancel.check());
    if (!reply) return std::unexpected(reply.error());
    if (reply->status != 200) return refused(*reply);
    return {};
  }

 private:
  Result<void> check_access() const {
    if (::access(socket_.c_str(), F_OK) != 0)
      return fail(ErrorCode::unreachable,
                  "{} does not answer: there is no such socket; start it, or name its socket in the environment: "
                  "DOCKER_HOST=unix://SOCKET",
                  place_);
    if (::access(socket_.c_str(), R_OK | W_OK) != 0)
      return fail(
          ErrorCode::permission_denied,
          "{} may not be used by this user; run this as root or as a member of the group that the socket belongs to",
          place_);
    return {};
  }

  Result<http::Reply> ask(http::Client& client, const std::string& target, const CancelToken& cancel) const {
    auto reply = client.get(target, {});
    SEALIFT_TRY(cancel.check());
    if (!reply && reply.error().code == ErrorCode::unreachable)
      return fail(ErrorCode::unreachable, "{} does not answer ({}); is it running?", place_, reply.error().what);
    return reply;
  }

  std::unexpected<Error> refused(const http::Reply& reply) const {
    const auto document = json::parse(reply.text);
    return fail(ErrorCode::protocol, "{} answers {}: {}", place_, reply.status,
                base::printable(document && document->is_object() ? document->text_or("message", "no reason")
                                                                  : reply.text.substr(0, 200)));
  }

  std::vector<std::string> names(http::Client& client, const CancelToken& cancel) const {
    const auto reply = ask(client, "/images/json", cancel);
    const auto list = reply && reply->status == 200 ? json::parse(reply->text) : fail(ErrorCode::not_found, "none");
    std::vector<std::string> out;
    if (!list || !list->is_array()) return out;
    for (const auto& image : *list->elements()) {
      const auto* tags = image.find("RepoTags");
      if (tags == nullptr || !tags->is_array()) continue;
      for (const auto& tag : *tags->elements()) {
        const auto reference =
            tag.string() == nullptr ? image::parse_reference("") : image::parse_reference(*tag.string());
        if (reference) out.push_back(reference->text());
      }
    }
    return out;
  }

  std::string socket_, place_;
};

}  // namespace

Result<std::unique_ptr<ImageStore>> docker_daemon() {
  const char* named = std::getenv("DOCKER_HOST");
  std::string_view socket = named == nullptr || *named == '\0' ? kDefaultSocket : named;
  if (socket.starts_with("unix://")) socket.remove_prefix(7);
  if (!socket.starts_with('/'))
    return fail(
        ErrorCode::unsupported,
        "DOCKER_HOST={}: only daemons on this machine are asked (unix://SOCKET); save the image there with `docker "
        "save`, then --from=docker-archive:FILE",
        base::printable(socket));
  return std::make_unique<DockerDaemon>(std::string(socket));
}

}  // namespace sealift::sources
