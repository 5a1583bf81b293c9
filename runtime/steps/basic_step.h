// SPDX-License-Identifier: Apache-2.0
//
// Common to most steps: an id, a description, the digest of their inputs, and the reason for their ledger entries.
#pragma once

#include <string>
#include <utility>

#include "payload/hash/digest.h"
#include "runtime/engine/step.h"
#include "runtime/host/host.h"

namespace sealift::steps {

class BasicStep : public engine::Step {
 public:
  BasicStep(engine::StepId id, std::string description, Digest inputs)
      : id_(std::move(id)), description_(std::move(description)), inputs_(inputs) {}

  engine::StepId id() const override { return id_; }
  std::string describe() const override { return description_; }
  Digest inputs() const override { return inputs_; }

 protected:
  host::Reason reason() const { return {id_, inputs_.hex()}; }
  // True if this host's ledger says the step was completed with the same inputs.
  Result<bool> recorded(const engine::LookContext& context) const {
    SEALIFT_ASSIGN(const auto digest, context.host.recorded(id_));
    return digest == inputs_.hex();
  }

 private:
  engine::StepId id_;
  std::string description_;
  Digest inputs_;
};

// A digest over texts, each prefixed with its length, so that ("a","bc") and ("ab","c") differ.
Digest digest_of(std::initializer_list<std::string_view> parts);

// Whether a path exists.
Result<bool> exists(host::HostView& host, std::string_view path);

}  // namespace sealift::steps
