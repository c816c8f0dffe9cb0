# What can be done with this tree: `make help`.

PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo
ADDR ?= :9434
FUZZ_SECONDS ?= 60
# Most tests wait most of their time.
TEST_THREADS ?= 8
STATIC_TARGETS ?= x86_64-unknown-linux-musl aarch64-unknown-linux-musl i686-unknown-linux-musl
STATIC_BINARIES = $(STATIC_TARGETS:%=target/%/release/opensips_exporter)
OLDEST_RUST = $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
HOST_TARGET = $(shell uname -m)-unknown-linux-musl
STATIC = target/$(HOST_TARGET)/release/opensips_exporter
# What was built last for this machine.
BUILT = $(shell ls -t $(STATIC) target/release/opensips_exporter 2>/dev/null | head -1)
# Packages hold nothing that differs from build to build.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

add_target = @rustc --print target-libdir --target $(1) | xargs test -d || rustup target add $(1) || \
	{ echo "make $@ needs the standard library of Rust for $(1): rustup target add $(1)" >&2; exit 1; }
# Who answers for the packages.
MAINTAINER ?= The opensips_exporter authors <root@localhost>
# Debian packages of commands that are not called like them.
PACKAGE_qemu-aarch64-static = qemu-user-static
PACKAGE_dpkg-deb = dpkg

export OPENSIPS_EXPORTER_REVISION ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
# Less inlining (the usual limits are 225, and 325 for #[inline]) and no loops written out several times make the binary
# 15 % smaller, and a page takes 3 to 5 % more instructions. Identical functions are kept once. Packed relocations save
# another 3 %: musl applies them since 1.2.4, which Rust brings along since 1.93, and dies of them before.
SMALLER = -C llvm-args=-inline-threshold=60 -C llvm-args=-inlinehint-threshold=105 -C link-arg=--icf=all \
	-C no-vectorize-loops -C no-vectorize-slp -C llvm-args=-unroll-threshold=30 -C llvm-args=-unroll-max-count=1
# sudo make install may have no rustc.
RUST_MINOR = $(shell rustc --version 2>/dev/null | sed 's/^rustc 1\.\([0-9]*\).*/\1/')
PACKED = $(shell [ 0$(RUST_MINOR) -ge 93 ] && echo -C link-arg=-zpack-relative-relocs)
# The linker that Rust brings along makes static binaries for each target without a C toolchain.
variable = CARGO_TARGET_$(shell echo $(1) | tr a-z- A-Z_)
$(foreach target,$(sort $(STATIC_TARGETS) $(HOST_TARGET)), \
	$(eval export $(call variable,$(target))_LINKER ?= rust-lld) \
	$(eval export $(call variable,$(target))_RUSTFLAGS ?= $(SMALLER) $(if $(filter x86_64-%,$(target)),$(PACKED))))

.PHONY: help build run test oldest fuzz e2e hostile bench bench-check bench-bless static dist deb readme-test package-test emulated lint bless install clean

help: ## Print this
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 13

build: ## Build target/release/opensips_exporter
	$(CARGO) build --release

run: ## Build and start the exporter; for SOCKET=... if given, else for a stand-in whose counters move
ifdef SOCKET
	$(CARGO) build --release
	exec target/release/opensips_exporter --addr $(ADDR) --socket $(SOCKET)
else
	$(CARGO) build --release --features stand-in
	@directory=$$(mktemp -d); socket=$$directory/mi.sock; \
	trap 'kill $$exporter $$stand_in 2>/dev/null; wait; rm -r $$directory' EXIT; trap exit INT TERM HUP; \
	target/release/stand-in $$socket & stand_in=$$!; \
	target/release/opensips_exporter --addr $(ADDR) --socket $$socket & exporter=$$!; \
	wait $$exporter
endif

test: ## Run all tests that need nothing but Rust
	RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --locked --no-fail-fast

fuzz: ## Give everything that reads bytes from outside changed inputs for FUZZ_SECONDS (60), by FUZZ_SEED
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test --locked --test fuzz -- --nocapture --test-threads 8

e2e: $(STATIC) ## Run it beside a real Kamailio, Prometheus and browser, and show its files to those that read them
	TESTED_BINARY=$(CURDIR)/$(STATIC) $(CARGO) test --locked --test e2e -- --ignored --skip package::

hostile: $(STATIC) ## Attack the static binary of this machine in full size
	HOSTILE=full TESTED_BINARY=$(CURDIR)/$(STATIC) $(CARGO) test --locked --test hostile -- --nocapture

bench: ## Print what a scrape costs, beside the least that it could
	$(call add_target,$(HOST_TARGET))
	$(CARGO) build --locked --release --target $(HOST_TARGET) --bin opensips_exporter --example null-exporter
	BENCH_EXPORTER=$(CURDIR)/$(STATIC) \
	BENCH_NULL_EXPORTER=$(CURDIR)/target/$(HOST_TARGET)/release/examples/null-exporter \
		$(CARGO) bench --locked --target $(HOST_TARGET) --bench bench

bench-check: need-valgrind ## Compare the instructions of a page with those that are kept (Debian package valgrind)
	$(call add_target,$(HOST_TARGET))
	$(CARGO) bench --locked --target $(HOST_TARGET) --bench instructions

bench-bless: ## Keep the instructions of a page as they are now
	$(call add_target,$(HOST_TARGET))
	BLESS=1 $(CARGO) bench --locked --target $(HOST_TARGET) --bench instructions

static: $(STATIC_BINARIES) ## Build a static binary for each of STATIC_TARGETS, and prove that they are
	@for binary in $(STATIC_BINARIES); do \
		if grep -q '/lib[0-9]*/ld-' $$binary; then echo "$$binary needs a dynamic linker" >&2; exit 1; fi; \
		ls -l $$binary; \
	done

dist: static ## Pack the static binaries below target/dist, with checksums
	@rm -rf target/dist; mkdir -p target/dist
	@for target in $(STATIC_TARGETS); do \
		name=opensips_exporter-$(VERSION)-$${target%%-*}-linux; \
		mkdir -p target/dist/$$name; \
		cp target/$$target/release/opensips_exporter README.md LICENSE target/dist/$$name/; \
		$(STATIC) print man > target/dist/$$name/opensips_exporter.8; \
		tar -C target/dist --sort=name --mtime=@$$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner -c $$name \
			| gzip -9n > target/dist/$$name.tar.gz; \
		rm -r target/dist/$$name; \
	done
	@cd target/dist && sha256sum *.tar.gz > SHA256SUMS && cat SHA256SUMS

deb: need-dpkg-deb static ## Make a Debian package of each static binary below target/deb
	@rm -rf target/deb
	@umask 022; for pair in x86_64:amd64 aarch64:arm64; do \
		machine=$${pair%%:*} architecture=$${pair##*:}; tree=target/deb/$$architecture; \
		install -D -m 755 target/$$machine-unknown-linux-musl/release/opensips_exporter $$tree/usr/bin/opensips_exporter; \
		install -D -m 644 src/assets/debian/copyright $$tree/usr/share/doc/opensips-exporter/copyright; \
		printf '%s\n\n%s\n\n%s\n' 'opensips-exporter ($(VERSION)) unstable; urgency=medium' \
			'  * Revision $(OPENSIPS_EXPORTER_REVISION).' " -- $(MAINTAINER)  $$(date -uRd @$$SOURCE_DATE_EPOCH)" \
			| gzip -9n > $$tree/usr/share/doc/opensips-exporter/changelog.gz; \
		install -D -m 644 src/assets/debian/default $$tree/etc/default/opensips_exporter; \
		mkdir -p $$tree/lib/systemd/system $$tree/usr/share/man/man8 $$tree/usr/share/bash-completion/completions $$tree/DEBIAN; \
		$(STATIC) print unit | sed 's|/usr/local/bin|/usr/bin|; s|^\(SupplementaryGroups=\).*|\1|; 1d' > $$tree/lib/systemd/system/opensips_exporter.service; \
		$(STATIC) print man | gzip -9n > $$tree/usr/share/man/man8/opensips_exporter.8.gz; \
		$(STATIC) print completions > $$tree/usr/share/bash-completion/completions/opensips_exporter; \
		install -m 755 src/assets/debian/postinst src/assets/debian/prerm src/assets/debian/postrm $$tree/DEBIAN/; \
		echo /etc/default/opensips_exporter > $$tree/DEBIAN/conffiles; \
		sed "s/VERSION/$(VERSION)/; s/ARCHITECTURE/$$architecture/; s/MAINTAINER/$(MAINTAINER)/" src/assets/debian/control > $$tree/DEBIAN/control; \
		dpkg-deb --root-owner-group --build $$tree target/deb/opensips-exporter_$(VERSION)_$$architecture.deb; \
	done

readme-test: need-mmdebstrap $(STATIC_TARGETS:%=has-%) ## Run the commands of the README on a bare Debian (as root)
	tests/readme-test

package-test: need-qemu-aarch64-static deb ## Install each package, start what is in it, and remove it again (as root)
	$(CARGO) test --locked --test e2e -- --ignored package::

emulated: need-qemu-aarch64-static static ## Run the integration tests with the static binary of aarch64 (Debian package qemu-user-static)
	TESTED_UNDER=qemu-aarch64-static TESTED_BINARY=$(CURDIR)/target/aarch64-unknown-linux-musl/release/opensips_exporter \
		RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --locked --no-fail-fast --test suite --test hostile

need-%:
	@command -v $* >/dev/null || { echo "this needs $* (Debian package $(or $(PACKAGE_$*),$*))" >&2; exit 1; }

has-%:
	$(call add_target,$*)

# Cargo knows what is up to date.
.PHONY: $(STATIC_BINARIES)
$(STATIC_BINARIES): target/%/release/opensips_exporter:
	$(call add_target,$*)
	$(CARGO) build --locked --release --target $*

oldest: ## Compile the exporter with the oldest Rust that Cargo.toml promises (by rustup)
	rustup toolchain install --profile minimal $(OLDEST_RUST)
	CARGO_TARGET_DIR=target/oldest $(CARGO) +$(OLDEST_RUST) check --locked

lint: ## Check format, clippy and documentation, each warning an error
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items

bless: ## Rewrite the golden pages and the generated parts of the README; review the difference
	BLESS=1 $(CARGO) test --locked --test suite -- golden_pages:: readme::

install: ## Install what make build or make static built for this machine below $(DESTDIR)$(PREFIX)
	@test -n "$(BUILT)" && test -z "$$(find src Cargo.toml Cargo.lock -newer $(BUILT))" || \
		{ echo "make $@ installs what is built, which is older than the source: make static, or make build" >&2; exit 1; }
	install -D -m 755 $(BUILT) $(DESTDIR)$(PREFIX)/bin/opensips_exporter

clean: ## Remove what was built
	$(CARGO) clean
