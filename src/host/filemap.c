// SPDX-License-Identifier: Apache-2.0
/* Shared file mappings, and a handler of SIGBUS that knows all of them. */

#include "host/filemap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "host/host.h"

enum { MAX_MAPS = 64, WORD_BITS = 64 };

struct filemap {
    uint8_t *at;         /* owned */
    uint64_t bytes;      /* of `at` */
    uint64_t file_bytes; /* its beginning, that of the file */
    int fd;              /* owned */
    bool read_only;
    atomic_flag busy;  /* guards replacing pages */
    uint64_t *is_lost; /* owned; a bit for each host page; lazily backed */
    atomic_uint_least64_t lost;
    void (*on_lost)(void *ctx);
    void *ctx; /* borrowed */
};

/* What the handler looks through, and who is asked after us. */
static struct filemap *_Atomic maps[MAX_MAPS];
static struct sigaction before;
static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;

static uint64_t lost_words(const struct filemap *m)
{
    return m->bytes / host_page_bytes() / WORD_BITS + 1;
}

/* ---- in the handler: nothing but system calls and our own memory ---- */

/* Memory of ours in the place of a page, with what can be read of it. For a
   moment other threads see zeros there. False: the host has no memory. */
static bool replace(const struct filemap *m, uint64_t offset, uint64_t page)
{
    uint8_t *at = m->at + offset;
    void *mine = mmap(at, (size_t)page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (mine == MAP_FAILED)
        return false;
    /* A full disk cannot take a page, but still give what is in it. */
    if (offset < m->file_bytes &&
        pread(m->fd, at, (size_t)page, (off_t)offset) < 0)
        memset(at, 0, (size_t)page);
    if (m->read_only)
        mprotect(at, (size_t)page, PROT_READ);
    return true;
}

/* Two threads may come across one page: the second finds it replaced. */
static bool rescue(struct filemap *m, uint64_t offset)
{
    uint64_t page = host_page_bytes(), n = offset / page;
    uint64_t bit = 1ull << n % WORD_BITS;
    bool ok = true, fresh;

    while (atomic_flag_test_and_set(&m->busy))
        ;
    fresh = !(m->is_lost[n / WORD_BITS] & bit);
    if (fresh)
        ok = replace(m, n * page, page);
    if (fresh && ok) {
        m->is_lost[n / WORD_BITS] |= bit;
        atomic_fetch_add(&m->lost, 1);
    }
    atomic_flag_clear(&m->busy);
    if (fresh && ok && m->on_lost)
        m->on_lost(m->ctx);
    return ok;
}

static bool rescue_at(uintptr_t addr)
{
    for (unsigned n = 0; n < MAX_MAPS; n++) {
        struct filemap *m = atomic_load(&maps[n]);

        if (m && addr - (uintptr_t)m->at < m->bytes)
            return rescue(m, addr - (uintptr_t)m->at);
    }
    return false;
}

/* Not ours: as if there were no handler here. Returning to the instruction with
   the default action set ends the process; who was sent the signal by somebody
   has no such instruction. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signal, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signal);
    else {
        sigaction(signal, &before, NULL);
        if (info->si_code <= 0)
            raise(signal);
    }
}

static void on_bus_error(int signal, siginfo_t *info, void *context)
{
    int saved = errno;

    /* what the kernel raises has a positive code, and an address */
    if (info->si_code <= 0 || !rescue_at((uintptr_t)info->si_addr))
        pass_on(signal, info, context);
    errno = saved;
}

/* Again for each map: others may have come with a handler since. */
static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error,
                               .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sigaction now;

    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&installing);
    if (sigaction(SIGBUS, NULL, &now) == 0 &&
        !(now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_bus_error)) {
        before = now;
        sigaction(SIGBUS, &action, NULL);
    }
    pthread_mutex_unlock(&installing);
}

/* ---- outside ---- */

static int publish(struct filemap *m, struct err *e)
{
    install();
    for (unsigned n = 0; n < MAX_MAPS; n++) {
        struct filemap *none = NULL;

        if (atomic_compare_exchange_strong(&maps[n], &none, m))
            return 0;
    }
    return err_set(e, -ENOSPC, "there are already %d files mapped", MAX_MAPS);
}

static void withdraw(struct filemap *m)
{
    for (unsigned n = 0; n < MAX_MAPS; n++) {
        struct filemap *it = m;

        atomic_compare_exchange_strong(&maps[n], &it, NULL);
    }
}

/* The mapping's last page may reach behind the file: zeros, which the host
   keeps from the file. */
static int map_file(struct filemap *m, struct err *e)
{
    uint64_t page = host_page_bytes();
    uint64_t whole = align_up(m->file_bytes, page);
    int prot = PROT_READ | (m->read_only ? 0 : PROT_WRITE);

    m->at = host_reserve(m->bytes, e);
    if (!m->at)
        return -ENOMEM;
    if (mmap(m->at, (size_t)whole, prot, MAP_SHARED | MAP_FIXED, m->fd, 0) ==
        MAP_FAILED)
        return err_set(e, -errno, "cannot map the file: %s", strerror(errno));
    if (m->read_only && whole < m->bytes &&
        mprotect(m->at + whole, (size_t)(m->bytes - whole), PROT_READ) < 0)
        return err_set(e, -errno, "cannot protect memory: %s", strerror(errno));
    return 0;
}

struct filemap *filemap_new(int fd, uint64_t file_bytes, uint64_t bytes,
                            bool read_only, struct err *e)
{
    struct filemap *m = heap_zalloc(sizeof(*m));

    check(file_bytes && file_bytes <= bytes && bytes % host_page_bytes() == 0);
    if (!m) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    m->bytes = bytes;
    m->file_bytes = file_bytes;
    m->read_only = read_only;
    atomic_flag_clear(&m->busy);
    m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (m->fd < 0) {
        err_set(e, -errno, "cannot keep the file open: %s", strerror(errno));
        goto fail;
    }
    m->is_lost = host_reserve(lost_words(m) * sizeof(*m->is_lost), e);
    if (!m->is_lost || map_file(m, e) < 0 || publish(m, e) < 0)
        goto fail;
    return m;

fail:
    filemap_free(m);
    return NULL;
}

void filemap_free(struct filemap *m)
{
    if (!m)
        return;
    withdraw(m);
    host_unreserve(m->at, m->bytes);
    host_unreserve(m->is_lost, lost_words(m) * sizeof(*m->is_lost));
    if (m->fd >= 0)
        close(m->fd);
    heap_free(m);
}

void *filemap_at(const struct filemap *m)
{
    return m->at;
}

static bool is_lost(const struct filemap *m, uint64_t n)
{
    return m->is_lost[n / WORD_BITS] >> n % WORD_BITS & 1;
}

/* Pages from..to, of which none is lost, become memory of ours; false: the host
   has none. Nothing of the file is behind them. */
static bool lose(struct filemap *m, uint64_t from, uint64_t to)
{
    uint64_t page = host_page_bytes();
    int prot = PROT_READ | (m->read_only ? 0 : PROT_WRITE);

    if (mmap(m->at + from * page, (size_t)((to - from) * page), prot,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        return false;
    for (uint64_t n = from; n < to; n++)
        m->is_lost[n / WORD_BITS] |= 1ull << n % WORD_BITS;
    atomic_fetch_add(&m->lost, to - from);
    return true;
}

uint64_t filemap_mend(struct filemap *m)
{
    uint64_t page = host_page_bytes(), found = 0, from, to, end;
    struct stat st;

    if (fstat(m->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    end = align_up(m->file_bytes, page) / page;
    while (atomic_flag_test_and_set(&m->busy))
        ;
    for (from = align_up((uint64_t)st.st_size, page) / page; from < end;
         from = to) {
        for (; from < end && is_lost(m, from); from++)
            ;
        for (to = from; to < end && !is_lost(m, to); to++)
            ;
        if (from < to && lose(m, from, to))
            found += to - from;
    }
    atomic_flag_clear(&m->busy);
    if (found && m->on_lost)
        m->on_lost(m->ctx);
    return found;
}

int filemap_sync(const struct filemap *m)
{
    struct stat st;

    if (m->read_only)
        return 0;
    if (msync(m->at, (size_t)align_up(m->file_bytes, host_page_bytes()),
              MS_SYNC) < 0)
        return -errno;
    if (fstat(m->fd, &st) < 0)
        return -errno;
    if (filemap_lost(m) ||
        (S_ISREG(st.st_mode) && (uint64_t)st.st_size < m->file_bytes))
        return -EIO;
    return 0;
}

uint64_t filemap_lost(const struct filemap *m)
{
    return atomic_load(&m->lost);
}

void filemap_on_lost(struct filemap *m, void (*fn)(void *ctx), void *ctx)
{
    m->on_lost = fn;
    m->ctx = ctx;
}
