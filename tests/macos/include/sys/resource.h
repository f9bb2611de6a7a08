// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/time.h>

typedef uint64_t rlim_t;

struct rlimit {
    rlim_t rlim_cur, rlim_max;
};

struct rusage {
    struct timeval ru_utime, ru_stime;
    long ru_maxrss, ru_ixrss, ru_idrss, ru_isrss, ru_minflt, ru_majflt,
        ru_nswap, ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv, ru_nsignals,
        ru_nvcsw, ru_nivcsw;
};

#define RLIM_INFINITY ((rlim_t)INT64_MAX)
#define RLIMIT_FSIZE  1
#define RLIMIT_CORE   4
#define RLIMIT_NOFILE 8
#define RUSAGE_SELF   0

int getrlimit(int, struct rlimit *);
int getrusage(int, struct rusage *);
int setrlimit(int, const struct rlimit *);
