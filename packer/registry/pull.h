// SPDX-License-Identifier: Apache-2.0
//
// Fetches an artifact from a registry: the same bytes that were pushed. A name is worth nothing until every frame has
// been compared with what the artifact's own metadata says.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "packer/sources/image_source.h"
#include "packer/store/store.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/format/reader.h"
#include "payload/image/reference.h"

namespace sealift::registry {

struct PullOptions {
  sources::RegistryOptions registries;
  Architecture platform = base::own_architecture();  // where the name stands for several artifacts
  // Artifacts that are here: what they hold is not fetched.
  std::vector<const format::PayloadReader*> here = {};
};

struct Pulled {
  Digest identity;
  Digest manifest;
  uint64_t size = 0;     // of the file
  uint64_t bytes = 0;    // stored, of all blobs
  uint64_t fetched = 0;  // of these, over the network in this run
};

// What an interrupted run has left beside the output ("OUTPUT.partial") is used. Errors: invalid_input if the name is
// no artifact; not_found, also for the platform; corrupt if the registry gives other bytes; no_space; busy; those of
// distribution::Registry.
Result<Pulled> pull(const image::Reference& from, const std::string& output, const PullOptions& options, Clock& clock,
                    EventSink& events, const CancelToken& cancel);

// Into the local store, under its full name; what is there already is not fetched. Errors: the same, and those of the
// store.
Result<store::Artifact> pull_into_store(const store::Store& store, const image::Reference& from, PullOptions options,
                                        Clock& clock, EventSink& events, const CancelToken& cancel);

// "harbor.example:8443/prod/erp:3.4", with the registry: names in the local store and files have none, so this one is
// never guessed. usage, saying what a name is made of.
Result<image::Reference> parse_name(std::string_view text);
bool names_registry(std::string_view text);

}  // namespace sealift::registry
