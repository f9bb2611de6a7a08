# SPDX-License-Identifier: Apache-2.0
# Thousands of steps, recorded and taken back; calls into the program.
set debuginfod enabled off
break work
run
set $n = 0
while $n < 120
stepi
set $n = $n + 1
end
print total
record full
set $before = total
stepi 60
print total > $before
reverse-stepi 60
print total == $before
record stop
delete
call leaf(5)
print work(4)
handle SIGUSR1 nostop noprint pass
hbreak add_exclusively
continue
stepi 3
kill
