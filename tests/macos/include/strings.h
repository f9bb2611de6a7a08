// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

int ffs(int);
int ffsll(long long);
int strcasecmp(const char *, const char *);
int strncasecmp(const char *, const char *, size_t);
