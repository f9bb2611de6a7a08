// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The program as Firecracker's: its flags, its messages, its exit codes. */

int firecracker_main(int argc, char **argv);
