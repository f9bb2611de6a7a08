// SPDX-License-Identifier: Apache-2.0
// What a debugger in the guest stops, steps and watches.

#include <signal.h>
#include <stdint.h>
#include <stdio.h>

volatile int total;
volatile long sums[8];
volatile char counts[16];

__attribute__((noinline)) int leaf(int x)
{
    return x * 3 + 1;
}

__attribute__((noinline)) int work(int n)
{
    int sum = 0;

    for (int i = 0; i < n; i++) {
        sum += leaf(i);
        total = sum;
        sums[i & 7] += sum;
        counts[i & 15]++;
    }
    return sum;
}

static void on_signal(int number)
{
    printf("signal %d\n", number);
}

// An exception between the two ends the monitor's watch, so that whoever steps
// through this one by one never comes to its end. gdb knows, and goes over it.
__attribute__((noinline)) void add_exclusively(volatile int *at)
{
    unsigned value, failed;

    __asm__ volatile("1: ldxr %w0, [%2]\n"
                     "   add %w0, %w0, #1\n"
                     "   stxr %w1, %w0, [%2]\n"
                     "   cbnz %w1, 1b"
                     : "=&r"(value), "=&r"(failed)
                     : "r"(at)
                     : "memory");
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        raise(SIGSTOP); // whoever is to step may begin
    signal(SIGUSR1, on_signal);
    printf("%d\n", work(10));
    raise(SIGUSR1);
    if (argc == 1)
        add_exclusively(&total);
    printf("%d\n", total);
    return 0;
}
