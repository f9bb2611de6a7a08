// SPDX-License-Identifier: Apache-2.0
/* The formats kernels come in, by their first bytes. */

#include "machine/image_kind.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

/* What a file was found to be. '@' in a command stands for the file. */
struct finding {
    char what[96];
    char command[160];
};

struct head {
    const uint8_t *p;
    size_t bytes;
};

static uint64_t get(const struct head *h, size_t at, unsigned size)
{
    uint64_t value = 0;

    if (at > h->bytes || h->bytes - at < size)
        return 0;
    memcpy(&value, h->p + at, size);
    return value;
}

static bool has(const struct head *h, size_t at, const char *magic, size_t len)
{
    return at <= h->bytes && h->bytes - at >= len &&
           memcmp(h->p + at, magic, len) == 0;
}

static void found(struct finding *f, const char *what, const char *command)
{
    snprintf(f->what, sizeof(f->what), "%s", what);
    snprintf(f->command, sizeof(f->command), "%s", command);
}

#define BUILD_ARM64 "make ARCH=arm64 Image"

/* Where nothing in the file is of use: build the right kernel. */
static void found_foreign(struct finding *f, const char *what, const char *arch)
{
    snprintf(f->what, sizeof(f->what), "%s for %s, not for arm64", what, arch);
    snprintf(f->command, sizeof(f->command), BUILD_ARM64);
}

/* Formats known by a few bytes at one place. */
static const struct magic {
    uint16_t at;
    uint8_t len;
    const char *bytes;
    const char *what;
    const char *command;
} magics[] = {
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "compressed by xz", "xz -dc @ > Image"},
    {0, 4, "\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc @ > Image"},
    {0, 4, "\x02\x21\x4c\x18", "compressed by lz4", "lz4 -dc @ > Image"},
    {0, 3, "BZh", "compressed by bzip2", "bzip2 -dc @ > Image"},
    {0, 3, "\x5d\0\0", "compressed by lzma", "xz --format=lzma -dc @ > Image"},
    {0, 4, "LZIP", "compressed by lzip", "lzip -dc @ > Image"},
    {0, 9, "\x89LZO\0\r\n\x1a\n", "compressed by lzop", "lzop -dc @ > Image"},
    {0, 3, "\x1f\x8b\x08", "compressed by gzip", "gzip -dc @ > Image"},
    {0, 4, "\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc @ > Image"},
    {0, 4, "\xd0\x0d\xfe\xed", "a device tree or a FIT image",
     "dumpimage -T flat_dt -p 0 -o Image @"},
    {0, 8, "ANDROID!", "an Android boot image",
     "unpack_bootimg --boot_img @ --out . && mv kernel Image"},
    {0, 6, "070701", "a cpio archive (an initrd?), not a kernel", BUILD_ARM64},
    {0, 4, "hsqs", "a squashfs file system, not a kernel", BUILD_ARM64},
    {0, 6, "QFI\xfb\0\0", "a qcow2 disk image, not a kernel", BUILD_ARM64},
    {0x438, 2, "\x53\xef", "an ext4 file system, not a kernel", BUILD_ARM64},
    {0, 8, "!<arch>\n", "a Debian package or library",
     "dpkg -x @ out && cp out/boot/vmlinuz-* Image"},
    {0, 4, "\xed\xab\xee\xdb", "an RPM package",
     "rpm2cpio @ | cpio -id && cp boot/vmlinuz-* Image"},
    {257, 5, "ustar", "a tar archive", "tar -xf @"},
    {0, 4, "PK\x03\x04", "a zip archive", "unzip @"},
    {0, 2, "#!", "a script, not a kernel", BUILD_ARM64},
};

static bool find_magic(const struct head *h, struct finding *f)
{
    for (unsigned n = 0; n < ARRAY_LEN(magics); n++) {
        const struct magic *m = &magics[n];

        if (!has(h, m->at, m->bytes, m->len))
            continue;
        found(f, m->what, m->command);
        return true;
    }
    return false;
}

struct arch_name {
    unsigned id;
    const char *name;
};

static const char *arch_name(const struct arch_name *names, size_t count,
                             unsigned id)
{
    for (size_t n = 0; n < count; n++)
        if (names[n].id == id)
            return names[n].name;
    return "an unknown machine";
}

enum { EM_ARM64 = 183, PE_ARM64 = 0xaa64, UIMAGE_ARM64 = 22 };

/* e_machine of the ELF specification. */
static const char *elf_arch(unsigned id)
{
    static const struct arch_name names[] = {
        {3, "x86"},      {8, "MIPS"},     {20, "PowerPC"},
        {21, "PowerPC"}, {22, "s390"},    {40, "32-bit Arm"},
        {62, "x86-64"},  {243, "RISC-V"}, {258, "LoongArch"},
    };

    return arch_name(names, ARRAY_LEN(names), id);
}

static bool find_elf(const struct head *h, struct finding *f)
{
    bool is_big = get(h, 5, 1) == 2;
    unsigned machine = (unsigned)get(h, 18, 2);

    if (!has(h, 0,
             "\x7f"
             "ELF",
             4))
        return false;
    if (is_big)
        machine = __builtin_bswap16((uint16_t)machine);
    if (machine != EM_ARM64)
        found_foreign(f, "an ELF file", elf_arch(machine));
    else if (is_big)
        found(f, "a big-endian ELF file, but the guest is little-endian",
              BUILD_ARM64);
    else
        found(f, "an ELF file (vmlinux)",
              "aarch64-linux-gnu-objcopy -O binary @ Image");
    return true;
}

/* The machine field of the PE header (Microsoft PE format, 3.3.1), or 0. */
static unsigned pe_machine(const struct head *h)
{
    size_t pe = (size_t)get(h, 0x3c, 4);

    return has(h, pe, "PE\0\0", 4) ? (unsigned)get(h, pe + 4, 2) : 0;
}

static const char *pe_arch(unsigned id)
{
    static const struct arch_name names[] = {
        {0x14c, "x86"},        {0x8664, "x86-64"},    {0x1c0, "32-bit Arm"},
        {0x1c2, "32-bit Arm"}, {0x1c4, "32-bit Arm"}, {0x5032, "RISC-V"},
        {0x5064, "RISC-V"},    {0x6232, "LoongArch"}, {0x6264, "LoongArch"},
    };

    return arch_name(names, ARRAY_LEN(names), id);
}

/* How Linux names the payload's format, and what unpacks it. */
static const char *zboot_unpacker(const char *type)
{
    static const char *const unpackers[][2] = {
        {"gzip", "gzip -dc"}, {"zstd", "zstd -dc"},
        {"xz", "xz -dc"},     {"lzma", "xz --format=lzma -dc"},
        {"lz4", "lz4 -dc"},   {"lzo", "lzop -dc"},
    };

    for (unsigned n = 0; n < ARRAY_LEN(unpackers); n++)
        if (strncmp(type, unpackers[n][0], strlen(unpackers[n][0])) == 0)
            return unpackers[n][1];
    return NULL;
}

/* An EFI program that unpacks a kernel: where the payload lies and how it is
   packed stand in the header (Linux, drivers/firmware/efi/libstub). */
static bool find_zboot(const struct head *h, struct finding *f)
{
    unsigned long long at = get(h, 8, 4), bytes = get(h, 12, 4);
    unsigned machine = pe_machine(h);
    char type[9] = "";
    const char *unpacker;

    if (!has(h, 0, "MZ", 2) || !has(h, 4, "zimg", 4))
        return false;
    if (h->bytes >= 32)
        memcpy(type, h->p + 24, 8);
    unpacker = zboot_unpacker(type);
    if (machine && machine != PE_ARM64) {
        found_foreign(f, "an EFI zboot image", pe_arch(machine));
        return true;
    }
    snprintf(f->what, sizeof(f->what), "an EFI zboot image, which packs %s",
             unpacker ? type : "a kernel in an unknown way");
    snprintf(f->command, sizeof(f->command),
             "tail -c +%llu @ | head -c %llu%s%s > Image", at + 1, bytes,
             unpacker ? " | " : "", unpacker ? unpacker : "");
    return true;
}

/* x86's boot protocol: 0xAA55 at 0x1fe, "HdrS" at 0x202. */
static bool find_bzimage(const struct head *h, struct finding *f)
{
    if (!has(h, 0x202, "HdrS", 4))
        return false;
    found_foreign(f, "a bzImage, a kernel", "x86");
    return true;
}

static bool find_pe(const struct head *h, struct finding *f)
{
    unsigned machine = pe_machine(h);

    if (!has(h, 0, "MZ", 2))
        return false;
    if (machine == PE_ARM64)
        found(f,
              "an EFI program, not a bare kernel; if it is a unified "
              "kernel image",
              "aarch64-linux-gnu-objcopy -O binary -j .linux @ Image");
    else if (machine)
        found_foreign(f, "an EFI program", pe_arch(machine));
    else
        found(f, "a DOS or damaged EFI program", BUILD_ARM64);
    return true;
}

/* Kernels of other machines that carry a mark of their own. */
static bool find_foreign(const struct head *h, struct finding *f)
{
    if (has(h, 0x24, "\x18\x28\x6f\x01", 4))
        found_foreign(f, "a zImage, a kernel", "32-bit Arm");
    else if (has(h, 56, "RSC\x05", 4))
        found_foreign(f, "a kernel Image", "RISC-V");
    else
        return false;
    return true;
}

/* U-Boot's wrapper: 64 bytes, big-endian, then the file itself. */
static bool find_uimage(const struct head *h, struct finding *f)
{
    static const char *const unpackers[] = {
        "",
        " | gzip -dc",
        " | bzip2 -dc",
        " | xz --format=lzma -dc",
        " | lzop -dc",
        " | lz4 -dc",
        " | zstd -dc",
    };
    size_t packed = (size_t)get(h, 31, 1);

    if (!has(h, 0, "\x27\x05\x19\x56", 4))
        return false;
    if (get(h, 29, 1) != UIMAGE_ARM64) {
        found_foreign(f, "a U-Boot uImage", "another machine");
        return true;
    }
    found(f, "a U-Boot uImage", "");
    snprintf(f->command, sizeof(f->command), "tail -c +65 @%s > Image",
             packed < ARRAY_LEN(unpackers) ? unpackers[packed] : "");
    return true;
}

static void find_nothing(const struct head *h, struct finding *f)
{
    if (h->bytes < 64) {
        snprintf(f->what, sizeof(f->what), "too short for a kernel (%zu bytes)",
                 h->bytes);
        snprintf(f->command, sizeof(f->command), BUILD_ARM64);
        return;
    }
    snprintf(f->what, sizeof(f->what),
             "no kernel known here (its first bytes are %02x %02x %02x %02x "
             "%02x %02x %02x %02x)",
             h->p[0], h->p[1], h->p[2], h->p[3], h->p[4], h->p[5], h->p[6],
             h->p[7]);
    snprintf(f->command, sizeof(f->command), BUILD_ARM64);
}

static void find(const struct head *h, struct finding *f)
{
    if (find_zboot(h, f) || find_bzimage(h, f) || find_elf(h, f) ||
        find_foreign(h, f) || find_pe(h, f) || find_uimage(h, f) ||
        find_magic(h, f))
        return;
    find_nothing(h, f);
}

/* Writes `command` with the file's name in it. */
static void fill_in(char *to, size_t size, const char *command,
                    const char *file)
{
    const char *at = strchr(command, '@');

    if (at)
        snprintf(to, size, "%.*s%s%s", (int)(at - command), command, file,
                 at + 1);
    else
        snprintf(to, size, "%s", command);
}

/* A name that may stand in a command as it is and leaves room for the rest. */
static const char *plain_name(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789/._-+,:=%";
    size_t len = strlen(path);

    return len <= 100 && strspn(path, plain) == len && path[0] != '-' ? path
                                                                      : "FILE";
}

int image_explain(const char *path, const uint8_t *head, size_t bytes,
                  const char *packed, struct err *e)
{
    const struct head h = {head, bytes};
    const char *name = plain_name(path);
    size_t len = strlen(path);
    char command[300], unpack[160] = "";
    struct finding f;

    find(&h, &f);
    fill_in(command, sizeof(command), f.command, packed ? "unpacked" : name);
    if (packed && strchr(f.command, '@'))
        snprintf(unpack, sizeof(unpack), "%s -dc %s > unpacked && ", packed,
                 name);
    return err_set(e, -ENOEXEC,
                   "%s%s%s%s%s is %s; squib boots an arm64 Image, plain or "
                   "packed by gzip or zstd. Try: %s%s",
                   len > 100 ? "..." : "", path + (len > 100 ? len - 100 : 0),
                   packed ? ", unpacked by " : "", packed ? packed : "",
                   packed ? "," : "", f.what, unpack, command);
}
