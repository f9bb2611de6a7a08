// SPDX-License-Identifier: Apache-2.0
// Runs a program one instruction after the other, from where it stops itself to
// its last, and says what came of it: stepper PROGRAM [ARGUMENT...]. (Not from
// its first: before the C library knows that the CPU has atomics it uses loops
// of LDXR and STXR, which do not end when they are stepped.)

#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <elf.h>

static unsigned long pc_of(pid_t pid)
{
    unsigned long regs[34] = {0};
    struct iovec iov = {regs, sizeof(regs)};

    ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov);
    return regs[32];
}

int main(int argc, char **argv)
{
    unsigned long steps = 0, still = 0, other = 0, before = 0;
    int status;
    pid_t pid;

    if (argc < 2)
        return 2;
    pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[1], argv + 1);
        _exit(9);
    }
    waitpid(pid, &status, 0);
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    waitpid(pid, &status, 0);
    while (WIFSTOPPED(status)) {
        int number = WSTOPSIG(status);
        unsigned long pc = pc_of(pid);

        if (number == SIGTRAP || number == SIGSTOP)
            number = 0;
        other += number != 0;
        still += pc == before;
        before = pc;
        ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(long)number);
        if (waitpid(pid, &status, 0) < 0)
            break;
        steps++;
    }
    printf("%s steps, %s, %lu signals, exit %d\n",
           steps > 1000 ? "many" : "few",
           still < steps / 100 ? "all of them moved" : "some stood still",
           other, WEXITSTATUS(status));
    return 0;
}
