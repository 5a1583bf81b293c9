// SPDX-License-Identifier: Apache-2.0
//
// The commands of the local store: artifacts, tag, rm, prune, load, save, store check.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "packer/store/store.h"
#include "payload/base/cancel.h"
#include "payload/base/error.h"

namespace CLI {
class App;
}

namespace sealift::packer_cli {

struct StoreArguments {
  std::string what, name, file, output;  // of tag, rm and save; of tag; of load; of save
  std::vector<std::string> tags;         // load -t
  bool json = false, dry_run = false;
};

// "erp:3.4: 1.2 GiB, identity 0123456789ab\n": what a command says of an artifact that is in the store now.
std::string line_of(const store::Artifact& artifact);
// An identity as people read it.
std::string shown(const Digest& identity);

// `arguments` must outlive `app`.
void define_store(CLI::App& app, StoreArguments& arguments);
// What the command that was given prints; nothing if it is another one.
std::optional<Result<std::string>> run_store(const CLI::App& app, const StoreArguments& arguments,
                                             const CancelToken& cancel);

}  // namespace sealift::packer_cli
