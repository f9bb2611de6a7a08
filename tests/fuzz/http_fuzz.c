// SPDX-License-Identifier: Apache-2.0
/* Bytes by strangers on the API's socket and on the MMDS's. The first byte is
   the length of the reads. */

#include "api/http.h"

#include <string.h>

#include "api/api_impl.h"
#include "api/mmds_http.h"
#include "base/heap.h"
#include "fuzz.h"

static void route(struct http_request *req)
{
    struct api_call *call = heap_zalloc(sizeof(*call));
    struct err e;

    if (call)
        route_request(req, call, &e);
    call_free(call);
    http_request_free(req);
}

static void serve(const char *text, size_t len, size_t step)
{
    struct http_parser p;
    struct http_request *req;

    http_parser_init(&p, 4096);
    while (len) {
        size_t room, bytes = step < len ? step : len;
        char *at = http_room(&p, &room);

        bytes = bytes < room ? bytes : room;
        memcpy(at, text, bytes);
        http_parse(&p, bytes);
        while ((req = http_next(&p)) != NULL)
            route(req);
        text += bytes;
        len -= bytes;
    }
    http_parser_release(&p);
}

static void ask_mmds(const char *text, size_t len)
{
    static struct mmds_service service;
    struct buf out = {0};

    if (!service.store) {
        service.store = mmds_new(1000, NULL);
        service.tokens = mmds_tokens_new("fuzz");
        service.version = MMDS_V2;
        mmds_put(service.store, "{\"a\":{\"b\":[1,\"c\"]}}", 19, NULL);
    }
    mmds_respond(&service, text, len, 0, &out);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    if (size < 2)
        return 0;
    serve(text + 1, size - 1, data[0] % 64 + 1u);
    ask_mmds(text + 1, size - 1);
    return 0;
}
