// SPDX-License-Identifier: Apache-2.0
//
// APP, CNI and VALUES: the applications with their files. Adds them to Inputs; what was read of their manifests goes to
// the inspectors.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "packer/resolve/app.h"
#include "packer/resolve/discover.h"
#include "packer/resolve/inputs.h"
#include "packer/resolve/remote.h"
#include "packer/resolve/tools.h"

namespace sealift::resolve {

// What reading applications adds to besides Inputs.
struct AppFindings {
  workloads::Rules rules;
  Problems problems;
  Inspectors inspectors;
  std::map<std::string, std::string> unpacked;  // paths in the private folder, as people know them
};

class AppLines {
 public:
  // All must outlive this.
  AppLines(Inputs& inputs, const Request& request, BuildContext& context, AppFindings& findings, Remote& remote,
           EventSink& events, const CancelToken& cancel)
      : inputs_(inputs),
        request_(request),
        context_(context),
        findings_(findings),
        remote_(remote),
        events_(events),
        cancel_(cancel) {}

  Result<void> take(const Instruction& instruction, const AddApp& line);
  // Charts on other machines, and dependencies that charts lack, wait: everything else is checked before.
  void fetch(Problems& problems);
  // The charts that are here with all that their lines name. None of them may be if VALUES lines can't be told apart.
  std::vector<const AppInput*> charts() const;
  // The line may stand above its application's: only noted.
  Result<void> take(const Instruction& instruction, const AddValues& line);
  // What VALUES lines gave. `knows_names`: of all applications; else a name that is not there is no problem yet.
  void add_values(bool knows_names);
  // Packs what `kubectl kustomize` makes of the folders, each as one manifest. What kubectl refuses goes to the
  // findings' problems. Errors: a machine without kubectl; cancelled.
  Result<void> build_kustomizations(Tools& tools);

 private:
  struct Waiting {
    const Instruction* instruction = nullptr;
    AddApp line;
    LocalApp local;  // without its files if the chart is on another machine
  };

  Result<void> take_app(const Instruction& instruction, const AddApp& line);
  Result<void> check_new(const AddApp& line, const format::App& app) const;
  Result<void> put_files(const Instruction& instruction, LocalApp& local);
  Result<void> fetch(Waiting& waiting);
  AppReading reading();
  Result<void> add_values(AppInput& app, const Word& word, const Origin& origin);

  Inputs& inputs_;
  const Request& request_;
  BuildContext& context_;
  AppFindings& findings_;
  Remote& remote_;
  EventSink& events_;
  const CancelToken& cancel_;
  std::vector<std::pair<const AddValues*, Origin>> values_;
  std::vector<Waiting> waiting_;
  std::set<std::string> incomplete_;  // applications of which something is missing
  bool has_stray_values_ = false;     // some may be meant for any of them
};

}  // namespace sealift::resolve
