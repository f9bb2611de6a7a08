// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

_Noreturn void abort(void);
uint32_t arc4random(void);
void arc4random_buf(void *, size_t);
int atexit(void (*)(void));
int atoi(const char *);
void *bsearch(const void *, const void *, size_t, size_t,
              int (*)(const void *, const void *));
void *calloc(size_t, size_t);
_Noreturn void exit(int);
_Noreturn void _Exit(int);
void free(void *);
char *getenv(const char *);
int grantpt(int);
void *malloc(size_t);
char *mkdtemp(char *);
int mkstemp(char *);
int posix_memalign(void **, size_t, size_t);
int posix_openpt(int);
char *ptsname(int);
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
void *realloc(void *, size_t);
char *realpath(const char *, char *);
int setenv(const char *, const char *, int);
double strtod(const char *, char **);
long strtol(const char *, char **, int);
long long strtoll(const char *, char **, int);
unsigned long strtoul(const char *, char **, int);
unsigned long long strtoull(const char *, char **, int);
int unlockpt(int);
int unsetenv(const char *);
