// SPDX-License-Identifier: Apache-2.0
/* Streams by zlib (RFC 1952) and libzstd (RFC 8878). */

#include "machine/unpack.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "machine/infile.h"

enum { IN_BYTES = 128 * 1024, ZLIB_GZIP_ONLY = 15 + 16 };

struct unpack {
    int fd; /* borrowed */
    uint64_t at;
    bool file_ended;
    bool ended;    /* nothing more will come out */
    bool in_frame; /* a gzip member or zstd frame has begun */
    enum { PLAIN, GZIP, ZSTD } format;
    z_stream gzip;      /* GZIP */
    ZSTD_DStream *zstd; /* ZSTD; owned */
    size_t first, last; /* in[first .. last) is not used yet */
    uint8_t in[IN_BYTES];
};

/* Reads on until `want` bytes are there or the file ends. */
static int fill(struct unpack *u, size_t want, struct err *e)
{
    int64_t n;

    if (u->last - u->first >= want || u->file_ended)
        return 0;
    memmove(u->in, u->in + u->first, u->last - u->first);
    u->last -= u->first;
    u->first = 0;
    n = infile_read(u->fd, u->at, u->in + u->last, sizeof(u->in) - u->last);
    if (n < 0)
        return err_set(e, (int)n, "cannot read the file: %s",
                       strerror((int)-n));
    u->file_ended = (size_t)n < sizeof(u->in) - u->last;
    u->last += (size_t)n;
    u->at += (uint64_t)n;
    return 0;
}

static bool is_gzip(const struct unpack *u)
{
    return u->last - u->first >= 3 &&
           memcmp(u->in + u->first, "\x1f\x8b\x08", 3) == 0;
}

/* A frame of data, or one to skip: 0x184D2A50 to 5F (RFC 8878, 3.1). */
static bool is_zstd(const struct unpack *u)
{
    const uint8_t *in = u->in + u->first;

    if (u->last - u->first < 4)
        return false;
    return memcmp(in, "\x28\xb5\x2f\xfd", 4) == 0 ||
           ((in[0] & 0xf0) == 0x50 && memcmp(in + 1, "\x2a\x4d\x18", 3) == 0);
}

static int start(struct unpack *u, struct err *e)
{
    int ret = fill(u, sizeof(u->in), e);

    if (ret < 0)
        return ret;
    if (is_gzip(u)) {
        if (inflateInit2(&u->gzip, ZLIB_GZIP_ONLY) != Z_OK)
            return err_set(e, -ENOMEM, "out of memory");
        u->format = GZIP;
    } else if (is_zstd(u)) {
        u->zstd = ZSTD_createDStream();
        if (!u->zstd)
            return err_set(e, -ENOMEM, "out of memory");
        u->format = ZSTD;
    }
    return 0;
}

struct unpack *unpack_new(int fd, struct err *e)
{
    struct unpack *u = heap_zalloc(sizeof(*u));

    if (!u) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    u->fd = fd;
    if (start(u, e) < 0) {
        unpack_free(u);
        return NULL;
    }
    return u;
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    if (u->format == GZIP)
        inflateEnd(&u->gzip);
    ZSTD_freeDStream(u->zstd);
    heap_free(u);
}

const char *unpack_format(const struct unpack *u)
{
    static const char *const names[] = {
        [PLAIN] = NULL, [GZIP] = "gzip", [ZSTD] = "zstd"};

    return names[u->format];
}

static int64_t read_plain(struct unpack *u, uint8_t *buf, size_t bytes)
{
    size_t n = MIN(bytes, u->last - u->first);

    memcpy(buf, u->in + u->first, n);
    u->first += n;
    u->ended = u->file_ended && u->first == u->last;
    return (int64_t)n;
}

/* zlib counts in unsigned int. */
static unsigned clip(size_t n)
{
    return (unsigned)MIN(n, 1u << 30);
}

/* Both decoders may hold output back when they have used up their input, so
   that is not the end yet: it is when nothing more comes out, either. */
static int cut_off(const struct unpack *u, struct err *e)
{
    return err_set(e, -EBADMSG, "it is cut off: its %s data has no end",
                   unpack_format(u));
}

static int64_t read_gzip(struct unpack *u, uint8_t *buf, size_t bytes,
                         struct err *e)
{
    bool is_dry = u->first == u->last;
    z_stream *z = &u->gzip;
    int ret;

    z->next_in = u->in + u->first;
    z->avail_in = clip(u->last - u->first);
    z->next_out = buf;
    z->avail_out = clip(bytes);
    u->in_frame = true;
    ret = inflate(z, Z_NO_FLUSH);
    u->first = u->last - z->avail_in;
    if (ret == Z_STREAM_END) {
        u->in_frame = false;
        inflateReset(z);
    } else if (ret == Z_BUF_ERROR && is_dry) {
        return cut_off(u, e);
    } else if (ret == Z_MEM_ERROR) {
        return err_set(e, -ENOMEM, "out of memory");
    } else if (ret != Z_OK) {
        return err_set(e, -EBADMSG, "its gzip data is corrupt: %s",
                       z->msg ? z->msg : "no progress");
    }
    return z->next_out - buf;
}

static int64_t read_zstd(struct unpack *u, uint8_t *buf, size_t bytes,
                         struct err *e)
{
    ZSTD_inBuffer in = {u->in + u->first, u->last - u->first, 0};
    ZSTD_outBuffer out = {buf, bytes, 0};
    size_t ret = ZSTD_decompressStream(u->zstd, &out, &in);

    if (ZSTD_isError(ret))
        return err_set(e, -EBADMSG, "its zstd data is corrupt: %s",
                       ZSTD_getErrorName(ret));
    if (in.size == 0 && out.pos == 0 && ret != 0)
        return cut_off(u, e);
    u->first += in.pos;
    u->in_frame = ret != 0;
    return (int64_t)out.pos;
}

/* Between frames: another one begins, or what follows is none of ours (a
   signature, padding) and the stream ends. */
static int next_frame(struct unpack *u, struct err *e)
{
    int ret = fill(u, 4, e);

    if (ret < 0)
        return ret;
    u->ended = u->format == GZIP ? !is_gzip(u) : !is_zstd(u);
    return 0;
}

/* Some of the next bytes; 0 means try again, or the end if u->ended. */
static int64_t read_some(struct unpack *u, uint8_t *buf, size_t bytes,
                         struct err *e)
{
    int ret;

    if (u->format != PLAIN && !u->in_frame) {
        ret = next_frame(u, e);
        if (ret < 0 || u->ended)
            return ret;
    }
    ret = fill(u, 1, e);
    if (ret < 0)
        return ret;
    if (u->format == PLAIN)
        return read_plain(u, buf, bytes);
    return u->format == GZIP ? read_gzip(u, buf, bytes, e)
                             : read_zstd(u, buf, bytes, e);
}

int64_t unpack_read(struct unpack *u, void *buf, size_t bytes, struct err *e)
{
    size_t done = 0;

    while (done < bytes && !u->ended) {
        int64_t n = read_some(u, (uint8_t *)buf + done, bytes - done, e);

        if (n < 0)
            return n;
        done += (size_t)n;
    }
    return (int64_t)done;
}
