// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/zarf.h"

#include <algorithm>
#include <array>

#include "packer/convert/image_list.h"
#include "packer/convert/lines.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

using yaml::Node;

bool is_url(std::string_view text) { return text.contains("://"); }

const std::vector<Node>& items_of(const Node& node, std::string_view key) {
  static const std::vector<Node> kNone;
  const auto* found = node.find(key);
  return found == nullptr ? kNone : found->items;
}

struct Reason {
  std::string_view field, text;
};
// Parts of a component that have no equivalent.
constexpr auto kLost = std::to_array<Reason>({
    {"repos", "no Git server is delivered"},
    {"actions", "nothing is run at the site; prepare at the build, and install with APP"},
    {"scripts", "nothing is run at the site; prepare at the build, and install with APP"},
    {"dataInjections", "a volume's content comes from an image: an init container in the manifest"},
    {"import", "convert the imported package, too, and take over its lines"},
    {"extensions", "take the project's chart"},
});

class Converter {
 public:
  Converter(const std::string& file, const Context& context, const std::string& beside)
      : context_(&context), lines_(file, beside) {}

  Conversion convert(const Node& package) {
    const auto* metadata = package.find("metadata");
    lines_.add_comment(
        0, base::format("from {}, package {}", lines_.file(), base::printable(package.text_at("metadata/name"))));
    lines_.add(0, "FROM scratch");
    if (metadata != nullptr && !metadata->text_at("version").empty())
      lines_.note(Outcome::dropped, metadata->line, "metadata.version", "give it to the build: -t NAME:VERSION");
    for (const std::string_view field : {"variables", "constants"}) {
      for (const auto& variable : items_of(package, field))
        lines_.lose({lines_.file(), variable.line, Outcome::lost,
                     base::format("{} {}", field, variable.text_at("name")),
                     "###ZARF_…### is not replaced; the site sets a chart's values in cluster.yaml"});
    }
    for (const auto& component : items_of(package, "components")) one(component);
    return std::move(lines_).finish(launched_);
  }

 private:
  void lose(const Node& node, std::string what, std::string text) {
    lines_.lose({lines_.file(), node.line, Outcome::lost, std::move(what), std::move(text)});
  }

  void one(const Node& component) {
    const std::string name = component.text_at("name");
    const auto is_true = [&](std::string_view key) {
      const auto* flag = component.find(key);
      return flag != nullptr && flag->as_bool().value_or(false);
    };
    is_launched_ = is_true("required") || is_true("default");
    lines_.add(component.line, "");
    lines_.add_comment(component.line, "component " + base::printable(name));
    if (!is_launched_)
      lines_.note(Outcome::changed, component.line, "component " + name,
                  "packed and not in LAUNCH, since it is optional; spec.apps of cluster.yaml chooses it");
    const std::string before = previous_;
    for (const auto& chart : items_of(component, "charts")) add_chart(chart);
    for (const auto& manifest : items_of(component, "manifests")) add_manifest(manifest);
    for (const auto& file : items_of(component, "files")) add_file(file);
    add_images(component);
    for (const auto& [field, text] : kLost) {
      const auto* part = component.find(field);
      if (part != nullptr && !part->is_null()) lose(*part, base::format("{} of {}", field, name), std::string(text));
    }
    const auto* only = component.find("only");
    if (only != nullptr)
      lose(*only, "only of " + name, "an artifact is the same for all sites; write a Kubefile for each kind of them");
    if (!is_launched_) previous_ = before;  // nobody can need what may not be there
  }

  void add_app(const Node& node, AppLine app, const std::string& note) {
    app.needs = previous_;
    previous_ = app.name;
    lines_.note(Outcome::changed, node.line, node.text_at("name"), app.text() + note);
    if (is_launched_) launched_.push_back(app.name);
    lines_.add_app(node.line, app);
  }

  // Where the chart comes from, as APP takes it; empty if it can't be taken from there.
  static std::string source_of(const Node& chart) {
    const std::string url = chart.text_at("url"), version = chart.text_at("version"), name = chart.text_at("repoName");
    if (const auto local = chart.text_at("localPath"); !local.empty()) return "local://" + clean_path(local);
    if (url.starts_with("oci://")) return url + ":" + version;
    if (url.ends_with(".tgz")) return url;
    if (url.starts_with("https://") && !url.ends_with(".git") && !url.contains(".git@"))
      return base::format("repo:{}/{}@{}", url.ends_with('/') ? url.substr(0, url.size() - 1) : url,
                          name.empty() ? chart.text_at("name") : name, version);
    return {};
  }

  void add_chart(const Node& chart) {
    const std::string name = chart.text_at("name"), source = source_of(chart);
    if (source.empty())
      return lose(chart, "chart " + name,
                  "charts come from folders, repositories, registries and files; put this one into the folder");
    std::string release = chart.text_at("releaseName");
    if (release.empty()) release = name;
    AppLine app{.name = lines_.new_app_name(release),
                .sources = {source},
                .target_namespace = chart.text_at("namespace"),
                .release = release};
    const auto values = values_of(chart, app.name);
    const std::string line = values.empty() ? "" : "VALUES " + app.name + " " + kubefile_word(values);
    add_app(chart, std::move(app), line.empty() ? "" : " and " + line);
    if (!line.empty()) lines_.add(chart.line, line);
  }

  // Zarf lays the files over each other, VALUES are one or the other.
  std::string values_of(const Node& chart, const std::string& app) {
    const auto& files = items_of(chart, "valuesFiles");
    if (files.size() == 1 && !is_url(files[0].text)) return clean_path(files[0].text);
    Node values = Node::make_mapping();
    for (const auto& file : files) {
      const auto text = is_url(file.text) ? fail(ErrorCode::not_found, "it is on another machine")
                                          : context_->read(clean_path(file.text));
      const auto documents = text ? yaml::parse(*text, file.text, {}, yaml::DuplicateKeys::last_wins)
                                  : Result<std::vector<Node>>(std::unexpected(text.error()));
      if (!documents) {
        lose(file, "values " + file.text,
             "put the file into the folder and its values into one with the others of this chart");
        continue;
      }
      for (const auto& document : *documents) yaml::merge(values, document);
    }
    return values.members.empty() ? "" : lines_.add_values(app, values);
  }

  void add_manifest(const Node& manifest) {
    const std::string name = manifest.text_at("name");
    AppLine app{.target_namespace = manifest.text_at("namespace")};
    for (const auto& file : items_of(manifest, "files")) {
      if (is_url(file.text)) {
        lose(file, "manifest " + file.text, "download it into the folder and name it with local://");
      } else {
        app.sources.push_back("local://" + clean_path(file.text));
      }
    }
    if (!app.sources.empty()) {
      app.name = lines_.new_app_name(name);
      add_app(manifest, app, "");
    }
    for (const auto& folder : items_of(manifest, "kustomizations")) {
      if (is_url(folder.text)) {
        lose(folder, "kustomization " + folder.text, "copy it into the folder and name it with local://");
        continue;
      }
      AppLine built{.name = lines_.new_app_name(name),
                    .sources = {"local://" + clean_path(folder.text)},
                    .target_namespace = app.target_namespace};
      add_app(manifest, std::move(built), "");
    }
  }

  void add_file(const Node& file) {
    const std::string source = file.text_at("source"), target = file.text_at("target");
    const auto* executable = file.find("executable");
    const bool is_program = executable != nullptr && executable->as_bool().value_or(false);
    if (is_url(source) || !target.starts_with('/'))
      return lose(file, "file " + source,
                  is_url(source) ? "download it into the folder and name it with FILE"
                                 : "FILE puts files on hosts, at absolute paths");
    const std::string line = base::format("FILE --role=control-plane --mode={} {} {}", is_program ? "0755" : "0644",
                                          kubefile_word(clean_path(source)), kubefile_word(target));
    lines_.add(file.line, line);
    lines_.note(Outcome::changed, file.line, "file " + source, line);
  }

  void add_images(const Node& component) {
    const auto& images = items_of(component, "images");
    size_t count = 0;
    for (const auto& image : images) {
      Report report;
      const auto names = image_names(image.text, lines_.file(), images_, report);
      if (report.count(Outcome::lost) != 0 || image.text.contains("###"))
        lose(image, "image " + image.text, "write the image's full name");
      else if (!names.empty())
        lines_.add(image.line, "IMAGE " + names.front());
      count += names.size();
    }
    if (count != 0)
      lines_.note(Outcome::changed, images.front().line, "images",
                  base::format("{} IMAGE lines; those that APP lines need are found without", count));
  }

  const Context* context_;
  KubefileLines lines_;
  std::set<std::string> images_;
  std::vector<std::string> launched_;
  std::string previous_;
  bool is_launched_ = false;
};

}  // namespace

bool is_zarf(const Node& document) { return document.text_at("kind") == "ZarfPackageConfig"; }

Conversion convert_zarf(const Node& document, const std::string& file, const Context& context,
                        const std::string& beside) {
  return Converter(file, context, beside).convert(document);
}

}  // namespace sealift::convert
