// SPDX-License-Identifier: Apache-2.0
/* Kernels of every kind an operator may name, and files that are none. */

#include "machine/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "base/heap.h"
#include "base/macros.h"
#include "machine/layout.h"

enum { FILE_MAX = 1 << 20 };

/* One kernel file, in memory and on disk, and a guest to load it into. */
struct bench {
    char folder[64];
    char path[96];
    uint8_t *file; /* FILE_MAX bytes, zeroed */
    size_t bytes;
    struct gmem ram;
    struct kernel_info info;
    struct err e;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));

    snprintf(b->folder, sizeof(b->folder), "/tmp/squib-kernel-XXXXXX");
    if (!mkdtemp(b->folder))
        return -1;
    snprintf(b->path, sizeof(b->path), "%s/kernel", b->folder);
    b->file = calloc(1, FILE_MAX);
    gmem_init(&b->ram);
    *state = b;
    return gmem_add(&b->ram, DRAM_BASE, 64 * MIB, NULL);
}

static int teardown(void **state)
{
    struct bench *b = *state;

    heap_fail_after(-1);
    unlink(b->path);
    rmdir(b->path);
    rmdir(b->folder);
    gmem_release(&b->ram);
    free(b->file);
    free(b);
    return 0;
}

static void put(struct bench *b, size_t at, uint64_t value, size_t size)
{
    memcpy(b->file + at, &value, size);
    b->bytes = MAX(b->bytes, at + size);
}

static void text(struct bench *b, size_t at, const char *s, size_t len)
{
    memcpy(b->file + at, s, len);
    b->bytes = MAX(b->bytes, at + len);
}

/* A plain Image of `bytes`, with a byte to recognise at both ends. */
static void image(struct bench *b, uint64_t text_offset, uint64_t image_size,
                  size_t bytes)
{
    put(b, 0, 0x14000010, 4);
    put(b, 8, text_offset, 8);
    put(b, 16, image_size, 8);
    put(b, 24, 0xa, 8);
    text(b, 56, "ARM\x64", 4);
    put(b, bytes - 1, 0x77, 1);
}

static void save_as(const struct bench *b, const void *data, size_t bytes)
{
    FILE *f = fopen(b->path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    fclose(f);
}

static int load_it(struct bench *b)
{
    b->e = (struct err){.code = 0};
    return kernel_load(&b->ram, b->path, &b->info, &b->e);
}

static int save_and_load(struct bench *b)
{
    save_as(b, b->file, b->bytes);
    return load_it(b);
}

static size_t gzip(const void *data, size_t bytes, void *to, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)bytes,
                  .next_out = to,
                  .avail_out = (uInt)room};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

/* Replaces the file by itself packed. */
static void pack(struct bench *b, bool with_zstd)
{
    uint8_t *to = calloc(1, FILE_MAX);
    size_t n = with_zstd ? ZSTD_compress(to, FILE_MAX, b->file, b->bytes, 3)
                         : gzip(b->file, b->bytes, to, FILE_MAX);

    free(b->file);
    b->file = to;
    b->bytes = n;
}

static void expect_loaded(struct bench *b, gpa_t entry, size_t bytes)
{
    assert_string_equal(b->e.text, "");
    assert_int_equal(b->info.entry, entry);
    assert_int_equal(b->info.image_bytes, bytes);
    assert_int_equal(*(uint32_t *)gmem_at(&b->ram, entry, 4), 0x14000010);
    assert_int_equal(*(uint8_t *)gmem_at(&b->ram, entry + bytes - 1, 1), 0x77);
}

/* An error that names what the file is and what to do. */
static void expect_refused(struct bench *b, const char *what,
                           const char *command)
{
    int ret = save_and_load(b);

    if (ret != -ENOEXEC || !strstr(b->e.text, what) ||
        !strstr(b->e.text, command))
        fail_msg("wanted %d '%s' and '%s', got %d '%s'", -ENOEXEC, what,
                 command, ret, b->e.text);
}

static void a_plain_image_is_loaded_where_its_header_says(void **state)
{
    struct bench *b = *state;

    image(b, 0, 0x200000, 70000);
    assert_int_equal(save_and_load(b), 0);
    expect_loaded(b, 0x80200000, 70000);
    assert_int_equal(b->info.end, 0x80400000);
}

static void text_offset_moves_the_image(void **state)
{
    struct bench *b = *state;

    image(b, 0x12000, 0x100000, 5000);
    assert_int_equal(save_and_load(b), 0);
    expect_loaded(b, 0x80212000, 5000);
    assert_int_equal(b->info.end, 0x80312000);
}

static void without_image_size_the_old_text_offset_holds(void **state)
{
    struct bench *b = *state;

    image(b, 0x12345, 0, 5000); /* the field is not to be trusted then */
    put(b, 8, 0, 8);
    assert_int_equal(save_and_load(b), 0);
    expect_loaded(b, 0x80280000, 5000);
    assert_int_equal(b->info.end, 0x80280000 + 5000);
}

static void a_tiny_image_is_enough(void **state)
{
    struct bench *b = *state;

    image(b, 0, 4096, 65);
    assert_int_equal(save_and_load(b), 0);
    expect_loaded(b, 0x80200000, 65);
}

static void gzip_and_zstd_are_unpacked(void **state)
{
    struct bench *b = *state;

    for (int with_zstd = 0; with_zstd < 2; with_zstd++) {
        memset(b->file, 0, FILE_MAX);
        b->bytes = 0;
        image(b, 0, 0x200000, 900000);
        pack(b, with_zstd);
        memset(gmem_at(&b->ram, DRAM_BASE, MIB * 8), 0xcc, MIB * 8);
        assert_int_equal(save_and_load(b), 0);
        expect_loaded(b, 0x80200000, 900000);
    }
}

static void members_and_frames_in_a_row_are_one_file(void **state)
{
    struct bench *b = *state;
    uint8_t *whole = calloc(1, FILE_MAX);
    size_t a, c;

    image(b, 0, 0x200000, 100000);
    a = gzip(b->file, 30, whole, FILE_MAX);
    c = gzip(b->file + 30, 100000 - 30, whole + a, FILE_MAX - a);
    save_as(b, whole, a + c);
    assert_int_equal(load_it(b), 0);
    expect_loaded(b, 0x80200000, 100000);

    a = ZSTD_compress(whole, FILE_MAX, b->file, 5000, 1);
    memcpy(whole + a, "\x5a\x2a\x4d\x18\3\0\0\0abc", 11); /* to skip */
    a += 11;
    c = ZSTD_compress(whole + a, FILE_MAX - a, b->file + 5000, 95000, 1);
    save_as(b, whole, a + c);
    assert_int_equal(load_it(b), 0);
    expect_loaded(b, 0x80200000, 100000);
    free(whole);
}

static void what_follows_packed_data_is_ignored(void **state)
{
    struct bench *b = *state;

    for (int with_zstd = 0; with_zstd < 2; with_zstd++) {
        memset(b->file, 0, FILE_MAX);
        b->bytes = 0;
        image(b, 0, 0x200000, 90000);
        pack(b, with_zstd);
        text(b, b->bytes, "a signature", 11);
        assert_int_equal(save_and_load(b), 0);
        expect_loaded(b, 0x80200000, 90000);
    }
}

static void packed_files_that_are_cut_off_are_refused(void **state)
{
    struct bench *b = *state;

    for (int with_zstd = 0; with_zstd < 2; with_zstd++) {
        size_t whole;

        memset(b->file, 0, FILE_MAX);
        b->bytes = 0;
        image(b, 0, 0x200000, 90000);
        for (size_t n = 64; n < 80000; n++) /* not all zeroes */
            b->file[n] = (uint8_t)(n * n >> 3);
        pack(b, with_zstd);
        whole = b->bytes;
        for (b->bytes = 4; b->bytes < whole; b->bytes += whole / 97 + 1) {
            assert_int_equal(save_and_load(b), -EBADMSG);
            assert_non_null(strstr(b->e.text, "it is cut off"));
        }
        b->bytes = whole - 1;
        assert_int_equal(save_and_load(b), -EBADMSG);
    }
}

static void packed_files_with_a_flipped_bit_are_refused(void **state)
{
    struct bench *b = *state;

    image(b, 0, 0x200000, 90000);
    pack(b, false);
    b->file[b->bytes - 8] ^= 1; /* of the CRC */
    assert_int_equal(save_and_load(b), -EBADMSG);
    assert_non_null(strstr(b->e.text, "gzip data is corrupt"));
}

static void a_packed_bomb_fills_no_more_than_the_ram(void **state)
{
    struct bench *b = *state;
    size_t bytes = 128 * MIB, n;
    uint8_t *big = calloc(1, bytes), *to = calloc(1, FILE_MAX);

    image(b, 0, 0, 64);
    memcpy(big, b->file, 64);
    n = gzip(big, bytes, to, FILE_MAX);
    save_as(b, to, n);
    assert_int_equal(load_it(b), -E2BIG);
    assert_non_null(strstr(b->e.text, "64 MiB of RAM; "));
    n = ZSTD_compress(to, FILE_MAX, big, bytes, 1);
    save_as(b, to, n);
    assert_int_equal(load_it(b), -E2BIG);
    free(big);
    free(to);
}

static void an_image_larger_than_the_ram_is_told_how_much_would_do(void **state)
{
    struct bench *b = *state;

    image(b, 0, 100 * MIB, 70000);
    assert_int_equal(save_and_load(b), -E2BIG);
    assert_non_null(strstr(b->e.text, "takes 102400 KiB"));
    assert_non_null(strstr(b->e.text, "64 MiB of RAM; 104 MiB would do"));

    gmem_release(&b->ram);
    gmem_add(&b->ram, DRAM_BASE, 104 * MIB, NULL);
    assert_int_equal(load_it(b), 0);
    gmem_release(&b->ram);
    gmem_add(&b->ram, DRAM_BASE, 103 * MIB, NULL);
    assert_int_equal(load_it(b), -E2BIG);
}

static void hardly_any_ram_is_an_error(void **state)
{
    struct bench *b = *state;

    image(b, 0, 0x1000, 4096);
    for (uint64_t mib = 0; mib < 5; mib++) {
        gmem_release(&b->ram);
        if (mib)
            gmem_add(&b->ram, DRAM_BASE, mib * MIB, NULL);
        assert_int_equal(save_and_load(b), -E2BIG);
        assert_non_null(strstr(b->e.text, "; 5 MiB would do"));
    }
    gmem_release(&b->ram);
    gmem_add(&b->ram, DRAM_BASE, 5 * MIB, NULL);
    assert_int_equal(save_and_load(b), 0);
}

static void a_plain_file_longer_than_the_ram_is_refused(void **state)
{
    struct bench *b = *state;

    image(b, 0, 0x200000, 70000);
    save_as(b, b->file, b->bytes);
    assert_int_equal(truncate(b->path, 80 * MIB), 0);
    assert_int_equal(load_it(b), -E2BIG);
    assert_int_equal(truncate(b->path, 1ll << 40), 0);
    assert_int_equal(load_it(b), -E2BIG);
    assert_non_null(strstr(b->e.text, "larger than any arm64 kernel"));
}

static void damaged_headers_are_refused(void **state)
{
    struct bench *b = *state;

    image(b, UINT64_MAX & ~3ull, 0x200000, 5000);
    expect_refused(b, "damaged arm64 Image header", "text_offset");
    put(b, 8, 2, 8);
    expect_refused(b, "damaged arm64 Image header", "text_offset 0x2");
    put(b, 8, 0, 8);
    put(b, 16, UINT64_MAX, 8);
    expect_refused(b, "damaged arm64 Image header", "image_size");
}

static void a_big_endian_image_is_refused(void **state)
{
    struct bench *b = *state;

    image(b, 0, 0x200000, 5000);
    put(b, 24, 0xb, 8);
    expect_refused(b, "big-endian arm64 Image", "make ARCH=arm64 Image");
}

/* MZ, PE header at 64, one section that ends at `end` in the file. */
static void efi_stub(struct bench *b, unsigned machine, uint32_t end)
{
    text(b, 0, "MZ", 2);
    put(b, 60, 64, 4);
    text(b, 64, "PE\0\0", 4);
    put(b, 68, machine, 2);
    put(b, 70, 1, 2);
    put(b, 84, 0xa0, 2);
    put(b, 64 + 24 + 0xa0 + 16, end - 0x1000, 4);
    put(b, 64 + 24 + 0xa0 + 20, 0x1000, 4);
}

static void an_image_with_an_efi_stub_is_loaded(void **state)
{
    struct bench *b = *state;

    image(b, 0, 0x200000, 50000);
    efi_stub(b, 0xaa64, 50000);
    assert_int_equal(save_and_load(b), 0);
    assert_int_equal(b->info.entry, 0x80200000);
    assert_memory_equal(gmem_at(&b->ram, 0x80200000, 2), "MZ", 2);
}

static void an_image_with_an_efi_stub_that_is_cut_off_is_refused(void **state)
{
    struct bench *b = *state;

    image(b, 0, 0x200000, 50000);
    efi_stub(b, 0xaa64, 50600);
    expect_refused(b,
                   "is cut off: its header speaks of 50600 bytes, there "
                   "are 50000",
                   "copy or download it again");
}

static void foreign_formats_are_named_with_what_helps(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *what, *command;
    } cases[] = {
        {"\xfd"
         "7zXZ\0",
         6, "compressed by xz", "Try: xz -dc /tmp/"},
        {"\x04\x22\x4d\x18", 4, "compressed by lz4", "lz4 -dc "},
        {"\x02\x21\x4c\x18", 4, "compressed by lz4", "lz4 -dc "},
        {"BZh91AY", 7, "compressed by bzip2", "bzip2 -dc "},
        {"\x5d\0\0\x80\0", 5, "compressed by lzma", "xz --format=lzma -dc "},
        {"\x89LZO\0\r\n\x1a\n", 9, "compressed by lzop", "lzop -dc "},
        {"\xd0\x0d\xfe\xed", 4, "FIT image", "dumpimage -T flat_dt"},
        {"ANDROID!", 8, "Android boot image", "unpack_bootimg"},
        {"070701", 6, "cpio", "make ARCH=arm64 Image"},
        {"!<arch>\n", 8, "Debian package", "dpkg -x "},
        {"#!/bin/sh\n", 10, "a script", "make ARCH=arm64"},
        {"hello, world", 12, "no kernel known here (its first bytes are 68 65",
         "make ARCH=arm64 Image"},
    };
    struct bench *b = *state;

    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        memset(b->file, 0, FILE_MAX);
        text(b, 0, cases[n].bytes, cases[n].len);
        b->bytes = 5000;
        expect_refused(b, cases[n].what, cases[n].command);
    }
}

static void elf_files_are_told_by_machine(void **state)
{
    struct bench *b = *state;

    text(b, 0,
         "\x7f"
         "ELF\x02\x01\x01",
         7);
    put(b, 18, 183, 2);
    b->bytes = 9000;
    expect_refused(b, "is an ELF file (vmlinux)",
                   "aarch64-linux-gnu-objcopy -O binary /tmp/");
    put(b, 18, 62, 2);
    expect_refused(b, "an ELF file for x86-64, not for arm64",
                   "make ARCH=arm64");
    put(b, 18, 9999, 2);
    expect_refused(b, "an unknown machine", "make ARCH=arm64");
    put(b, 5, 2, 1);
    put(b, 18, 183 << 8, 2);
    expect_refused(b, "a big-endian ELF file", "make ARCH=arm64");
}

static void efi_zboot_is_told_with_its_payload(void **state)
{
    static const char *const cases[][2] = {
        {"gzip", "| gzip -dc > Image"},
        {"zstd22", "| zstd -dc > Image"},
        {"xzkern", "| xz -dc > Image"},
        {"lz4", "| lz4 -dc > Image"},
        {"lzma", "| xz --format=lzma -dc > Image"},
    };
    struct bench *b = *state;

    efi_stub(b, 0xaa64, 9000);
    text(b, 4, "zimg", 4);
    put(b, 8, 0x8c40, 4);
    put(b, 12, 1234567, 4);
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        memset(b->file + 24, 0, 32);
        text(b, 24, cases[n][0], strlen(cases[n][0]) + 1);
        expect_refused(b, "an EFI zboot image", cases[n][1]);
        expect_refused(b, cases[n][0], "tail -c +35905 ");
        expect_refused(b, "zboot", "| head -c 1234567 ");
    }
    text(b, 24, "\xff\xff\xff\xff%s%s%s%s", 12);
    expect_refused(b, "in an unknown way", "head -c 1234567 > Image");
    put(b, 68, 0x6264, 2);
    expect_refused(b, "zboot image for LoongArch", "make ARCH=arm64");
}

static void kernels_of_other_machines_are_told(void **state)
{
    struct bench *b = *state;

    put(b, 0x1fe, 0xaa55, 2);
    text(b, 0x202, "HdrS", 4);
    expect_refused(b, "a bzImage, a kernel for x86", "make ARCH=arm64");
    efi_stub(b, 0x8664, 9000);
    expect_refused(b, "a bzImage, a kernel for x86", "make ARCH=arm64");
    put(b, 0x202, 0, 4);
    expect_refused(b, "an EFI program for x86-64", "make ARCH=arm64");
    put(b, 68, 0xaa64, 2);
    expect_refused(b, "unified kernel image", "-j .linux");
    text(b, 56, "RSC\x05", 4);
    expect_refused(b, "for RISC-V", "make ARCH=arm64");
    memset(b->file, 0, FILE_MAX);
    put(b, 0x24, 0x016f2818, 4);
    expect_refused(b, "a zImage, a kernel for 32-bit Arm", "make ARCH=arm64");
}

static void a_uimage_is_told_how_to_be_unwrapped(void **state)
{
    struct bench *b = *state;

    text(b, 0, "\x27\x05\x19\x56", 4);
    put(b, 29, 22, 1);
    put(b, 31, 1, 1);
    b->bytes = 4000;
    expect_refused(b, "a U-Boot uImage", "tail -c +65 /tmp/");
    expect_refused(b, "a U-Boot uImage", " | gzip -dc > Image");
    put(b, 31, 255, 1);
    expect_refused(b, "a U-Boot uImage", "kernel > Image");
    put(b, 29, 2, 1);
    expect_refused(b, "uImage for another machine", "make ARCH=arm64");
}

static void the_wrong_thing_packed_is_still_named(void **state)
{
    struct bench *b = *state;

    text(b, 0,
         "\x7f"
         "ELF\x02\x01\x01",
         7);
    put(b, 18, 183, 2);
    b->bytes = 9000;
    pack(b, false);
    expect_refused(b, "unpacked by gzip, is an ELF file", "gzip -dc /tmp/");
    pack(b, true);
    expect_refused(b, "unpacked by zstd, is compressed by gzip",
                   "> unpacked && gzip -dc unpacked > Image");
}

static void odd_names_stay_out_of_commands(void **state)
{
    struct bench *b = *state;
    char old[sizeof(b->path)];

    memcpy(old, b->path, sizeof(old));
    snprintf(b->path, sizeof(b->path), "%s/x; rm -rf @", b->folder);
    text(b, 0,
         "\xfd"
         "7zXZ\0",
         6);
    expect_refused(b, "compressed by xz", "Try: xz -dc FILE > Image");
    unlink(b->path);
    memcpy(b->path, old, sizeof(old));
}

static void short_and_empty_files_are_told(void **state)
{
    struct bench *b = *state;

    expect_refused(b, "is empty", b->path);
    b->bytes = 1;
    expect_refused(b, "too short for a kernel (1 bytes)", "make ARCH=arm64");
    image(b, 0, 4096, 100);
    for (b->bytes = 1; b->bytes < 60; b->bytes++)
        assert_int_equal(save_and_load(b), -ENOEXEC);
    b->bytes = 0;
    pack(b, false);
    expect_refused(b, "is empty once unpacked by gzip", "");
}

static void what_cannot_be_opened_is_told_as_firecracker_does(void **state)
{
    struct bench *b = *state;

    assert_int_equal(load_it(b), -ENOENT);
    assert_string_equal(b->e.text, "The kernel file cannot be opened: No such "
                                   "file or directory (os error 2)");
    save_as(b, "x", 1);
    if (geteuid() != 0) {
        chmod(b->path, 0);
        assert_int_equal(load_it(b), -EACCES);
        assert_string_equal(b->e.text, "The kernel file cannot be opened: "
                                       "Permission denied (os error 13)");
    }
}

static void what_is_no_file_does_not_make_us_wait(void **state)
{
    struct bench *b = *state;

    assert_int_equal(mkdir(b->path, 0700), 0);
    assert_int_equal(load_it(b), -EISDIR);
    assert_non_null(strstr(b->e.text, "is a directory"));
    rmdir(b->path);
    assert_int_equal(mkfifo(b->path, 0600), 0);
    assert_int_equal(load_it(b), -EINVAL);
    assert_non_null(strstr(b->e.text, "is a pipe"));
    assert_int_equal(kernel_load(&b->ram, "/dev/zero", &b->info, &b->e),
                     -EINVAL);
    assert_non_null(strstr(b->e.text, "is a device"));
}

static void without_memory_loading_fails_cleanly(void **state)
{
    struct bench *b = *state;

    image(b, 0, 4096, 5000);
    save_as(b, b->file, b->bytes);
    heap_fail_after(0);
    assert_true(load_it(b) < 0);
    assert_non_null(strstr(b->e.text, "out of memory"));
    heap_fail_after(-1);
    assert_int_equal(load_it(b), 0);
}

/* Anything may come back, but something must: run under sanitizers. */
static void random_damage_never_gets_past_the_loader(void **state)
{
    struct bench *b = *state;
    uint32_t seed = 12345;

    for (unsigned round = 0; round < 600; round++) {
        memset(b->file, 0, 20000);
        b->bytes = 0;
        image(b, 0, 0x10000, 12000);
        if (round & 1)
            efi_stub(b, 0xaa64, 12000);
        if (round & 2)
            memcpy(b->file + 4, "zimg", 4);
        if (round & 4)
            pack(b, round & 8);
        for (unsigned n = 0; n < round % 7; n++) {
            seed = seed * 1664525 + 1013904223;
            b->file[(seed >> 8) % (n & 1 ? 64 : b->bytes)] ^=
                (uint8_t)(1 << (seed >> 29));
        }
        if (round % 5 == 0)
            b->bytes = (seed >> 4) % b->bytes;
        if (save_and_load(b) == 0)
            assert_true(b->info.end <= fdt_addr(64 * MIB));
        else
            assert_true(b->e.text[0]);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_image_is_loaded_where_its_header_says),
        TEST(text_offset_moves_the_image),
        TEST(without_image_size_the_old_text_offset_holds),
        TEST(a_tiny_image_is_enough),
        TEST(gzip_and_zstd_are_unpacked),
        TEST(members_and_frames_in_a_row_are_one_file),
        TEST(what_follows_packed_data_is_ignored),
        TEST(packed_files_that_are_cut_off_are_refused),
        TEST(packed_files_with_a_flipped_bit_are_refused),
        TEST(a_packed_bomb_fills_no_more_than_the_ram),
        TEST(an_image_larger_than_the_ram_is_told_how_much_would_do),
        TEST(hardly_any_ram_is_an_error),
        TEST(a_plain_file_longer_than_the_ram_is_refused),
        TEST(damaged_headers_are_refused),
        TEST(a_big_endian_image_is_refused),
        TEST(an_image_with_an_efi_stub_is_loaded),
        TEST(an_image_with_an_efi_stub_that_is_cut_off_is_refused),
        TEST(foreign_formats_are_named_with_what_helps),
        TEST(elf_files_are_told_by_machine),
        TEST(efi_zboot_is_told_with_its_payload),
        TEST(kernels_of_other_machines_are_told),
        TEST(a_uimage_is_told_how_to_be_unwrapped),
        TEST(the_wrong_thing_packed_is_still_named),
        TEST(odd_names_stay_out_of_commands),
        TEST(short_and_empty_files_are_told),
        TEST(what_cannot_be_opened_is_told_as_firecracker_does),
        TEST(what_is_no_file_does_not_make_us_wait),
        TEST(without_memory_loading_fails_cleanly),
        TEST(random_damage_never_gets_past_the_loader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
