// SPDX-License-Identifier: Apache-2.0
/* The squib program. */

int main(void)
{
    return 0;
}
