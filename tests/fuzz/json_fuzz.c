// SPDX-License-Identifier: Apache-2.0
/* Bodies by strangers. The first byte says which request's; what is understood
   is written and must be understood again. The rest of the bytes, apart at the
   first zero byte, is also put into the MMDS's store and merged with it. */

#include <stdlib.h>
#include <string.h>

#include "api/api_impl.h"
#include "api/mmds_store.h"
#include "base/heap.h"
#include "fuzz.h"

/* A word with a meaning (a log level) is read only: no GET shows it. */
static bool can_be_written(const struct json_schema *schema)
{
    for (size_t n = 0; n < schema->num_fields; n++)
        if (schema->fields[n].kind == JSON_WORD)
            return false;
    return true;
}

static void check_again(const struct json_schema *schema, const void *first)
{
    struct buf text = {0}, again = {0};
    void *obj = heap_zalloc(schema->size);
    struct err e;

    json_write(&text, schema, first);
    if (!obj || json_parse(buf_text(&text), text.len, schema, obj, &e) < 0)
        abort();
    json_write(&again, schema, obj);
    if (strcmp(buf_text(&text), buf_text(&again)) != 0)
        abort();
    json_free(schema, obj);
    heap_free(obj);
    buf_release(&text);
    buf_release(&again);
}

static void decode(const struct json_schema *schema, const char *text,
                   size_t len)
{
    void *obj = heap_zalloc(schema->size);
    struct err e;

    if (json_parse(text, len, schema, obj, &e) == 0 && can_be_written(schema))
        check_again(schema, obj);
    json_free(schema, obj);
    heap_free(obj);
}

/* What the store gives it takes, and gives again. */
static void check_store(struct mmds_store *m)
{
    struct mmds_store *other = mmds_new(1 << 20, NULL);
    struct buf text = {0}, again = {0};

    mmds_write(m, &text);
    if (!other || mmds_put(other, buf_text(&text), text.len, NULL) < 0)
        abort();
    mmds_write(other, &again);
    if (strcmp(buf_text(&text), buf_text(&again)) != 0)
        abort();
    mmds_free(other);
    buf_release(&text);
    buf_release(&again);
}

static void fill_store(const char *text, size_t len)
{
    const char *zero = memchr(text, 0, len);
    size_t first = zero ? (size_t)(zero - text) : len;
    struct mmds_store *m = mmds_new(2000, NULL);
    struct buf shown = {0};
    struct err e;

    if (mmds_put(m, text, first, &e) == 0 && zero)
        mmds_patch(m, zero + 1, len - first - 1, &e);
    check_store(m);
    mmds_get(m, "/a//0/", true, &shown);
    mmds_get(m, "/", false, &shown);
    buf_release(&shown);
    mmds_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;
    const struct route *r;

    if (size < 2)
        return 0;
    r = &routes[data[0] % num_routes];
    if (r->schema)
        decode(r->schema, text, size - 1);
    fill_store(text, size - 1);
    return 0;
}
