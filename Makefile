# Everything that a person or a CI job does here. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STACK ?= dev
# Go where it usually is, for a shell whose PATH does not name it.
export PATH := $(PATH):/usr/local/go/bin
# A machine without a home directory has no place for Go's caches either.
ifeq ($(HOME),)
export GOPATH ?= $(CURDIR)/.state/go
export GOCACHE ?= $(CURDIR)/.state/go-build
export GOFLAGS ?= -modcacherw
export GOLANGCI_LINT_CACHE ?= $(CURDIR)/.state/golangci-lint
endif
export GOWORK := off

bin := bin
tool := $(bin)/mlflow-sso
lint := $(bin)/golangci-lint
actionlint := $(bin)/actionlint
s3gateway := $(bin)/s3gateway
modules := . bootstrap/pulumi bootstrap/language-go $(wildcard bootstrap/plugins/*) images/edge/caddy tests/edge/authority tests/e2e/s3gateway tools tools/actionlint
# The race detector needs a C compiler; a machine with only Go tests without it.
race := $(if $(shell command -v gcc || command -v cc),-race)
# Our own Go files: of the folders that hold none, nothing.
sources := cmd components config contract internal platform tests main.go

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: up
up: $(tool) ## make this machine ready, bring the stack up and prove its logins (STACK=dev)
	$(tool) up --stack $(STACK)

.PHONY: preview
preview: $(tool) ## show what `make up` would change, without changing anything
	$(tool) preview --stack $(STACK)

.PHONY: test
test: format vet lint unit mutation ## all checks that need neither Docker nor Pulumi

.PHONY: verify
verify: $(tool) ## prove the logins of a stack that is up
	$(tool) verify --stack $(STACK)

.PHONY: passwords
passwords: $(tool) ## show who can log in where
	@$(tool) passwords --stack $(STACK)

.PHONY: destroy
destroy: $(tool) ## take the stack down; DATA=1 removes its data too
	$(tool) destroy --stack $(STACK) $(if $(DATA),--data --yes)

.PHONY: e2e
e2e: $(tool) $(s3gateway) ## the tests on real stacks of their own that CI runs on every change
	go test -tags e2e -count=1 -parallel 2 -timeout 60m -v ./tests/e2e

.PHONY: nightly
nightly: $(tool) $(s3gateway) ## every test on real stacks, then the faults of `make chaos`
	MLFLOW_SSO_NIGHTLY=1 go test -tags e2e -count=1 -parallel 2 -timeout 150m -v ./tests/e2e
	$(MAKE) chaos

.PHONY: bench
bench: $(tool) ## start-up time beside its lower bound, time of an update without change, idle memory
	go test -tags bench -count=1 -timeout 60m -v ./tests/bench

.PHONY: chaos
chaos: $(tool) ## break a stack that is used, one thing after the other: the table of docs/reference/reliability.md
	CHAOS_DAEMON=1 go test -tags chaos -count=1 -timeout 60m -v ./tests/chaos

.PHONY: format
format: $(lint) ## formatting, without changing anything
	@test -z "$$(gofmt -l $(sources) bootstrap | tee /dev/stderr)" || { echo "not formatted: make fix" >&2; exit 1; }
	$(lint) fmt --diff
	@for module in $(modules); do (cd $$module && go mod verify >/dev/null) || exit 1; done

.PHONY: fix
fix: $(lint) ## format everything
	$(lint) fmt

.PHONY: vet
vet: ## the compiler's own doubts, with every build tag
	go vet -tags e2e,bench,chaos,mutation ./...

.PHONY: lint
lint: $(lint) $(actionlint) ## the linters of .golangci.yml, and the one for workflows
	$(lint) config verify
	$(lint) run
	$(actionlint) .github/workflows/*.yml

.PHONY: unit
unit: ## all tests that need neither Docker nor Pulumi
	go test $(race) -shuffle=on -count=1 ./...

.PHONY: plugins
plugins: ## compare the plugins that are built here with what the SDK takes, name by name
	for plugin in docker keycloak random; do \
	  (cd bootstrap/plugins/$$plugin && CGO_ENABLED=0 go test -mod=readonly -trimpath -count=1 ./...); done

.PHONY: mutation
mutation: ## break the program on purpose: each break must turn a test red
	go test -tags mutation -count=1 -timeout 20m -v -run Mutation ./tests

.PHONY: golden
golden: ## write the golden files anew; fails, so that nobody takes it for a test
	go test ./tests ./internal/ui/report ./internal/check/security -update

.PHONY: lock
lock: ## write the lock of MLflow's Python packages anew
	images/lock

$(tool): $(shell find cmd components config contract internal platform -name '*.go' -o -name '*.py' -o -name '*.json') go.mod go.sum
	@echo "building $@" >&2
	@go build -trimpath -buildvcs=false -o $@ ./cmd/mlflow-sso

$(lint): tools/go.mod tools/go.sum
	@echo "building $@: some minutes, once" >&2
	@cd tools && go build -mod=readonly -trimpath -buildvcs=false -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# Where shellcheck is installed it is used too, for the scripts in the workflows.
$(actionlint): tools/actionlint/go.mod tools/actionlint/go.sum
	@echo "building $@" >&2
	@cd tools/actionlint && go build -mod=readonly -trimpath -buildvcs=false -o ../../$@ github.com/rhysd/actionlint/cmd/actionlint

$(s3gateway): tests/e2e/s3gateway/go.mod tests/e2e/s3gateway/go.sum
	@echo "building $@: some minutes, once" >&2
	@cd tests/e2e/s3gateway && go build -mod=readonly -trimpath -buildvcs=false -o ../../../$@ github.com/versity/versitygw/cmd/versitygw
