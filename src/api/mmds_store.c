// SPDX-License-Identifier: Apache-2.0
/* The MMDS's data. */

#include "api/mmds_store.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "api/jvalue.h"
#include "base/heap.h"

struct mmds_store {
    size_t limit;
    pthread_mutex_t lock;
    struct jvalue value; /* under lock */
    bool has_value;      /* under lock */
};

struct mmds_store *mmds_new(size_t limit, struct err *e)
{
    struct mmds_store *m = heap_zalloc(sizeof(*m));

    if (!m) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    m->limit = limit;
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

void mmds_free(struct mmds_store *m)
{
    if (!m)
        return;
    jvalue_release(&m->value);
    pthread_mutex_destroy(&m->lock);
    heap_free(m);
}

/* Takes `next`; its size decides. */
static int replace_locked(struct mmds_store *m, struct jvalue *next,
                          struct err *e)
{
    struct buf text = {0};
    int rc = 0;

    jvalue_write(&text, next);
    if (text.failed)
        rc = err_set(e, -ENOMEM, "MMDS error: out of memory");
    else if (text.len > m->limit)
        rc = err_set(e, -E2BIG,
                     "MMDS limit exceeded error: The MMDS patch request "
                     "doesn't fit.");
    buf_release(&text);
    if (rc == 0) {
        jvalue_release(&m->value);
        m->value = *next;
        m->has_value = true;
    } else {
        jvalue_release(next);
    }
    return rc;
}

int mmds_put(struct mmds_store *m, const char *text, size_t len, struct err *e)
{
    struct jvalue next;
    int rc = jvalue_parse(&next, text, len, e);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&m->lock);
    rc = replace_locked(m, &next, e);
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int copy_value(struct jvalue *to, const struct jvalue *from,
                      struct err *e)
{
    struct buf text = {0};
    int rc;

    jvalue_write(&text, from);
    rc = text.failed ? err_set(e, -ENOMEM, "MMDS error: out of memory")
                     : jvalue_parse(to, buf_text(&text), text.len, e);
    buf_release(&text);
    return rc;
}

static int patch_locked(struct mmds_store *m, struct jvalue *patch,
                        struct err *e)
{
    struct jvalue next;
    int rc;

    if (!m->has_value)
        return err_set(e, -ENODATA,
                       "MMDS error: The MMDS data store is not initialized.");
    rc = copy_value(&next, &m->value, e);
    if (rc < 0)
        return rc;
    if (jvalue_merge(&next, patch) < 0) {
        jvalue_release(&next);
        return err_set(e, -ENOMEM, "MMDS error: out of memory");
    }
    return replace_locked(m, &next, e);
}

int mmds_patch(struct mmds_store *m, const char *text, size_t len,
               struct err *e)
{
    struct jvalue patch;
    int rc = jvalue_parse(&patch, text, len, e);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&m->lock);
    rc = patch_locked(m, &patch, e);
    pthread_mutex_unlock(&m->lock);
    jvalue_release(&patch);
    return rc;
}

void mmds_write(struct mmds_store *m, struct buf *b)
{
    pthread_mutex_lock(&m->lock);
    if (m->value.kind == JV_NULL)
        buf_puts(b, "{}");
    else
        jvalue_write(b, &m->value);
    pthread_mutex_unlock(&m->lock);
}

/* ---- the guest's side ---- */

/* An index as JSON pointers write it (RFC 6901, 4): no sign, no leading zero.
 */
static bool parse_index(const char *s, size_t len, size_t *index)
{
    *index = 0;
    if (len == 0 || len > 9 || (s[0] == '0' && len > 1))
        return false;
    for (size_t n = 0; n < len; n++) {
        if (s[n] < '0' || s[n] > '9')
            return false;
        *index = *index * 10 + (size_t)(s[n] - '0');
    }
    return true;
}

/* A token's ~1 and ~0 are / and ~. */
static void unescape(struct buf *key, const char *s, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        char c = s[n];

        if (c == '~' && n + 1 < len && (s[n + 1] == '0' || s[n + 1] == '1'))
            c = s[++n] == '0' ? '~' : '/';
        buf_putc(key, c);
    }
}

static const struct jvalue *step(const struct jvalue *v, const char *s,
                                 size_t len)
{
    struct buf key = {0};
    size_t index;

    if (v->kind == JV_ARRAY)
        return parse_index(s, len, &index) && index < v->count
                   ? &v->members[index].value
                   : NULL;
    unescape(&key, s, len);
    v = jvalue_member(v, buf_text(&key), key.len);
    buf_release(&key);
    return v;
}

static const struct jvalue *walk(const struct jvalue *v, const char *path)
{
    while (v) {
        size_t len;

        while (*path == '/')
            path++;
        if (!*path)
            return v;
        len = strcspn(path, "/");
        v = step(v, path, len);
        path += len;
    }
    return NULL;
}

static enum mmds_found write_imds(const struct jvalue *v, struct buf *b)
{
    if (v->kind == JV_STRING) {
        buf_put(b, buf_text(&v->text), v->text.len);
        return MMDS_FOUND;
    }
    if (v->kind != JV_OBJECT)
        return MMDS_UNSUPPORTED;
    for (size_t n = 0; n < v->count; n++) {
        const struct jmember *m = &v->members[n];

        if (n)
            buf_putc(b, '\n');
        buf_put(b, buf_text(&m->key), m->key.len);
        if (m->value.kind == JV_OBJECT)
            buf_putc(b, '/');
    }
    return MMDS_FOUND;
}

enum mmds_found mmds_get(struct mmds_store *m, const char *path, bool as_json,
                         struct buf *b)
{
    enum mmds_found found = MMDS_NOT_FOUND;
    const struct jvalue *v;

    pthread_mutex_lock(&m->lock);
    v = walk(&m->value, path);
    if (v && as_json) {
        jvalue_write(b, v);
        found = MMDS_FOUND;
    } else if (v) {
        found = write_imds(v, b);
    }
    pthread_mutex_unlock(&m->lock);
    return found;
}
