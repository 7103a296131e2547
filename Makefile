# What to run. `make test` is the whole proof that fits into half an hour; see CONTRIBUTING.md.

CARGO ?= cargo
MINUTES ?= 60
SEED ?= 1
# Where the soak keeps its heaps: a folder on the filesystem to be tested.
DIR ?= $(CURDIR)/target/soak
# Where `make install` puts the C library and the command line; DESTDIR stands before it.
PREFIX ?= /usr/local
CRATES := fileheap-core fileheap-derive fileheap fileheap-capi fileheap-probes fileheap-r-layout fheap
FUZZ_TARGETS := open_check log_replay tree_check

.PHONY: help setup test lint demo bench soak fuzz msrv miri docs install install-c install-cli \
	r-test r-tarball r-valgrind packages deb

help:
	@echo 'make setup              see what is needed, install what is missing (as root)'
	@echo 'make test               formatting, lints, links, all tests, probes of this platform'
	@echo 'make demo               a tour in two minutes: Rust, R, a kill, workers, C++, a picture'
	@echo 'make bench              fileheap against its peers (half an hour, 25 GB of disk)'
	@echo 'make soak MINUTES=60    crash images, models, faults, kills, crowds, fuzzing'
	@echo 'make msrv               everything built with the oldest Rust that is promised'
	@echo 'make miri               what can run under Miri (a nightly Rust), some minutes'
	@echo 'make r-test             the R package on this R, and on R 4.5 (as root: makes it, 1 GB)'
	@echo 'make r-tarball          the R package with all it needs, in target'
	@echo 'make r-valgrind         tests of the R package under valgrind (a quarter of an hour)'
	@echo 'make install PREFIX=    the C library with its headers, and the command line'
	@echo 'make deb                Debian packages of both, in target/deb'
	@echo 'make docs               the book in target/book, the crates in target/doc'
	@echo 'make packages           crates as for a registry, Debian packages, the R package'

setup:
	@scripts/setup

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --quiet

test: setup lint
	$(CARGO) test --workspace --quiet
	$(CARGO) test --quiet -p fileheap --features serde
	RUSTC_BOOTSTRAP=1 $(CARGO) test --quiet -p fileheap --features nightly --test nightly
	$(CARGO) run --quiet -p fileheap-probes
	@$(MAKE) --no-print-directory r-test
	@scripts/demo

r-test:
	@scripts/r-test
	@if [ "$$(id -u)" = 0 ] && unshare --mount true; then scripts/r45 scripts/r-test; \
	else echo 'r-test: only root who may mount can make R 4.5: it was left out'; fi

r-tarball:
	@scripts/r-tarball

r-valgrind:
	@scripts/r-valgrind

demo:
	@scripts/setup demo
	@scripts/demo

bench:
	cd bench && $(CARGO) build --release --features ours
	bench/target/release/bench run

docs:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps
	@PATH="$$PATH:$${CARGO_HOME:-$$HOME/.cargo}/bin"; command -v mdbook >/dev/null || \
	    $(CARGO) install mdbook --locked --no-default-features --features search; mdbook build docs

# What a registry would get, each built from what is in it; the Debian packages; the R package.
packages: deb r-tarball
	$(CARGO) package --locked $(addprefix -p ,$(CRATES))

deb:
	@scripts/deb

install: install-c install-cli

install-c:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" CARGO="$(CARGO)" scripts/install

install-cli:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" CARGO="$(CARGO)" scripts/install-cli

soak:
	@scripts/soak $(MINUTES) $(SEED) "$(DIR)"

fuzz:
	@scripts/fuzz $(MINUTES) $(FUZZ_TARGETS)

msrv:
	@scripts/msrv

miri:
	@scripts/miri
