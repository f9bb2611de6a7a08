// SPDX-License-Identifier: Apache-2.0
/* Loading libslirp 4.7 or later, whose interface keeps its number. */

#include "dev/slirp_lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"

#define HINT "install libslirp 4.7 or later (Debian: apt-get install libslirp0)"

static const char *const names[] = {"libslirp.so.0", "libslirp.0.dylib"};

static const struct {
    const char *name;
    size_t offset; /* of the function's pointer in struct slirp_lib */
} functions[] = {
    {"slirp_new", offsetof(struct slirp_lib, open)},
    {"slirp_cleanup", offsetof(struct slirp_lib, cleanup)},
    {"slirp_pollfds_fill", offsetof(struct slirp_lib, fill)},
    {"slirp_pollfds_poll", offsetof(struct slirp_lib, poll)},
    {"slirp_input", offsetof(struct slirp_lib, input)},
    {"slirp_add_hostfwd", offsetof(struct slirp_lib, add_hostfwd)},
    {"slirp_handle_timer", offsetof(struct slirp_lib, handle_timer)},
};

/* GLib's GLogFunc. What a guest can make the library complain of is for who
   debugs it, and has no place on standard error. */
static void glib_log(const char *domain, int level, const char *text,
                     void *data)
{
    (void)level;
    (void)data;
    log_debug("%s: %s", domain ? domain : "libslirp", text);
}

static void quieten(void *handle)
{
    typedef void glib_log_fn(const char *, int, const char *, void *);
    glib_log_fn *(*set)(glib_log_fn *, void *) = NULL;
    void *symbol = dlsym(handle, "g_log_set_default_handler");

    memcpy(&set, &symbol, sizeof(set));
    if (set)
        set(glib_log, NULL);
}

int slirp_lib_load(struct slirp_lib *lib, struct err *e)
{
    void *handle = NULL;

    for (size_t n = 0; n < ARRAY_LEN(names) && !handle; n++)
        handle = dlopen(names[n], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle)
        return err_set(e, -ENOENT,
                       "a network without root needs libslirp, which is not "
                       "there: " HINT);
    for (size_t n = 0; n < ARRAY_LEN(functions); n++) {
        void *symbol = dlsym(handle, functions[n].name);

        if (!symbol)
            return err_set(e, -ENOENT, "this libslirp has no %s: " HINT,
                           functions[n].name);
        memcpy((char *)lib + functions[n].offset, &symbol, sizeof(symbol));
    }
    quieten(handle);
    return 0;
}
