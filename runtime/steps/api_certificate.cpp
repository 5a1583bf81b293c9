// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/api_certificate.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/trust/x509.h"
#include "payload/yaml/node.h"
#include "runtime/kube/kubeadm.h"
#include "runtime/steps/kubeadm_step.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kKeys = "/etc/kubernetes/pki";
constexpr std::string_view kCertificate = "/etc/kubernetes/pki/apiserver.crt";
// Where kubeadm makes the new ones: it keeps those that are there.
constexpr std::string_view kFolder = "/etc/sealift/api-certificate";
constexpr size_t kMaxPem = size_t{64} << 10;
constexpr Duration kPatience{120'000};

Result<void> run(engine::StepContext& context, const host::Reason& reason, std::vector<std::string> words,
                 std::string_view input = {}) {
  const base::Command command{std::move(words), {}, "/", kPatience};
  base::CommandIo io;
  io.input = base::as_bytes(input);
  return base::output_of(command, context.host.run(command, io, reason, context.cancel))
      .transform([](const std::string&) {});
}

}  // namespace

ApiCertificateStep::ApiCertificateStep(const Model& model, const Node& node, std::vector<std::string> names)
    : BasicStep("api.certificate", base::format("let the API server's certificate name {}", base::join(names, ", ")),
                digest_of({base::join(names, ",")})),
      model_(model),
      node_(node),
      names_(std::move(names)) {}

// What can't be read is made anew, too.
Result<bool> ApiCertificateStep::has_names(host::HostView& host) const {
  SEALIFT_ASSIGN(const auto bytes, host.read(std::string(kCertificate), kMaxPem));
  const auto certificate = trust::describe(bytes ? base::as_text(*bytes) : std::string_view());
  if (!certificate) return false;
  return std::ranges::all_of(names_, [&](const std::string& name) {
    return std::ranges::contains(certificate->names.dns, name) || std::ranges::contains(certificate->names.ip, name);
  });
}

Result<engine::StepState> ApiCertificateStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool named, has_names(context.host));
  return named ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ApiCertificateStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(tell_those_that_join(context));
  return issue(context);
}

// The API server reads both files anew when they change, and goes on with the old ones while they don't match.
// Source: Kubernetes, dynamiccertificates.DynamicCertKeyPairContent.
Result<void> ApiCertificateStep::issue(engine::StepContext& context) const {
  const std::string folder(kFolder);
  SEALIFT_ASSIGN(
      const auto documents,
      kube::certificate_documents(kubeadm_input(model_), {node_.name, node_.ip, node_.config.taints, true}, folder));
  SEALIFT_TRY(run(context, reason(), {"rm", "-rf", "--", folder}));
  SEALIFT_TRY(run(context, reason(), {"mkdir", "-m", "0700", "--", folder}));
  SEALIFT_TRY(run(context, reason(),
                  {"ln", "-s", "--", base::format("{}/ca.crt", kKeys), base::format("{}/ca.key", kKeys), folder}));
  SEALIFT_TRY(
      run(context, reason(), {"kubeadm", "init", "phase", "certs", "apiserver", "--config", "/dev/stdin"}, documents));
  // The key first: a certificate without the name is what a run that was cut is known by.
  SEALIFT_TRY(run(context, reason(),
                  {"mv", "-f", "--", folder + "/apiserver.key", folder + "/apiserver.crt", std::string(kKeys)}));
  SEALIFT_TRY(run(context, reason(), {"rm", "-rf", "--", folder}));
  SEALIFT_ASSIGN(const bool named, has_names(context.host));
  if (named) return {};
  return fail(ErrorCode::command_failed, "kubeadm made a certificate without {}", base::join(names_, ", "));
}

// kubeadm keeps what it was given for the cluster in a ConfigMap, and makes the certificates of those that join by it.
Result<void> ApiCertificateStep::tell_those_that_join(engine::StepContext& context) const {
  const std::vector<std::string> map{"--namespace=kube-system", "configmap", "kubeadm-config"};
  SEALIFT_ASSIGN(const auto object, kubectl_object(context.host, map, context.cancel));
  const auto* text = object ? object->at_path("data/ClusterConfiguration") : nullptr;
  if (text == nullptr || text->string() == nullptr)
    return fail(ErrorCode::not_found, "the ConfigMap kube-system/kubeadm-config has no ClusterConfiguration");
  SEALIFT_ASSIGN(auto documents, yaml::parse(*text->string(), "ClusterConfiguration of kubeadm-config"));
  if (documents.size() != 1) return fail(ErrorCode::protocol, "kubeadm-config holds no single ClusterConfiguration");
  auto& server = documents.front();
  if (server.find("apiServer") == nullptr) server.set("apiServer", yaml::Node::make_mapping());
  auto* api = server.find("apiServer");
  if (api->find("certSANs") == nullptr) api->set("certSANs", yaml::Node::make_sequence());
  auto* known = api->find("certSANs");
  const size_t before = known->items.size();
  for (const auto& name : names_) {
    if (!std::ranges::contains(known->items, name, &yaml::Node::text)) known->push_back(yaml::Node::make_string(name));
  }
  if (known->items.size() == before) return {};
  json::Value data = json::Value::object(), patch = json::Value::object();
  data.set("ClusterConfiguration", yaml::to_yaml(server));
  patch.set("data", std::move(data));
  return kubectl_do(context.host,
                    {"--namespace=kube-system", "patch", "configmap", "kubeadm-config", "--type=merge", "--patch",
                     json::to_canonical(patch)},
                    reason(), context.cancel)
      .transform([](const std::string&) {});
}

}  // namespace sealift::steps
