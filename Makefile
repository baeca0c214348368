# `make demo` shows the whole job on an invented tenant; `make test` checks everything. Both set up what they need.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
CARGO := cargo
BIN := target/release/m365-connector
REPLAY := ../shared/replay/run.py

.PHONY: demo build test test-long lint check-edges check-licences replay setup clean

demo: setup
	@$(CARGO) build --release --quiet -p m365-connector
	@$(BIN) demo --once

build: setup
	$(CARGO) build --release -p m365-connector

test: setup lint check-edges check-licences
	$(CARGO) test --release --workspace --no-fail-fast
	$(MAKE) --no-print-directory demo replay

# What takes long: nothing yet that `make test` leaves out.
test-long: test

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps --quiet

check-edges:
	scripts/check-edges

check-licences:
	scripts/check-licences

# Cases against the command line, written apart from this project; they run where they are present.
replay: build
	@if [ -f $(REPLAY) ]; then python3 $(REPLAY) --bin $(BIN); else echo "no replay cases beside this project; skipped"; fi

setup:
	@scripts/setup

clean:
	$(CARGO) clean
