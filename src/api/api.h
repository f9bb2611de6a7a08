// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The control plane: Firecracker's API over its socket, in front of one
 * microVM. Two threads know it. The server's, fc_api, reads requests, refuses
 * what is not one and answers GETs; everything else waits in a queue for the
 * owner's thread (the one that runs the VM), in api_work. So no GET ever waits
 * for a long operation. The lock guards what GETs read; the owner's thread
 * alone writes it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "api/mmds_store.h"
#include "base/err.h"
#include "vm/config.h"

struct api;
struct attached;

enum instance_state { INSTANCE_NOT_STARTED, INSTANCE_RUNNING, INSTANCE_PAUSED };

/* What the owner does for the API, on its own thread; wake is called on any:
   api_work is wanted soon. */
struct api_owner {
    int (*start)(void *ctx, struct err *e); /* the VM of the vm_config */
    void (*pause)(void *ctx);
    void (*resume)(void *ctx);
    /* The virtio devices of the VM that runs; NULL: there is none. */
    struct attached *(*attached)(void *ctx);
    void (*give_up)(void *ctx); /* the process is to end with code 1 */
    void (*wake)(void *ctx);
    void *ctx; /* borrowed */
};

struct api_options {
    const char *id; /* borrowed, as the others */
    struct vm_config *cfg;
    struct api_owner owner;
    size_t max_body;
    struct mmds_store *mmds;
};

struct api *api_new(const struct api_options *options, struct err *e);

/* Answers what is in the queue with what is known, ends the thread. Takes
   NULL. */
void api_free(struct api *api);

/* Opens the socket: clients may connect, and wait. */
int api_listen(struct api *api, const char *path, struct err *e);

/* Starts the thread that answers them. Without a socket it does nothing. */
int api_serve(struct api *api, struct err *e);

/* On the owner's thread: does what waits in the queue. */
void api_work(struct api *api);

/* Starts the VM without being asked by a request, as a config file does. */
int api_start_instance(struct api *api, struct err *e);
