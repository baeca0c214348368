# `make demo` shows the whole job on an invented tenant; `make test` checks everything. Both set up what they need.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
CARGO := cargo
BIN := target/release/m365-connector
BUILD := $(CARGO) build --release -p m365-connector
REPLAY := ../shared/replay/run.py
# Tools that scripts/setup puts there rather than into the system.
export PATH := $(CURDIR)/target/tools/bin:$(PATH)

.PHONY: demo build test test-long bench lint check-edges check-licences check-migrations check-deploy check-package replay screenshots setup setup-tests setup-long clean

demo: setup
	@$(BUILD) --quiet
	@$(BIN) demo --once

build: setup
	@$(BUILD)

# Everything, on SQLite, on a PostgreSQL server and on a Temporal server of its own; then the replay cases on both; then the demo.
test: setup-tests lint check-edges check-licences check-migrations check-deploy
	scripts/with-postgres scripts/with-temporal $(CARGO) test --release --workspace --no-fail-fast
	@# The program was built with the tests. By itself it has fewer features of its dependencies, and those would be built again.
	@$(MAKE) --no-print-directory BUILD=true demo replay

# The same, and what takes long: the program is killed 200 times, not 20, the simulation runs 2,000 seeds, not 100, and the
# Debian package and the image are made and tried.
test-long: export M365_LONG = 1
test-long: setup-long test check-package

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

# Units, alert rules, the image's and the compose file: judged as far as this machine has their judges.
check-deploy:
	scripts/check-deploy

check-package: build
	scripts/check-package
	scripts/check-image $(BIN)

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

setup-long:
	@scripts/setup long

clean:
	$(CARGO) clean
