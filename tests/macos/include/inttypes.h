// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/* 64 bits are `long long` on Darwin. */
#define PRId64  "lld"
#define PRIi64  "lli"
#define PRIu64  "llu"
#define PRIx64  "llx"
#define PRIX64  "llX"
#define PRId32  "d"
#define PRIu32  "u"
#define PRIx32  "x"
#define PRIu16  "hu"
#define PRIx16  "hx"
#define PRIu8   "hhu"
#define PRIx8   "hhx"
#define PRIxPTR "lx"
#define PRIuPTR "lu"
