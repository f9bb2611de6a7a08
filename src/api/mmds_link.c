// SPDX-License-Identifier: Apache-2.0
/* Between the network's MMDS and the API's. */

#include "api/mmds_link.h"

#include <errno.h>

#include "api/mmds_http.h"
#include "base/heap.h"
#include "dev/mmds_tcp.h"
#include "host/host.h"

struct mmds_link {
    struct vm_config *cfg;    /* borrowed */
    struct mmds_store *store; /* owned, as the tokens */
    struct mmds_tokens *tokens;
    struct mmds_answerer answerer;
};

static void respond(void *ctx, const char *request, size_t len, struct buf *out)
{
    const struct mmds_link *l = ctx;
    const struct mmds_config *cfg = &l->cfg->devices.mmds;
    const struct mmds_service service = {
        .store = l->store,
        .tokens = l->tokens,
        .version = (enum mmds_version)cfg->version,
        .imds_compat = cfg->imds_compat,
    };

    mmds_respond(&service, request, len, host_mono_ns() / 1000000, out);
}

struct mmds_link *mmds_link_new(struct vm_config *cfg, const char *id,
                                size_t limit, struct err *e)
{
    struct mmds_link *l = heap_zalloc(sizeof(*l));

    if (!l) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    l->cfg = cfg;
    l->store = mmds_new(limit, e);
    l->tokens = mmds_tokens_new(id);
    if (!l->store || !l->tokens) {
        err_set(e, -ENOMEM, "out of memory");
        mmds_link_free(l);
        return NULL;
    }
    l->answerer = (struct mmds_answerer){.respond = respond, .ctx = l};
    cfg->devices.mmds_answerer = &l->answerer;
    return l;
}

struct mmds_store *mmds_link_store(const struct mmds_link *l)
{
    return l->store;
}

void mmds_link_free(struct mmds_link *l)
{
    if (!l)
        return;
    if (l->cfg->devices.mmds_answerer == &l->answerer)
        l->cfg->devices.mmds_answerer = NULL;
    mmds_free(l->store);
    mmds_tokens_free(l->tokens);
    heap_free(l);
}
