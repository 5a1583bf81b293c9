// SPDX-License-Identifier: Apache-2.0
//
// How full the hosts' disks were at earlier calls of `check` and `report`: a file in the state folder, for the
// forecast.
#pragma once

#include <string>

#include "payload/base/event.h"
#include "runtime/inspection/disk_history.h"

namespace sealift::cli {

// Without it there is no forecast, and nothing else is wrong: one that can't be read, or not be written, is a warning.
inspection::DiskHistory read_disk_history(const std::string& state, EventSink& events);
// Makes the folder if it is not there.
void keep_disk_history(const std::string& state, const inspection::DiskHistory& history, EventSink& events);

}  // namespace sealift::cli
