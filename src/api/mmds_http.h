// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The MMDS as a guest sees it: a whole HTTP request in, a whole response out.
 * No network here. Tokens (V2) are opaque to the guest: when they expire,
 * sealed for this process and this microVM; nothing is remembered about them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/mmds_store.h"
#include "base/buf.h"
#include "vm/devices.h"

enum {
    MMDS_TTL_MAX_S = 21600,
    MMDS_TOKEN_MAX = 70,    /* longer ones are none */
    MMDS_REQUEST_MAX = 2500 /* the network's limit for what it hands over */
};

struct mmds_tokens; /* the key */

/* `id` is the instance's. NULL: out of memory. */
struct mmds_tokens *mmds_tokens_new(const char *id);
void mmds_tokens_free(struct mmds_tokens *t); /* takes NULL */

/* A token that is good for so long from `now_ms` on, any clock that does not go
   back. The text has at most MMDS_TOKEN_MAX bytes and a NUL. */
void mmds_token_make(const struct mmds_tokens *t, uint32_t ttl_s,
                     uint64_t now_ms, char *text);
bool mmds_token_is_valid(const struct mmds_tokens *t, const char *text,
                         size_t len, uint64_t now_ms);

struct mmds_service {
    struct mmds_store *store; /* borrowed, as the tokens */
    const struct mmds_tokens *tokens;
    enum mmds_version version;
    bool imds_compat;
};

/* Appends the response to `request`, which may be anything. */
void mmds_respond(const struct mmds_service *s, const char *request, size_t len,
                  uint64_t now_ms, struct buf *out);
