// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/merge.h"

#include <algorithm>

#include "packer/resolve/claims.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"

namespace sealift::resolve {
namespace {

class Merger {
 public:
  Merger(format::Contents from, const Origin& origin, Inputs& inputs)
      : from_(std::move(from)), origin_(origin), inputs_(inputs), to_(inputs.contents) {}

  void merge() {
    apps();
    tree();
    images();
    environment();
    host_files();
    for (auto& ignored : from_.ignored_images) {
      if (!std::ranges::contains(to_.ignored_images, ignored)) to_.ignored_images.push_back(std::move(ignored));
    }
    for (auto& requirement : from_.requirements) {
      if (!std::ranges::contains(to_.requirements, requirement)) to_.requirements.push_back(std::move(requirement));
    }
    to_.layers.merge(from_.layers);
    to_.labels.merge(from_.labels);
    if (!to_.base_document) to_.base_document = from_.base_document;
  }

 private:
  void conflict(Disputed kind, const std::string& name, std::string_view text) {
    inputs_.conflicts.try_emplace({kind, name}, bad(origin_.place, text).error());
  }
  // Who brought a part of what is there.
  template <class Has>
  std::string first_with(const Has& has) const {
    const auto base =
        std::ranges::find_if(inputs_.bases, [&](const BaseInput& one) { return has(one.reader->contents()); });
    return base == inputs_.bases.end() ? "a line before" : base->origin.reason;
  }

  bool has_same_files(const std::string& folder) const {
    const auto below = [&](const format::Contents& contents) {
      std::map<std::string, format::TreeFile> out;
      for (auto at = contents.tree.lower_bound(folder); at != contents.tree.end() && at->first.starts_with(folder);
           ++at)
        out.insert(*at);
      return out;
    };
    return below(from_) == below(to_);
  }

  void apps() {
    for (auto& app : from_.apps) {
      const auto there = std::ranges::find(to_.apps, app.name, &format::App::name);
      if (there == to_.apps.end()) {
        to_.apps.push_back(std::move(app));
      } else if (*there != app || !has_same_files(app.root + "/")) {
        conflict(Disputed::app, app.name,
                 base::format("{} has an application {} and so has {}, but they differ; take one away with REMOVE, "
                              "before the line that brings the other one",
                              origin_.reason, app.name, first_with([&](const auto& contents) {
                                return contents.find_app(app.name) != nullptr;
                              })));
        std::erase_if(from_.tree, [&](const auto& file) { return file.first.starts_with(app.root + "/"); });
      }
    }
  }

  void tree() {
    for (const auto& [path, file] : from_.tree) {
      // Each build writes them anew.
      if (path == lock::kTreePath) continue;
      if (const auto [there, is_new] = to_.tree.try_emplace(path, file); !is_new && there->second != file) {
        const auto other = first_with([&](const auto& contents) { return contents.tree.contains(path); });
        conflict(Disputed::file, path,
                 path == from_.base_document
                     ? base::format("{} is built on another Kubernetes base than {}: their {} differ; build it on "
                                    "the same one",
                                    origin_.reason, other, path)
                     : base::format("{} has another {} in its tree than {}; COPY the right one to this path, or "
                                    "take the first away with REMOVE file before this line",
                                    origin_.reason, path, other));
      } else if (auto shape = check_shape(inputs_, path, origin_); is_new && !shape) {
        inputs_.conflicts.try_emplace({Disputed::file, path}, std::move(shape).error());
      }
    }
  }

  void host_files() {
    for (auto& file : from_.host_files) {
      if (std::ranges::contains(to_.host_files, file)) continue;
      const auto there = std::ranges::find_if(to_.host_files, [&](const format::HostFile& other) {
        return other.destination == file.destination && other.architecture == file.architecture &&
               (other.role == file.role || other.role == format::HostRole::all || file.role == format::HostRole::all);
      });
      if (there == to_.host_files.end()) {
        to_.host_files.push_back(std::move(file));
        continue;
      }
      conflict(Disputed::host_file, file.destination,
               base::format("{} puts {} on hosts at {}, where a line before puts {}; a FILE line after it says what "
                            "belongs there",
                            origin_.reason, file.source, file.destination, there->source));
    }
  }

  void images() {
    for (auto& image : from_.images) {
      const auto there = std::ranges::find(to_.images, image.name, &format::Image::name);
      if (there == to_.images.end()) {
        to_.images.push_back(std::move(image));
      } else if (there->root != image.root || there->platforms != image.platforms) {
        conflict(Disputed::image, image.name,
                 base::format("the image {} is {} in {} and {} in {}; an IMAGE line, best with the digest, says which "
                              "one is right",
                              image.name, there->root.digest.text(), first_with([&](const auto& contents) {
                                return contents.find_image(image.name) != nullptr;
                              }),
                              image.root.digest.text(), origin_.reason));
      } else if (there->reason.empty()) {
        there->reason = std::move(image.reason);
      }
    }
  }

  void environment() {
    for (const auto& [name, value] : from_.environment) {
      const auto [there, is_new] = to_.environment.try_emplace(name, value);
      if (!is_new && there->second != value)
        conflict(Disputed::variable, name,
                 base::format("{} sets {} to \"{}\", and a line before has \"{}\"; an ENV line after "
                              "it says which one is right",
                              origin_.reason, name, base::printable(value), base::printable(there->second)));
    }
  }

  format::Contents from_;
  const Origin& origin_;
  Inputs& inputs_;
  format::Contents& to_;
};

// The word with what is meant, for a name that nothing has.
std::unexpected<Error> not_there(const Word& word, std::string_view what, const std::vector<std::string_view>& known) {
  const auto near = base::nearest(word.text, known);
  return bad(word.place, base::format("nothing inherited has {} {}{}", what, base::printable(word.text),
                                      near ? base::format("; did you mean {}?", *near) : ""));
}

Result<void> remove_image(const Word& word, Inputs& inputs) {
  auto& images = inputs.contents.images;
  auto reference = image::parse_reference(word.text);
  if (!reference) return bad(word.place, reference.error().what);
  const auto name = reference->text();
  if (std::erase_if(images, [&](const auto& image) { return image.name == name; }) == 0) {
    std::vector<std::string_view> known;
    for (const auto& image : images) known.push_back(image.name);
    return not_there({name, word.place}, "an image", known);
  }
  inputs.conflicts.erase({Disputed::image, name});
  return {};
}

// With its files, and the images that nothing else names.
Result<void> remove_app(const Word& word, Inputs& inputs) {
  auto& contents = inputs.contents;
  const auto app = std::ranges::find(contents.apps, word.text, &format::App::name);
  const bool is_inherited = std::ranges::any_of(
      inputs.bases, [&](const BaseInput& base) { return base.reader->contents().find_app(word.text) != nullptr; });
  if (app == contents.apps.end() || !is_inherited) {
    std::vector<std::string_view> known;
    for (const auto& other : contents.apps) known.push_back(other.name);
    return not_there(word, "an application", known);
  }
  const format::App gone = std::move(*app);
  contents.apps.erase(app);
  std::erase_if(contents.tree, [&](const auto& file) {
    return file.first.starts_with(gone.root + "/") || std::ranges::contains(gone.values, file.first);
  });
  std::erase_if(inputs.conflicts, [&](const auto& one) {
    const auto& [kind, name] = one.first;
    return kind == Disputed::app ? name == gone.name : kind == Disputed::file && name.starts_with(gone.root + "/");
  });
  std::erase_if(contents.images, [&](const format::Image& image) {
    const auto uses = [&](const format::App& other) {
      return std::ranges::contains(other.uses, image.name, &format::ImageUse::image);
    };
    return image.reason.empty() && uses(gone) && std::ranges::none_of(contents.apps, uses);
  });
  return {};
}

// A file, or with a slash at the end a folder; what FILE lines put on hosts from there goes too.
Result<void> remove_file(const Word& word, Inputs& inputs) {
  auto& contents = inputs.contents;
  const auto is_meant = [&](const std::string& path) {
    return path == word.text || (word.text.ends_with('/') && path.starts_with(word.text));
  };
  if (std::erase_if(contents.tree, [&](const auto& file) { return is_meant(file.first); }) == 0) {
    std::vector<std::string_view> known;
    for (const auto& [path, file] : contents.tree) known.push_back(path);
    return not_there(word, word.text.ends_with('/') ? "a folder" : "a file", known);
  }
  std::erase_if(contents.host_files, [&](const auto& file) { return is_meant(file.source); });
  std::erase_if(inputs.conflicts,
                [&](const auto& one) { return one.first.first == Disputed::file && is_meant(one.first.second); });
  if (contents.base_document && is_meant(*contents.base_document)) contents.base_document.reset();
  return {};
}

// By an own file at this path of the tree.
bool brings(const Inputs& inputs, const std::string& path) {
  return inputs.files.contains(path) || inputs.awaited.contains(path);
}

}  // namespace

void merge(format::Contents from, const Origin& origin, Inputs& inputs) {
  Merger(std::move(from), origin, inputs).merge();
}

void remove(const Remove& line, Inputs& inputs, Problems& problems) {
  for (const auto& name : line.names) {
    switch (line.part) {
      case Part::image: problems.note(remove_image(name, inputs)); break;
      case Part::app: problems.note(remove_app(name, inputs)); break;
      case Part::file: problems.note(remove_file(name, inputs)); break;
    }
  }
}

void check_conflicts(const Inputs& inputs, Problems& problems) {
  const auto is_decided = [&](Disputed kind, const std::string& name) {
    switch (kind) {
      case Disputed::file: return brings(inputs, name);
      case Disputed::image:
        return std::ranges::contains(inputs.images, name,
                                     [](const ImageInput& image) { return image.reference.text(); });
      case Disputed::host_file:
        return std::ranges::any_of(inputs.contents.host_files, [&](const format::HostFile& file) {
          return file.destination == name && brings(inputs, file.source);
        });
      case Disputed::app:
      case Disputed::variable: break;  // their lines take the conflict away
    }
    return false;
  };
  for (const auto& [what, error] : inputs.conflicts) {
    if (!is_decided(what.first, what.second)) problems.add(error);
  }
}

void check_inherited_images(const Inputs& inputs, Problems& problems) {
  for (const auto& app : inputs.contents.apps) {
    const bool is_own = std::ranges::contains(inputs.apps, app.name, [](const AppInput& own) { return own.app.name; });
    if (is_own) continue;
    for (const auto& use : app.uses) {
      if (inputs.contents.find_image(use.image) != nullptr) continue;
      problems.add(fail(ErrorCode::invalid_input,
                        "the image {} is removed, and the inherited application {} uses it ({}); REMOVE app {}, or "
                        "bring another image of this name with IMAGE",
                        use.image, app.name, use.object, app.name));
      break;
    }
  }
}

}  // namespace sealift::resolve
