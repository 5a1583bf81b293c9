#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
kubectl apply -f applications/operator.yaml
kubectl apply -f applications/resources.yaml