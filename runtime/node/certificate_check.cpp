// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/trust/x509.h"
#include "runtime/node/host_check.h"
#include "runtime/node/pki.h"

namespace sealift::node {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFile = size_t{1} << 20;

// kubeadm's folders and the node service's; kubeconfigs hold certificates, too.
constexpr std::string_view kFolders[] = {"etc/kubernetes/pki",   "etc/kubernetes/pki/etcd", "etc/sealift/pki",
                                         "etc/sealift/pki/node", "etc/sealift/pki/people",  "etc/kubernetes"};
constexpr std::string_view kKubelet = "var/lib/kubelet/pki/kubelet-client-current.pem";

// The certificate that a kubeconfig's user has, as PEM; empty if it has none.
std::string certificate_of_kubeconfig(std::string_view text) {
  constexpr std::string_view kField = "client-certificate-data:";
  const size_t at = text.find(kField);
  if (at == std::string_view::npos) return {};
  const auto line = text.substr(at + kField.size());
  const auto bytes = base::from_base64(base::trim(line.substr(0, line.find('\n'))));
  return bytes ? std::string(base::as_text(*bytes)) : std::string();
}

// The bundle of the node services' authorities: each of them counts. Its copy for the mirror does not.
constexpr std::string_view kBundle = "/etc/sealift/pki/ca.crt", kCopy = "/etc/sealift/pki/node/ca.crt";

void add(const fs::path& file, const std::string& name, std::vector<HostAnswer::Certificate>& out) {
  if (name == kCopy) return;
  const auto text = base::read_text_file(file.string(), kMaxFile);
  if (!text) return;
  // A key may come first, and the certificates of authorities last.
  auto certificates = certificates_in(file.extension() == ".conf" ? certificate_of_kubeconfig(*text) : *text);
  if (name != kBundle && !certificates.empty()) certificates.resize(1);
  for (const auto& certificate : certificates) {
    const auto described = trust::describe(certificate);
    const auto fingerprint = trust::fingerprint(certificate);
    if (!described || !fingerprint) continue;
    out.push_back({name, described->validity.not_before.time_since_epoch().count(),
                   described->validity.not_after.time_since_epoch().count(), fingerprint->hex()});
  }
}

}  // namespace

std::vector<HostAnswer::Certificate> find_certificates(const std::string& root) {
  std::vector<HostAnswer::Certificate> out;
  for (const auto folder : kFolders) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fs::path(root) / folder, error)) {
      const auto extension = entry.path().extension();
      if (extension == ".crt" || extension == ".pem" || extension == ".conf")
        add(entry.path(), base::format("/{}/{}", folder, entry.path().filename().string()), out);
    }
  }
  add(fs::path(root) / kKubelet, base::format("/{}", kKubelet), out);
  std::ranges::stable_sort(out, {}, &HostAnswer::Certificate::path);
  return out;
}

}  // namespace sealift::node
