# SPDX-License-Identifier: Apache-2.0
# The front door. Meson does the work.
all:
	@test -d build || meson setup build
	@ninja -C build
test: all
	@meson test -C build
.PHONY: all test
