module sealift.dev/tests/kube/echo

go 1.24.0
