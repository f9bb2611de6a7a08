// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The system registers of the soft CPU, made from one list (sysreg_list.inc):
 * who may read and write each, which bits stick, what a write sets off. What
 * the list does not name is UNDEFINED.
 */

#include <stdbool.h>
#include <stdint.h>

#include "accel/soft/cpu.h"

/* What came of an access: done; done, and the block must end; or refused. */
enum sysreg_result {
    SYSREG_DONE,
    SYSREG_DONE_END,
    SYSREG_UNDEF,
    SYSREG_TRAP,   /* EC 0x18 */
    SYSREG_FP_TRAP /* EC 0x07 */
};

enum sysreg_access { R_EL0 = 1, W_EL0 = 2, R_EL1 = 4, W_EL1 = 8 };
enum sysreg_effect {
    ON_WRITE_NOTHING,
    ON_WRITE_MODE,    /* what decoded code depends on */
    ON_WRITE_CONTEXT, /* the same and translation */
    ON_WRITE_DEBUG
};

/* KEY_name is the SYSREG_KEY of each register of the list. */
enum sysreg_state_key {
#define SYSREG(name, op0, op1, crn, crm, op2) \
    STATE_KEY_##name = SYSREG_KEY(op0, op1, crn, crm, op2),
#include "accel/sysregs.inc"
#undef SYSREG
};
enum sysreg_key {
#define STATE(name, access, mask, ones, effect) \
    KEY_##name = (int)STATE_KEY_##name,
#define CONST(name, op0, op1, crn, crm, op2, access, value) \
    KEY_##name = SYSREG_KEY(op0, op1, crn, crm, op2),
#define CALL(name, op0, op1, crn, crm, op2, access, read, write) \
    KEY_##name = SYSREG_KEY(op0, op1, crn, crm, op2),
#include "accel/soft/sysreg_list.inc"
#undef STATE
#undef CONST
#undef CALL
};

struct sysreg_def;
typedef enum sysreg_result
sysreg_read_fn(struct cpu *cpu, const struct sysreg_def *r, uint64_t *value);
typedef enum sysreg_result
sysreg_write_fn(struct cpu *cpu, const struct sysreg_def *r, uint64_t value);

struct sysreg_def {
    const char *name;
    uint16_t key;
    uint8_t access; /* enum sysreg_access */

    /* The least EL at which it is no more than cpu->sys[slot]; 2: it is more
       than that. For the executors' short way. */
    uint8_t plain_read_el, plain_write_el;
    uint8_t effect; /* enum sysreg_effect, of a write to the slot */
    uint16_t slot;  /* enum sysreg; with read and write NULL */
    uint64_t mask;  /* bits a write can change */
    uint64_t ones;  /* bits that read as one; the value of a constant */
    sysreg_read_fn *read;
    sysreg_write_fn *write;
};

/* sysregs[0] is the entry of all registers that are UNDEFINED. */
extern const struct sysreg_def sysregs[];
extern const unsigned num_sysregs;

/* CTR_EL0: 64-byte lines, PIPT, IDC = 1, DIC = 0 */
#define SYSREG_CTR_EL0 0x9444c004u

/* DCZID_EL0 where DC ZVA is allowed: BS = 4, 64 bytes */
#define SYSREG_DCZID_EL0 4u

/* Whether SYS with this key (imm_sys_key) is DC CVAC, CVAU, CVAP or CIVAC, and
   whether it is DC ZVA. */
bool sys_is_clean(unsigned key);
bool sys_is_zva(unsigned key);

/* Index into sysregs[] by SYSREG_KEY, for MRS and MSR. */
unsigned sysreg_find(unsigned key);

/* Whether reading it gives `ones`, at the ELs that may. */
bool sysreg_is_const(const struct sysreg_def *r);

/* An access at the present EL, all rules applied. */
enum sysreg_result sysreg_read(struct cpu *cpu, const struct sysreg_def *r,
                               uint64_t *value);
enum sysreg_result sysreg_write(struct cpu *cpu, const struct sysreg_def *r,
                                uint64_t value);

/* What register `r` may hold of `value`: for state from a stranger. */
uint64_t sysreg_legal(enum sysreg r, uint64_t value);

/* Loads all of sys[] from saved state, made legal, and lets the rest of the
   CPU know. The timers are looked at as well. */
void sysreg_load(struct cpu *cpu, const uint64_t sys[NUM_SYSREGS]);
