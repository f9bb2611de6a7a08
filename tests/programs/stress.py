# SPDX-License-Identifier: Apache-2.0
"""stress-ng's stressors by what they stress, and the script that runs them, a
second each, with all that they check. Left out: what asks for devices or
kernels that the guest has not got, what is meant to bring a machine down, and
io-uring, of which this version's statx is refused by the guest's kernel."""

CPU = """
branch bsearch context crypt fp fp-error funccall funcret getrandom goto hash
heapsort hsearch jpeg judy list longjmp lsearch matrix matrix-3d mergesort nop
opcode prefetch priv-instr qsort radixsort regs rotate shellsort skiplist
sparsematrix str stream syncload tree tsearch vecfp vecmath vecshuf vecwide wcs
zlib
""".split()

MEMORY = """
atomic cache cacheline dekker far-branch flushcache icache l1cache
llc-affinity lockbus malloc mcontend membarrier memcpy memfd memthrash mincore
misaligned mlock mmap mmapaddr mmapfixed mmapfork mmapmany mprotect
mremap msync munmap pagemove pageswap peterson randlist remap rmap shm-sysv
stack stackmmap tlb-shootdown tmpfs userfaultfd vm-addr vm-rw vm-segv vm-splice
""".split()

KERNEL = """
alarm bad-altstack brk clock clone close daemon env epoll eventfd exec
exit-group fault fifo fork forkheavy futex get hrtimers itimer kill
mq msg mutex nanosleep null personality pidfd pipe pipeherd poll
prctl procfs pthread ptrace resched ring-pipe schedpolicy seccomp sem sem-sysv
sendfile session set sigabrt sigchld sigfd sigfpe sigio signal signest
sigpending sigpipe sigq sigrt sigsegv sigsuspend sigtrap sleep sock sockpair
spawn splice switch sysbadaddr syscall tee timer timerfd usersyscall vdso vfork
vforkmany wait yield zero zombie
""".split()

# A few of each for `make test`.
SHORT = "atomic fp hash matrix membarrier str vecmath wcs".split()

SCRIPT = """
run()
{
    stress-ng --temp-path /tmp -t 1 --verify "$@" >/tmp/said 2>&1 && return
    echo "exit $? of $*:"
    head -n 20 /tmp/said
}
echo '== wrong'
[ -z "ALL" ] || run --cpu 1 --cpu-method all -t 6
[ -z "ALL" ] || run --vm 1 --vm-bytes 32M --vm-method all -t 6
for name in NAMES; do
    run --$name WORKERS
done
echo '== complaints'
grep -E 'stress-ng: fail' /tmp/said
echo ==
"""


def script(names, workers=1, thorough=""):
    return (SCRIPT.replace("NAMES", " ".join(names))
            .replace("WORKERS", str(workers)).replace("ALL", thorough))
