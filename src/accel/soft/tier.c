// SPDX-License-Identifier: Apache-2.0
#include "accel/soft/tier.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "accel/soft/jit/jit.h"
#include "base/macros.h"

struct word {
    const char *text;
    size_t len;
};

static bool is(struct word w, const char *name)
{
    return w.len == strlen(name) && memcmp(w.text, name, w.len) == 0;
}

/* The part before the first of `ends`; *rest is what follows it, or NULL. */
static struct word first_word(const char *text, size_t len, char end,
                              struct word *rest)
{
    const char *at = memchr(text, end, len);
    size_t n = at ? (size_t)(at - text) : len;

    *rest = (struct word){at ? at + 1 : NULL, at ? len - n - 1 : 0};
    return (struct word){text, n};
}

static int parse_name(struct tier *tier, struct word w, struct err *e)
{
    static const char *const names[] = {[TIER_AUTO] = "auto",
                                        [TIER_JIT] = "jit",
                                        [TIER_INTERP] = "interp",
                                        [TIER_LOCKSTEP] = "lockstep"};
    size_t n;

    for (n = 0; n < ARRAY_LEN(names); n++) {
        if (is(w, names[n]))
            break;
    }
    if (n == ARRAY_LEN(names))
        return err_set(e, -EINVAL,
                       "no tier is called '%.*s': try auto, jit, interp or "
                       "lockstep",
                       (int)MIN(w.len, (size_t)32), w.text);
    tier->kind = (enum tier_kind)n;
    if (n != TIER_AUTO && n != TIER_INTERP && !jit_is_here())
        return err_set(e, -ENOTSUP,
                       "the translator is for x86-64 hosts: try interp");
    return 0;
}

/* What needs a feature must not be used without it. */
static const struct {
    const char *name;
    unsigned bits;
} features[] = {
    {"lzcnt", JIT_LZCNT},
    {"sse42", JIT_SSE42 | JIT_AVX2 | JIT_FMA | JIT_AVX512 | JIT_BITALG |
                  JIT_AES | JIT_PCLMUL | JIT_SHA},
    {"avx2", JIT_AVX2 | JIT_FMA | JIT_AVX512 | JIT_BITALG},
    {"fma", JIT_FMA},
    {"aes", JIT_AES},
    {"sha", JIT_SHA},
    {"pclmul", JIT_PCLMUL},
    {"avx512", JIT_AVX512 | JIT_BITALG},
    {"bmi", JIT_BMI},
    {"all", ~0u},
};

static int parse_mask(struct tier *tier, struct word list, struct err *e)
{
    while (list.text) {
        struct word rest, w = first_word(list.text, list.len, '+', &rest);
        size_t n;

        for (n = 0; n < ARRAY_LEN(features); n++) {
            if (is(w, features[n].name))
                break;
        }
        if (n == ARRAY_LEN(features))
            return err_set(
                e, -EINVAL,
                "no host feature is called '%.*s': try lzcnt, "
                "sse42, avx2, fma, aes, sha, pclmul, avx512, bmi or all",
                (int)MIN(w.len, (size_t)32), w.text);
        tier->mask_features |= features[n].bits;
        list = rest;
    }
    return 0;
}

static int parse_number(struct word w, uint64_t max, uint64_t *out,
                        struct err *e)
{
    uint64_t v = 0;
    bool bad = w.len == 0 || w.len > 12;

    for (size_t n = 0; !bad && n < w.len; n++) {
        bad = w.text[n] < '0' || w.text[n] > '9';
        v = v * 10 + (uint64_t)(w.text[n] - '0');
    }
    if (bad || v < 1 || v > max)
        return err_set(e, -EINVAL, "'%.*s' is no number from 1 to %llu",
                       (int)MIN(w.len, (size_t)32), w.text,
                       (unsigned long long)max);
    *out = v;
    return 0;
}

static int parse_option(struct tier *tier, struct word w, struct err *e)
{
    struct word value, name = first_word(w.text, w.len, '=', &value);

    if (tier->kind == TIER_INTERP)
        return err_set(e, -EINVAL, "the tier interp has no options");
    if (is(name, "code-kib") && value.text)
        return parse_number(value, 4096 * 1024, &tier->code_kib, e);
    if (is(name, "chaos") && value.text)
        return parse_number(value, UINT32_MAX, &tier->chaos, e);
    if (is(name, "regs") && value.text)
        return parse_number(value, UINT32_MAX, &tier->regs, e);
    if (is(name, "mask") && value.text)
        return parse_mask(tier, value, e);
    if (is(w, "eager"))
        tier->eager = true;
    else if (is(w, "paranoid"))
        tier->paranoid = true;
    else if (is(w, "copies"))
        tier->copies = true;
    else if (is(w, "perf-map"))
        tier->perf_map = true;
    else
        return err_set(e, -EINVAL,
                       "'%.*s' is no option of a tier: try eager, code-kib=N, "
                       "mask=NAMES, chaos=SEED, regs=SEED, paranoid, copies "
                       "or perf-map",
                       (int)MIN(w.len, (size_t)32), w.text);
    return 0;
}

int tier_parse(struct tier *tier, const char *text, struct err *e)
{
    struct word rest, w;
    int rc;

    *tier = (struct tier){.kind = TIER_AUTO};
    if (!text)
        return 0;
    w = first_word(text, strlen(text), ',', &rest);
    rc = parse_name(tier, w, e);
    while (rc == 0 && rest.text) {
        w = first_word(rest.text, rest.len, ',', &rest);
        rc = parse_option(tier, w, e);
    }
    return rc;
}
