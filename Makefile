# The project's commands. `make demo` and `make test` need nothing but Node >= 20 and make.
.DEFAULT_GOAL := all
SHELL := /bin/sh
NPM := npm

# npm ci writes this file last, so it is the stamp of a complete installation.
INSTALLED := node_modules/.package-lock.json

.PHONY: deps build proto all lint check check-deploy test test-kubernetes faults bench clean demo docs format

$(INSTALLED): package.json package-lock.json
	@node -e 'if (Number(process.versions.node.split(".")[0]) < 20) { console.error("ponos needs Node 20 or newer, this is " + process.version); process.exit(1) }'
	$(NPM) ci --no-audit --no-fund
	@touch $(INSTALLED)

deps: $(INSTALLED) ## install the dependencies that the lock file names

build: deps ## dist/ponos.cjs: the whole program in one file
	$(NPM) run --silent build

proto: deps ## make src/rpc/generated anew from proto/
	$(NPM) run --silent proto

docs: build ## make the generated pages of docs/ anew
	$(NPM) run --silent docs

all: build

lint: deps
	$(NPM) run --silent check:lint

format: deps
	$(NPM) run --silent format

check: build ## types, lint, format, generated code, unused code, import direction
	$(NPM) run --silent check

test: check ## everything: check, unit, integration, end to end
	sh test/support/prepare-docker.sh
	$(NPM) test --silent

# Built once, for Go keeps what it has compiled; the first time takes minutes and some 2 GB.
KUBE_APISERVER := dist/kube-apiserver
$(KUBE_APISERVER): $(wildcard test/kubernetes/apiserver/*)
	mkdir -p dist
	cd test/kubernetes/apiserver && go build -trimpath -ldflags='-s -w' -o ../../../$(KUBE_APISERVER) .

test-kubernetes: deps $(KUBE_APISERVER) ## performers on a real API server of Kubernetes; needs Go, and etcd or root on Debian
	sh test/kubernetes/prepare-etcd.sh
	KUBE_APISERVER=$(CURDIR)/$(KUBE_APISERVER) $(NPM) test --silent -- test/kubernetes

ROUNDS ?= 50
STEPS ?= 1000
SEED ?= $(shell date +%s)
faults: build ## kill -9 nodes of a network for many rounds, and a long simulation: make faults ROUNDS=200 STEPS=3000 SEED=1
	FAULT_ROUNDS=$(ROUNDS) FAULT_STEPS=$(STEPS) FAULT_SEED=$(SEED) $(NPM) run --silent faults

check-deploy: build ## deploy/ on a real Docker engine with Compose, and its units under systemd's eyes: FLAGS=--network=host
	node deploy/check/main.mjs $(FLAGS)

bench: build
	$(NPM) run --silent bench

demo: build ## the whole pipeline on local chains; DOCKER=1 runs the performers in containers
	node dist/ponos.cjs demo $(if $(DOCKER),--docker)

clean:
	rm -rf dist node_modules
