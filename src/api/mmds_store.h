// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The MMDS: what the operator puts in through the API, and what the guest gets
 * out of it by HTTP. No network here: mmds_answer takes a request's parts. One
 * store a microVM; any thread.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct mmds_store;

struct mmds_store *mmds_new(size_t limit, struct err *e);
void mmds_free(struct mmds_store *m); /* takes NULL */

/* The sentences carry Firecracker's prefix, but for a text that is not JSON.
   -E2BIG: it would be larger than the limit. The store is as it was then. */
int mmds_put(struct mmds_store *m, const char *text, size_t len, struct err *e);
int mmds_patch(struct mmds_store *m, const char *text, size_t len,
               struct err *e);

/* Appends the value, compact; `{}` when there is none. */
void mmds_write(struct mmds_store *m, struct buf *b);

enum mmds_found { MMDS_FOUND, MMDS_NOT_FOUND, MMDS_UNSUPPORTED };

/* What stands at the path of a request: slashes in a row count once, one at the
   end not at all. As JSON, or in the format of IMDS: keys line by line, those
   of objects with a slash; a string as it is; nothing else. */
enum mmds_found mmds_get(struct mmds_store *m, const char *path, bool as_json,
                         struct buf *b);
