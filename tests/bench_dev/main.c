// SPDX-License-Identifier: Apache-2.0
/*
 * What the guest of the device bench does. It is init: the kernel's words
 * dev.run=JOB;JOB... say what, each a verb with its arguments, commas between,
 * and dev.ms=N for how long each. Around each job the host is told
 *
 *   dev-begin JOB
 *   dev-end JOB REQUESTS BYTES NANOSECONDS     or   dev-failed JOB REASON
 *
 * on the console, and looks at its own clocks then. dev.ip=NAME:ADDRESS,...
 * gives interfaces their addresses before.
 *
 *   randread,PATH,DEPTH    4 KiB reads all over a disk, so many at a time
 *   read,PATH  write,PATH  1 MiB after 1 MiB, four at a time
 *   send,WHERE  recv,WHERE a stream, 64 KiB at a time; WHERE is vsock:PORT,
 *                          tcp:ADDRESS:PORT or serial:N
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/if.h>
#include <linux/vm_sockets.h>

enum { MAX_DEPTH = 64, BLOCK = 4096, CHUNK = 1 << 20, PIECE = 65536 };
enum { WORDS = 4, SEQUENTIAL_DEPTH = 4 };

struct result {
    uint64_t requests, bytes;
};

struct job {
    const char *word[WORDS]; /* the verb and its arguments; "" if not there */
    uint64_t ms;
    struct result done;
    const char *failed; /* what did; errno says why */
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* --- disks --- */

struct disk {
    int fd;
    uint64_t bytes, at;
    uint32_t len;
    bool is_write, is_random;
    aio_context_t ctx;
    struct iocb iocb[MAX_DEPTH];
};

static void prepare(struct disk *d, unsigned n)
{
    uint64_t blocks = d->bytes / d->len;

    d->iocb[n].aio_offset =
        (int64_t)((d->is_random ? next_random() : d->at++) % blocks * d->len);
}

static const char *submit(struct disk *d, struct iocb **list, long count)
{
    while (count) {
        long n = syscall(SYS_io_submit, d->ctx, count, list);

        if (n < 0)
            return "io_submit";
        list += n;
        count -= n;
    }
    return NULL;
}

/* Takes what is done, and asks for as much again. */
static const char *go_on(struct disk *d, struct result *done)
{
    struct io_event events[MAX_DEPTH];
    struct iocb *list[MAX_DEPTH];
    long n = syscall(SYS_io_getevents, d->ctx, 1, MAX_DEPTH, events, NULL);

    if (n < 0)
        return "io_getevents";
    for (long k = 0; k < n; k++) {
        if (events[k].res != (int64_t)d->len) {
            errno = events[k].res < 0 ? (int)-events[k].res : EIO;
            return "a request";
        }
        prepare(d, (unsigned)events[k].data);
        list[k] = &d->iocb[events[k].data];
    }
    done->requests += (uint64_t)n;
    done->bytes += (uint64_t)n * d->len;
    return submit(d, list, n);
}

static const char *run_disk(struct disk *d, unsigned depth, struct job *job)
{
    struct iocb *list[MAX_DEPTH];
    uint64_t end = now_ns() + job->ms * 1000000;
    const char *failed;

    if (syscall(SYS_io_setup, MAX_DEPTH, &d->ctx) < 0)
        return "io_setup";
    for (unsigned n = 0; n < depth; n++) {
        d->iocb[n] = (struct iocb){
            .aio_data = n,
            .aio_fildes = (uint32_t)d->fd,
            .aio_lio_opcode = d->is_write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
            .aio_buf = (uintptr_t)aligned_alloc(BLOCK, d->len),
            .aio_nbytes = d->len};
        memset((void *)(uintptr_t)d->iocb[n].aio_buf, 0x5a, d->len);
        prepare(d, n);
        list[n] = &d->iocb[n];
    }
    failed = submit(d, list, depth);
    while (!failed && now_ns() < end)
        failed = go_on(d, &job->done);
    syscall(SYS_io_destroy, d->ctx); /* waits for what is under way */
    return failed;
}

/* A driver may be there later than init. */
static int open_late(const char *path, int flags)
{
    int fd = -1;

    for (unsigned n = 0; n < 500 && fd < 0; n++) {
        fd = open(path, flags);
        if (fd < 0)
            usleep(10000);
    }
    return fd;
}

static void use_disk(struct job *job)
{
    struct disk d = {.len = CHUNK};
    unsigned depth = SEQUENTIAL_DEPTH;

    d.is_write = !strcmp(job->word[0], "write");
    d.is_random = !strcmp(job->word[0], "randread");
    if (d.is_random) {
        d.len = BLOCK;
        depth = (unsigned)atoi(job->word[2]);
    }
    d.fd = open_late(job->word[1], O_DIRECT | (d.is_write ? O_RDWR : O_RDONLY));
    if (d.fd < 0) {
        job->failed = "open";
        return;
    }
    if (ioctl(d.fd, BLKGETSIZE64, &d.bytes) < 0 || d.bytes < d.len)
        job->failed = "the size";
    else if (!depth || depth > MAX_DEPTH)
        job->failed = "the depth";
    else
        job->failed = run_disk(&d, depth, job);
    close(d.fd);
}

/* --- streams --- */

static int open_vsock(unsigned port)
{
    struct sockaddr_vm addr = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return -1;
    return fd;
}

static int open_tcp(const char *where)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    const char *colon = strchr(where, ':');
    char text[32];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (!colon)
        return -1;
    snprintf(text, sizeof(text), "%.*s", (int)(colon - where), where);
    addr.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, text, &addr.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return -1;
    return fd;
}

/* A port of the one virtio-serial device, whatever number that has got among
   the devices. */
static int open_port(const char *number)
{
    char pattern[64];
    glob_t found;
    int fd;

    snprintf(pattern, sizeof(pattern), "/dev/vport*p%s", number);
    for (unsigned n = 0; n < 500; n++) {
        if (glob(pattern, 0, NULL, &found) == 0) {
            fd = open(found.gl_pathv[0], O_RDWR);
            globfree(&found);
            return fd;
        }
        usleep(10000);
    }
    errno = ENOENT;
    return -1;
}

static int open_stream(const char *where)
{
    if (!strncmp(where, "vsock:", 6))
        return open_vsock((unsigned)atoi(where + 6));
    if (!strncmp(where, "tcp:", 4))
        return open_tcp(where + 4);
    if (!strncmp(where, "serial:", 7))
        return open_port(where + 7);
    errno = EINVAL;
    return -1;
}

static void use_stream(struct job *job)
{
    static uint8_t data[PIECE];
    bool is_send = !strcmp(job->word[0], "send");
    int fd = open_stream(job->word[1]);
    uint64_t end = now_ns() + job->ms * 1000000;

    if (fd < 0) {
        job->failed = "open";
        return;
    }
    while (now_ns() < end) {
        ssize_t n = is_send ? write(fd, data, sizeof(data))
                            : read(fd, data, sizeof(data));

        if (n <= 0) {
            job->failed = is_send ? "write" : "read";
            break;
        }
        job->done.requests++;
        job->done.bytes += (uint64_t)n;
    }
    close(fd);
}

/* --- jobs --- */

static const struct {
    const char *verb;
    void (*run)(struct job *job);
} verbs[] = {
    {"randread", use_disk}, {"read", use_disk},   {"write", use_disk},
    {"send", use_stream},   {"recv", use_stream},
};

static void run(char *text, uint64_t ms)
{
    struct job job = {.ms = ms, .failed = "no such verb"};
    char *rest = text, name[128];
    uint64_t start;

    snprintf(name, sizeof(name), "%s", text);
    for (unsigned n = 0; n < WORDS; n++) {
        const char *word = strsep(&rest, ",");

        job.word[n] = word ? word : "";
    }
    printf("dev-begin %s\n", name);
    start = now_ns();
    for (unsigned n = 0; n < sizeof(verbs) / sizeof(verbs[0]); n++)
        if (!strcmp(verbs[n].verb, job.word[0])) {
            job.failed = NULL;
            verbs[n].run(&job);
        }
    if (job.failed)
        printf("dev-failed %s %s: %s\n", name, job.failed, strerror(errno));
    else
        printf("dev-end %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name,
               job.done.requests, job.done.bytes, now_ns() - start);
}

/* Drivers that the kernel has not built in: /modules-0 and so on. Those that it
   has are refused. */
static void load_modules(void)
{
    char path[32];
    int fd;

    for (unsigned n = 0;; n++) {
        snprintf(path, sizeof(path), "/modules-%u", n);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return;
        syscall(SYS_finit_module, fd, "", 0);
        close(fd);
    }
}

/* The value of a word of the kernel's command line, or "". */
static char *word_of(char *line, const char *name)
{
    static char none[] = "";
    char *at = strstr(line, name);

    if (!at)
        return none;
    at = strdup(at + strlen(name));
    at[strcspn(at, " \n")] = 0;
    return at;
}

/* NAME:ADDRESS; what is not there is left out. */
static void set_address(char *text)
{
    const char *name = strsep(&text, ":");
    struct sockaddr_in addr = {.sin_family = AF_INET};
    struct ifreq request = {.ifr_flags = 0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (!text || inet_pton(AF_INET, text, &addr.sin_addr) != 1)
        return;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    memcpy(&request.ifr_addr, &addr, sizeof(addr));
    ioctl(fd, SIOCSIFADDR, &request);
    request.ifr_flags = IFF_UP;
    ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
}

int main(void)
{
    char line[4096] = "", *jobs, *job;
    uint64_t ms;
    FILE *f;

    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    load_modules();
    f = fopen("/proc/cmdline", "r");
    if (!f || !fgets(line, sizeof(line), f))
        printf("dev-failed cmdline\n");
    ms = strtoull(word_of(line, "dev.ms="), NULL, 10);
    jobs = word_of(line, "dev.ip=");
    while ((job = strsep(&jobs, ",")) != NULL)
        set_address(job);
    jobs = word_of(line, "dev.run=");
    while ((job = strsep(&jobs, ";")) != NULL)
        if (*job)
            run(job, ms ? ms : 1000);
    printf("dev-over\n");
    reboot(RB_POWER_OFF);
    return 0;
}
