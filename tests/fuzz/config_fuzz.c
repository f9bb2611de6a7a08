// SPDX-License-Identifier: Apache-2.0
/* Texts by strangers: the configuration file, and JSON of any kind. */

#include "api/config_file.h"
#include "api/json.h"

#include <stdint.h>

#include "fuzz.h"

static void read_value(const char *text, size_t len,
                       int (*read)(struct json_reader *, struct json_span *))
{
    struct json_reader r;
    struct json_span span;

    json_init(&r, text, len);
    if (read(&r, &span) < 0)
        json_error(&r);
    json_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct err e;

    config_file_free(config_file_parse(text, size, &e));
    read_value(text, size, json_any);
    read_value(text, size, json_skip);
    return 0;
}
