// SPDX-License-Identifier: Apache-2.0
/* The table of accelerators, and the choice among them. */

#include "accel/accel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "accel/soft/soft.h"
#include "base/macros.h"

static const struct accel_ops *const accels[] = {
    &soft_ops,
};

static const char *const names[ARRAY_LEN(accels) + 2] = {"auto", "soft"};

const char *const *accel_names(void)
{
    return names;
}

const struct accel_ops *accel_find(const char *name, struct err *e)
{
    bool any = !name || strcmp(name, "auto") == 0;

    for (size_t n = 0; n < ARRAY_LEN(accels); n++) {
        if (!any && strcmp(name, accels[n]->name) != 0)
            continue;
        if (accels[n]->probe(e) == 0)
            return accels[n];
        if (!any)
            return NULL;
    }
    if (!any)
        err_set(e, -EINVAL, "no accelerator is called '%s': try auto or soft",
                name);
    return NULL;
}
