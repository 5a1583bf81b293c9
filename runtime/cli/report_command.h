// SPDX-License-Identifier: Apache-2.0
//
// `report`: looks as `check` does, adds what is known of the delivery, and writes the acceptance report.
#pragma once

#include <functional>
#include <string>

#include "payload/console/output.h"
#include "runtime/cli/arguments.h"
#include "runtime/delivery/delivery.h"

namespace sealift::cli {

// `finish`: called before anything is printed. `state`: as for check(). Errors: those of writing the file, then nothing
// of it is there and an earlier one stays; unhealthy if anything fails that is not waived, with the file written.
Result<void> report_acceptance(delivery::Input& input, const std::function<void()>& finish, console::Output out,
                               const Arguments& arguments, const std::string& state);

}  // namespace sealift::cli
