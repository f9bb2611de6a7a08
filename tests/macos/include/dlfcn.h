// SPDX-License-Identifier: Apache-2.0
#pragma once

#define RTLD_LAZY     1
#define RTLD_NOW      2
#define RTLD_LOCAL    4
#define RTLD_NODELETE 0x80

int dlclose(void *);
char *dlerror(void);
void *dlopen(const char *, int);
void *dlsym(void *, const char *);
