# `make demo` shows the whole job on an invented tenant; `make test` checks everything. Both set up what they need.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
CARGO := cargo
BIN := target/release/m365-connector
REPLAY := ../shared/replay/run.py

.PHONY: demo build test test-long bench lint check-edges check-licences check-migrations replay screenshots setup setup-tests clean

demo: setup
	@$(CARGO) build --release --quiet -p m365-connector
	@$(BIN) demo --once

build: setup
	@$(CARGO) build --release -p m365-connector

# Everything, on SQLite and on a PostgreSQL server of its own; then the replay cases on both; then the demo.
test: setup-tests lint check-edges check-licences check-migrations build
	scripts/with-postgres $(CARGO) test --release --workspace --no-fail-fast
	@$(MAKE) --no-print-directory demo replay

# The same, and what takes long: the program is killed 200 times, not 20, and the simulation runs 2,000 seeds, not 100.
test-long: export M365_LONG = 1
test-long: test

# How much memory large mailboxes take; what rounds over 1,000 and 10,000 mailboxes take; how long reading takes among ten
# million records, with the engines' plans. The last two on both databases.
bench: setup-tests build
	@scripts/measure-memory $(BIN)
	@$(CARGO) build --release --quiet -p bench
	@scripts/with-postgres bash -c 'scripts/measure-scale $(SCALE) --postgres "$$TEST_POSTGRES_URL" $(BIN) target/release/office'
	@BENCH="$(BENCH)" scripts/with-postgres scripts/measure-reading target/release/bench

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps --quiet

check-edges:
	scripts/check-edges

check-licences:
	scripts/check-licences

check-migrations:
	scripts/check-migrations

# Cases against the command line, written apart from this project; they run where they are present, on both databases.
replay: build
	@if [ -f $(REPLAY) ]; then \
	  python3 $(REPLAY) --bin $(BIN) && \
	  scripts/with-postgres bash -c 'python3 $(REPLAY) --bin $(BIN) --postgres "$$TEST_POSTGRES_URL"'; \
	else echo "no replay cases beside this project; skipped"; fi

# A picture of every page of the dashboard, wide and narrow, light and dark.
screenshots: setup-tests build
	@scripts/screenshots $(BIN) target/screenshots

setup:
	@scripts/setup

setup-tests:
	@scripts/setup tests

clean:
	$(CARGO) clean
