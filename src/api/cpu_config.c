// SPDX-License-Identifier: Apache-2.0
/* The tables of CPU templates, and the words in them. Sentences are upstream's,
   down to how Rust calls what is wrong with a number. */

#include "api/cpu_config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/macros.h"

enum {
    FEATURE_BITS = 32,
    REGISTER_BITS = 128,
    SHOWN = 400,            /* of a text in a sentence */
    KVM_REG_SIZE_SHIFT = 52 /* log2 of the bytes, four bits */
};

enum number { NUMBER_FINE, NUMBER_EMPTY, NUMBER_BAD_DIGIT, NUMBER_TOO_LARGE };

static const struct {
    const char *name, *text;
} number_faults[] = {
    [NUMBER_EMPTY] = {"Empty", "cannot parse integer from empty string"},
    [NUMBER_BAD_DIGIT] = {"InvalidDigit", "invalid digit found in string"},
    [NUMBER_TOO_LARGE] = {"PosOverflow",
                          "number too large to fit in target type"},
};

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

/* As Rust's from_str_radix: a plus sign is fine, a minus sign no digit. */
static enum number parse_number(const char *text, unsigned radix, uint64_t max,
                                uint64_t *out)
{
    uint64_t value = 0;
    bool fits = true;

    if (!*text)
        return NUMBER_EMPTY;
    if (*text == '+' && text[1])
        text++;
    for (; *text; text++) {
        unsigned digit = digit_of(*text);

        if (digit >= radix)
            return NUMBER_BAD_DIGIT;
        fits = fits && !__builtin_mul_overflow(value, radix, &value) &&
               !__builtin_add_overflow(value, digit, &value) && value <= max;
    }
    *out = value;
    return fits ? NUMBER_FINE : NUMBER_TOO_LARGE;
}

/* ---- the words ---- */

/* "121" wants one, "!121" does without it. */
static bool is_capability(const char *text, struct err *e)
{
    uint64_t value;
    enum number rc =
        parse_number(text + (*text == '!'), 10, UINT32_MAX, &value);

    if (rc == NUMBER_FINE)
        return true;
    err_set(e, -EINVAL,
            "Failed to parse string [%.*s] as a kvm capability - can not "
            "convert to numeric: %s",
            SHOWN, text, number_faults[rc].text);
    return false;
}

/* From its end, as upstream reads it. A character that is none of its four is
   named by its number. */
static bool is_bitmap(const char *text, unsigned width, struct err *e)
{
    const char *start = strncmp(text, "0b", 2) == 0 ? text + 2 : text;
    unsigned bits = 0;

    for (const char *c = start + strlen(start); c-- > start;) {
        if (bits == width) {
            err_set(e, -EINVAL,
                    "Failed to parse string [%.*s] as a bitmap - string is "
                    "too long",
                    SHOWN, text);
            return false;
        }
        if (!strchr("01x_", *c)) {
            err_set(e, -EINVAL,
                    "Failed to parse string [%.*s] as a bitmap - unknown "
                    "character: %u",
                    SHOWN, text, (unsigned char)*c);
            return false;
        }
        bits += *c != '_';
    }
    return true;
}

static bool is_feature_bitmap(const char *text, struct err *e)
{
    return is_bitmap(text, FEATURE_BITS, e);
}

static bool is_register_bitmap(const char *text, struct err *e)
{
    return is_bitmap(text, REGISTER_BITS, e);
}

static enum number parse_address(const char *text, uint64_t *addr)
{
    return parse_number(text + 2, text[1] == 'b' ? 2 : 16, UINT64_MAX, addr);
}

static bool is_address(const char *text, struct err *e)
{
    enum number rc;
    uint64_t addr;

    if (strncmp(text, "0b", 2) != 0 && strncmp(text, "0x", 2) != 0) {
        err_set(e, -EINVAL,
                "No supported number system prefix found in value [%.*s]. "
                "Make sure to prefix the number with '0x' for hexadecimal "
                "numbers or '0b' for binary numbers.",
                SHOWN, text);
        return false;
    }
    rc = parse_address(text, &addr);
    if (rc == NUMBER_FINE)
        return true;
    err_set(e, -EINVAL,
            "Failed to parse string [%.*s] as a number for CPU template - "
            "ParseIntError { kind: %s }",
            SHOWN, text, number_faults[rc].name);
    return false;
}

/* ---- the tables ---- */

/* clang-format off */
struct cpu_feature {
    uint32_t index;
    char *bitmap;
    uint64_t given;
};
static const struct json_field feature_fields[] = {
    {"index", JSON_U32, JSON_REQUIRED,
     .offset = offsetof(struct cpu_feature, index)},
    {"bitmap", JSON_STRING, JSON_REQUIRED, .accepts = is_feature_bitmap,
     .offset = offsetof(struct cpu_feature, bitmap)},
};
static const struct json_schema feature_schema = {
    JSON_SCHEMA(struct cpu_feature, "VcpuFeatures", feature_fields),
    .tolerant = true};

struct cpu_register {
    char *addr;
    char *bitmap;
    uint64_t given;
};
static const struct json_field register_fields[] = {
    {"addr", JSON_STRING, JSON_REQUIRED, .accepts = is_address,
     .offset = offsetof(struct cpu_register, addr)},
    {"bitmap", JSON_STRING, JSON_REQUIRED, .accepts = is_register_bitmap,
     .offset = offsetof(struct cpu_register, bitmap)},
};
static const struct json_schema register_schema = {
    JSON_SCHEMA(struct cpu_register, "RegisterModifier", register_fields),
    .tolerant = true};

static const struct json_field capability_element = {
    "", JSON_STRING, .accepts = is_capability};
static const struct json_field feature_element = {
    "", JSON_OBJECT, .object = &feature_schema};
static const struct json_field register_element = {
    "", JSON_OBJECT, .object = &register_schema};

static const struct json_field cpu_config_fields[] = {
#define AT(member) .offset = offsetof(struct cpu_config, member)
    {"kvm_capabilities", JSON_LIST, 0, AT(capabilities),
     .element = &capability_element},
    {"vcpu_features", JSON_LIST, 0, AT(features), .element = &feature_element},
    {"reg_modifiers", JSON_LIST, 0, AT(registers),
     .element = &register_element},
#undef AT
};
const struct json_schema cpu_config_schema = {
    JSON_SCHEMA(struct cpu_config, "CustomCpuTemplate", cpu_config_fields)};
/* clang-format on */

/* ---- what they say together ---- */

/* The bits from the first one that is set or cleared to the last. */
static unsigned bits_of(const char *bitmap)
{
    const char *start = strncmp(bitmap, "0b", 2) == 0 ? bitmap + 2 : bitmap;
    unsigned at = 0, bits = 0;

    for (const char *c = start + strlen(start); c-- > start;) {
        if (*c == '_')
            continue;
        at++;
        if (*c != 'x')
            bits = at;
    }
    return bits;
}

static int check_register(const struct cpu_register *r, struct err *e)
{
    unsigned log2, bits;
    uint64_t addr;

    if (parse_address(r->addr, &addr) != NUMBER_FINE)
        return err_set(e, -EINVAL, "a register's address is no number");
    log2 = (unsigned)(addr >> KVM_REG_SIZE_SHIFT & 15);
    if (log2 < 2 || log2 > 4)
        return err_set(e, -EINVAL,
                       "Invalid aarch64 register address: %#" PRIx64
                       " - Only 32, 64 and 128 bit wide registers are "
                       "supported",
                       addr);
    bits = 8u << log2;
    if (bits_of(r->bitmap) <= bits)
        return 0;
    return err_set(e, -EINVAL,
                   "Invalid size of bitmap for register %#" PRIx64
                   ", should be <= %u bits",
                   addr, bits);
}

int cpu_config_check(const struct cpu_config *c, struct err *e)
{
    const struct cpu_register *registers = c->registers.items;
    int rc = 0;

    for (size_t n = 0; rc == 0 && n < c->registers.count; n++)
        rc = check_register(&registers[n], e);
    return rc;
}

bool cpu_config_is_empty(const struct cpu_config *c)
{
    return !c->capabilities.count && !c->features.count && !c->registers.count;
}
