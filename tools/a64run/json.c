// SPDX-License-Identifier: Apache-2.0
#include "json.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/macros.h"

enum { MAX_NAME = 32 };

struct reader {
    const char *start, *p;
    struct err *e;
};

static int bad(struct reader *r, const char *what)
{
    return err_set(r->e, -EINVAL, "column %zu: %s",
                   (size_t)(r->p - r->start) + 1, what);
}

static void skip_blanks(struct reader *r)
{
    while (*r->p == ' ' || *r->p == '\t' || *r->p == '\r' || *r->p == '\n')
        r->p++;
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (*r->p != c)
        return false;
    r->p++;
    return true;
}

/* The characters between two quotes; no escapes, none are needed. */
static int read_string(struct reader *r, const char **text, size_t *len)
{
    if (!take(r, '"'))
        return bad(r, "a string was expected");
    *text = r->p;
    while (*r->p && *r->p != '"' && *r->p != '\\')
        r->p++;
    if (*r->p != '"')
        return bad(r, "the string has no end, or an escape");
    *len = (size_t)(r->p - *text);
    r->p++;
    return 0;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Digits of base 10, or 16 after 0x; up to 128 bits. */
static int parse_digits(struct reader *r, const char *s, size_t len,
                        uint64_t out[2])
{
    unsigned base = 10;
    unsigned __int128 v = 0;
    const unsigned __int128 max = ~(unsigned __int128)0;

    if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2, len -= 2;
    }
    if (!len)
        return bad(r, "a number was expected");
    for (; len; s++, len--) {
        unsigned d = (unsigned)digit_of(*s);

        if (d >= base || v > (max - d) / base)
            return bad(r, "not a number of at most 128 bits");
        v = v * base + d;
    }
    out[0] = (uint64_t)v;
    out[1] = (uint64_t)(v >> 64);
    return 0;
}

/* 12, "12" or "0xc". */
static int read_wide(struct reader *r, uint64_t out[2])
{
    const char *s;
    size_t len;
    int err;

    skip_blanks(r);
    if (*r->p == '"') {
        err = read_string(r, &s, &len);
        return err ? err : parse_digits(r, s, len, out);
    }
    s = r->p;
    while (isalnum((unsigned char)*r->p))
        r->p++;
    return parse_digits(r, s, (size_t)(r->p - s), out);
}

static int read_number(struct reader *r, uint64_t *out, uint64_t max)
{
    uint64_t wide[2];
    int err = read_wide(r, wide);

    if (err)
        return err;
    if (wide[1] || wide[0] > max)
        return bad(r, "the number is too large");
    *out = wide[0];
    return 0;
}

static int read_u32(struct reader *r, uint32_t *out)
{
    uint64_t v = 0;
    int err = read_number(r, &v, UINT32_MAX);

    *out = (uint32_t)v;
    return err;
}

/* "1f2003d5": bytes in the order of their addresses. */
static int read_bytes(struct reader *r, uint8_t **out, uint32_t *count)
{
    const char *s;
    size_t len;
    int err = read_string(r, &s, &len);

    if (err)
        return err;
    if (len % 2 || len / 2 > A64RUN_MAX_BYTES)
        return bad(r, "odd, or too many, hexadecimal digits");
    heap_free(*out);
    *out = heap_alloc(len / 2 + 1);
    if (!*out)
        return err_set(r->e, -ENOMEM, "out of memory");
    for (size_t n = 0; n < len / 2; n++) {
        int hi = digit_of(s[2 * n]), lo = digit_of(s[2 * n + 1]);

        if (hi > 15 || lo > 15)
            return bad(r, "not hexadecimal");
        (*out)[n] = (uint8_t)(hi << 4 | lo);
    }
    *count = (uint32_t)(len / 2);
    return 0;
}

/* Calls `member` for each name of an object. */
typedef int read_member(struct reader *r, const char *name, void *arg);
static int read_object(struct reader *r, read_member *member, void *arg)
{
    char name[MAX_NAME];
    const char *s;
    size_t len;
    int err;

    if (!take(r, '{'))
        return bad(r, "an object was expected");
    if (take(r, '}'))
        return 0;
    do {
        err = read_string(r, &s, &len);
        if (err)
            return err;
        if (len >= sizeof(name))
            return bad(r, "unknown name");
        memcpy(name, s, len);
        name[len] = 0;
        if (!take(r, ':'))
            return bad(r, "':' was expected");
        err = member(r, name, arg);
        if (err)
            return err;
    } while (take(r, ','));
    return take(r, '}') ? 0 : bad(r, "',' or '}' was expected");
}

/* Registers: an array from number 0 on, or an object {"3": value}. words: 1
   or 2 to the register. */
struct bank {
    uint64_t *value;
    unsigned count, words;
};

static int read_register(struct reader *r, struct bank *bank, unsigned n)
{
    uint64_t wide[2];
    int err = read_wide(r, wide);

    if (err)
        return err;
    if (n >= bank->count)
        return bad(r, "no such register");
    if (bank->words == 1 && wide[1])
        return bad(r, "the number is too large");
    memcpy(bank->value + n * bank->words, wide, bank->words * 8);
    return 0;
}

static int read_named_register(struct reader *r, const char *name, void *arg)
{
    char *end;
    unsigned long n = strtoul(name, &end, 10);

    if (!isdigit((unsigned char)*name) || *end || n > 31)
        return bad(r, "no such register");
    return read_register(r, arg, (unsigned)n);
}

static int read_bank(struct reader *r, struct bank *bank)
{
    unsigned n = 0;
    int err;

    skip_blanks(r);
    if (*r->p == '{')
        return read_object(r, read_named_register, bank);
    if (!take(r, '['))
        return bad(r, "an array or object was expected");
    if (take(r, ']'))
        return 0;
    do {
        err = read_register(r, bank, n++);
        if (err)
            return err;
    } while (take(r, ','));
    return take(r, ']') ? 0 : bad(r, "',' or ']' was expected");
}

static uint32_t perm_of(char letter)
{
    switch (letter) {
    case 'r':
        return A64RUN_R;
    case 'w':
        return A64RUN_W;
    case 'x':
        return A64RUN_X;
    default:
        return 0;
    }
}

static int read_perms(struct reader *r, uint32_t *out)
{
    const char *s;
    size_t len;
    int err = read_string(r, &s, &len);

    *out = 0;
    for (size_t n = 0; !err && n < len; n++) {
        uint32_t perm = perm_of(s[n]);

        if (!perm)
            return bad(r, "permissions are made of r, w and x");
        *out |= perm;
    }
    return err;
}

static int read_area_member(struct reader *r, const char *name, void *arg)
{
    struct run_request *req = arg;
    uint32_t n = req->in.num_areas;
    struct a64run_area *a = &req->in.areas[n];
    uint8_t *data = NULL;
    uint64_t bytes = 0;
    int err;

    if (!strcmp(name, "va"))
        return read_number(r, &a->va, UINT64_MAX);
    if (!strcmp(name, "perms"))
        return read_perms(r, &a->perms);
    if (!strcmp(name, "bytes")) {
        err = read_number(r, &bytes, A64RUN_MAX_BYTES);
        if (err)
            return err;
        a->bytes = (uint32_t)bytes;
        data = heap_zalloc(bytes + 1);
        err = data ? 0 : err_set(r->e, -ENOMEM, "out of memory");
    } else if (!strcmp(name, "data")) {
        err = read_bytes(r, &data, &a->bytes);
    } else {
        return bad(r, "unknown name in an area");
    }
    heap_free((void *)(uintptr_t)req->area[n]);
    req->area[n] = data;
    return err;
}

static int read_areas(struct reader *r, struct run_request *req)
{
    int err;

    if (!take(r, '['))
        return bad(r, "an array was expected");
    if (take(r, ']'))
        return 0;
    do {
        if (req->in.num_areas == A64RUN_MAX_AREAS)
            return bad(r, "too many areas");
        err = read_object(r, read_area_member, req);
        req->in.num_areas++;
        if (err)
            return err;
    } while (take(r, ','));
    return take(r, ']') ? 0 : bad(r, "',' or ']' was expected");
}

static int read_code(struct reader *r, struct run_request *req)
{
    uint8_t *code = (uint8_t *)(uintptr_t)req->code;
    int err = read_bytes(r, &code, &req->in.code_bytes);

    req->code = code;
    return err;
}

static int read_record_member(struct reader *r, const char *name, void *arg)
{
    struct run_request *req = arg;
    struct a64run_in *in = &req->in;

    if (!strcmp(name, "id"))
        return read_number(r, &in->id, UINT64_MAX);
    if (!strcmp(name, "code"))
        return read_code(r, req);
    if (!strcmp(name, "pc"))
        return read_number(r, &in->code_va, UINT64_MAX);
    if (!strcmp(name, "x"))
        return read_bank(r, &(struct bank){in->x, 31, 1});
    if (!strcmp(name, "v"))
        return read_bank(r, &(struct bank){in->v[0], 32, 2});
    if (!strcmp(name, "sp"))
        return read_number(r, &in->sp, UINT64_MAX);
    if (!strcmp(name, "nzcv"))
        return read_u32(r, &in->nzcv);
    if (!strcmp(name, "fpcr"))
        return read_u32(r, &in->fpcr);
    if (!strcmp(name, "fpsr"))
        return read_u32(r, &in->fpsr);
    if (!strcmp(name, "el"))
        return read_u32(r, &in->el);
    if (!strcmp(name, "max_insns"))
        return read_number(r, &in->max_insns, UINT64_MAX);
    if (!strcmp(name, "areas"))
        return read_areas(r, req);
    return bad(r, "unknown name");
}

int json_read(const char *line, struct run_request *req, struct err *e)
{
    struct reader r = {.start = line, .p = line, .e = e};
    int err;

    memset(req, 0, sizeof(*req));
    req->in.magic = A64RUN_IN_MAGIC;
    err = read_object(&r, read_record_member, req);
    if (err)
        return err;
    skip_blanks(&r);
    return *r.p ? bad(&r, "the line should end here") : 0;
}

void json_release(struct run_request *req)
{
    heap_free((void *)(uintptr_t)req->code);
    for (unsigned n = 0; n < A64RUN_MAX_AREAS; n++)
        heap_free((void *)(uintptr_t)req->area[n]);
    memset(req, 0, sizeof(*req));
}

static const char *const cause_names[NUM_CAUSES] = {
    [CAUSE_END] = "end",
    [CAUSE_LIMIT] = "limit",
    [CAUSE_UNDEFINED] = "undefined",
    [CAUSE_SVC] = "svc",
    [CAUSE_HVC] = "hvc",
    [CAUSE_SMC] = "smc",
    [CAUSE_BRK] = "brk",
    [CAUSE_DATA_ABORT] = "data_abort",
    [CAUSE_INSN_ABORT] = "insn_abort",
    [CAUSE_PC_ALIGN] = "pc_align",
    [CAUSE_SP_ALIGN] = "sp_align",
    [CAUSE_SYSREG] = "sysreg",
    [CAUSE_FP_ACCESS] = "fp_access",
    [CAUSE_WFX] = "wfx",
    [CAUSE_DEBUG] = "debug",
    [CAUSE_ILLEGAL] = "illegal",
    [CAUSE_MMIO] = "mmio",
    [CAUSE_OTHER] = "other",
    [CAUSE_BAD_RECORD] = "bad_record",
    [CAUSE_NO_OPINION] = "no_opinion",
};

const char *cause_name(unsigned cause)
{
    return cause < NUM_CAUSES ? cause_names[cause] : "?";
}

static void write_escaped(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            putc('\\', f);
        putc((unsigned char)*s < ' ' ? ' ' : *s, f);
    }
}

static void write_registers(FILE *f, const struct a64run_out *out)
{
    fprintf(f, "\"x\":[");
    for (unsigned n = 0; n < 31; n++)
        fprintf(f, "%s\"0x%" PRIx64 "\"", n ? "," : "", out->x[n]);
    fprintf(f, "],\"sp\":\"0x%" PRIx64 "\",\"v\":[", out->sp);
    for (unsigned n = 0; n < 32; n++)
        fprintf(f, "%s\"0x%016" PRIx64 "%016" PRIx64 "\"", n ? "," : "",
                out->v[n][1], out->v[n][0]);
    fprintf(f,
            "],\"nzcv\":\"0x%x\",\"fpcr\":\"0x%x\",\"fpsr\":\"0x%x\","
            "\"pstate\":\"0x%" PRIx64 "\"",
            (unsigned)out->pstate & 0xf0000000u, out->fpcr, out->fpsr,
            out->pstate);
}

void json_write(FILE *f, const struct run_request *req,
                const struct run_result *res, const char *problem)
{
    const struct a64run_out *out = &res->out;

    fprintf(f, "{\"id\":%" PRIu64 ",\"cause\":\"%s\",", req->in.id,
            cause_name(out->cause));
    if (out->cause == CAUSE_BAD_RECORD) {
        fprintf(f, "\"problem\":\"");
        write_escaped(f, problem ? problem : "");
        fprintf(f, "\"}\n");
        return;
    }
    fprintf(f,
            "\"pc\":\"0x%" PRIx64 "\",\"esr\":\"0x%" PRIx64
            "\",\"far\":\"0x%" PRIx64 "\",\"insns\":%" PRIu64 ",",
            out->pc, out->esr, out->far, out->insns);
    write_registers(f, out);
    fprintf(f, ",\"areas\":[");
    for (unsigned n = 0; n < out->num_areas; n++) {
        fprintf(f, "%s{\"va\":\"0x%" PRIx64 "\",\"data\":\"", n ? "," : "",
                req->in.areas[n].va);
        for (uint32_t k = 0; k < req->in.areas[n].bytes; k++)
            fprintf(f, "%02x", res->area[n][k]);
        fprintf(f, "\"}");
    }
    fprintf(f, "]}\n");
}
