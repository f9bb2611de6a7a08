// SPDX-License-Identifier: Apache-2.0
/* Feeds a fuzz target every file of the folders it is given, and every cut of
   each: the corpus as a unit test. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static void replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t data[65536];
    size_t size;

    if (!file) {
        perror(path);
        exit(1);
    }
    size = fread(data, 1, sizeof(data), file);
    fclose(file);
    for (size_t len = 0; len <= size; len++)
        LLVMFuzzerTestOneInput(data, len);
}

static unsigned replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[4096];
    unsigned count = 0;

    if (!dir) {
        perror(folder);
        exit(1);
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        replay(path);
        count++;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    for (int n = 1; n < argc; n++)
        count += replay_folder(argv[n]);
    printf("%u inputs\n", count);
    return count == 0; /* an empty corpus is a mistake */
}
