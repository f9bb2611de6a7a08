// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A file as memory, shared with everybody who has it open.
 *
 * Files lie: one that shrinks, sits on a full disk or on a broken one cannot
 * give us a page that we have an address for, and the access gets SIGBUS. Such
 * a page is *lost*: from then on it is memory of ours, with what the file still
 * gives of it, else zeros; the program goes on, and filemap_sync tells the
 * truth. That works on every thread that has not blocked SIGBUS, and leaves a
 * SIGBUS from elsewhere to whoever handled it before.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct filemap;

/* Maps the first file_bytes of `fd` and zeroed memory behind them, `bytes` in
   all, of which file_bytes may leave none; both are not 0, `bytes` is a
   multiple of the host's page. fd is borrowed for the call. read_only: nobody
   may write, neither to the file nor behind it. */
struct filemap *filemap_new(int fd, uint64_t file_bytes, uint64_t bytes,
                            bool read_only, struct err *e);
void filemap_free(struct filemap *map); /* takes NULL */

void *filemap_at(const struct filemap *map);

/* Pages that the file has not any more, because it is shorter than it was, are
   lost now and not only when they are touched: for those whose accesses raise
   no signal, as a guest's under KVM. How many they are. Any thread. */
uint64_t filemap_mend(struct filemap *map);

/* What was written is in the file, on the disk. 0, or a negative errno; -EIO
   if a page was lost or the file is shorter than it was. Blocks. Any thread. */
int filemap_sync(const struct filemap *map);

/* How many pages were lost. `fn` is called for each, in a signal's handler on
   the thread that came across it, and once by a filemap_mend that found any.
   Set before anybody uses the memory. */
uint64_t filemap_lost(const struct filemap *map);
void filemap_on_lost(struct filemap *map, void (*fn)(void *ctx), void *ctx);
