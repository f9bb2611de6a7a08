# SPDX-License-Identifier: Apache-2.0
"""Programs of Debian's that check themselves or whose answers are known, in
guests, under tiers that make it hard: an hour, so not a part of `make test` but
of `make test-guest-programs`."""

import pytest

import stress
from programs import tiers
from test_programs import STRINGS

# (Python's own tests that neither a file system in memory nor root mind. Left
# out by name: busybox's stty knows no size of a terminal that has none; and a
# guest's AF_VSOCK to itself needs the kernel's vsock_loopback.)
PYTHON = """
test_math test_cmath test_float test_complex test_long test_int test_struct
test_decimal test_fractions test_statistics test_json test_zlib test_bz2
test_lzma test_hashlib test_hmac test_re test_array test_bytes test_unicode
test_memoryview test_random test_set test_dict test_list test_sort test_bisect
test_heapq test_collections test_itertools test_functools test_generators
test_coroutines test_asyncgen test_exceptions test_gc test_weakref
test_deque test_thread test_threading test_threading_local test_queue
test_signal test_threadsignals test_faulthandler test_mmap
test_pickle test_marshal test_copy test_strtod test_format
test_fstring test_grammar test_compile test_ast test_dis test_select
test_epoll test_fork1 test_io
test_audioop test_base64 test_binascii test_unicodedata test_codecs
test_difflib test_enum test_dataclasses test_typing test_ordered_dict test_pow
test_os test_posix test_pwd test_grp test_pty test_shutil test_time
test_subprocess test_socket test_socketserver test_poll test_selectors test_ssl
test_ftplib test_poplib test_asyncio
""".split()

SCRIPT_PYTHON = """
export PYTHONDONTWRITEBYTECODE=1
mkdir -p /dev/shm
ln -s /proc/self/fd/0 /dev/stdin
echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd
echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>/etc/passwd
echo 'root:x:0:' >/etc/group
echo '127.0.0.1 localhost' >/etc/hosts
printf 'tcp 6 TCP\\nudp 17 UDP\\n' >/etc/protocols
printf 'echo 7/tcp\\nhttp 80/tcp\\ndomain 53/tcp\\ndomain 53/udp\\n' \\
    >/etc/services
echo '== wrong'
for name in NAMES; do
    python3 -m test -q -i test_stty_match -i 'ThreadedVSOCK*' $name \\
        >/tmp/said 2>&1 && continue
    echo "exit $? of $name:"
    grep -E '^(FAIL|ERROR|[A-Za-z]*Error)' /tmp/said | head -n 12
done
echo ==
"""

NUMPY = """
core/tests/test_half.py core/tests/test_ufunc.py core/tests/test_numeric.py
core/tests/test_simd.py core/tests/test_einsum.py core/tests/test_scalarmath.py
core/tests/test_umath_complex.py core/tests/test_umath_accuracy.py
core/tests/test_longdouble.py linalg/tests fft/tests
random/tests/test_direct.py random/tests/test_generator_mt19937.py
lib/tests/test_function_base.py polynomial/tests
""".split()

SCRIPT_NUMPY = """
export PYTHONDONTWRITEBYTECODE=1
arm=/usr/lib/aarch64-linux-gnu
export LD_LIBRARY_PATH=$arm/blas:$arm/lapack
echo '== wrong'
for name in NAMES; do
    python3 -m pytest -q -p no:cacheprovider \\
        /usr/lib/python3/dist-packages/numpy/$name >/tmp/said 2>&1 && continue
    echo "exit $? of $name:"
    grep -E '^(FAILED|ERROR|E  )' /tmp/said | head -n 12
done
echo ==
"""


@tiers(("jit", 1), ("jit,eager,regs=9", 1), ("jit,mask=avx2", 1),
       ("jit,code-kib=128", 1), ("interp", 1))
def test_all_strings(guest, compiled, tier, cpus):
    files = {"strings": compiled("strings", "-static", "-D_GNU_SOURCE")}
    script = STRINGS.replace("1 8", "1 2")
    said = guest("", script, files, tier, cpus, mem=256)["strings"]
    assert len(said) == 1 and said[0].endswith("checks, 0 wrong"), said


def check_stress(guest, names, tier, cpus, thorough=""):
    script = stress.script(names, cpus, thorough)
    found = guest("stress", script, {}, tier, cpus, mem=2048)
    assert found["wrong"] == found["complaints"] == []


@tiers(("jit", 1), ("jit", 2), ("jit,eager", 1), ("jit,chaos=3", 1),
       ("jit,regs=11", 2), ("jit,mask=avx512", 1), ("jit,mask=avx2", 1),
       ("jit,mask=all", 1), ("interp", 1))
def test_stress_of_the_cpu(guest, tier, cpus):
    check_stress(guest, stress.CPU, tier, cpus, "all")


@tiers(("jit", 2), ("jit,code-kib=1024", 2), ("jit,chaos=4", 2))
def test_stress_of_memory(guest, tier, cpus):
    check_stress(guest, stress.MEMORY, tier, cpus)


@tiers(("jit", 2), ("jit,code-kib=1024", 2), ("jit,chaos=5", 2))
def test_stress_of_the_kernel(guest, tier, cpus):
    check_stress(guest, stress.KERNEL, tier, cpus)


@tiers(("jit", 2), ("jit,eager,regs=2", 1), ("jit,code-kib=1024", 2),
       ("jit,chaos=6", 1), ("jit,mask=avx2", 1), ("jit,mask=all", 1))
def test_tools(guest, text, expected, tier, cpus):
    found = guest("tools", text("tools.sh"), {}, tier, cpus)
    assert found == expected("tools")


LANGUAGES = ["try.php", "try.rb", "try.scm", "try.erl", "try.pl"]


@tiers(("jit", 1), ("jit", 2), ("jit,eager,regs=3", 1),
       ("jit,code-kib=2048", 2), ("jit,chaos=7", 2), ("jit,mask=avx512", 2),
       ("jit,mask=all", 1))
def test_languages(guest, text, expected, tier, cpus):
    files = {name: text(name).encode() for name in LANGUAGES}
    found = guest("languages", text("languages.sh"), files, tier, cpus,
                  mem=1536)
    assert found == expected("languages")


@tiers(("jit", 2), ("jit,chaos=8", 1), ("interp", 1))
def test_debuggers(guest, text, compiled, expected, tier, cpus):
    files = {
        "watched": compiled("watched", "-static", "-march=armv8-a"),
        "stepper": compiled("stepper", "-static"),
        "leaks": compiled("leaks", "-O0"),
        "watched.gdb": text("watched.gdb").encode(),
        "stepped.gdb": text("stepped.gdb").encode(),
    }
    found = guest("debug", text("debug.sh"), files, tier, cpus, mem=1536)
    assert found == expected("debug")


@pytest.mark.timeout(2400)
@tiers(("jit", 2), ("jit,regs=4", 1))
@pytest.mark.parametrize("half", [0, 1])
def test_python(guest, tier, cpus, half):
    script = SCRIPT_PYTHON.replace("NAMES", " ".join(PYTHON[half::2]))
    found = guest("python", script, {}, tier, cpus, mem=1536)
    assert found["wrong"] == []


@pytest.mark.timeout(2400)
@tiers(("jit", 2), ("jit,mask=avx2", 1))
def test_numpy(guest, tier, cpus):
    script = SCRIPT_NUMPY.replace("NAMES", " ".join(NUMPY))
    found = guest("python", script, {}, tier, cpus, mem=2048)
    assert found["wrong"] == []
