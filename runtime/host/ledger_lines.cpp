// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/ledger_lines.h"

#include <charconv>

#include "payload/base/text.h"
#include "runtime/host/json_values.h"

namespace sealift::host {
namespace {

// --- formats 1 and 2: changes in words ---

// Removes the next word from a text and returns it.
std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <class T>
std::optional<T> number_after(std::string_view word, std::string_view key, int base = 10) {
  T out{};
  if (!word.starts_with(key)) return std::nullopt;
  word.remove_prefix(key.size());
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out, base);
  return error == std::errc() && end == word.data() + word.size() ? std::optional(out) : std::nullopt;
}

// "mode=644 uid=0 gid=0 …"
std::optional<FileSpec> take_spec(std::string_view& text) {
  const auto mode = number_after<uint32_t>(take_word(text), "mode=", 8);
  const auto uid = number_after<uint32_t>(take_word(text), "uid=");
  const auto gid = number_after<uint32_t>(take_word(text), "gid=");
  if (!mode || !uid || !gid) return std::nullopt;
  return FileSpec{*mode, *uid, *gid};
}

std::optional<PathBefore> path_before(std::string_view text) {
  using Kind = PathBefore::Kind;
  PathBefore out;
  const auto kind = take_word(text);
  if (kind == "absent") return out;
  if (kind == "volatile") return PathBefore{.kind = Kind::transient};
  if (kind == "symlink") return PathBefore{.kind = Kind::symlink, .target = std::string(text)};
  out.kind = kind == "file" ? Kind::file : kind == "directory" ? Kind::directory : Kind::other;
  if (out.kind == Kind::other && kind != "other") return std::nullopt;
  out.spec = take_spec(text);
  if (!out.spec) return std::nullopt;
  if (out.kind != Kind::file) return out;
  out.size = number_after<uint64_t>(take_word(text), "size=");
  if (const auto digest = Digest::parse(take_word(text))) out.digest = *digest;
  out.kept = text == "kept";
  return out.size ? std::optional(out) : std::nullopt;
}

std::optional<Change> unit_changed(std::string_view target, std::string_view before) {
  UnitChanged out;
  const auto verb = std::ranges::find(names<UnitAction>, take_word(target));
  if (verb == names<UnitAction>.end()) return std::nullopt;
  out.action = static_cast<UnitAction>(verb - names<UnitAction>.begin());
  if (out.action == UnitAction::reload_daemon) return out;
  out.unit = target;
  const auto enabled = take_word(before);
  if (!enabled.starts_with("enabled=") || !before.starts_with("active=")) return std::nullopt;
  out.before = UnitChanged::Before{enabled == "enabled=true", std::string(before.substr(7))};
  return out;
}

template <class Changed>
std::optional<Change> path_changed(const std::string& target, const std::string& before) {
  return path_before(before).transform([&](PathBefore was) -> Change { return Changed{target, std::move(was)}; });
}

std::optional<Change> change_told(std::string_view kind, const std::string& target, const std::string& before) {
  if (kind == "file") return path_changed<FileWritten>(target, before);
  if (kind == "directory") return path_changed<DirectoryMade>(target, before);
  if (kind == "symlink") return path_changed<SymlinkMade>(target, before);
  if (kind == "remove") return path_changed<PathRemoved>(target, before);
  if (kind == "run")
    return CommandRun{target, before.starts_with("unit ") ? std::optional(before.substr(5)) : std::nullopt};
  if (kind == "unit") return unit_changed(target, before);
  if (kind == "module") return ModuleLoaded{target, before == "loaded"};
  if (kind == "sysctl") {
    const size_t equals = target.find('=');
    if (equals == std::string::npos) return std::nullopt;
    return SysctlSet{target.substr(0, equals), target.substr(equals + 1),
                     before == "absent" ? std::nullopt : std::optional(before)};
  }
  if (kind == "store") return PayloadStored{target, before == "incomplete"};
  if (kind == "begun") return Begun{};
  if (kind == "completed") return Completed{};
  if (kind == "synced") return Synced{};
  return std::nullopt;
}

}  // namespace

std::string ledger_line(const LedgerEntry& entry) { return json::to_canonical(to_json(entry)) + "\n"; }

Result<LedgerEntry> parse_ledger_line(const json::Value& line, uint64_t format) {
  if (format >= kLedgerFormat) {
    auto entry = from_json<LedgerEntry>(line);
    if (!entry) return fail(ErrorCode::corrupt, "{}", entry.error().what);
    return entry;
  }
  auto change = change_told(line.text_or("kind", ""), line.text_or("target", ""), line.text_or("before", ""));
  if (!change)
    return fail(ErrorCode::corrupt, "\"kind\", \"target\" and \"before\" tell no change of format {}", format);
  return LedgerEntry{line.natural_or("seq", 0), line.text_or("time", ""), line.text_or("step", ""),
                     line.text_or("inputs", ""), std::move(*change)};
}

}  // namespace sealift::host
