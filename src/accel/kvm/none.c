// SPDX-License-Identifier: Apache-2.0
/* KVM where no arm64 guest can have it: somebody who asks for it learns why,
   and `auto` goes on. */

#include "accel/kvm/kvm.h"

#include <errno.h>

static int none_probe(struct err *e)
{
#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__))
    return err_set(e, -ENOTSUP,
                   "kvm: the KVM of this x86 host runs x86 guests, and squib's "
                   "are arm64: use --accel soft (or auto), or an arm64 host");
#elif defined(__linux__)
    return err_set(e, -ENOTSUP,
                   "kvm: this host is not arm64, and KVM runs guests of the "
                   "host's own kind: use --accel soft (or auto)");
#else
    return err_set(e, -ENOTSUP,
                   "kvm: KVM is a part of Linux, which this host does not run: "
                   "use --accel auto");
#endif
}

/* Nobody gets as far as the rest. */
const struct accel_ops kvm_ops = {
    .name = "kvm",
    .has_psci = true,
    .probe = none_probe,
};
