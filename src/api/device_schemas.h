// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The tables of the devices' resources and of what is asked of a running
   microVM. The devices' structs are vm/devices.h's. */

#include "api/schema.h"
#include "vm/devices.h"

extern const struct json_schema drive_schema;
extern const struct json_schema net_schema;
extern const struct json_schema pmem_schema;
extern const struct json_schema vsock_schema;
extern const struct json_schema balloon_schema;
extern const struct json_schema entropy_schema;
extern const struct json_schema memory_hotplug_schema;
extern const struct json_schema serial_schema;
extern const struct json_schema mmds_config_schema;

struct drive_update {
    char *id;
    char *path;
    struct rate_limit limit;
    uint64_t given;
};
extern const struct json_schema drive_update_schema;

struct net_update {
    char *id;
    struct rate_limit rx_limit, tx_limit;
    uint64_t given;
};
extern const struct json_schema net_update_schema;

struct pmem_update {
    char *id;
    struct rate_limit limit;
    uint64_t given;
};
extern const struct json_schema pmem_update_schema;

struct balloon_update {
    uint32_t amount_mib;
    uint64_t given;
};
extern const struct json_schema balloon_update_schema;

struct balloon_stats_update {
    uint16_t stats_interval_s;
    uint64_t given;
};
extern const struct json_schema balloon_stats_update_schema;

struct hinting_start {
    bool acknowledge_on_stop;
    uint64_t given;
};
extern const struct json_schema hinting_start_schema;

struct memory_hotplug_update {
    uint32_t requested_mib;
    uint64_t given;
};
extern const struct json_schema memory_hotplug_update_schema;

enum vm_state_wish { VM_STATE_PAUSED, VM_STATE_RESUMED };

struct vm_update {
    uint32_t state; /* enum vm_state_wish */
    uint64_t given;
};
extern const struct json_schema vm_update_schema;

enum vm_action { ACTION_FLUSH_METRICS, ACTION_START, ACTION_CTRL_ALT_DEL };

struct action_body {
    uint32_t type; /* enum vm_action */
    uint64_t given;
};
extern const struct json_schema action_schema;

struct metrics_config {
    char *path;
    bool emit_id;
    struct json_span properties;
    uint64_t given;
};
extern const struct json_schema metrics_config_schema;

struct snapshot_create {
    uint32_t type;
    char *path;
    char *mem_path;
    uint64_t given;
};
extern const struct json_schema snapshot_create_schema;

struct mem_backend {
    char *path;
    uint32_t type;
    uint64_t given;
};

struct vsock_override {
    char *uds_path;
    uint64_t given;
};

struct snapshot_load {
    char *path;
    char *mem_path;
    struct mem_backend backend;
    bool enable_diff;
    bool track_dirty_pages;
    bool resume_vm;
    struct json_list networks;
    struct vsock_override vsock;
    bool clock_realtime;
    uint32_t huge_pages;
    uint64_t given;
};
extern const struct json_schema snapshot_load_schema;

/* Marks what of a limit is there, as it is to be shown: a bucket that limits
   nothing and a burst of 0 are null. */
void rate_limit_show(struct rate_limit *limit);
