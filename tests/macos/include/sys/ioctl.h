// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

struct winsize {
    unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

#define TIOCGWINSZ 0x40087468ul
#define FIONREAD   0x4004667ful
#define FIONBIO    0x8004667eul

int ioctl(int, unsigned long, ...);
