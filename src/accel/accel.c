// SPDX-License-Identifier: Apache-2.0
/* The table of accelerators, and the choice among them. */

#include "accel/accel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "accel/soft/soft.h"
#include "accel/soft/tier.h"
#include "base/log.h"
#include "base/macros.h"

static const struct accel_ops *const accels[] = {
    &kvm_ops,
    &soft_ops,
};

/* The last one runs everywhere. Somebody whose host has a faster one that does
   not work at the moment may want to know. */
static const struct accel_ops *find_any(void)
{
    for (size_t n = 0; n < ARRAY_LEN(accels); n++) {
        struct err why = {0};

        if (accels[n]->probe(&why) == 0)
            return accels[n];
        if (why.code != -ENOTSUP)
            log_info("%s", why.text);
    }
    BUG("no accelerator runs here");
}

static const struct accel_ops *named(const char *name, struct err *e)
{
    for (size_t n = 0; n < ARRAY_LEN(accels); n++) {
        if (strcmp(name, accels[n]->name) == 0)
            return accels[n];
    }
    err_set(e, -EINVAL, "no accelerator is called '%s': try auto, kvm or soft",
            name);
    return NULL;
}

static bool is_any(const char *name)
{
    return !name || strcmp(name, "auto") == 0;
}

const struct accel_ops *accel_find(const char *name, struct err *e)
{
    const struct accel_ops *ops;

    if (is_any(name))
        return find_any();
    ops = named(name, e);
    return ops && ops->probe(e) == 0 ? ops : NULL;
}

int accel_check_name(const char *name, struct err *e)
{
    return is_any(name) || named(name, e) ? 0 : -EINVAL;
}

int accel_check_tier(const char *tier, struct err *e)
{
    struct tier parsed;

    return tier_parse(&parsed, tier, e);
}
