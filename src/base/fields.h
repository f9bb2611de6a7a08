// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The state of an object as a list of fields, so that one loop can save and
 * restore it and no object has to know a file format. A field is an unsigned
 * integer of 1, 2, 4 or 8 bytes or an array of them: no pointers, no bool and
 * no enum (a stranger's byte in a bool is undefined). Values that come back
 * are strangers' values: their owner checks them before use.
 */

#include <stddef.h>
#include <stdint.h>

struct field {
    const char *name;
    size_t offset; /* from the start of the object */
    size_t width;  /* bytes of one element */
    size_t count;  /* elements; 1 for a scalar */
};

/* `width` if it is one that a field may have; it does not compile else. */
#define FIELD_WIDTH(width)                                                    \
    ((width) *                                                                \
     sizeof(char[(width) == 1 || (width) == 2 || (width) == 4 || (width) == 8 \
                     ? 1                                                      \
                     : -1]))

#define FIELD(type, member)                             \
    {                                                   \
#member, offsetof(type, member),                \
            FIELD_WIDTH(sizeof(((type *)0)->member)), 1 \
    }

#define FIELD_ARRAY(type, member)                                        \
    {                                                                    \
#member, offsetof(type, member),                                 \
            FIELD_WIDTH(sizeof(((type *)0)->member[0])),                 \
            sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]) \
    }

/* Bytes that fields_pack writes and fields_unpack reads. */
size_t fields_bytes(const struct field *fields, size_t num_fields);

/* In the order of the list, without gaps, little-endian. */
void fields_pack(const struct field *fields, size_t num_fields,
                 const void *object, uint8_t *out);
void fields_unpack(const struct field *fields, size_t num_fields, void *object,
                   const uint8_t *in);
