// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/pthread_t.h>
#include <time.h>

typedef struct {
    long sig;
    char opaque[56];
} pthread_mutex_t, pthread_cond_t, pthread_rwlock_t, pthread_attr_t;
typedef struct {
    long sig;
    char opaque[8];
} pthread_mutexattr_t, pthread_condattr_t, pthread_once_t;
typedef unsigned long pthread_key_t;

#define PTHREAD_MUTEX_INITIALIZER \
    {                             \
        0x32aaaba7,               \
        {                         \
            0                     \
        }                         \
    }
#define PTHREAD_COND_INITIALIZER \
    {                            \
        0x3cb0b1bb,              \
        {                        \
            0                    \
        }                        \
    }
#define PTHREAD_RWLOCK_INITIALIZER \
    {                              \
        0x2da8b3b4,                \
        {                          \
            0                      \
        }                          \
    }
#define PTHREAD_ONCE_INIT \
    {                     \
        0x30b1bcba,       \
        {                 \
            0             \
        }                 \
    }
#define PTHREAD_MUTEX_RECURSIVE 2
#define PTHREAD_CANCEL_DISABLE  0
#define PTHREAD_CANCEL_ENABLE   1

int pthread_attr_destroy(pthread_attr_t *);
int pthread_attr_init(pthread_attr_t *);
int pthread_attr_setstacksize(pthread_attr_t *, size_t);
int pthread_atfork(void (*)(void), void (*)(void), void (*)(void));
int pthread_cancel(pthread_t);
int pthread_cond_broadcast(pthread_cond_t *);
int pthread_cond_destroy(pthread_cond_t *);
int pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *);
int pthread_cond_signal(pthread_cond_t *);
int pthread_cond_timedwait(pthread_cond_t *, pthread_mutex_t *,
                           const struct timespec *);
int pthread_cond_timedwait_relative_np(pthread_cond_t *, pthread_mutex_t *,
                                       const struct timespec *);
int pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *);
int pthread_condattr_destroy(pthread_condattr_t *);
int pthread_condattr_init(pthread_condattr_t *);
int pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                   void *);
int pthread_detach(pthread_t);
int pthread_equal(pthread_t, pthread_t);
int pthread_join(pthread_t, void **);
void pthread_jit_write_protect_np(int);
int pthread_mutex_destroy(pthread_mutex_t *);
int pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);
int pthread_mutex_lock(pthread_mutex_t *);
int pthread_mutex_trylock(pthread_mutex_t *);
int pthread_mutex_unlock(pthread_mutex_t *);
int pthread_mutexattr_destroy(pthread_mutexattr_t *);
int pthread_mutexattr_init(pthread_mutexattr_t *);
int pthread_mutexattr_settype(pthread_mutexattr_t *, int);
int pthread_once(pthread_once_t *, void (*)(void));
int pthread_rwlock_destroy(pthread_rwlock_t *);
int pthread_rwlock_init(pthread_rwlock_t *, const void *);
int pthread_rwlock_rdlock(pthread_rwlock_t *);
int pthread_rwlock_unlock(pthread_rwlock_t *);
int pthread_rwlock_wrlock(pthread_rwlock_t *);
pthread_t pthread_self(void);
int pthread_setcancelstate(int, int *);
int pthread_setname_np(const char *); /* the caller's own name only */
int pthread_threadid_np(pthread_t, uint64_t *);
