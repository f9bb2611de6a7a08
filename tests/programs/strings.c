// SPDX-License-Identifier: Apache-2.0
// The C library's string functions against loops over bytes: at every
// alignment of both operands, with lengths around those where the library's
// code goes other ways, and with the operands' ends at pages' ends, behind
// which nothing is mapped. Each round has other bytes.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

enum { PAGE = 4096, ROOM = 2 * PAGE, ALIGNS = 33 };

static const unsigned short lengths[] = {
    0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   12,  15,  16,  17,   24,
    31,  32,  33,  47,  48,  49,  63,  64,  65,  79,  80,  95,  96,  97,   111,
    112, 127, 128, 129, 143, 144, 191, 192, 255, 256, 257, 383, 512, 1000, 1500,
};

static uint64_t state = 88172645463325252u;
static unsigned long bad, done;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

// ROOM bytes with nothing mapped on either side.
static unsigned char *island(void)
{
    unsigned char *at = mmap(NULL, ROOM + 2 * PAGE, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED ||
        mprotect(at + PAGE, ROOM, PROT_READ | PROT_WRITE) < 0) {
        perror("strings: no memory");
        exit(1);
    }
    return at + PAGE;
}

static void expect(int ok, const char *what, size_t a, size_t b, size_t n)
{
    done++;
    if (ok)
        return;
    if (bad++ < 20)
        printf("%s: operands at %zu and %zu, length %zu\n", what, a, b, n);
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

// Bytes that are not 0, few different ones, so that searches nearly find.
static void fill(unsigned char *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        at[i] = (unsigned char)("abAB\x80\xff\x7f\x01"[draw() & 7]);
}

static int bytes_compare(const unsigned char *a, const unsigned char *b,
                         size_t n, int stop_at_nul)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
        if (stop_at_nul && !a[i])
            return 0;
    }
    return 0;
}

static int bytes_same(const unsigned char *a, const unsigned char *b, size_t n)
{
    return bytes_compare(a, b, n, 0) == 0;
}

static int bytes_all(const unsigned char *a, int value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != value)
            return 0;
    return 1;
}

static unsigned char *from, *to, *copy;

// Where an operand of n bytes begins: aligned so, or so far from the end.
static size_t place(size_t align, size_t n, int at_end)
{
    return at_end ? ROOM - n - align % 2 * (align / 2) : align;
}

static void try_copies(size_t a, size_t b, size_t n)
{
    const unsigned char *src = from + a;
    unsigned char *dst = to + b;
    size_t lo = b < 64 ? b : 64, hi = ROOM - b - n < 64 ? ROOM - b - n : 64;

    memset(dst - lo, 0x55, n + lo + hi);
    expect(memcpy(dst, src, n) == dst && bytes_same(dst, src, n) &&
               bytes_all(dst - lo, 0x55, lo) && bytes_all(dst + n, 0x55, hi),
           "memcpy", a, b, n);
    memset(dst, (int)(n & 255), n);
    expect(bytes_all(dst, (int)(n & 255), n) && bytes_all(dst - lo, 0x55, lo) &&
               bytes_all(dst + n, 0x55, hi),
           "memset", b, b, n);
    memset(dst, 0, n);
    expect(bytes_all(dst, 0, n) && bytes_all(dst + n, 0x55, hi), "memset 0", b,
           b, n);
}

// Both operands in one place, as far from each other as a is from b.
static void try_move(size_t a, size_t b, size_t n)
{
    size_t base = a + n > ROOM || b + n > ROOM ? 0 : 1;

    if (!base)
        return;
    fill(to, a + n > b + n ? a + n : b + n);
    for (size_t i = 0; i < n; i++)
        copy[i] = to[a + i];
    memmove(to + b, to + a, n);
    expect(bytes_same(to + b, copy, n), "memmove", a, b, n);
}

static void try_compares(size_t a, size_t b, size_t n)
{
    unsigned char *p = from + a, *q = to + b;

    for (size_t i = 0; i < n; i++)
        q[i] = p[i];
    expect(memcmp(p, q, n) == 0, "memcmp of equals", a, b, n);
    if (n) {
        size_t at = draw() % n, more = draw() % n;

        q[at] ^= (unsigned char)(1u << (draw() & 7));
        q[more] ^= (unsigned char)(draw() & 3 ? 0 : 0x80);
        expect(sign(memcmp(p, q, n)) == bytes_compare(p, q, n, 0), "memcmp", a,
               b, n);
        expect(sign(strncmp((char *)p, (char *)q, n)) ==
                   bytes_compare(p, q, n, 1),
               "strncmp", a, b, n);
    }
}

static void try_searches(size_t a, size_t n)
{
    unsigned char *p = from + a;
    int wanted = "abQ\x80"[draw() & 3] & 255;
    size_t first = 0, last = n;

    while (first < n && p[first] != wanted)
        first++;
    for (size_t i = 0; i < n; i++)
        if (p[i] == wanted)
            last = i;
    expect(memchr(p, wanted, n) == (first < n ? p + first : NULL), "memchr", a,
           0, n);
    expect(memrchr(p, wanted, n) == (last < n ? p + last : NULL), "memrchr", a,
           0, n);
    expect(strnlen((char *)p, n) == n, "strnlen", a, 0, n);
}

// The n-th byte, the last one that may be read, is the string's end.
static void try_strings(size_t a, size_t b, size_t n)
{
    char *p = (char *)from + a, *q = (char *)to + b;
    size_t first = 0, last = n;
    int wanted = "abQ\x80"[draw() & 3];

    if (n == 0)
        return;
    n--;
    last = n;
    from[a + n] = 0;
    while (first < n && p[first] != wanted)
        first++;
    for (size_t i = 0; i < n; i++)
        if (p[i] == wanted)
            last = i;
    expect(strlen(p) == n, "strlen", a, 0, n);
    expect(strnlen(p, n + 7) == n, "strnlen", a, 0, n);
    expect(strchr(p, wanted) == (first < n ? p + first : NULL), "strchr", a, 0,
           n);
    expect(strchrnul(p, wanted) == p + first, "strchrnul", a, 0, n);
    expect(strrchr(p, wanted) == (last < n ? p + last : NULL), "strrchr", a, 0,
           n);
    expect(strchr(p, 0) == p + n, "strchr 0", a, 0, n);
    expect(rawmemchr(p, 0) == p + n, "rawmemchr", a, 0, n);
    expect(strcpy(q, p) == q && bytes_same(from + a, to + b, n + 1), "strcpy",
           a, b, n);
    expect(strcmp(p, q) == 0, "strcmp of equals", a, b, n);
    expect(stpcpy(q, p) == q + n, "stpcpy", a, b, n);
    if (n) {
        to[b + draw() % n] ^= (unsigned char)(1u << (draw() & 7));
        expect(sign(strcmp(p, q)) == bytes_compare(from + a, to + b, n + 1, 1),
               "strcmp", a, b, n);
    }
    expect(strspn(p, "abAB\x80\xff\x7f\x01") == n, "strspn", a, 0, n);
    from[a + n] = 'a';
}

static void try_wide(size_t a, size_t n)
{
    size_t start = a & ~(size_t)3;
    wchar_t *p = (wchar_t *)(void *)(from + start);
    size_t words = n / 4;

    if (words == 0)
        return;
    wchar_t kept = p[words - 1];

    p[words - 1] = 0;
    expect(wcslen(p) == words - 1, "wcslen", start, 0, words);
    expect(wmemchr(p, 0, words) == p + words - 1, "wmemchr", start, 0, words);
    p[words - 1] = kept;
}

static void try_all(size_t a, size_t b, size_t n)
{
    try_copies(a, b, n);
    try_move(a, b, n);
    try_compares(a, b, n);
    try_searches(a, n);
    try_strings(a, b, n);
    try_wide(a, n);
}

static void round_of(unsigned step)
{
    for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
        size_t n = lengths[k];

        for (size_t a = 0; a < ALIGNS; a += 1 + draw() % step)
            for (size_t b = 0; b < ALIGNS; b += 1 + draw() % step) {
                unsigned ends = (unsigned)draw() & 3;

                try_all(place(a, n, ends & 1), place(b, n, ends & 2), n);
                // Across the border of the two pages in the middle.
                if (n)
                    try_all(PAGE - draw() % n, PAGE - draw() % n, n);
            }
        fill(from, ROOM);
    }
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 1;
    unsigned step = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 1;

    from = island();
    to = island();
    copy = island();
    fill(from, ROOM);
    for (unsigned i = 0; i < rounds; i++)
        round_of(step);
    printf("strings: %lu checks, %lu wrong\n", done, bad);
    return bad != 0;
}
