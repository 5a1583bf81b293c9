// SPDX-License-Identifier: Apache-2.0
//
// `check`: prints what was found, writes it as JUnit, goes on with --watch, and keeps how full the disks were.
#pragma once

#include <functional>
#include <string>

#include "payload/console/output.h"
#include "runtime/cli/arguments.h"
#include "runtime/delivery/delivery.h"

namespace sealift::cli {

// `finish`: called before anything is printed. `state`: the folder for this cluster; made if it is not there, and one
// that can't be made only costs the forecast. Errors: unhealthy if anything fails.
Result<void> check(delivery::Input& input, const std::function<void()>& finish, const console::Output& out,
                   const Arguments& arguments, const std::string& state);

}  // namespace sealift::cli
