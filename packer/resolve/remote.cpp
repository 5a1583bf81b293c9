// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/remote.h"

#include "packer/downloads/checksums.h"
#include "packer/sources/chart_archive.h"
#include "packer/sources/file_kind.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "payload/yaml/node.h"

namespace sealift::resolve {
namespace {

constexpr unsigned kAtOnce = 4;  // as for images: more is no faster for one machine, and servers mind

std::unexpected<Error> at_place(Error error, const Place& place) {
  error.what = base::format("{}: {}", place.text(), error.what);
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

std::optional<Digest> Remote::locked(const FileWanted& wanted) const {
  const auto known = locks_.known.urls.find(wanted.url.text);
  return wanted.checksum || known == locks_.known.urls.end() ? std::nullopt : std::optional(known->second);
}

std::optional<downloads::CachedFile> Remote::cached(const FileWanted& wanted) const {
  const auto digest = wanted.checksum ? wanted.checksum : locked(wanted);
  return digest ? downloads_.cache().find(*digest) : std::nullopt;
}

// Each once, though several lines may name it.
Remote::Checksums Remote::fetch_checksums(std::span<const FileWanted> wanted,
                                          std::span<const std::optional<downloads::CachedFile>> there) {
  std::map<std::string, Place> urls;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].checksums && !there[i]) urls.emplace(wanted[i].checksums->text, wanted[i].checksums->place);
  }
  const std::vector<std::pair<std::string, Place>> list(urls.begin(), urls.end());
  std::vector<Result<std::string>> texts(list.size());
  base::parallel_for(list.size(), kAtOnce, [&](size_t i) {
    auto file = downloads_.get({list[i].first, std::nullopt, downloads::kMaxChecksums}, cancel_);
    if (file)
      texts[i] = base::read_text_file(file->path, downloads::kMaxChecksums);
    else
      texts[i] = at_place(std::move(file).error(), list[i].second);
  });
  Checksums out;
  for (size_t i = 0; i < list.size(); ++i) out.emplace(list[i].first, std::move(texts[i]));
  return out;
}

Result<std::optional<Digest>> Remote::digest_of(const FileWanted& wanted, const Checksums& checksums) const {
  const auto known = locked(wanted);
  if (!wanted.checksums) return wanted.checksum ? wanted.checksum : known;
  const auto& text = checksums.at(wanted.checksums->text);
  if (!text) return fail(text.error());
  const auto where = base::printable(downloads::without_query(wanted.checksums->text));
  const auto published = downloads::find_checksum(*text, downloads::file_name(wanted.url.text), where);
  if (!published) return at_place(published.error(), wanted.checksums->place);
  if (!known || *known == *published) return std::optional(*published);
  return fail_locked(
      {ErrorCode::corrupt,
       base::format("{}: {} gives {} the digest {}, not {}", wanted.url.place.text(), where,
                    base::printable(downloads::without_query(wanted.url.text)), published->text(), known->text()),
       {}},
      locks_, wanted.url.text);
}

Result<downloads::CachedFile> Remote::fetch(const FileWanted& wanted, const Checksums& checksums) {
  SEALIFT_ASSIGN(const auto digest, digest_of(wanted, checksums));
  auto file = downloads_.get({wanted.url.text, digest}, cancel_);
  if (file) {
    base::tell(events_, Level::info,
               base::format("{}: {}, {}", base::printable(downloads::without_query(wanted.url.text)),
                            base::human_bytes(file->size), file->digest.text()));
    if (!wanted.checksum && !wanted.checksums) warn_of_page(wanted, file->path);
    return file;
  }
  auto failed = at_place(std::move(file).error(), wanted.url.place);
  if (failed.error().code != ErrorCode::corrupt) return failed;
  if (wanted.checksums)
    failed.error().what +=
        base::format("; {} says so", base::printable(downloads::without_query(wanted.checksums->text)));
  return locked(wanted) ? fail_locked(std::move(failed).error(), locks_, wanted.url.text) : failed;
}

// Servers answer so where a file was, or before a login; without a checksum, nobody would notice.
void Remote::warn_of_page(const FileWanted& wanted, const std::string& path) {
  const auto name = base::to_lower(downloads::file_name(wanted.url.text));
  if (name.ends_with(".html") || name.ends_with(".htm") || name.ends_with(".xhtml")) return;
  const auto file = base::OpenFile::open(path);
  if (!file) return;
  Bytes head(static_cast<size_t>(std::min<uint64_t>((*file)->size(), sources::kKindBytes)));
  if ((*file)->read_at(0, head) && sources::is_html(head))
    base::tell(
        events_, Level::warning,
        base::format("{}: {} gave an HTML page, as servers do for errors and logins; if that is not what you want, "
                     "correct the URL and remove its line from {}",
                     wanted.url.place.text(), base::printable(downloads::without_query(wanted.url.text)), locks_.path));
}

std::vector<Result<downloads::CachedFile>> Remote::files(std::span<const FileWanted> wanted) {
  std::vector<std::optional<downloads::CachedFile>> there(wanted.size());
  base::parallel_for(wanted.size(), kAtOnce, [&](size_t i) { there[i] = cached(wanted[i]); });
  const auto checksums = fetch_checksums(wanted, there);
  std::vector<Result<downloads::CachedFile>> out(wanted.size());
  base::parallel_for(wanted.size(), kAtOnce, [&](size_t i) {
    if (there[i])
      out[i] = std::move(*there[i]);
    else
      out[i] = fetch(wanted[i], checksums);
  });
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (out[i]) locks_.used.urls[wanted[i].url.text] = out[i]->digest;
  }
  return out;
}

// A repository's index may be wrong.
Result<void> Remote::check_chart(const std::string& archive, const charts::Address& address) {
  if (address.kind != charts::Address::Kind::repository) return {};
  const auto shown = base::printable(downloads::without_query(address.text));
  const auto text = sources::chart_document_of(archive);
  if (!text) return fail(text.error().code, "{}", base::replace_all(text.error().text(), archive, shown));
  SEALIFT_ASSIGN(const auto documents, yaml::parse(*text, shown, {}, yaml::DuplicateKeys::last_wins));
  const auto document = documents.empty() ? yaml::Node{} : documents.front();
  const auto name = document.text_at("name"), version = document.text_at("version");
  if (name == address.name && version == address.version) return {};
  return fail(ErrorCode::invalid_input, "the repository gives the chart {} {} for {}", base::printable(name),
              base::printable(version), shown);
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
  if (auto checked = check_chart(chart->path, address); !checked) return at_place(std::move(checked).error(), place);
  locks_.used.charts[address.text] = chart->pinned;
  base::tell(events_, Level::info,
             base::format("chart {}: {}", base::printable(downloads::without_query(address.text)),
                          chart->pinned.archive.text()));
  return std::move(chart->path);
}

}  // namespace sealift::resolve
