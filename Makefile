# SPDX-License-Identifier: Apache-2.0
# The front door; Meson does the work. Every target sets up what it needs.

BUILD  ?= build
CPUS   ?= 2
MEM    ?= 512
KERNEL ?=
INITRD ?=
APPEND ?=

# The set-up is part of a run of the tests, which has an end.
SQUIB_TEST_BEGAN := $(shell date +%s)

export BUILD CPUS MEM KERNEL INITRD APPEND SQUIB_TEST_BEGAN

ISA_CASES ?= 2000000
ISA_SEED  ?= $(shell date +%s)

TRACE_SEEDS ?= 1000
TRACE_SEED  ?= $(shell date +%s)

.PHONY: isa-fuzz fuzz-traces test-guest-jits test-guest-programs test-threads contract all run arm64 test test-kvm bench bench-kvm soak fmt fmt-check lint clean guest-kernel debian-rootfs help

all:
	@tools/setup build
	@tools/build $(BUILD) -- squib

run: all
	@tools/run-guest

arm64:
	@tools/setup build
	@tools/setup arm64
	@tools/sysroot-arm64
	@tools/build build-aarch64 --cross-file .cache/sysroot-arm64.ini \
	    --cross-file tools/cross-aarch64.ini -- squib

test:
	@tools/setup test
	@tools/fetch-guest || echo "squib: so what boots Linux is skipped"
	@tools/guest-programs luajit gcc stress || \
	    echo "squib: so what needs these programs is skipped"
	@tools/debian-rootfs || echo "squib: so what needs that disk is skipped"
	@tools/run-tests.py

contract: all
	@tools/setup test
	@/usr/bin/python3 -m pytest -q -m contract -n $(shell nproc) \
	    -p no:cacheprovider -c tests/pytest.ini --rootdir tests \
	    tests/api tests/cli tests/devices tests/boot

test-guest-jits: all
	@tools/setup test
	@tools/fetch-guest
	@tools/guest-programs luajit gcc nodejs java
	@SQUIB=$(BUILD)/squib /usr/bin/python3 -m pytest -v --timeout 1800 \
	    -p no:cacheprovider -c tests/pytest.ini --rootdir tests \
	    tests/jits/test_jits.py tests/jits/all.py

test-guest-programs: all
	@tools/setup test
	@tools/fetch-guest
	@tools/guest-programs stress tools languages debug python
	@SQUIB=$(BUILD)/squib /usr/bin/python3 -m pytest -v --timeout 1800 \
	    -p no:cacheprovider -c tests/pytest.ini --rootdir tests \
	    tests/programs/test_programs.py tests/programs/every.py

test-threads:
	@tools/setup test
	@tools/fetch-guest
	@tools/test-threads

test-kvm:
	@tools/setup test
	@tools/fetch-guest
	@tools/run-tests.py tests/kvm

isa-fuzz:
	@tools/setup test
	@tools/build $(BUILD)
	@tests/isa/diff.py --build $(BUILD) --seed $(ISA_SEED) --cases $(ISA_CASES)

fuzz-traces:
	@tools/setup test
	@tools/build $(BUILD)
	@tests/traces/fuzz.py --seed $(TRACE_SEED) --seeds $(TRACE_SEEDS)

bench: all
	@tools/setup bench
	@tools/fetch-guest
	@tools/bench.py $(BENCH)

bench-kvm:
	@tools/setup test
	@tools/fetch-guest
	@tools/sysroot-arm64
	@tools/build build-aarch64 -Dtests=enabled \
	    --cross-file .cache/sysroot-arm64.ini \
	    --cross-file tools/cross-aarch64.ini
	@/usr/bin/python3 -B tests/kvm/measure.py

soak: all
	@tools/setup test
	@SQUIB=$(BUILD)/squib /usr/bin/python3 -m pytest -q -s \
	    -p no:cacheprovider -c tests/pytest.ini --rootdir tests \
	    tests/api/soak.py
	@tools/fetch-guest
	@python3 tools/soak.py

fmt:
	@tools/setup test
	@tools/fmt

fmt-check:
	@tools/setup test
	@tools/fmt --check

lint:
	@tools/setup test
	@tools/lint

guest-kernel:
	@tools/setup kernel
	@tools/guest-kernel/build

debian-rootfs:
	@tools/setup rootfs
	@tools/debian-rootfs

clean:
	rm -rf $(BUILD) build-*

help:
	@echo "make                build build/squib"
	@echo "make run            boot a microVM and open its shell; scripted when"
	@echo "                    standard input is not a terminal"
	@echo "                    CPUS=2 MEM=512 KERNEL=FILE INITRD=FILE APPEND=WORDS"
	@echo "make arm64          build build-aarch64/squib, for arm64 Linux hosts"
	@echo "make test           set up, then run every test"
	@echo "make test-kvm       the KVM back end alone, in an emulated arm64 host"
	@echo "make contract       count the cases of Firecracker's contract that hold"
	@echo "make isa-fuzz       more random instructions against the oracles:"
	@echo "                    ISA_CASES=2000000 ISA_SEED=now"
	@echo "make fuzz-traces    random guest programs in the translator's tiers, some"
	@echo "                    20 minutes: TRACE_SEEDS=1000 TRACE_SEED=now"
	@echo "make test-guest-jits"
	@echo "                    LuaJIT, node, Java and gcc in guests; some 20 minutes"
	@echo "make test-guest-programs"
	@echo "                    stress-ng, openssl, PHP, Python's tests, gdb and more"
	@echo "                    of Debian's in guests; more than an hour"
	@echo "make test-threads   the tests of several threads, watched by"
	@echo "                    ThreadSanitizer; some five minutes"
	@echo "make bench          measure, beside QEMU where it is installed"
	@echo "                    BENCH=--quick; BENCH=--help lists the others"
	@echo "make bench-kvm      boots under KVM, beside qemu's, in an emulated host"
	@echo "make soak           10,000 requests on 10 connections, some of them rude"
	@echo "                    then 100 boots, never twice the same way"
	@echo "                    BOOTS=100 SEED=N"
	@echo "make fmt-check      check the format of the C code; make fmt mends it"
	@echo "make lint           read the C code with clang-tidy and cppcheck"
	@echo "make guest-kernel   build a small fast-booting arm64 kernel"
	@echo "make debian-rootfs  make a Debian 12 disk for guests; root, and minutes"
	@echo "make clean          remove what was built, keep what was fetched"
