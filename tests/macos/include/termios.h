// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

typedef unsigned long tcflag_t;
typedef unsigned char cc_t;
typedef unsigned long speed_t;
#define NCCS 20

struct termios {
    tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
    cc_t c_cc[NCCS];
    speed_t c_ispeed, c_ospeed;
};

#define VEOF   0
#define VERASE 3
#define VINTR  8
#define VQUIT  9
#define VSUSP  10
#define VMIN   16
#define VTIME  17
#define IGNBRK 0x001
#define BRKINT 0x002
#define PARMRK 0x008
#define INPCK  0x010
#define ISTRIP 0x020
#define INLCR  0x040
#define IGNCR  0x080
#define ICRNL  0x100
#define IXON   0x200
#define OPOST  0x001
#define ONLCR  0x002
#define CSIZE  0x300
#define CS8    0x300
#define PARENB 0x1000
#define ECHO   0x008
#define ECHONL 0x010
#define ISIG   0x080
#define ICANON 0x100
#define IEXTEN 0x400
#define TOSTOP 0x400000

#define TCSANOW   0
#define TCSADRAIN 1
#define TCSAFLUSH 2

void cfmakeraw(struct termios *);
int tcdrain(int);
int tcflush(int, int);
int tcgetattr(int, struct termios *);
int tcsetattr(int, int, const struct termios *);
