// SPDX-License-Identifier: Apache-2.0
/* The end of a run that found squib itself wrong. */

#include "base/macros.h"

#include <stdio.h>
#include <stdlib.h>

void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "squib: bug at %s:%d: %s\n", file, line, what);
    abort();
}
