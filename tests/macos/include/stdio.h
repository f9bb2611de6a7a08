// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdarg.h>
#include <sys/types.h>

typedef struct squib_stub_file FILE;
extern FILE *__stdinp, *__stdoutp, *__stderrp;
#define stdin  __stdinp
#define stdout __stdoutp
#define stderr __stderrp

#define BUFSIZ   1024
#define EOF      (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define _IOLBF   1

int dprintf(int, const char *, ...) __attribute__((format(printf, 2, 3)));
int fclose(FILE *);
FILE *fdopen(int, const char *);
int ferror(FILE *);
int fflush(FILE *);
int fgetc(FILE *);
char *fgets(char *, int, FILE *);
int fileno(FILE *);
FILE *fopen(const char *, const char *);
int fprintf(FILE *, const char *, ...) __attribute__((format(printf, 2, 3)));
int fputc(int, FILE *);
int fputs(const char *, FILE *);
size_t fread(void *, size_t, size_t, FILE *);
int fseek(FILE *, long, int);
long ftell(FILE *);
size_t fwrite(const void *, size_t, size_t, FILE *);
ssize_t getline(char **, size_t *, FILE *);
void perror(const char *);
int printf(const char *, ...) __attribute__((format(printf, 1, 2)));
int putchar(int);
int puts(const char *);
int remove(const char *);
int rename(const char *, const char *);
int setvbuf(FILE *, char *, int, size_t);
int snprintf(char *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));
int sscanf(const char *, const char *, ...)
    __attribute__((format(scanf, 2, 3)));
int vdprintf(int, const char *, va_list) __attribute__((format(printf, 2, 0)));
int vfprintf(FILE *, const char *, va_list)
    __attribute__((format(printf, 2, 0)));
int vsnprintf(char *, size_t, const char *, va_list)
    __attribute__((format(printf, 3, 0)));
