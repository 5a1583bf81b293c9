#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
for i in 1 2; do echo $i; done
