// SPDX-License-Identifier: Apache-2.0
#pragma once

/* CPU templates of the operator's own: which capabilities of KVM are wanted,
   which features of a vCPU, which bits of which registers. They are checked as
   upstream checks them; what they would do is not there yet. */

#include "api/schema.h"

struct cpu_config {
    struct json_list capabilities, features, registers;
    uint64_t given;
};
extern const struct json_schema cpu_config_schema;

/* What the table alone cannot tell: a register has 32, 64 or 128 bits, and a
   bitmap no more than its register. */
int cpu_config_check(const struct cpu_config *c, struct err *e);

/* It asks for nothing. */
bool cpu_config_is_empty(const struct cpu_config *c);
