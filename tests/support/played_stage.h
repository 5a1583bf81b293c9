// SPDX-License-Identifier: Apache-2.0
//
// The agent's `node stage` on a fake machine: lays out an application's files as runtime/node/stage.h says.
#pragma once

#include <algorithm>
#include <string>

#include "payload/format/reader.h"
#include "payload/json/value.h"
#include "tests/support/fake_host.h"

namespace sealift::tests {

inline Result<base::ExitStatus> play_stage(FakeMachine& machine, const format::PayloadReader& payload,
                                           const base::Command& command, const base::CommandIo& io) {
  const auto after = [&](std::string_view word) {
    const auto found = std::ranges::find(command.argv, word);
    return found == command.argv.end() ? std::string() : *(found + 1);
  };
  const auto folder = after("--to"), prefix = after("--root") + "/";
  std::erase_if(machine.world.files, [&](const auto& file) { return file.first.starts_with(folder + "/"); });
  const auto put = [&](const std::string& path, ByteView bytes) {
    const std::string whole = folder + "/" + path;
    for (size_t slash = folder.size(); slash != std::string::npos; slash = whole.find('/', slash + 1))
      machine.world.files[whole.substr(0, slash)] = {host::FileType::directory, {0700, 0, 0}, {}, {}};
    machine.world.files[whole] = {host::FileType::regular, {0600, 0, 0}, Bytes(bytes.begin(), bytes.end()), {}};
  };
  for (const auto& [path, file] : payload.contents().tree) {
    if (!path.starts_with(prefix)) continue;
    SEALIFT_ASSIGN(const auto bytes, payload.read_all(file.object.digest, size_t{4} << 20));
    put("tree/" + path.substr(prefix.size()), bytes);
  }
  SEALIFT_ASSIGN(const auto files, json::parse(base::as_text(io.input)));
  for (const auto& [path, text] : *files.members()) put(path, base::as_bytes(*text.string()));
  return base::ExitStatus{};
}

}  // namespace sealift::tests
