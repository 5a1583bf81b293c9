#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
if kubectl get ns shop; then
  helm upgrade -i shop charts/shop
fi
