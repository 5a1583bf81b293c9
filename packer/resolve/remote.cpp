// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/remote.h"

#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

std::unexpected<Error> at_place(Error error, const Place& place) {
  error.what = std::format("{}: {}", place.text(), error.what);
  return fail(std::move(error));
}

}  // namespace

Remote::Remote(Locks& locks, const std::string& cache, const sources::RegistryOptions& registries, Clock& clock,
               EventSink& events, const CancelToken& cancel)
    : locks_(locks),
      downloads_({cache, registries.endpoints, registries.patience}, clock),
      charts_(downloads_, registries.endpoints, registries.login_files, registries.patience, clock),
      events_(events),
      cancel_(cancel) {}

Result<downloads::CachedFile> Remote::file(const Word& url, const std::optional<Digest>& checksum) {
  const auto known = locks_.known.urls.find(url.text);
  const bool is_locked = !checksum && known != locks_.known.urls.end();
  auto file = downloads_.get({url.text, is_locked ? std::optional(known->second) : checksum}, cancel_);
  if (!file) {
    auto failed = at_place(std::move(file).error(), url.place);
    return is_locked && failed.error().code == ErrorCode::corrupt
               ? fail_locked(std::move(failed).error(), locks_, url.text)
               : failed;
  }
  locks_.used.urls[url.text] = file->digest;
  base::tell(events_, Level::info,
             std::format("{}: {}, {}", base::printable(downloads::without_query(url.text)),
                         base::human_bytes(file->size), file->digest.text()));
  return file;
}

Result<std::string> Remote::chart(const Place& place, const charts::Address& address) {
  const auto known = locks_.known.charts.find(address.text);
  const bool is_locked = known != locks_.known.charts.end();
  auto chart = charts_.fetch(address, is_locked ? &known->second : nullptr, cancel_);
  if (!chart) {
    auto failed = at_place(std::move(chart).error(), place);
    const auto code = failed.error().code;
    return is_locked && (code == ErrorCode::corrupt || code == ErrorCode::not_found)
               ? fail_locked(std::move(failed).error(), locks_, address.text)
               : failed;
  }
  locks_.used.charts[address.text] = chart->pinned;
  base::tell(events_, Level::info,
             std::format("chart {}: {}", base::printable(downloads::without_query(address.text)),
                         chart->pinned.archive.text()));
  return std::move(chart->path);
}

}  // namespace sealift::resolve
