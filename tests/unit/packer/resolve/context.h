// SPDX-License-Identifier: Apache-2.0
//
// A build's context with a small application, a program for the hosts and two files.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "packer/resolve/inputs.h"
#include "tests/support/event_recorder.h"
#include "tests/support/host_program.h"
#include "tests/support/temporary_folder.h"

namespace sealift::tests {

struct Context {
  TemporaryFolder folder;
  mutable EventRecorder events;

  Context() {
    write("stub", host_program());
    write("app/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    write("one", "1");
    write("two", "2");
  }
  // Without a sync: there are hundreds of contexts, and some files are large.
  void write(const std::string& path, std::string_view text, unsigned mode = 0644) const {
    std::filesystem::create_directories(std::filesystem::path(folder / path).parent_path());
    std::ofstream file(folder / path, std::ios::binary);
    file << text;
    REQUIRE(file.good());
    std::filesystem::permissions(folder / path, static_cast<std::filesystem::perms>(mode));
  }
  using Change = std::function<void(resolve::Request&)>;
  Result<resolve::Inputs> resolve(const std::string& lines, const Change& change = {}) const {
    return resolve_text("FROM scratch\n" + lines, change);
  }
  Result<resolve::Inputs> resolve_text(const std::string& kubefile, const Change& change = {}) const {
    write("Kubefile", kubefile);
    resolve::Request request;
    request.kubefile = folder / "Kubefile";
    request.context = folder.path();
    request.platforms = {Architecture::amd64};
    request.stubs = {folder / "stub"};
    if (change) change(request);
    return resolve::resolve(request, resolve::Depth::manifests, base::system_clock(), events, {});
  }
  resolve::Inputs resolved(const std::string& lines, const Change& change = {}) const {
    auto out = resolve(lines, change);
    if (!out) FAIL(out.error().text());
    return std::move(*out);
  }
  // The error's first part, without the context's folder.
  std::string refused(const std::string& lines, const Change& change = {},
                      ErrorCode code = ErrorCode::invalid_input) const {
    const auto done = resolve(lines, change);
    INFO(lines);
    REQUIRE_FALSE(done);
    INFO(done.error().text());
    CHECK(done.error().code == code);
    std::string text = done.error().what;
    for (size_t at = text.find(folder.path() + "/"); at != std::string::npos; at = text.find(folder.path() + "/"))
      text.erase(at, folder.path().size() + 1);
    return text;
  }
};

}  // namespace sealift::tests
