// SPDX-License-Identifier: Apache-2.0
#pragma once

/* Opening /dev/kvm, and what to tell somebody for whom it does not open. For
   every Linux host, so that the sentences are tested everywhere. */

#include "base/err.h"

/* `path`'s fd, if it is a KVM of the API we know; else a negative errno and
   the sentence, with what to do. */
int kvm_device_open_at(const char *path, struct err *e);

/* The sentence for an open that failed with `error`; its negative. */
int kvm_device_cannot_open(const char *path, int error, struct err *e);
