// SPDX-License-Identifier: Apache-2.0
//
// Files on a host: wanted content, mode and owner. The host itself shows the state, so nothing is recorded.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// One wanted file: an object of the payload, or text made here.
struct WantedFile {
  std::string path;  // absolute
  host::FileSpec spec;
  Digest digest;
  uint64_t size = 0;
  const format::PayloadReader* payload = nullptr;  // null: use `text`
  std::string text;
};

WantedFile text_file(std::string path, std::string text, uint32_t mode);
WantedFile object_file(std::string path, const format::PayloadReader& payload, const format::ObjectRef& object,
                       uint32_t mode);

// All files in one step; only those that differ are written.
class FilesStep final : public BasicStep {
 public:
  // `unwanted`: files and folders of an earlier delivery, which go with all they hold.
  FilesStep(engine::StepId id, std::string description, std::vector<WantedFile> files,
            std::vector<std::string> unwanted = {});
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> is_there(const engine::LookContext& context, const WantedFile& file) const;
  Result<void> put(engine::StepContext& context, const WantedFile& file) const;
  std::vector<WantedFile> files_;
  std::vector<std::string> unwanted_;
};

// The variables available to *.tmpl files, for one node: SANDBOX_IMAGE, REGISTRY_PORT, DATA_ROOT, NODE_IP, NODE_NAME,
// POD_CIDR, SERVICE_CIDR, ARCH, and the artifact's ENV.
std::map<std::string, std::string> template_variables(const Model& model, const Node& node);
// Expands ${NAME} and ${NAME:-x}; an unknown name without default is invalid_input. "$$" is a dollar sign.
Result<std::string> render(std::string_view text, const std::map<std::string, std::string>& variables,
                           std::string_view where);

// base.yaml's files and the FILE lines for this node, templates rendered; and the site's own files.
Result<std::vector<WantedFile>> host_files(const Model& model, const Node& node);
// The same for every kind of host, as ArtifactRecord::files: what the site and the host decide in a template counts as
// equal.
Result<std::map<std::string, host::ArtifactRecord::HostKinds>> claimed_files(const Model& model);
std::vector<WantedFile> site_files(const Model& model, const Node& node);

}  // namespace sealift::steps
