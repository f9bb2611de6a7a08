// SPDX-License-Identifier: Apache-2.0
/* Both engines of asynchronous file I/O, with and without a worker. */

#include "dev/aio.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "dev/aio_engine.h"

enum { DEPTH = 16, BLOCK = 1024 };

static struct aio *aio;
static struct worker *worker;
static int fd;
static struct aio_job jobs[DEPTH];
static struct iovec iov[DEPTH];
static char data[DEPTH][BLOCK];
static _Atomic unsigned done, idle;

static void on_done(void *ctx, struct aio_job *job)
{
    (void)ctx;
    assert_true(job >= jobs && job < jobs + DEPTH);
    done++;
}

static void on_idle(void *ctx)
{
    (void)ctx;
    idle++;
}

static void open_aio(void *ctx)
{
    const struct aio_hooks hooks = {.done = on_done, .idle = on_idle};

    aio = aio_new(worker, DEPTH, *(bool *)ctx, &hooks, NULL);
}

static void close_aio(void *ctx)
{
    (void)ctx;
    aio_free(aio);
}

static void drain(void *ctx)
{
    (void)ctx;
    aio_drain(aio);
}

static void submit_all(void *ctx)
{
    enum aio_op op = *(enum aio_op *)ctx;

    for (unsigned n = 0; n < DEPTH; n++) {
        iov[n] = (struct iovec){.iov_base = data[n], .iov_len = BLOCK};
        jobs[n] = (struct aio_job){.op = op,
                                   .fd = fd,
                                   .iov = &iov[n],
                                   .num_iov = 1,
                                   .offset = (uint64_t)n * BLOCK,
                                   .result = -1};
        aio_submit(aio, &jobs[n]);
    }
    aio_start(aio);
}

static void wait_for(unsigned want)
{
    for (unsigned ms = 0; ms < 60000 && done < want; ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(done, want);
}

/* Writes all blocks, reads them back, each checked. */
static void round_trip(bool threads, bool with_worker)
{
    enum aio_op write = AIO_WRITE, read = AIO_READ, flush = AIO_FLUSH;
    char name[] = "aio-test-XXXXXX";

    worker = with_worker ? worker_new("test", NULL) : NULL;
    fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    done = idle = 0;
    worker_call(worker, open_aio, &threads);
    assert_non_null(aio);
    for (unsigned n = 0; n < DEPTH; n++)
        memset(data[n], (int)n + 1, BLOCK);
    worker_call(worker, submit_all, &write);
    if (worker)
        wait_for(DEPTH);
    else
        worker_call(worker, drain, NULL);
    assert_int_equal(done, DEPTH);
    memset(data, 0, sizeof(data));
    worker_call(worker, submit_all, &flush);
    worker_call(worker, drain, NULL);
    worker_call(worker, submit_all, &read);
    worker_call(worker, drain, NULL);
    assert_int_equal(done, 3 * DEPTH);
    for (unsigned n = 0; n < DEPTH; n++) {
        assert_int_equal(jobs[n].result, BLOCK);
        assert_int_equal(data[n][BLOCK - 1], n + 1);
    }
    assert_int_equal(ftruncate(fd, BLOCK + 10), 0);
    worker_call(worker, submit_all, &read);
    worker_call(worker, close_aio, NULL); /* which waits */
    assert_int_equal(done, 4 * DEPTH);
    assert_int_equal(jobs[0].result, BLOCK);
    assert_int_equal(jobs[1].result, 10);
    assert_int_equal(jobs[2].result, 0);
    close(fd);
    worker_free(worker);
}

static void the_host_engine_moves_data(void **state)
{
    (void)state;
    round_trip(false, true);
    round_trip(false, false);
}

static void threads_move_data(void **state)
{
    (void)state;
    round_trip(true, true);
    round_trip(true, false);
}

static void errors_are_the_hosts(void **state)
{
    enum aio_op ops[] = {AIO_READ, AIO_WRITE, AIO_FLUSH};

    (void)state;
    worker = NULL;
    for (unsigned n = 0; n < 2 * ARRAY_LEN(ops); n++) {
        bool threads = n % 2;

        open_aio(&threads);
        fd = 1000000; /* not open */
        submit_all(&ops[n / 2]);
        aio_drain(aio);
        assert_true(jobs[0].result < 0);
        aio_free(aio);
    }
}

static void submit(struct aio_job *job, enum aio_op op, bool cached)
{
    unsigned n = (unsigned)(job - jobs);

    iov[n] = (struct iovec){.iov_base = data[n], .iov_len = BLOCK};
    *job = (struct aio_job){
        .op = op, .fd = fd, .iov = &iov[n], .num_iov = 1, .cached = cached};
    aio_submit(aio, job);
}

/* Without a worker nothing comes back but from aio_start and aio_drain. */
static void cached_writes(bool threads)
{
    char name[] = "aio-test-XXXXXX";

    worker = NULL;
    fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    done = idle = 0;
    open_aio(&threads);
    assert_non_null(aio);

    submit(&jobs[0], AIO_WRITE, true);
    assert_int_equal(done, 1);
    assert_int_equal(jobs[0].result, BLOCK);
    submit(&jobs[1], AIO_WRITE, false);
    assert_int_equal(done, 1);
    submit(&jobs[2], AIO_WRITE, true); /* the other one has the file's lock */
    assert_int_equal(done, 1);
    aio_drain(aio);
    assert_int_equal(done, 3);

    submit(&jobs[0], AIO_FLUSH, false);
    submit(&jobs[1], AIO_WRITE, true);
    assert_int_equal(done, 3);
    aio_drain(aio);
    submit(&jobs[0], AIO_READ, false);
    aio->writes_wait_ns = 0;           /* this host may be slow, too */
    submit(&jobs[1], AIO_WRITE, true); /* a read is not in the way */
    assert_int_equal(done, 6);
    aio_drain(aio);
    assert_int_equal(done, 7);

    aio->writes_wait_ns = UINT64_MAX; /* the disk is slow */
    submit(&jobs[0], AIO_WRITE, true);
    assert_int_equal(done, 7);
    aio_free(aio);
    assert_int_equal(done, 8);
    assert_int_equal(jobs[0].result, BLOCK);
    close(fd);
}

static void cached_writes_are_done_at_once_while_nothing_waits(void **state)
{
    (void)state;
    cached_writes(false);
    cached_writes(true);
}

static void slow_writes_keep_the_worker_away_for_longer(void **state)
{
    uint64_t ms = 1000000, start = 1000 * ms;

    (void)state;
    assert_int_equal(aio_writes_wait(start, start + ms / 10), 0);
    assert_int_equal(aio_writes_wait(start, start + ms), 0);
    assert_int_equal(aio_writes_wait(start, start + 5 * ms), start + 85 * ms);
    assert_int_equal(aio_writes_wait(start, start + 100 * ms),
                     start + 1700 * ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_engine_moves_data),
        cmocka_unit_test(threads_move_data),
        cmocka_unit_test(errors_are_the_hosts),
        cmocka_unit_test(cached_writes_are_done_at_once_while_nothing_waits),
        cmocka_unit_test(slow_writes_keep_the_worker_away_for_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
