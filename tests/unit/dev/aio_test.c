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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_engine_moves_data),
        cmocka_unit_test(threads_move_data),
        cmocka_unit_test(errors_are_the_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
