// SPDX-License-Identifier: Apache-2.0
/* Linear probing. What lies behind a dropped entry moves up, so that no marks
   of what was there are left. */

#include "accel/soft/jit/table.h"

#include <errno.h>
#include <string.h>

#include "base/heap.h"

enum { FIRST_BITS = 12, MAX_BITS = 24 };

static uint32_t size_of(const struct jtable *t)
{
    return 1u << t->bits;
}

int jtable_init(struct jtable *t)
{
    *t = (struct jtable){.bits = FIRST_BITS};
    t->entry = heap_calloc(size_of(t), sizeof(*t->entry));
    return t->entry ? 0 : -ENOMEM;
}

void jtable_release(struct jtable *t)
{
    heap_free(t->entry);
    t->entry = NULL;
}

void jtable_empty(struct jtable *t)
{
    if (t->used)
        memset(t->entry, 0, size_of(t) * sizeof(*t->entry));
    t->used = 0;
}

void jtable_add(struct jtable *t, uint32_t hash, uint32_t number)
{
    uint32_t at = jtable_first(t, hash);

    while (t->entry[at].number)
        at = jtable_next(t, at);
    t->entry[at] = (struct jtable_entry){hash, number};
    t->used++;
}

static bool grow(struct jtable *t)
{
    struct jtable more = {.bits = t->bits + 1};

    if (t->bits == MAX_BITS)
        return false;
    more.entry = heap_calloc(size_of(&more), sizeof(*more.entry));
    if (!more.entry)
        return false;
    for (uint32_t n = 0; n < size_of(t); n++) {
        if (t->entry[n].number)
            jtable_add(&more, t->entry[n].hash, t->entry[n].number);
    }
    heap_free(t->entry);
    *t = more;
    return true;
}

/* Half full at most, so that looks are short; where there is no memory for
   that, seven eighths. */
bool jtable_make_room(struct jtable *t)
{
    if (t->used < size_of(t) / 2 || grow(t))
        return true;
    return t->used < size_of(t) / 8 * 7;
}

/* Whether an entry that a look for it begins at `first` is found at `hole`,
   too: that is between the two, the table being a ring. */
static bool may_move(const struct jtable *t, uint32_t first, uint32_t at,
                     uint32_t hole)
{
    uint32_t mask = size_of(t) - 1;

    return ((at - first) & mask) >= ((at - hole) & mask);
}

static void close_hole(struct jtable *t, uint32_t hole)
{
    for (uint32_t at = jtable_next(t, hole); t->entry[at].number;
         at = jtable_next(t, at)) {
        if (!may_move(t, jtable_first(t, t->entry[at].hash), at, hole))
            continue;
        t->entry[hole] = t->entry[at];
        hole = at;
    }
    t->entry[hole] = (struct jtable_entry){0};
}

void jtable_drop(struct jtable *t, uint32_t hash, uint32_t number)
{
    uint32_t at = jtable_first(t, hash);

    while (t->entry[at].number && t->entry[at].number != number)
        at = jtable_next(t, at);
    if (!t->entry[at].number)
        return;
    close_hole(t, at);
    t->used--;
}
