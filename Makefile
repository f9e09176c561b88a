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
ruff := $(bin)/ruff/bin/ruff
modules := . bootstrap/pulumi bootstrap/language-go $(wildcard bootstrap/plugins/*) images/edge/caddy tests/edge/authority tests/e2e/s3gateway tools tools/actionlint
# The race detector needs a C compiler; a machine with only Go tests without it.
race := $(if $(shell command -v gcc || command -v cc),-race)
# Our own Go files: of the folders that hold none, nothing.
sources := cmd components config contract images internal platform tests main.go

# What `mlflow-sso version` prints, of a working copy that git can read; RELEASE is the tag of a release.
symbols := github.com/mlflow-sso/mlflow-sso/internal/version
stamp = -X $(symbols).release=$(RELEASE) -X $(symbols).commit=$(shell git rev-parse HEAD 2>/dev/null) -X $(symbols).modified=$(shell git rev-parse HEAD >/dev/null 2>&1 && { git diff --quiet HEAD -- || echo true; })

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
	@echo; echo "All commands, such as doctor, status and backup: $(tool) --help"

.PHONY: up
up: $(tool) ## prepare this machine, deploy the stack and verify its logins (STACK=dev)
	$(tool) up --stack $(STACK)

.PHONY: preview
preview: $(tool) ## show what `make up` would change, without changing anything
	$(tool) preview --stack $(STACK)

.PHONY: plugin
plugin: $(tool) ## build the project's own Pulumi plugin, which plain `pulumi up` needs
	ln -sfn ../$(tool) plugin/pulumi-resource-mlflow-sso

.PHONY: test
test: format vet lint unit ## all checks that need neither Docker nor Pulumi

.PHONY: verify
verify: $(tool) ## verify the logins of a running stack
	$(tool) verify --stack $(STACK)

.PHONY: credentials
credentials: $(tool) ## show the users who can log in, with their passwords
	@$(tool) credentials --stack $(STACK)

.PHONY: passwords
passwords: credentials # the old name of credentials, for one release
	@echo "warning: make passwords is now called make credentials" >&2

.PHONY: destroy
destroy: $(tool) ## tear the stack down; DATA=1 deletes its data too, after a question (none with YES=1)
	$(tool) destroy --stack $(STACK) $(if $(DATA),--delete-data) $(if $(YES),--yes)

.PHONY: e2e
e2e: $(tool) $(s3gateway) ## the tests on real stacks of their own that CI runs on every change
	go test -c -tags e2e -o $(bin)/e2e.test ./tests/e2e
	@# Those with stacks of their own run beside the others, which are one after the other.
	@cd tests/e2e; lane() { MLFLOW_SSO_E2E_LANE=$$1 ../../$(bin)/e2e.test -test.v -test.parallel 1 -test.timeout 60m -test.paniconexit0; }; \
	  (lane own 2>&1 | sed -u 's/^/own: /') & trap 'trap - TERM; kill 0' INT TERM; \
	  shared=0; lane shared || shared=$$?; wait $$! && exit $$shared

.PHONY: nightly
nightly: $(tool) $(s3gateway) ## every test on real stacks, then unit tests with the race detector, mutations, plugin schemas, `make chaos`
	MLFLOW_SSO_NIGHTLY=1 go test -tags e2e -count=1 -parallel 2 -timeout 150m -v ./tests/e2e
	$(MAKE) unit mutation plugin-schemas chaos

.PHONY: bench
bench: $(tool) ## start-up time beside its lower bound, time of an update without change, idle memory
	go test -tags bench -count=1 -timeout 60m -v ./tests/bench

.PHONY: chaos
chaos: $(tool) ## break a stack that is used, one thing after the other: the table of docs/reference/reliability.md
	CHAOS_DAEMON=1 go test -tags chaos -count=1 -timeout 60m -v ./tests/chaos

.PHONY: format
format: $(lint) ## formatting, without changing anything
	@found=$$(gofmt -l $(sources) bootstrap); test -z "$$found" || { echo "not formatted: make fix" $$found >&2; exit 1; }
	$(lint) fmt --diff
	@for module in $(modules); do (cd $$module && go mod verify >/dev/null) || exit 1; done

.PHONY: fix
fix: $(lint) ## format everything
	$(lint) fmt

.PHONY: vet
vet: ## go vet under every build tag
	go vet -tags e2e,bench,chaos,mutation ./...

.PHONY: lint
lint: $(lint) $(actionlint) $(ruff) ## the linters of .golangci.yml, of workflows, and of the images' Python
	$(lint) config verify
	$(lint) run
	$(actionlint) .github/workflows/*.yml
	$(ruff) check --no-cache

.PHONY: unit
unit: ## all tests that need neither Docker nor Pulumi
	go test $(race) -shuffle=on -count=1 ./...
	cd images/edge/caddy && go test -mod=readonly -shuffle=on -count=1 ./...

.PHONY: plugin-schemas
plugin-schemas: ## compare the vendors' plugins that are built here with the SDKs, property by property
	for plugin in docker keycloak random; do \
	  (cd bootstrap/plugins/$$plugin && CGO_ENABLED=0 go test -mod=readonly -trimpath -count=1 ./...); done

.PHONY: plugins
plugins: plugin-schemas # the old name of plugin-schemas, for one release
	@echo "warning: make plugins is now called make plugin-schemas" >&2

.PHONY: mutation
mutation: ## break the program on purpose: each break must turn a test red
	go test -tags mutation -count=1 -timeout 20m -v -run Mutation ./tests

.PHONY: golden
golden: ## write the golden files and the generated pages; always fails, because it is not a test
	go test ./tests ./internal/ui/report ./internal/check/security ./cmd/mlflow-sso -update

.PHONY: plugin-checksums
plugin-checksums: ## pin the checksums of the vendor's plugins, which are downloaded for all platforms
	go run ./internal/host/toolchain/pin internal/host/toolchain/plugin_checksums.txt

.PHONY: lock
lock: ## regenerate the lock file of MLflow's Python packages
	images/lock

$(tool): $(shell find cmd components config contract images/*.go images/mlflow/python/mlflow_sso/probes images/postgres/Dockerfile images/keycloak/Dockerfile images/mlflow/requirements.txt internal platform -name '*.go' -o -name '*.py' -o -name '*.json' -o -name '*.txt' -o -name Dockerfile) go.mod go.sum
	@echo "building $@: up to two minutes the first time" >&2
	@(while sleep 10; do echo "building $@: still compiling" >&2; done) & beat=$$!; trap 'kill $$beat 2>/dev/null || true' EXIT; \
	  go build -trimpath -buildvcs=false -ldflags='$(stamp)' -o $@ ./cmd/mlflow-sso

$(lint): tools/go.mod tools/go.sum
	@echo "building $@: some minutes, once" >&2
	@cd tools && go build -mod=readonly -trimpath -buildvcs=false -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# Where shellcheck is installed it is used too, for the scripts in the workflows.
$(actionlint): tools/actionlint/go.mod tools/actionlint/go.sum
	@echo "building $@" >&2
	@cd tools/actionlint && go build -mod=readonly -trimpath -buildvcs=false -o ../../$@ github.com/rhysd/actionlint/cmd/actionlint

# A program in a wheel. Debian splits venv from Python: root gets it here, others read its name in the error.
$(ruff): tools/ruff/requirements.txt
	@echo "installing $@" >&2
	@python3 -m venv $(bin)/ruff 2>/dev/null || { apt-get update --quiet --quiet && apt-get install --yes --quiet --quiet python3-venv >/dev/null && python3 -m venv $(bin)/ruff; }
	@$(bin)/ruff/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps --requirement $<
	@touch $@

$(s3gateway): tests/e2e/s3gateway/go.mod tests/e2e/s3gateway/go.sum
	@echo "building $@: some minutes, once" >&2
	@cd tests/e2e/s3gateway && go build -mod=readonly -trimpath -buildvcs=false -o ../../../$@ github.com/versity/versitygw/cmd/versitygw
