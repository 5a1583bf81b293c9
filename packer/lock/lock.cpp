// SPDX-License-Identifier: Apache-2.0
#include "packer/lock/lock.h"

#include <algorithm>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/named_file.h"
#include "payload/base/text.h"
#include "payload/yaml/node.h"

namespace sealift::lock {
namespace {

constexpr std::string_view kHead =
    "# What the names in the Kubefile stand for. Written by `sealift build` and `sealift lock`; keep it with the "
    "Kubefile.\n";
constexpr std::string_view kVersion = "sealift.dev/v1", kKind = "Lock";
constexpr size_t kMaxBytes = size_t{16} << 20;
constexpr yaml::Limits kLimits{.bytes = kMaxBytes, .depth = 8, .nodes = 1'000'000};

std::unexpected<Error> refuse(std::string_view where, const yaml::Node& node, std::string_view what) {
  return fail(ErrorCode::invalid_input, "{}:{}:{}: {}; remove the line or the file, `sealift lock` makes it anew",
              where, node.line, node.column, what);
}

yaml::Node text_of(const Digest& digest) { return yaml::Node::make_plain(digest.text()); }

Result<Digest> digest_in(const yaml::Node& node, std::string_view where) {
  const auto out = Digest::parse(node.as_string().value_or(""));
  if (!out) return refuse(where, node, "sha256: and 64 hexadecimal digits are expected");
  return *out;
}

// A mapping of one kind of entries; none if it is left out.
const std::vector<std::pair<std::string, yaml::Node>>& entries(const yaml::Node& document, std::string_view kind) {
  static const std::vector<std::pair<std::string, yaml::Node>> kNone;
  const auto* found = document.find(kind);
  return found == nullptr ? kNone : found->members;
}

Result<Chart> parse_chart(const yaml::Node& node, std::string_view where) {
  Chart out;
  if (node.kind == yaml::Kind::scalar) {
    SEALIFT_ASSIGN(out.archive, digest_in(node, where));
    return out;
  }
  bool has_archive = false;
  for (const auto& [key, value] : node.members) {
    SEALIFT_ASSIGN(const auto digest, digest_in(value, where));
    if (key == "archive")
      out.archive = digest;
    else if (key == "manifest")
      out.manifest = digest;
    else
      return refuse(where, value, base::format("\"{}\" is not known here", base::printable(key)));
    has_archive = has_archive || key == "archive";
  }
  if (!has_archive) return refuse(where, node, "a chart has the digest of its archive");
  return out;
}

Result<Image> parse_image(const yaml::Node& node, std::string_view where) {
  Image out;
  bool has_root = false;
  for (const auto& [key, value] : node.members) {
    SEALIFT_ASSIGN(const auto digest, digest_in(value, where));
    if (key == "digest") {
      out.root = digest;
      has_root = true;
      continue;
    }
    const auto architecture = base::parse_architecture(key);
    if (!architecture) return refuse(where, value, base::format("\"{}\" is no platform", base::printable(key)));
    out.platforms[*architecture] = digest;
  }
  if (!has_root) return refuse(where, node, "an image has a digest");
  return out;
}

// Entries of one kind as text: what is compared, and what people are shown.
using Lines = std::map<std::string, std::string>;

Lines lines_of(const std::map<std::string, Digest>& entries) {
  Lines out;
  for (const auto& [name, digest] : entries) out[name] = digest.text();
  return out;
}

Lines lines_of(const std::map<std::string, Chart>& charts) {
  Lines out;
  for (const auto& [name, chart] : charts)
    out[name] = chart.archive.text() + (chart.manifest ? " in " + chart.manifest->text() : "");
  return out;
}

void compare(std::string_view kind, const Lines& before, const Lines& now, std::vector<std::string>& out) {
  for (const auto& [name, text] : before) {
    const auto found = now.find(name);
    if (found == now.end())
      out.push_back(base::format("{} {}: {} (gone)", kind, base::printable(name), text));
    else if (found->second != text)
      out.push_back(base::format("{} {}: {} → {}", kind, base::printable(name), text, found->second));
  }
  for (const auto& [name, text] : now) {
    if (!before.contains(name)) out.push_back(base::format("{} {}: {} (new)", kind, base::printable(name), text));
  }
}

// Of the images in both that have the same root.
void compare_platforms(const Lock& before, const Lock& now, std::vector<std::string>& out) {
  for (const auto& [name, image] : now.images) {
    const auto old = before.images.find(name);
    if (old == before.images.end() || old->second.root != image.root) continue;
    for (const auto& [architecture, digest] : image.platforms) {
      const auto found = old->second.platforms.find(architecture);
      const auto what = base::format("IMAGE {} for {}: ", base::printable(name), base::platform(architecture));
      if (found == old->second.platforms.end())
        out.push_back(what + digest.text() + " (new)");
      else if (found->second != digest)
        out.push_back(what + found->second.text() + " → " + digest.text());
    }
  }
}

}  // namespace

std::string path_of(const std::string& kubefile) { return kubefile + ".lock"; }

std::string to_text(const Lock& lock) {
  yaml::Node out = yaml::Node::make_mapping();
  out.set("apiVersion", yaml::Node::make_string(std::string(kVersion)));
  out.set("kind", yaml::Node::make_string(std::string(kKind)));
  const auto add = [&](std::string_view kind, const auto& entries, const auto& to_node) {
    if (entries.empty()) return;
    auto& all = out.set(std::string(kind), yaml::Node::make_mapping());
    for (const auto& [name, entry] : entries) all.set(name, to_node(entry));
  };
  add("bases", lock.bases, text_of);
  add("charts", lock.charts, [](const Chart& chart) {
    if (!chart.manifest) return text_of(chart.archive);
    auto node = yaml::Node::make_mapping();
    node.set("archive", text_of(chart.archive));
    node.set("manifest", text_of(*chart.manifest));
    return node;
  });
  add("images", lock.images, [](const Image& image) {
    auto node = yaml::Node::make_mapping();
    node.set("digest", text_of(image.root));
    for (const auto& [architecture, digest] : image.platforms)
      node.set(std::string(base::platform(architecture)), text_of(digest));
    return node;
  });
  add("urls", lock.urls, text_of);
  return std::string(kHead) + yaml::to_yaml(out);
}

Result<Lock> parse(std::string_view text, std::string_view where) {
  if (text.starts_with("<<<<<<< ") || text.contains("\n<<<<<<< "))
    return fail(ErrorCode::invalid_input,
                "{} holds a merge conflict; resolve it, or remove the file, and `sealift lock` makes it anew", where);
  SEALIFT_ASSIGN(const auto documents, yaml::parse(text, where, kLimits));
  if (documents.size() != 1 || documents[0].text_at("kind") != kKind)
    return fail(ErrorCode::invalid_input,
                "{} is no lock of a Kubefile (kind: {}); remove it, `sealift lock` makes it anew", where, kKind);
  const auto& document = documents[0];
  if (document.text_at("apiVersion") != kVersion)
    return fail(ErrorCode::unsupported, "{}: apiVersion {} is not known to this version", where,
                base::printable(document.text_at("apiVersion")));
  Lock out;
  for (const auto& [key, value] : document.members) {
    if (key == "apiVersion" || key == "kind") continue;
    if (key != "bases" && key != "charts" && key != "images" && key != "urls")
      return refuse(where, value, base::format("\"{}\" is not known here", base::printable(key)));
    if (value.kind != yaml::Kind::mapping) return refuse(where, value, base::format("{} are names with digests", key));
  }
  for (const auto& [name, node] : entries(document, "bases")) {
    SEALIFT_ASSIGN(out.bases[name], digest_in(node, where));
  }
  for (const auto& [name, node] : entries(document, "charts")) {
    SEALIFT_ASSIGN(out.charts[name], parse_chart(node, where));
  }
  for (const auto& [name, node] : entries(document, "images")) {
    SEALIFT_ASSIGN(out.images[name], parse_image(node, where));
  }
  for (const auto& [name, node] : entries(document, "urls")) {
    SEALIFT_ASSIGN(out.urls[name], digest_in(node, where));
  }
  return out;
}

Result<std::optional<Lock>> read(const std::string& path, const CancelToken& cancel) {
  const auto text = base::read_named_file(path, kMaxBytes, cancel);
  if (!text && text.error().code == ErrorCode::not_found) return std::optional<Lock>{};
  if (!text) return std::unexpected(text.error());
  SEALIFT_ASSIGN(auto out, parse(*text, path));
  return std::optional(std::move(out));
}

Result<void> write(const std::string& path, const Lock& lock) {
  return base::write_file_atomic(path, base::as_bytes(to_text(lock)), 0644);
}

std::vector<std::string> differences(const Lock& before, const Lock& now) {
  const auto roots = [](const Lock& lock) {
    std::map<std::string, Digest> out;
    for (const auto& [name, image] : lock.images) out[name] = image.root;
    return lines_of(out);
  };
  std::vector<std::string> out;
  compare("FROM", lines_of(before.bases), lines_of(now.bases), out);
  compare("chart", lines_of(before.charts), lines_of(now.charts), out);
  compare("IMAGE", roots(before), roots(now), out);
  compare_platforms(before, now, out);
  compare("ADD", lines_of(before.urls), lines_of(now.urls), out);
  return out;
}

Lock merged(const Lock& before, Lock now) {
  for (auto& [name, image] : now.images) {
    const auto old = before.images.find(name);
    if (old != before.images.end() && old->second.root == image.root)
      image.platforms.insert(old->second.platforms.begin(), old->second.platforms.end());
  }
  return now;
}

Result<void> forget(Lock& lock, std::span<const std::string> names) {
  std::vector<std::string_view> known;
  const Lock all = lock;
  const auto note = [&](const auto& entries) {
    for (const auto& [name, entry] : entries) known.push_back(name);
  };
  note(all.bases);
  note(all.charts);
  note(all.images);
  note(all.urls);
  for (const auto& name : names) {
    if (!std::ranges::contains(known, name)) {
      const auto near = base::nearest(name, known);
      return fail(ErrorCode::not_found, "the lock has no entry \"{}\"{}", base::printable(name),
                  near ? base::format("; did you mean {}?", *near) : "");
    }
    lock.bases.erase(name);
    lock.charts.erase(name);
    lock.images.erase(name);
    lock.urls.erase(name);
  }
  return {};
}

}  // namespace sealift::lock
