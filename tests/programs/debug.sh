# SPDX-License-Identifier: Apache-2.0
# Debuggers in the guest: software steps, breakpoints and watchpoints of the
# CPU, and valgrind, which translates programs itself.

export TERM=dumb SHELL=/bin/sh
tidy()
{
    grep -v 'in watched.c$' | sed 's/0x[0-9a-f]*/ADDRESS/g;s/process [0-9]*/process/;/debuginfod/d'
}
echo '== gdb'
gdb -q -batch -nx -x watched.gdb ./watched 2>&1 | tidy
echo '== gdb-steps'
gdb -q -batch -nx -x stepped.gdb ./watched 2>&1 | tidy
echo '== steps'
./stepper ./watched plainly
echo '== strace'
strace -e trace=write -o out ./watched && grep -c write out
strace -f -c -o out ./watched && grep -c total out
echo '== valgrind'
valgrind -q --leak-check=full ./leaks 2>&1 |
    grep -v 'in watched.c$' | sed 's/^==[0-9]*== *//;s/0x[0-9A-Fa-f]*//;s/(in .*//'
for way in --smc-check=stack --smc-check=all --vex-guest-chase=no; do
    valgrind -q --tool=none $way ./watched
done
valgrind -q --tool=none /bin/busybox sha256sum /bin/busybox >out
sha256sum /bin/busybox | cmp - out && echo same
echo ==
