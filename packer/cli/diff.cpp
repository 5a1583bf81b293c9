// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/diff.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "packer/cli/opened_payload.h"
#include "packer/lock/lock.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/references.h"
#include "payload/json/value.h"

namespace sealift::packer_cli {
namespace {

struct Change {
  std::string name;
  std::string before, after;  // versions, tags, digests; both empty if only contents differ
  uint64_t bytes = 0;         // of images: what the other artifact does not hold
};

struct Changes {
  std::vector<Change> added, removed, changed;
  bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
};

struct Difference {
  Changes apps, images, files, settings;
  uint64_t needed = 0, whole = 0;  // stored bytes of `to`: those that `from` lacks, all
};

// By name; `is_equal` is asked for those on both sides and fills in what differs.
template <class Map, class Added, class Equal>
Changes compare(const Map& from, const Map& to, const Added& describe, const Equal& is_equal) {
  Changes out;
  for (const auto& [name, value] : from) {
    if (!to.contains(name)) out.removed.push_back(describe(name, value));
  }
  for (const auto& [name, value] : to) {
    const auto before = from.find(name);
    if (before == from.end()) {
      out.added.push_back(describe(name, value));
    } else if (Change change{.name = name}; !is_equal(before->second, value, change)) {
      out.changed.push_back(std::move(change));
    }
  }
  return out;
}

using Tree = std::map<std::string, format::TreeFile>;

Tree part_of(const Tree& tree, const std::string& folder) {
  Tree out;
  const std::string prefix = folder + "/";
  for (auto at = tree.lower_bound(prefix); at != tree.end() && at->first.starts_with(prefix); ++at) out.insert(*at);
  return out;
}

// An application with its files, and with those that hold its sets of values.
struct AppWithFiles {
  format::App app;
  Tree files;
};

std::map<std::string, AppWithFiles> apps_of(const format::Contents& contents) {
  std::map<std::string, AppWithFiles> out;
  for (const auto& app : contents.apps) {
    AppWithFiles entry{app, part_of(contents.tree, app.root)};
    for (const auto& path : app.values) {
      if (const auto file = contents.tree.find(path); file != contents.tree.end()) entry.files.insert(*file);
    }
    out.emplace(app.name, std::move(entry));
  }
  return out;
}

Changes compare_apps(const format::Contents& from, const format::Contents& to) {
  const auto describe = [](const std::string& name, const AppWithFiles& entry) {
    return Change{.name = name, .after = entry.app.version};
  };
  return compare(apps_of(from), apps_of(to), describe,
                 [](const AppWithFiles& before, const AppWithFiles& after, Change& change) {
                   if (before.app.version != after.app.version) {
                     change.before = before.app.version;
                     change.after = after.app.version;
                   }
                   auto same = before.app;
                   same.uses = after.app.uses;  // the images tell
                   return same == after.app && before.files == after.files;
                 });
}

// Files that belong to no application. The lock tells what names stood for, and no host gets it.
Tree other_files(const format::Contents& contents) {
  Tree out = contents.tree;
  out.erase(std::string(lock::kTreePath));
  for (const auto& app : contents.apps) {
    std::erase_if(out, [&](const auto& file) { return format::has_file(app, file.first); });
  }
  return out;
}

Changes compare_files(const format::Contents& from, const format::Contents& to) {
  const auto describe = [](const std::string& name, const format::TreeFile&) { return Change{.name = name}; };
  return compare(other_files(from), other_files(to), describe,
                 [](const format::TreeFile& before, const format::TreeFile& after, Change& change) {
                   if (before.mode != after.mode && before.object == after.object) {
                     change.before = base::format("mode {:04o}", before.mode);
                     change.after = base::format("{:04o}", after.mode);
                   }
                   return before == after;
                 });
}

std::map<std::string, std::string> settings_of(const format::Contents& contents) {
  std::map<std::string, std::string> out{{"LAUNCH", base::join(contents.launch, ", ")}};
  for (const auto& requirement : contents.requirements) out["REQUIRES " + requirement.name] = requirement.versions;
  for (const auto& [name, value] : contents.environment) out["ENV " + name] = value;
  for (const auto& [name, value] : contents.labels) out["LABEL " + name] = value;
  for (const auto& file : contents.host_files) {
    std::string hosts(format::name(file.role));
    if (file.architecture) hosts += " " + std::string(base::platform(*file.architecture));
    out[base::format("FILE {} ({})", file.destination, hosts)] = base::format(
        "{} {:04o} {}:{}{}", file.source, file.mode, file.uid, file.gid, file.is_template ? " template" : "");
  }
  return out;
}

Changes compare_settings(const format::Contents& from, const format::Contents& to) {
  const auto describe = [](const std::string& name, const std::string& value) {
    return Change{.name = name, .after = value};
  };
  return compare(settings_of(from), settings_of(to), describe,
                 [](const std::string& before, const std::string& after, Change& change) {
                   change.before = before;
                   change.after = after;
                   return before == after;
                 });
}

uint64_t lacking(const format::Image& image, const format::PayloadReader& other) {
  uint64_t out = 0;
  std::set<Digest> seen;
  static_cast<void>(format::for_each_reference(image, [&](const format::Reference& reference) -> Result<void> {
    if (seen.insert(reference.object.digest).second && !other.find(reference.object.digest))
      out += reference.object.size;
    return {};
  }));
  return out;
}

// Of a full name, "registry/path" and "tag" or "sha256:…".
std::pair<std::string, std::string> cut(const std::string& name) {
  const size_t at = name.find('@');
  const size_t end = at == std::string::npos ? name.rfind(':') : at;
  const size_t slash = name.rfind('/');
  if (end == std::string::npos || (slash != std::string::npos && end < slash)) return {name, ""};
  return {name.substr(0, end), name.substr(end + 1)};
}

// One that went and one that came under the same repository are a change of version; of several nobody knows which
// replaces which.
void pair_versions(Changes& changes) {
  std::map<std::string, std::vector<const Change*>> gone, new_ones;
  for (const auto& change : changes.removed) gone[cut(change.name).first].push_back(&change);
  for (const auto& change : changes.added) new_ones[cut(change.name).first].push_back(&change);
  std::set<std::string> paired;
  std::vector<Change> pairs;
  for (const auto& [repository, before] : gone) {
    const auto after = new_ones.find(repository);
    if (after == new_ones.end() || before.size() != 1 || after->second.size() != 1) continue;
    const Change& old_one = *before.front();
    const Change& new_one = *after->second.front();
    pairs.push_back({repository, cut(old_one.name).second, cut(new_one.name).second, new_one.bytes});
    paired.insert(old_one.name);
    paired.insert(new_one.name);
  }
  for (auto* list : {&changes.removed, &changes.added})
    std::erase_if(*list, [&](const Change& change) { return paired.contains(change.name); });
  changes.changed.insert(changes.changed.end(), pairs.begin(), pairs.end());
  std::ranges::sort(changes.changed, {}, &Change::name);
}

Changes compare_images(const format::PayloadReader& from, const format::PayloadReader& to) {
  const auto by_name = [](const format::Contents& contents) {
    std::map<std::string, format::Image> out;
    for (const auto& image : contents.images) out.emplace(image.name, image);
    return out;
  };
  const auto platforms = [](const format::Image& image) {
    std::vector<std::string> names;
    for (const auto& platform : image.platforms) names.emplace_back(base::platform(platform.architecture));
    return base::join(names, ", ");
  };
  const auto describe = [&](const std::string& name, const format::Image& image) {
    return Change{.name = name, .bytes = lacking(image, from)};
  };
  auto out = compare(by_name(from.contents()), by_name(to.contents()), describe,
                     [&](const format::Image& before, const format::Image& after, Change& change) {
                       change.bytes = lacking(after, from);
                       const bool has_same_root = before.root == after.root;
                       change.before = has_same_root ? platforms(before) : before.root.digest.text().substr(0, 19);
                       change.after = has_same_root ? platforms(after) : after.root.digest.text().substr(0, 19);
                       return has_same_root && before.platforms == after.platforms;
                     });
  pair_versions(out);
  return out;
}

Difference compare_payloads(const format::PayloadReader& from, const format::PayloadReader& to) {
  Difference out{compare_apps(from.contents(), to.contents()), compare_images(from, to),
                 compare_files(from.contents(), to.contents()), compare_settings(from.contents(), to.contents())};
  std::set<Digest> there;
  for (const auto& frame : from.all_frames()) there.insert(frame.stored_hash);
  for (const auto& frame : to.all_frames()) {
    out.whole += frame.stored_size;
    if (!there.contains(frame.stored_hash)) out.needed += frame.stored_size;
  }
  return out;
}

using Part = std::pair<std::string_view, const Changes*>;
std::array<Part, 4> parts_of(const Difference& difference) {
  return {{{"applications", &difference.apps},
           {"images", &difference.images},
           {"files", &difference.files},
           {"settings", &difference.settings}}};
}

std::string line_of(char sign, const Change& change) {
  std::string out = base::format("  {} {}", sign, base::printable(change.name));
  if (!change.before.empty() || !change.after.empty()) {
    const auto shown = [](const std::string& text) { return text.empty() ? std::string("-") : base::printable(text); };
    out += sign == '~' ? base::format("  {} -> {}", shown(change.before), shown(change.after))
                       : "  " + base::printable(change.after);
  }
  if (change.bytes != 0) out += base::format("  ({} new)", base::human_bytes(change.bytes));
  return out + "\n";
}

std::string to_text(const Difference& difference, const format::PayloadReader& from, const format::PayloadReader& to) {
  std::string out = base::format("{} ({}) -> {} ({})\n", from.artifact_name(), from.identity().hex().substr(0, 16),
                                 to.artifact_name(), to.identity().hex().substr(0, 16));
  for (const auto& [title, changes] : parts_of(difference)) {
    if (changes->empty()) continue;
    out += base::format("\n{}: {} added, {} removed, {} changed\n", title, changes->added.size(),
                        changes->removed.size(), changes->changed.size());
    for (const auto& change : changes->added) out += line_of('+', change);
    for (const auto& change : changes->removed) out += line_of('-', change);
    for (const auto& change : changes->changed) out += line_of('~', change);
  }
  return out + base::format("\n{} of {} are not in the first one\n", base::human_bytes(difference.needed),
                            base::human_bytes(difference.whole));
}

json::Value to_json(const std::vector<Change>& changes) {
  json::Value out = json::Value::array();
  for (const auto& change : changes) {
    json::Value entry = json::Value::object();
    entry.set("name", change.name);
    if (!change.before.empty()) entry.set("before", change.before);
    if (!change.after.empty()) entry.set("after", change.after);
    if (change.bytes != 0) entry.set("newBytes", change.bytes);
    out.push_back(std::move(entry));
  }
  return out;
}

// {"from":{"name":…,"identity":…},"to":…,"applications":{"added":[…],"removed":…,"changed":…},"images":…,"files":…,
// "settings":…,"neededBytes":…,"storedBytes":…}
std::string to_json(const Difference& difference, const format::PayloadReader& from, const format::PayloadReader& to) {
  json::Value out = json::Value::object();
  for (const auto& [key, reader] : {std::pair("from", &from), std::pair("to", &to)}) {
    json::Value artifact = json::Value::object();
    artifact.set("name", reader->artifact_name());
    artifact.set("identity", reader->identity().hex());
    out.set(key, std::move(artifact));
  }
  for (const auto& [title, changes] : parts_of(difference)) {
    json::Value part = json::Value::object();
    part.set("added", to_json(changes->added));
    part.set("removed", to_json(changes->removed));
    part.set("changed", to_json(changes->changed));
    out.set(std::string(title), std::move(part));
  }
  out.set("neededBytes", difference.needed);
  out.set("storedBytes", difference.whole);
  return json::to_canonical(out) + "\n";
}

}  // namespace

Result<std::string> diff_artifacts(const DiffArguments& arguments) {
  SEALIFT_ASSIGN(const auto from, open_payload(arguments.from));
  SEALIFT_ASSIGN(const auto to, open_payload(arguments.to));
  const auto difference = compare_payloads(*from.reader, *to.reader);
  return arguments.json ? to_json(difference, *from.reader, *to.reader) : to_text(difference, *from.reader, *to.reader);
}

}  // namespace sealift::packer_cli
