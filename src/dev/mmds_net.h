// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The metadata service as a NIC's guest sees it: an IPv4 address on the link
 * that answers ARP, and HTTP on TCP port 80. It is a detour of the NIC
 * (dev/net.h): no frame of it reaches the host. One a NIC.
 */

#include "base/err.h"
#include "dev/mmds_tcp.h"
#include "dev/net.h"

struct mmds_net;

/* `answerer` is copied, its ctx borrowed; the worker is the NIC's. NULL: out of
   memory. */
struct mmds_net *mmds_net_new(const uint8_t ip[4],
                              const struct mmds_answerer *answerer,
                              struct worker *worker, struct err *e);

/* For struct nic_config; and then the NIC, for what nobody asked for just now:
   both before the guest runs. */
const struct net_detour *mmds_net_detour(const struct mmds_net *m);
void mmds_net_set_nic(struct mmds_net *m, struct virtio_dev *nic);

/* After the NIC, before the worker; takes NULL. */
void mmds_net_free(struct mmds_net *m);
