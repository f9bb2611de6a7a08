// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#define STDIN_FILENO  0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
#define SEEK_SET      0
#define SEEK_CUR      1
#define SEEK_END      2
#define F_OK          0
#define X_OK          1
#define W_OK          2
#define R_OK          4

#define _SC_OPEN_MAX         5
#define _SC_PAGESIZE         29
#define _SC_NPROCESSORS_CONF 57
#define _SC_NPROCESSORS_ONLN 58

extern char *optarg;
extern int optind, opterr, optopt;

int access(const char *, int);
unsigned alarm(unsigned);
int chdir(const char *);
int close(int);
int dup(int);
int dup2(int, int);
int execvp(const char *, char *const *);
_Noreturn void _exit(int);
int fchown(int, uid_t, gid_t);
pid_t fork(void);
int fsync(int);
int ftruncate(int, off_t);
char *getcwd(char *, size_t);
gid_t getegid(void);
int getentropy(void *, size_t);
uid_t geteuid(void);
int getopt(int, char *const *, const char *);
pid_t getpgrp(void);
pid_t getpid(void);
pid_t getppid(void);
uid_t getuid(void);
int isatty(int);
int link(const char *, const char *);
off_t lseek(int, off_t, int);
int pipe(int *);
ssize_t pread(int, void *, size_t, off_t);
ssize_t pwrite(int, const void *, size_t, off_t);
ssize_t read(int, void *, size_t);
int rmdir(const char *);
int setpgid(pid_t, pid_t);
pid_t setsid(void);
unsigned sleep(unsigned);
int symlink(const char *, const char *);
long sysconf(int);
pid_t tcgetpgrp(int);
int tcsetpgrp(int, pid_t);
char *ttyname(int);
int unlink(const char *);
int usleep(useconds_t);
ssize_t write(int, const void *, size_t);
