// SPDX-License-Identifier: Apache-2.0
#pragma once

/* Not Darwin's name: what <pthread.h> and <signal.h> share. */
typedef struct squib_stub_pthread *pthread_t;
