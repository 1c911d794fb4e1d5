#!/bin/sh
# Regenerates the Go code of the plugin wire contract from the .proto files.
# Needs protoc, and protoc-gen-go and protoc-gen-go-grpc in PATH:
#   go install google.golang.org/protobuf/cmd/protoc-gen-go@latest
#   go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@latest
set -eu
cd "$(dirname "$0")/.."
protoc -I . \
	--go_out=. --go_opt=paths=source_relative \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative \
	$(find plugins -name '*.proto')
