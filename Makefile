# Master Clash. `make help` lists what there is to make.

COMPONENTS := gateway sync tasks registry assets scheduler
CLASH := target/release/clash
STATE_DIR ?= .clash
OUT ?= out
LISTEN ?= 127.0.0.1:8788

# One selection of packages for building and testing, so that nothing is compiled twice.
CARGO_NATIVE := cargo build --release --locked --bin clash
CARGO_WASM := cargo build --profile component --target wasm32-wasip2 --locked $(addprefix -p ,$(COMPONENTS))

.DEFAULT_GOAL := help
.PHONY: help setup build components up demo test test-npm test-s3 test-api simulate soak soak-tasks fuzz check bench clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install the WASI target if this machine lacks it
	@scripts/setup.sh

components: setup ## Build the WASI components
	@echo "building the components ($(COMPONENTS))"
	@$(CARGO_WASM)

build: components ## Build the components and the binary clash
	@echo "building clash (the first time takes about ten minutes on two cores)"
	@$(CARGO_NATIVE)

up: build ## Serve everything at LISTEN (127.0.0.1:8788)
	@$(CLASH) up --listen $(LISTEN) --state-dir $(STATE_DIR)

demo: build ## Turn examples/story.csv into OUT/film.mp4, starting the stack if none runs
	@scripts/demo.sh $(CLASH) $(LISTEN) $(STATE_DIR) $(OUT)

test: build ## Run all tests: unit, end to end, npm clients, object storage, a short fuzz of the API
	cargo test --release --locked
	@$(MAKE) --no-print-directory test-npm test-s3
	@EXAMPLES=3 $(MAKE) --no-print-directory test-api

test-npm: build ## Run the tests with the unmodified npm client
	@$(CARGO_NATIVE) --example room
	@cd tests/npm && npm ci --silent --no-audit --no-fund
	cd tests/npm && node --test

# A server of its own, so that neither the workspace nor its lock file knows it.
S3_SERVER := target/s3/bin/s3s-fs
$(S3_SERVER):
	cargo install --quiet --locked --root target/s3 --target-dir target/s3/build s3s-fs --version 0.14.1 --features binary

test-s3: build $(S3_SERVER) ## Run the tests of the object storage with a real S3-compatible server
	CLASH_S3_SERVER=$(CURDIR)/$(S3_SERVER) cargo test --release --locked --test e2e -- --ignored as3

test-api: build ## Fuzz the API by its own description (EXAMPLES requests an operation)
	@scripts/test-api.sh $(CLASH)

SEEDS ?= 5000
simulate: ## Play SEEDS simulations (5000) of rooms, from FIRST on, of tasks and of servers
	SEEDS=$(SEEDS) cargo test --release --locked -p rooms --test simulation -- --nocapture
	SEEDS=$(SEEDS) cargo test --release --locked -p pipeline --test simulation -- --nocapture rl1
	SEEDS=$(SEEDS) cargo test --release --locked -p fleet --test flapping -- --nocapture

KILLS ?= 50
soak: build ## Kill the platform KILLS times (50) under the load of twenty writers
	KILLS=$(KILLS) cargo test --release --locked --test e2e -- --nocapture rm2_kills

TASKS ?= 500
TASK_KILLS ?= 20
soak-tasks: build ## Kill the platform TASK_KILLS times (20) under a load of TASKS tasks (500)
	TASKS=$(TASKS) KILLS=$(TASK_KILLS) cargo test --release --locked --test e2e -- --nocapture rl2_tasks

FUZZ_SECONDS ?= 60
fuzz: ## Fuzz the decoders, FUZZ_SECONDS each (60); says what it needs
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

check: setup ## Check formatting, lints and the rules of the layout
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --target wasm32-wasip2 $(addprefix -p ,$(COMPONENTS) guest) -- -D warnings

bench: build ## Measure, beside baselines in the same run
	@cargo run --release --locked --bin clash-bench --

clean: ## Remove what was built
	cargo clean
