// SPDX-License-Identifier: Apache-2.0
// What valgrind's memcheck has to say three things about.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *p = malloc(10);
    int *q = malloc(4);
    volatile char past;
    volatile int found;
    double sum = 0;

    for (int i = 1; i < 200000; i++)
        sum += 1.0 / i / i;
    printf("%.12f\n", sum);
    memset(p, 1, 10);
    past = p[sum > 0 ? 10 : 0];
    (void)past;
    if (*q > 3)
        found = 1;
    else
        found = 2;
    (void)found;
    free(p);
    return 0;
}
