#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
set -e
cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null 2>&1
[[ -n $DEBUG ]] && set -x

export readonly SIZE=${1:-small}
NAME=${NAME:-"queue"}
HELM_OPTS=${HELM_OPTS:-" \
--set replicas=3 \
"}

helm repo add queue https://charts.example >/dev/null
helm upgrade -i ${NAME} ./charts/queue -n queue -f charts/queue/values.yaml -f charts/$SIZE.yaml ${HELM_OPTS} --wait
kubectl create ns jobs &>/dev/null || true
kubectl -n jobs apply -f manifests/jobs.yaml
kubectl rollout status deployment/queue -n queue
