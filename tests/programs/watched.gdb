# SPDX-License-Identifier: Apache-2.0
# Breakpoints by BRK and by the CPU's registers, watchpoints of three kinds and
# three sizes, steps, and a signal in the middle of them.
set debuginfod enabled off
set disable-randomization on
break main
run
watch total
continue
continue
backtrace 1
info watchpoints
delete
hbreak leaf
continue
finish
delete
rwatch sums[4]
continue
delete
awatch counts[6]
continue
continue
delete
watch total if total > 100
continue
print total
delete
handle SIGUSR1 stop print pass
stepi 200
nexti 10
step 3
info breakpoints
continue
stepi 100
delete
continue
