// SPDX-License-Identifier: Apache-2.0
/*
 * What the rows of the benchmark share. A row is a fixed amount of work with a
 * checksum, the same C for every machine it is compiled for: the checksums of
 * all machines must agree, only the times may differ.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

struct row {
    const char *name;
    const char *group;
    const char *what;
    uint64_t work;               /* rounds: 10 to 40 ms on a fast machine */
    void (*setup)(void);         /* outside the clock; may be NULL */
    uint64_t (*run)(uint64_t n); /* n rounds, returns the checksum */
};

/* Ends with a row without a name. */
extern const struct row integer_rows[];
extern const struct row call_rows[];
extern const struct row memory_rows[];
extern const struct row float_rows[];
extern const struct row vector_rows[];
extern const struct row crypto_rows[];
extern const struct row string_rows[];
extern const struct row kernel_rows[];
extern const struct row fault_rows[];
extern const struct row thread_rows[];
extern const struct row program_rows[];

/* The same numbers everywhere; each row starts from the same seed. */
uint64_t bench_random(void);
void bench_fill(void *to, size_t bytes);

/* Memory that is already there, 64-byte aligned; a row has BENCH_ARENA. */
enum { BENCH_ARENA = 48 << 20 };
void *bench_memory(size_t bytes);

uint64_t bench_hash(const void *data, size_t bytes);

/* Ends the program: a row that cannot do its work has no time. */
void bench_die(const char *what) __attribute__((noreturn));

/* The nth of the CPUs the program may use, and the calling thread put there. */
int bench_cpu(unsigned nth);
void bench_pin(unsigned nth);

#define NOINLINE __attribute__((noinline))

/* Tells the compiler that this value is needed, and may be any. */
#define OPAQUE(v) __asm__ volatile("" : "+r"(v))
