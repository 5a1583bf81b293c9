// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools keeps the plugin in go.mod: v0.9.1 is the last version of the CNI plugins' module that has flannel's.
package tools

import _ "github.com/containernetworking/plugins/plugins/meta/flannel"
