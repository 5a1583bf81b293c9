// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/session.h"

namespace sealift::registry {

Result<std::unique_ptr<Session>> Session::open(const std::string& registry, const sources::RegistryOptions& options,
                                               Clock& clock) {
  SEALIFT_ASSIGN(auto logins, distribution::Logins::read(options.login_files));
  std::unique_ptr<Session> out(new Session(std::move(logins)));
  SEALIFT_ASSIGN(out->remote_,
                 distribution::Registry::open(registry, options.endpoints, out->logins_, clock, options.patience));
  return out;
}

Result<Document> Session::document(const std::string& repository, ByteView manifest, const CancelToken& cancel) {
  SEALIFT_ASSIGN(auto parsed, parse_manifest(manifest));
  SEALIFT_ASSIGN(const Bytes config, bytes(repository, parsed.config, cancel));
  return with_config(std::move(parsed), config);
}

Result<Bytes> Session::bytes(const std::string& repository, const writer::Run& run, const CancelToken& cancel) {
  base::MemorySink sink(static_cast<size_t>(run.size));
  SEALIFT_TRY(remote_->blob(repository, run.digest, run.size, 0, sink, cancel));
  return sink.take();
}

}  // namespace sealift::registry
