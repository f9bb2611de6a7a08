// SPDX-License-Identifier: Apache-2.0
/* Tables; their order is that of upstream's structs, which the texts about
   unknown fields show. */

#include "api/device_schemas.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "dev/net.h"

/* ---- words with a form ---- */

static bool is_mac(const char *text, struct err *e)
{
    uint8_t mac[NET_MAC_BYTES];

    if (net_parse_mac(text, mac))
        return true;
    err_set(e, -EINVAL, "The provided MAC address is invalid.");
    return false;
}

static bool is_ipv4(const char *text, struct err *e)
{
    struct in_addr addr;

    if (inet_pton(AF_INET, text, &addr) == 1)
        return true;
    err_set(e, -EINVAL, "invalid IPv4 address syntax");
    return false;
}

/* clang-format off */

/* ---- rate limiters ---- */

static const struct json_field bucket_fields[] = {
#define AT(member) .offset = offsetof(struct token_bucket, member)
    {"size", JSON_U64, JSON_REQUIRED, AT(size)},
    {"one_time_burst", JSON_U64, JSON_NULLABLE, AT(one_time_burst)},
    {"refill_time", JSON_U64, JSON_REQUIRED, AT(refill_time)},
#undef AT
};
static const struct json_schema bucket_schema = {
    JSON_SCHEMA(struct token_bucket, "TokenBucketConfig", bucket_fields),
    .tolerant = true};

static const struct json_field limit_fields[] = {
#define AT(member) .offset = offsetof(struct rate_limit, member)
    {"bandwidth", JSON_OBJECT, JSON_NULLABLE, AT(bandwidth),
     .object = &bucket_schema},
    {"ops", JSON_OBJECT, JSON_NULLABLE, AT(ops), .object = &bucket_schema},
#undef AT
};
static const struct json_schema limit_schema = {
    JSON_SCHEMA(struct rate_limit, "RateLimiterConfig", limit_fields)};

/* ---- devices ---- */

static const char *const cache_types[] = {"Unsafe", "Writeback", NULL};
static const char *const io_engines[] = {"Async", "Sync", NULL};

/* Firecracker lists Async first in its texts; ours is numbered the other way. */
static const char *const io_engine_names[] = {
    [IO_ENGINE_SYNC] = "Sync", [IO_ENGINE_ASYNC] = "Async", NULL};

static const struct json_field drive_fields[] = {
#define AT(member) .offset = offsetof(struct drive_config, member)
    {"drive_id", JSON_STRING, JSON_REQUIRED, AT(id)},
    {"partuuid", JSON_STRING, JSON_NULLABLE, AT(partuuid)},
    {"is_root_device", JSON_BOOL, JSON_REQUIRED, AT(is_root)},
    {"cache_type", JSON_ENUM, 0, AT(cache_type), .variants = cache_types,
     .value = CACHE_UNSAFE},
    {"is_read_only", JSON_BOOL, JSON_NULLABLE, AT(is_read_only)},
    {"path_on_host", JSON_STRING, JSON_NULLABLE, AT(path)},
    {"rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(limit),
     .object = &limit_schema},
    {"io_engine", JSON_ENUM, JSON_NULLABLE, AT(io_engine),
     .variants = io_engine_names, .listed = io_engines,
     .value = IO_ENGINE_SYNC},
    {"socket", JSON_STRING, JSON_NULLABLE, AT(socket)},
#undef AT
};
const struct json_schema drive_schema = {
    JSON_SCHEMA(struct drive_config, "BlockDeviceConfig", drive_fields)};

static const struct json_field drive_update_fields[] = {
#define AT(member) .offset = offsetof(struct drive_update, member)
    {"drive_id", JSON_STRING, JSON_REQUIRED, AT(id)},
    {"path_on_host", JSON_STRING, JSON_NULLABLE, AT(path)},
    {"rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(limit),
     .object = &limit_schema},
#undef AT
};
const struct json_schema drive_update_schema = {
    JSON_SCHEMA(struct drive_update, "BlockDeviceUpdateConfig",
                drive_update_fields)};

static const struct json_field net_fields[] = {
#define AT(member) .offset = offsetof(struct net_config, member)
    {"iface_id", JSON_STRING, JSON_REQUIRED, AT(id)},
    {"host_dev_name", JSON_STRING, JSON_REQUIRED, AT(host_dev_name)},
    {"guest_mac", JSON_STRING, JSON_NULLABLE, AT(guest_mac),
     .accepts = is_mac},
    {"mtu", JSON_U16, JSON_NULLABLE, AT(mtu)},
    {"rx_rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(rx_limit),
     .object = &limit_schema},
    {"tx_rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(tx_limit),
     .object = &limit_schema},
#undef AT
};
const struct json_schema net_schema = {
    JSON_SCHEMA(struct net_config, "NetworkInterfaceConfig", net_fields)};

static const struct json_field net_update_fields[] = {
#define AT(member) .offset = offsetof(struct net_update, member)
    {"iface_id", JSON_STRING, JSON_REQUIRED, AT(id)},
    {"rx_rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(rx_limit),
     .object = &limit_schema},
    {"tx_rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(tx_limit),
     .object = &limit_schema},
#undef AT
};
const struct json_schema net_update_schema = {
    JSON_SCHEMA(struct net_update, "NetworkInterfaceUpdateConfig",
                net_update_fields)};

static const struct json_field pmem_fields[] = {
#define AT(member) .offset = offsetof(struct pmem_config, member)
    {"id", JSON_STRING, JSON_REQUIRED, AT(id)},
    {"path_on_host", JSON_STRING, JSON_REQUIRED, AT(path)},
    {"root_device", JSON_BOOL, 0, AT(is_root)},
    {"read_only", JSON_BOOL, 0, AT(is_read_only)},
    {"rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(limit),
     .object = &limit_schema},
#undef AT
};
const struct json_schema pmem_schema = {
    JSON_SCHEMA(struct pmem_config, "PmemConfig", pmem_fields)};

static const struct json_field pmem_update_fields[] = {
#define AT(member) .offset = offsetof(struct pmem_update, member)
    {"id", JSON_STRING, JSON_REQUIRED, AT(id)},
    {"rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(limit),
     .object = &limit_schema},
#undef AT
};
const struct json_schema pmem_update_schema = {
    JSON_SCHEMA(struct pmem_update, "PmemDeviceUpdateConfig",
                pmem_update_fields)};

static const struct json_field vsock_fields[] = {
#define AT(member) .offset = offsetof(struct vsock_config, member)
    {"vsock_id", JSON_STRING, JSON_NULLABLE | JSON_OMIT, AT(vsock_id)},
    {"guest_cid", JSON_U32, JSON_REQUIRED, AT(guest_cid)},
    {"uds_path", JSON_STRING, JSON_REQUIRED, AT(uds_path)},
#undef AT
};
const struct json_schema vsock_schema = {
    JSON_SCHEMA(struct vsock_config, "VsockDeviceConfig", vsock_fields)};

static const struct json_field balloon_fields[] = {
#define AT(member) .offset = offsetof(struct balloon_config, member)
    {"amount_mib", JSON_U32, JSON_REQUIRED, AT(amount_mib)},
    {"deflate_on_oom", JSON_BOOL, JSON_REQUIRED, AT(deflate_on_oom)},
    {"stats_polling_interval_s", JSON_U16, 0, AT(stats_interval_s)},
    {"free_page_hinting", JSON_BOOL, 0, AT(hinting)},
    {"free_page_reporting", JSON_BOOL, 0, AT(reporting)},
#undef AT
};
const struct json_schema balloon_schema = {
    JSON_SCHEMA(struct balloon_config, "BalloonDeviceConfig", balloon_fields)};

static const struct json_field balloon_update_fields[] = {
    {"amount_mib", JSON_U32, JSON_REQUIRED,
     .offset = offsetof(struct balloon_update, amount_mib)},
};
const struct json_schema balloon_update_schema = {
    JSON_SCHEMA(struct balloon_update, "BalloonUpdateConfig",
                balloon_update_fields)};

static const struct json_field balloon_stats_update_fields[] = {
    {"stats_polling_interval_s", JSON_U16, JSON_REQUIRED,
     .offset = offsetof(struct balloon_stats_update, stats_interval_s)},
};
const struct json_schema balloon_stats_update_schema = {
    JSON_SCHEMA(struct balloon_stats_update, "BalloonUpdateStatsConfig",
                balloon_stats_update_fields)};

static const struct json_field hinting_start_fields[] = {
    {"acknowledge_on_stop", JSON_BOOL, 0, .value = 1,
     .offset = offsetof(struct hinting_start, acknowledge_on_stop)},
};
const struct json_schema hinting_start_schema = {
    JSON_SCHEMA(struct hinting_start, "StartHintingCmd", hinting_start_fields),
    .tolerant = true};

static const struct json_field entropy_fields[] = {
    {"rate_limiter", JSON_OBJECT, JSON_NULLABLE,
     .offset = offsetof(struct entropy_config, limit),
     .object = &limit_schema},
};
const struct json_schema entropy_schema = {
    JSON_SCHEMA(struct entropy_config, "EntropyDeviceConfig", entropy_fields)};

static const struct json_field memory_hotplug_fields[] = {
#define AT(member) .offset = offsetof(struct memory_hotplug_config, member)
    {"total_size_mib", JSON_U32, JSON_REQUIRED, AT(total_mib)},
    {"block_size_mib", JSON_U32, 0, AT(block_mib), .value = 2},
    {"slot_size_mib", JSON_U32, 0, AT(slot_mib), .value = 128},
#undef AT
};
const struct json_schema memory_hotplug_schema = {
    JSON_SCHEMA(struct memory_hotplug_config, "MemoryHotplugConfig",
                memory_hotplug_fields)};

static const struct json_field memory_hotplug_update_fields[] = {
    {"requested_size_mib", JSON_U32, JSON_REQUIRED,
     .offset = offsetof(struct memory_hotplug_update, requested_mib)},
};
const struct json_schema memory_hotplug_update_schema = {
    JSON_SCHEMA(struct memory_hotplug_update, "MemoryHotplugSizeUpdate",
                memory_hotplug_update_fields)};

static const struct json_field serial_fields[] = {
#define AT(member) .offset = offsetof(struct serial_config, member)
    {"serial_out_path", JSON_PATH, JSON_NULLABLE, AT(out_path)},
    {"rate_limiter", JSON_OBJECT, JSON_NULLABLE, AT(limit),
     .object = &bucket_schema},
#undef AT
};
const struct json_schema serial_schema = {
    JSON_SCHEMA(struct serial_config, "SerialConfig", serial_fields)};

/* ---- MMDS ---- */

static const char *const mmds_versions[] = {
    [MMDS_V1] = "V1", [MMDS_V2] = "V2", NULL};
static const struct json_field text_element = {"", JSON_STRING, .offset = 0};

static_assert(offsetof(struct text_list, count) ==
                  offsetof(struct json_list, count), "decoded as a json_list");

static const struct json_field mmds_config_fields[] = {
#define AT(member) .offset = offsetof(struct mmds_config, member)
    {"version", JSON_ENUM, 0, AT(version), .variants = mmds_versions,
     .value = MMDS_V1},
    {"network_interfaces", JSON_LIST, JSON_REQUIRED, AT(interfaces),
     .element = &text_element},
    {"ipv4_address", JSON_STRING, JSON_NULLABLE, AT(ipv4),
     .accepts = is_ipv4, .what = "IPv4 address"},
    {"imds_compat", JSON_BOOL, 0, AT(imds_compat)},
#undef AT
};
const struct json_schema mmds_config_schema = {
    JSON_SCHEMA(struct mmds_config, "MmdsConfig", mmds_config_fields)};

/* ---- the microVM and the process ---- */

static const char *const vm_states[] = {
    [VM_STATE_PAUSED] = "Paused", [VM_STATE_RESUMED] = "Resumed", NULL};
static const struct json_field vm_update_fields[] = {
    {"state", JSON_ENUM, JSON_REQUIRED, .variants = vm_states,
     .offset = offsetof(struct vm_update, state)},
};
const struct json_schema vm_update_schema = {
    JSON_SCHEMA(struct vm_update, "Vm", vm_update_fields)};

static const char *const action_types[] = {
    [ACTION_FLUSH_METRICS] = "FlushMetrics", [ACTION_START] = "InstanceStart",
    [ACTION_CTRL_ALT_DEL] = "SendCtrlAltDel", NULL};
static const struct json_field action_fields[] = {
    {"action_type", JSON_ENUM, JSON_REQUIRED, .variants = action_types,
     .offset = offsetof(struct action_body, type)},
};
const struct json_schema action_schema = {
    JSON_SCHEMA(struct action_body, "ActionBody", action_fields)};

static const struct json_field metrics_config_fields[] = {
#define AT(member) .offset = offsetof(struct metrics_config, member)
    {"metrics_path", JSON_PATH, JSON_REQUIRED, AT(path)},
    {"emit_id", JSON_BOOL, 0, AT(emit_id)},
    {"properties", JSON_TEXTS, JSON_NULLABLE, AT(properties)},
#undef AT
};
const struct json_schema metrics_config_schema = {
    JSON_SCHEMA(struct metrics_config, "MetricsConfig", metrics_config_fields),
    .tolerant = true};

/* ---- snapshots ---- */

static const char *const snapshot_types[] = {"Diff", "Full", NULL};
static const struct json_field snapshot_create_fields[] = {
#define AT(member) .offset = offsetof(struct snapshot_create, member)
    {"snapshot_type", JSON_ENUM, 0, AT(type), .variants = snapshot_types,
     .value = 1},
    {"snapshot_path", JSON_PATH, JSON_REQUIRED, AT(path)},
    {"mem_file_path", JSON_PATH, JSON_REQUIRED, AT(mem_path)},
#undef AT
};
const struct json_schema snapshot_create_schema = {
    JSON_SCHEMA(struct snapshot_create, "CreateSnapshotParams",
                snapshot_create_fields)};

static const char *const backend_types[] = {"File", "Uffd", NULL};
static const struct json_field mem_backend_fields[] = {
    {"backend_path", JSON_PATH, JSON_REQUIRED,
     .offset = offsetof(struct mem_backend, path)},
    {"backend_type", JSON_ENUM, JSON_REQUIRED, .variants = backend_types,
     .offset = offsetof(struct mem_backend, type)},
};
static const struct json_schema mem_backend_schema = {
    JSON_SCHEMA(struct mem_backend, "MemBackendConfig", mem_backend_fields)};

struct network_override {
    char *id;
    char *host_dev_name;
    uint64_t given;
};
static const struct json_field network_override_fields[] = {
    {"iface_id", JSON_STRING, JSON_REQUIRED,
     .offset = offsetof(struct network_override, id)},
    {"host_dev_name", JSON_STRING, JSON_REQUIRED,
     .offset = offsetof(struct network_override, host_dev_name)},
};
static const struct json_schema network_override_schema = {
    JSON_SCHEMA(struct network_override, "NetworkOverride",
                network_override_fields)};
static const struct json_field network_override_element = {
    "", JSON_OBJECT, .object = &network_override_schema};

static const struct json_field vsock_override_fields[] = {
    {"uds_path", JSON_STRING, JSON_REQUIRED,
     .offset = offsetof(struct vsock_override, uds_path)},
};
static const struct json_schema vsock_override_schema = {
    JSON_SCHEMA(struct vsock_override, "VsockOverride",
                vsock_override_fields)};

static const char *const load_huge_pages[] = {
    "Snapshot", "None", "Transparent", "2M", NULL};

static const struct json_field snapshot_load_fields[] = {
#define AT(member) .offset = offsetof(struct snapshot_load, member)
    {"snapshot_path", JSON_PATH, JSON_REQUIRED, AT(path)},
    {"mem_file_path", JSON_PATH, JSON_NULLABLE, AT(mem_path)},
    {"mem_backend", JSON_OBJECT, JSON_NULLABLE, AT(backend),
     .object = &mem_backend_schema},
    {"enable_diff_snapshots", JSON_BOOL, 0, AT(enable_diff)},
    {"track_dirty_pages", JSON_BOOL, 0, AT(track_dirty_pages)},
    {"resume_vm", JSON_BOOL, 0, AT(resume_vm)},
    {"network_overrides", JSON_LIST, 0, AT(networks),
     .element = &network_override_element},
    {"vsock_override", JSON_OBJECT, JSON_NULLABLE, AT(vsock),
     .object = &vsock_override_schema},
    {"clock_realtime", JSON_BOOL, 0, AT(clock_realtime)},
    {"huge_pages", JSON_ENUM, 0, AT(huge_pages), .variants = load_huge_pages},
#undef AT
};
const struct json_schema snapshot_load_schema = {
    JSON_SCHEMA(struct snapshot_load, "LoadSnapshotConfig",
                snapshot_load_fields)};
/* clang-format on */

static void show_bucket(struct rate_limit *limit, size_t offset)
{
    struct token_bucket *b = (void *)((char *)limit + offset);

    json_set_given(&bucket_schema, b,
                   offsetof(struct token_bucket, one_time_burst),
                   b->one_time_burst != 0);
    json_set_given(&limit_schema, limit, offset, b->size != 0);
}

void rate_limit_show(struct rate_limit *limit)
{
    show_bucket(limit, offsetof(struct rate_limit, bandwidth));
    show_bucket(limit, offsetof(struct rate_limit, ops));
}
