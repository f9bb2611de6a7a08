// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

typedef struct squib_stub_dir DIR;

struct dirent {
    ino_t d_ino;
    uint8_t d_type;
    char d_name[1024];
};
