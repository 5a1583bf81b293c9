// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/image_words.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"

namespace sealift::workloads {
namespace {

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// Behind "image", these still name the image itself.
constexpr auto kNameWords = std::to_array<std::string_view>({"name", "ref", "reference", "url", "uri"});

// In front of "image": it is that of a machine or of a picture.
constexpr auto kMachineWords =
    std::to_array<std::string_view>({"ami", "background", "boot", "cover", "disk", "logo", "machine", "os", "vm"});

// Values of image fields that mean "none", "your choice" or something else than a name.
constexpr auto kNoNames = std::to_array<std::string_view>(
    {"always",   "auto",  "custom", "default", "disable",  "disabled", "enable",   "enabled",
     "external", "false", "image",  "inherit", "internal", "latest",   "layering", "managed",
     "n",        "never", "no",     "none",    "null",     "off",      "on",       "string",
     "tbd",      "test",  "true",   "unknown", "unset",    "unused",   "y",        "yes"});

constexpr auto kFileEndings = std::to_array<std::string_view>(
    {".css",  ".gif", ".gz",   ".html", ".ico",   ".img",  ".iso", ".jpeg", ".jpg", ".js",
     ".json", ".md",  ".pdf",  ".png",  ".qcow2", ".raw",  ".sh",  ".svg",  ".tar", ".tgz",
     ".txt",  ".vhd", ".vmdk", ".webp", ".xz",    ".yaml", ".yml", ".zip"});

bool has_registry(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const auto host = text.substr(0, slash);
  if (host == "localhost") return true;
  if (!host.contains('.') && !host.contains(':')) return false;
  // An address without a port is that of a network: 10.0.0.0/8:22.
  return host.contains(':') || std::ranges::any_of(host, [](char c) { return is_lower(lower(c)); });
}

// Hosts in front of label keys and of source code; none of them serves images. Kubernetes' registry is registry.k8s.io.
bool is_label_or_source(std::string_view text) {
  const auto host = text.substr(0, text.find('/'));
  const auto within = [&](std::string_view domain) {
    return host == domain || (host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
  };
  if (within("kubernetes.io") || within("github.com") || host == "gitlab.com" || within("golang.org")) return true;
  return within("k8s.io") && !host.contains("registry") && !host.contains("gcr");
}

}  // namespace

std::vector<std::string> words_of_key(std::string_view key) {
  std::vector<std::string> out;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) out.push_back(std::exchange(word, {}));
  };
  for (size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
      end_word();
      continue;
    }
    // imageName → image name, imageURLs → image urls, opmImage → opm image
    const bool after_small = i > 0 && (is_lower(key[i - 1]) || is_digit(key[i - 1]));
    const bool before_small = i + 1 < key.size() && is_lower(key[i + 1]) && !key.substr(i + 1).starts_with("s_");
    if (is_upper(c) && (after_small || (before_small && i > 0 && is_upper(key[i - 1])))) end_word();
    word += lower(c);
  }
  end_word();
  return out;
}

KeySays what_key_says(std::string_view key) {
  if (key.size() > 200) return KeySays::nothing;  // no name of a field
  const auto words = words_of_key(key);
  const auto found = std::ranges::find_last_if(words, [](const std::string& word) {
    return word == "image" || word == "images" || word.ends_with("image");  // dockerimage, baseimage
  });
  if (found.empty()) return KeySays::nothing;
  const auto behind = std::ranges::subrange(std::next(found.begin()), words.end());
  // Images of machines have bare names that are no names of containers' images.
  if (found.begin() != words.begin() && std::ranges::contains(kMachineWords, *std::prev(found.begin())))
    return KeySays::perhaps;
  const bool names = behind.empty() || (behind.size() == 1 && std::ranges::contains(kNameWords, behind.front()));
  if (!names) return KeySays::perhaps;
  return found.front() == "images" ? KeySays::images : KeySays::image;
}

bool is_complete(std::string_view text) {
  const size_t slash = text.rfind('/');
  const auto last = slash == std::string_view::npos ? text : text.substr(slash + 1);
  if (!last.contains(':') && !last.contains('@')) return false;
  return image::parse_reference(text).has_value();
}

bool is_unmistakable(std::string_view text) {
  return has_registry(text) && is_complete(text) && !is_label_or_source(text);
}

bool is_bare_name(std::string_view text) {
  if (text.size() < 2 || text.contains(':') || text.contains('@')) return false;
  if (std::ranges::none_of(text, is_lower)) return false;
  if (std::ranges::contains(kNoNames, text)) return false;
  if (std::ranges::any_of(kFileEndings, [&](auto ending) { return text.ends_with(ending); })) return false;
  return image::parse_reference(text).has_value();
}

bool is_placeholder(std::string_view text) {
  if (text.contains("{{") || text.contains("$") || text.contains("###") || text.contains("://")) return true;
  return std::ranges::count(text, '%') >= 2 || (text.contains('<') && text.contains('>'));
}

std::optional<std::string> artifact_reason(std::string_view text) {
  for (const std::string_view scheme : {"oci://", "docker://"}) {
    if (text.starts_with(scheme) && text.size() > scheme.size() && !is_placeholder(text.substr(scheme.size())))
      return base::format("an {}… address: its program fetches it from there, the nodes do not", scheme);
  }
  if (!is_complete(text) && !has_registry(text)) return std::nullopt;
  const auto parsed = image::parse_reference(text);
  if (!parsed) return std::nullopt;
  const auto name = std::string_view(parsed->repository).substr(parsed->repository.rfind('/') + 1);
  for (const std::string_view database : {"trivy-db", "trivy-java-db", "trivy-checks", "trivy-policies"}) {
    if (name == database) return "a database or policies for a scanner, which fetches it itself";
  }
  for (const std::string_view ending : {".sig", ".att", ".sbom"}) {
    if (parsed->tag.starts_with("sha256-") && parsed->tag.ends_with(ending)) return "a signature or a note on an image";
  }
  return std::nullopt;
}

}  // namespace sealift::workloads
