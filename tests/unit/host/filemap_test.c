// SPDX-License-Identifier: Apache-2.0
/* Files as memory, and what happens when they cannot keep up. */

#include "host/filemap.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/host.h"

#define BYTES (2 * MIB)

struct world {
    FILE *file;
    struct filemap *map;
    volatile uint8_t *at;
    volatile unsigned told;
};

static int fd_of(const struct world *w)
{
    return fileno(w->file);
}

static void on_lost(void *ctx)
{
    struct world *w = ctx;

    w->told++;
}

static void open_map(struct world *w, uint64_t file_bytes, bool read_only)
{
    w->file = tmpfile();
    assert_non_null(w->file);
    assert_int_equal(ftruncate(fd_of(w), (off_t)file_bytes), 0);
    w->map = filemap_new(fd_of(w), file_bytes, BYTES, read_only, NULL);
    assert_non_null(w->map);
    w->at = filemap_at(w->map);
    w->told = 0;
    filemap_on_lost(w->map, on_lost, w);
}

static void close_map(struct world *w)
{
    filemap_free(w->map);
    fclose(w->file);
}

static void what_is_written_is_in_the_file(void **state)
{
    struct world w;
    char buf[6] = "";

    (void)state;
    open_map(&w, MIB + 5, false);
    memcpy((uint8_t *)(uintptr_t)w.at + MIB, "squib", 5);
    assert_int_equal(filemap_sync(w.map), 0);
    assert_int_equal(pread(fd_of(&w), buf, 5, MIB), 5);
    assert_string_equal(buf, "squib");
    assert_int_equal(pwrite(fd_of(&w), "SQ", 2, MIB), 2);
    assert_int_equal(w.at[MIB], 'S');
    close_map(&w);
}

static void behind_the_file_is_memory_that_no_file_gets(void **state)
{
    struct world w;

    (void)state;
    open_map(&w, 5, false);
    for (unsigned at = 5; at < BYTES; at += 4091)
        w.at[at] = 0x55;
    assert_int_equal(w.at[5], 0x55);
    assert_int_equal(filemap_sync(w.map), 0);
    assert_int_equal(filemap_lost(w.map), 0);
    assert_int_equal(lseek(fd_of(&w), 0, SEEK_END), 5);
    close_map(&w);
}

static void a_page_that_went_away_is_replaced_and_told_of(void **state)
{
    struct world w;

    (void)state;
    open_map(&w, MIB, false);
    memset((uint8_t *)(uintptr_t)w.at, 0xaa, MIB);
    assert_int_equal(filemap_sync(w.map), 0);
    assert_int_equal(ftruncate(fd_of(&w), MIB / 2), 0);
    assert_int_equal(w.at[MIB / 2 - 1], 0xaa);
    assert_int_equal(w.told, 0);
    assert_int_equal(w.at[MIB / 2], 0);
    assert_int_equal(filemap_lost(w.map), 1);
    w.at[MIB / 2] = 7;
    assert_int_equal(w.at[MIB / 2], 7);
    assert_int_equal(w.told, 1);
    w.at[MIB - 1] = 8;
    assert_int_equal(w.told, 2);
    assert_int_equal(filemap_sync(w.map), -EIO);
    close_map(&w);
}

static void a_shorter_file_fails_to_sync_before_anything_is_lost(void **state)
{
    struct world w;

    (void)state;
    open_map(&w, MIB, false);
    assert_int_equal(ftruncate(fd_of(&w), MIB - 1), 0);
    assert_int_equal(filemap_sync(w.map), -EIO);
    assert_int_equal(filemap_lost(w.map), 0);
    assert_int_equal(ftruncate(fd_of(&w), MIB), 0);
    assert_int_equal(filemap_sync(w.map), 0);
    close_map(&w);
}

static void what_was_lost_once_does_not_come_back(void **state)
{
    struct world w;

    (void)state;
    open_map(&w, MIB, false);
    assert_int_equal(ftruncate(fd_of(&w), 0), 0);
    w.at[0] = 1;
    assert_int_equal(ftruncate(fd_of(&w), MIB), 0);
    assert_int_equal(filemap_sync(w.map), -EIO);
    close_map(&w);
}

/* As KVM's guests need it, who raise no signal. */
static void what_a_shorter_file_has_not_can_be_mended_at_once(void **state)
{
    uint64_t page = host_page_bytes(), pages = BYTES / page;
    struct world w;

    (void)state;
    open_map(&w, BYTES, false);
    w.at[0] = 1;
    w.at[2 * page] = 2;
    assert_int_equal(filemap_mend(w.map), 0);
    assert_int_equal(ftruncate(fd_of(&w), (off_t)(page + 1)), 0);
    assert_int_equal(w.at[4 * page], 0); /* one by a signal, as ever */
    w.at[4 * page] = 4;
    assert_int_equal(filemap_mend(w.map), pages - 3);
    assert_int_equal(w.told, 2);
    assert_int_equal(filemap_lost(w.map), pages - 2);
    assert_int_equal(w.at[0], 1);
    assert_int_equal(w.at[2 * page], 0);
    assert_int_equal(w.at[4 * page], 4);
    w.at[BYTES - 1] = 9;
    assert_int_equal(w.at[BYTES - 1], 9);
    assert_int_equal(filemap_mend(w.map), 0);
    assert_int_equal(w.told, 2);
    assert_int_equal(filemap_sync(w.map), -EIO);
    close_map(&w);
}

static void *count_zeros(void *arg)
{
    const volatile uint8_t *at = arg;
    unsigned zeros = 0;

    for (unsigned n = 0; n < MIB; n += 4096)
        zeros += at[n] == 0;
    return (void *)(uintptr_t)zeros;
}

static void several_threads_lose_a_page_once(void **state)
{
    struct world w;
    pthread_t thread[4];
    void *zeros;

    (void)state;
    open_map(&w, MIB, false);
    memset((uint8_t *)(uintptr_t)w.at, 0xaa, MIB);
    assert_int_equal(ftruncate(fd_of(&w), 0), 0);
    for (unsigned n = 0; n < ARRAY_LEN(thread); n++)
        assert_int_equal(
            pthread_create(&thread[n], NULL, count_zeros, filemap_at(w.map)),
            0);
    for (unsigned n = 0; n < ARRAY_LEN(thread); n++) {
        pthread_join(thread[n], &zeros);
        assert_int_equal((uintptr_t)zeros, MIB / 4096);
    }
    assert_int_equal(filemap_lost(w.map), MIB / host_page_bytes());
    close_map(&w);
}

/* In a child, since this must end it; what it says on the way is no test's. */
static int status_of(void (*fn)(struct world *w), struct world *w)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        fn(w);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void write_one(struct world *w)
{
    w->at[0] = 1;
}

static void write_behind(struct world *w)
{
    w->at[MIB] = 1;
}

static void nobody_writes_to_what_is_read_only(void **state)
{
    struct world w;

    (void)state;
    open_map(&w, 4096, true);
    assert_int_equal(w.at[0], 0);
    assert_true(WIFSIGNALED(status_of(write_one, &w)));
    assert_true(WIFSIGNALED(status_of(write_behind, &w)));
    assert_int_equal(ftruncate(fd_of(&w), 0), 0);
    assert_int_equal(w.at[0], 0);
    assert_true(WIFSIGNALED(status_of(write_one, &w)));
    assert_int_equal(filemap_sync(w.map), 0);
    close_map(&w);
}

static void touch_alien(struct world *w)
{
    volatile uint8_t *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd_of(w), BYTES);

    *p = 1;
}

static void leave(int signal)
{
    (void)signal;
    _exit(42);
}

static void a_bus_error_elsewhere_is_not_ours(void **state)
{
    struct world w;
    int status;

    (void)state;
    signal(SIGBUS, leave);
    open_map(&w, 4096, false);
    status = status_of(touch_alien, &w);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    close_map(&w);
}

static void send_one(struct world *w)
{
    (void)w;
    kill(getpid(), SIGBUS);
}

static void a_signal_that_was_sent_goes_to_who_had_it_before(void **state)
{
    struct world w;
    int status;

    (void)state;
    signal(SIGBUS, leave);
    open_map(&w, 4096, false);
    status = status_of(send_one, &w);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    close_map(&w);
    signal(SIGBUS, SIG_DFL);
    open_map(&w, 4096, false);
    status = status_of(send_one, &w);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
    close_map(&w);
}

static void without_memory_there_is_no_map(void **state)
{
    FILE *file = tmpfile();
    struct err e;

    (void)state;
    assert_int_equal(ftruncate(fileno(file), 4096), 0);
    heap_fail_after(0);
    assert_null(filemap_new(fileno(file), 4096, BYTES, false, &e));
    heap_fail_after(-1);
    assert_null(filemap_new(-1, 4096, BYTES, false, &e));
    filemap_free(NULL);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_in_the_file),
        cmocka_unit_test(behind_the_file_is_memory_that_no_file_gets),
        cmocka_unit_test(a_page_that_went_away_is_replaced_and_told_of),
        cmocka_unit_test(a_shorter_file_fails_to_sync_before_anything_is_lost),
        cmocka_unit_test(what_was_lost_once_does_not_come_back),
        cmocka_unit_test(what_a_shorter_file_has_not_can_be_mended_at_once),
        cmocka_unit_test(several_threads_lose_a_page_once),
        cmocka_unit_test(nobody_writes_to_what_is_read_only),
        cmocka_unit_test(a_bus_error_elsewhere_is_not_ours),
        cmocka_unit_test(a_signal_that_was_sent_goes_to_who_had_it_before),
        cmocka_unit_test(without_memory_there_is_no_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
