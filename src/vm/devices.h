// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The devices a microVM shall have, as the API and the configuration file ask
 * for them. The structs are also what the JSON tables decode into (`given` is
 * theirs: bit n, the n-th field came). Strings are owned. vm_new makes devices
 * of these lists.
 *
 * A bucket of size 0 limits nothing: what was given as such is dropped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct net_backend;

struct token_bucket {
    uint64_t size;
    uint64_t one_time_burst;
    uint64_t refill_time; /* ms */
    uint64_t given;
};

/* The order is known to RATE_LIMIT_GIVEN_*. */
struct rate_limit {
    struct token_bucket bandwidth; /* bytes */
    struct token_bucket ops;
    uint64_t given;
};

enum { RATE_LIMIT_GIVEN_BANDWIDTH = 1, RATE_LIMIT_GIVEN_OPS = 2 };

enum cache_type { CACHE_UNSAFE, CACHE_WRITEBACK };
enum io_engine { IO_ENGINE_SYNC, IO_ENGINE_ASYNC };

struct drive_config {
    char *id;
    char *partuuid;
    bool is_root;
    uint32_t cache_type; /* enum cache_type */
    bool is_read_only;
    char *path;
    struct rate_limit limit;
    uint32_t io_engine; /* enum io_engine */
    char *socket;       /* vhost-user */
    uint64_t given;
    bool discard;  /* squib's own: the guest may punch holes in the file */
    bool segments; /* likewise: requests of many buffers */
};

struct net_config {
    char *id;
    char *host_dev_name;
    char *guest_mac; /* lower case; NULL: none of its own */
    uint16_t mtu;
    struct rate_limit rx_limit, tx_limit;
    uint64_t given;
    bool has_mmds;
    bool tap_must_exist;       /* squib's own: else it may be made */
    struct net_opened *opened; /* owned: the host's side, since it was given */
};

struct vsock_config {
    char *vsock_id;
    uint32_t guest_cid;
    char *uds_path;
    uint64_t given;
    int listener; /* owned, bound to uds_path since it was configured */
};

struct balloon_config {
    uint32_t amount_mib;
    bool deflate_on_oom;
    uint16_t stats_interval_s;
    bool hinting, reporting;
    uint64_t given;
};

struct entropy_config {
    struct rate_limit limit;
    uint64_t given;
};

/* The order is known to PMEM_GIVEN_LIMIT. */
struct pmem_config {
    char *id;
    char *path;
    bool is_root;
    bool is_read_only;
    struct rate_limit limit;
    uint64_t given;
};

enum { PMEM_GIVEN_LIMIT = 1 << 4 };

struct memory_hotplug_config {
    uint32_t total_mib, block_mib, slot_mib;
    uint64_t given;
    uint32_t requested_mib; /* squib's own: of the beginning; no JSON field */
};

struct serial_config {
    char *out_path; /* NULL: standard output */
    struct token_bucket limit;
    uint64_t given;
};

enum mmds_version { MMDS_V1, MMDS_V2 };

struct text_list {
    char **items; /* owned */
    size_t count;
};

/* Which NICs see the MMDS is in their has_mmds. */
struct mmds_config {
    uint32_t version; /* enum mmds_version */
    struct text_list interfaces;
    char *ipv4; /* NULL: the default address */
    bool imds_compat;
    uint64_t given;
};

#define MMDS_DEFAULT_IPV4 "169.254.169.254"

struct mmds_answerer; /* dev/mmds_tcp.h */

struct vm_devices {
    struct drive_config *drives; /* owned; the root device is the first */
    size_t num_drives;
    struct net_config *nets;
    size_t num_nets;
    struct pmem_config *pmems;
    size_t num_pmems;
    bool has_vsock, has_balloon, has_entropy, has_memory_hotplug, has_mmds;
    struct vsock_config vsock;
    struct balloon_config balloon;
    struct entropy_config entropy;
    struct memory_hotplug_config memory_hotplug;
    struct mmds_config mmds;
    const struct mmds_answerer *mmds_answerer; /* borrowed; NULL: none */
    struct serial_config serial;
};

void devices_release(struct vm_devices *d);

/* Each takes what *given owns and leaves zeros, also on failure. The sentences
   are Firecracker's, without the API's prefix. */
int devices_put_drive(struct vm_devices *d, struct drive_config *given,
                      struct err *e);

/* The drive's file or limits were changed while it ran: NULL and buckets that
   were not given stay. */
int devices_patch_drive(struct vm_devices *d, const char *id, const char *path,
                        const struct rate_limit *limit, struct err *e);
int devices_put_net(struct vm_devices *d, struct net_config *given,
                    struct err *e);

/* The interface's limits were changed while it ran: buckets that were not given
   stay. */
int devices_patch_net(struct vm_devices *d, const char *id,
                      const struct rate_limit *rx, const struct rate_limit *tx,
                      struct err *e);

/* The host's side of an interface, for its device: what was opened when it was
   configured, or opened again if that is a device's already. */
struct net_backend *devices_take_net(const struct net_config *c, struct err *e);

int devices_put_pmem(struct vm_devices *d, struct pmem_config *given,
                     struct err *e);

/* Its limits were changed while it ran: buckets that were not given stay. */
int devices_patch_pmem(struct vm_devices *d, const char *id,
                       const struct rate_limit *limit, struct err *e);
int devices_put_vsock(struct vm_devices *d, struct vsock_config *given,
                      struct err *e);
/* -ERANGE: more than the guest's memory. */
int devices_check_balloon(const struct vm_devices *d, uint32_t amount_mib,
                          uint64_t mem_size_mib, struct err *e);
int devices_put_balloon(struct vm_devices *d, struct balloon_config *given,
                        uint64_t mem_size_mib, struct err *e);
int devices_put_entropy(struct vm_devices *d, struct entropy_config *given,
                        struct err *e);
int devices_put_memory_hotplug(struct vm_devices *d,
                               struct memory_hotplug_config *c, struct err *e);
int devices_put_mmds(struct vm_devices *d, struct mmds_config *given,
                     struct err *e);
int devices_put_serial(struct vm_devices *d, struct serial_config *given,
                       struct err *e);

void rate_limit_normalize(struct rate_limit *limit);

/* Buckets that were not given stay. */
void rate_limit_patch(struct rate_limit *limit, const struct rate_limit *given);
bool rate_limit_is_set(const struct rate_limit *limit);
