// SPDX-License-Identifier: Apache-2.0
/*
 * a64run: the soft CPU as a filter. Records in, records out; docs/a64run.md is
 * its contract.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/soft/decode.h"
#include "accel/soft/jit/jit.h"
#include "base/heap.h"
#include "base/macros.h"
#include "isa_gen.h"
#include "json.h"
#include "machine.h"

static const char usage[] =
    "Usage: a64run [--tier TIER] [--format json|binary] <IN >OUT\n"
    "       a64run --print WORD...   print instructions (hexadecimal words)\n"
    "       a64run --list            the instruction list, one JSON a line\n"
    "       a64run [--tier jit,mask=NAMES] --untranslated\n"
    "                                what tier 1 leaves to tier 0\n"
    "Runs AArch64 code on squib's software CPU: one record in, one record out.\n"
    "The records are described in docs/a64run.md. --tier list prints the\n"
    "tiers this build has.\n";

static int print_words(char **words)
{
    for (; *words; words++) {
        char text[256], *end;
        unsigned long word = strtoul(*words, &end, 16);

        if (*end || end == *words || word > UINT32_MAX) {
            fprintf(stderr, "a64run: %s is no instruction word\n", *words);
            return 2;
        }
        a64_print((uint32_t)word, text, sizeof(text));
        puts(text);
    }
    return 0;
}

static void list_row(const struct a64_row *row)
{
    printf("{\"name\":\"%s\",\"mask\":\"0x%08x\",\"value\":\"0x%08x\","
           "\"feature\":\"%s\",\"fp\":%s,\"fields\":{",
           row->name, row->mask, row->value, row->feat,
           row->flags & A64_FP ? "true" : "false");
    for (const struct a64_field *f = row->fields; f->name; f++)
        printf("%s\"%s\":[%u,%u]", f == row->fields ? "" : ",", f->name,
               f->shift, f->width);
    printf("}}\n");
}

static int list_rows(void)
{
    for (unsigned n = 0; n < NUM_A64_OPS; n++)
        list_row(&a64_rows[n]);
    return 0;
}

/* Rows that translated code leaves to tier 0, always or for some operands, on a
   host that has everything but what is masked. */
static int list_untranslated(unsigned features)
{
    static enum jit_coverage of_op[NUM_A64_OPS];

    if (jit_coverage(features, of_op) < 0)
        return 1;
    for (unsigned n = 0; n < NUM_A64_OPS; n++)
        if (of_op[n] != JIT_COVERS_ALL)
            printf("%s%s\n", a64_rows[n].name,
                   of_op[n] == JIT_COVERS_SOME ? " (some)" : "");
    return fflush(stdout) != 0;
}

/* 1: a line was read; 0: the input is at its end; negative errno. */
static int next_line(char **line, size_t *room)
{
    ssize_t n = getline(line, room, stdin);

    if (n < 0)
        return ferror(stdin) ? -EIO : 0;
    return 1;
}

static int run_json_line(struct machine *m, const char *line)
{
    struct run_result res = {0};
    struct run_request req;
    struct err e = {0};
    int r = json_read(line, &req, &e);

    if (r == -EINVAL) {
        res.out.cause = CAUSE_BAD_RECORD;
        r = 0;
    } else if (!r) {
        r = machine_run(m, &req, &res, &e);
    }
    if (!r)
        json_write(stdout, &req, &res, e.text);
    run_release(&res);
    json_release(&req);
    return r;
}

static int run_json(struct machine *m)
{
    char *line = NULL; /* getline's: from malloc */
    size_t room = 0;
    int r;

    while ((r = next_line(&line, &room)) > 0) {
        if (line[strspn(line, " \t\r\n")])
            r = run_json_line(m, line);
        fflush(stdout);
        if (r < 0)
            break;
    }
    free(line);
    return r;
}

/* 1, 0 at the end, or -EINVAL for an input that stops inside a record. */
static int read_exactly(void *buf, size_t bytes)
{
    size_t n = fread(buf, 1, bytes, stdin);

    if (n == bytes)
        return 1;
    return n == 0 ? 0 : -EINVAL;
}

/* Lays the pointers over the bytes that follow the header. */
static int split_payload(struct run_request *req, const uint8_t *p,
                         uint64_t bytes)
{
    uint64_t at = A64RUN_PAD(req->in.code_bytes);

    req->code = p;
    if (req->in.num_areas > A64RUN_MAX_AREAS)
        return -EINVAL;
    for (unsigned n = 0; n < req->in.num_areas; n++) {
        req->area[n] = p + MIN(at, bytes);
        at += A64RUN_PAD(req->in.areas[n].bytes);
    }
    return at == bytes ? 0 : -EINVAL;
}

static int write_result(const struct run_request *req, struct run_result *res)
{
    static const uint8_t padding[8];
    uint64_t size = sizeof(res->out);
    bool ok;

    for (unsigned n = 0; n < res->out.num_areas; n++)
        size += A64RUN_PAD(req->in.areas[n].bytes);
    res->out.size = (uint32_t)size;
    ok = fwrite(&res->out, sizeof(res->out), 1, stdout) == 1;
    for (unsigned n = 0; ok && n < res->out.num_areas; n++) {
        size_t bytes = req->in.areas[n].bytes;

        ok = fwrite(res->area[n], 1, bytes, stdout) == bytes &&
             fwrite(padding, 1, A64RUN_PAD(bytes) - bytes, stdout) ==
                 A64RUN_PAD(bytes) - bytes;
    }
    return ok ? 0 : -EIO;
}

/* `buf` holds what follows the header. */
static int run_binary_record(struct machine *m, struct run_request *req,
                             const uint8_t *buf, uint64_t bytes)
{
    struct run_result res = {0};
    struct err e = {0};
    int r;

    if (split_payload(req, buf, bytes) < 0) {
        res.out.magic = A64RUN_OUT_MAGIC;
        res.out.id = req->in.id;
        res.out.cause = CAUSE_BAD_RECORD;
        r = 0;
    } else {
        r = machine_run(m, req, &res, &e);
    }
    if (!r)
        r = write_result(req, &res);
    run_release(&res);
    return r;
}

static int run_binary(struct machine *m)
{
    enum { MAX_PAYLOAD = (A64RUN_MAX_AREAS + 1) * (A64RUN_MAX_BYTES + 8) };
    struct run_request req;
    uint8_t *buf = NULL;
    uint64_t room = 0;
    int r;

    while ((r = read_exactly(&req.in, sizeof(req.in))) > 0) {
        uint64_t bytes = (uint64_t)req.in.size - sizeof(req.in);

        r = -EINVAL;
        if (req.in.magic != A64RUN_IN_MAGIC || req.in.size < sizeof(req.in) ||
            bytes > MAX_PAYLOAD)
            break;
        if (bytes > room) {
            heap_free(buf);
            room = bytes;
            buf = heap_alloc(room);
        }
        if (bytes && (!buf || read_exactly(buf, bytes) <= 0))
            break;
        r = run_binary_record(m, &req, buf, bytes);
        if (r < 0)
            break;
    }
    heap_free(buf);
    return r;
}

static int run_records(const char *tier, bool binary)
{
    struct err e = {0};
    struct machine *m = machine_new(tier, &e);
    int r;

    if (!m) {
        fprintf(stderr, "a64run: %s\n", e.text);
        return 1;
    }
    r = binary ? run_binary(m) : run_json(m);
    machine_free(m);
    if (fflush(stdout) || r < 0) {
        fprintf(stderr, "a64run: %s\n",
                r == -EINVAL ? "the input is no sequence of whole records"
                             : "input or output failed");
        return 1;
    }
    return 0;
}

static int misused(const char *what)
{
    fprintf(stderr, "a64run: %s\n%s", what, usage);
    return 2;
}

int main(int argc, char **argv)
{
    const char *tier = "interp";
    struct tier parsed;
    struct err e = {0};
    bool binary = false;
    unsigned mask = 0;

    for (int n = 1; n < argc; n += 2) {
        const char *value = n + 1 < argc ? argv[n + 1] : "";

        if (!strcmp(argv[n], "--help"))
            return fputs(usage, stdout) < 0;
        if (!strcmp(argv[n], "--list"))
            return list_rows();
        if (!strcmp(argv[n], "--untranslated"))
            return list_untranslated(JIT_ALL & ~mask);
        if (!strcmp(argv[n], "--print"))
            return print_words(argv + n + 1);
        if (!strcmp(argv[n], "--tier")) {
            if (!strcmp(value, "list"))
                return puts(jit_is_here() ? "interp\njit\nlockstep"
                                          : "interp") < 0;
            if (tier_parse(&parsed, value, &e) < 0)
                return misused(e.text);
            tier = value;
            mask = parsed.mask_features;
        } else if (!strcmp(argv[n], "--format")) {
            binary = !strcmp(value, "binary");
            if (!binary && strcmp(value, "json") != 0)
                return misused("formats are json and binary");
        } else {
            return misused("unknown option");
        }
    }
    return run_records(tier, binary);
}
