// SPDX-License-Identifier: Apache-2.0
//
// The image mirror on every host: containerd asks it for everything (certs.d/_default). A registry host answers from
// its payload; any other host gets the bytes from a registry host. Registries of others come last: what an artifact
// brought always wins. It turns a request into a question, finds the source, and turns the source's reply into an
// answer. Read-only; never answers 401 to hosts; Authorization is neither logged nor forwarded (the HTTP server does
// not even pass it on). People have a door of their own (people_door.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/base/fd.h"
#include "payload/http/server.h"
#include "runtime/node/mirror_config.h"
#include "runtime/node/question.h"

namespace sealift::node {

class Mirror {
 public:
  // Concurrent requests on each of its two addresses, including waiting and slow ones; the next one gets 503. Each
  // costs a thread, 128 KiB of buffers (1 MiB for a layer that the payload stores compressed) and its TLS session.
  static constexpr unsigned kRequests = 512;

  // Sockets that listen already, for the configuration's addresses.
  struct Listeners {
    std::optional<base::Fd> local, peer, people;
  };
  // All addresses are listening on return. Without a certificate for servers (tests), its own host's is plain HTTP.
  // `clock` must outlive the mirror.
  static Result<std::unique_ptr<Mirror>> start(const MirrorConfig& config, Clock& clock, Listeners listeners = {});
  ~Mirror();  // aborts answers in progress
  // Reads the certificates, the keys and the registries of others again, for connections and questions from now on.
  // Errors: they can't be read or used, and the present ones stay.
  Result<void> reload();
  // The same of the people's door: its certificate and its users. Opens it if that could not be done before.
  Result<void> reload_people();
  // Takes no more connections and lets answers in progress end, for at most this long. The sockets stay open.
  void drain(Duration most);
  // Who asks: programs of this host are answered from everything; another host from what this one has or may fetch, so
  // that two hosts never ask each other in a circle; people from what was delivered, never with this host's logins.
  enum class Asker : uint8_t { host_itself, other_host, people };
  // Answers one request; also for tests. Any thread; waits for bytes still arriving.
  http::Response answer(const http::Request& request, Asker asker = Asker::host_itself);
  uint16_t local_port() const;
  uint16_t peer_port() const;
  uint16_t people_port() const;  // 0: none is open

 private:
  struct State;
  explicit Mirror(std::unique_ptr<State> state);
  http::Response answer(const Question& question, const http::Request& request, Asker asker);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::node
