// SPDX-License-Identifier: Apache-2.0
/* Objects to bytes and back, by their lists of fields. Hosts are
   little-endian (base/macros.h), so a field's bytes are copied as they lie. */

#include "base/fields.h"

#include <string.h>

#include "base/macros.h"

size_t fields_bytes(const struct field *fields, size_t num_fields)
{
    size_t bytes = 0;

    for (size_t n = 0; n < num_fields; n++)
        bytes += fields[n].width * fields[n].count;
    return bytes;
}

void fields_pack(const struct field *fields, size_t num_fields,
                 const void *object, uint8_t *out)
{
    for (size_t n = 0; n < num_fields; n++) {
        size_t bytes = fields[n].width * fields[n].count;

        memcpy(out, (const uint8_t *)object + fields[n].offset, bytes);
        out += bytes;
    }
}

void fields_unpack(const struct field *fields, size_t num_fields, void *object,
                   const uint8_t *in)
{
    for (size_t n = 0; n < num_fields; n++) {
        size_t bytes = fields[n].width * fields[n].count;

        memcpy((uint8_t *)object + fields[n].offset, in, bytes);
        in += bytes;
    }
}
