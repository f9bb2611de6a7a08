# SPDX-License-Identifier: Apache-2.0
# Hashes, regular expressions, large numbers, packing, signals, by Perl.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Math::BigFloat;
use Math::BigInt;
use POSIX;

my %h;
$h{$_ * 7919 % 5003} .= chr(65 + $_ % 26) for 1 .. 60000;
print sha256_hex(join ",", map { "$_=$h{$_}" } sort keys %h), "\n";
my $t = join " ", map { sprintf "%x", $_ * $_ } 1 .. 20000;
my $n = () = $t =~ /\b([0-9a-f])[0-9]*\1\b/g;
$t =~ s/(\d)([a-f])/$2$1/g;
print "$n ", sha256_hex($t), "\n";
print Math::BigInt->new(2)->bpow(1000)->bmod("1000000007"), " ",
    Math::BigFloat->bpi(200), "\n";
print join(",", map { sprintf "%.17g", $_ } sqrt(2), exp(1), atan2(1, 1) * 4,
    1e16 + 1, 0.1 + 0.2, fmod(10, 3), 2**0.5, log(10), 1 / 3), "\n";
print join(",", unpack("w/a* n N q> d f",
    pack("w/a* n N q> d f", "hello", 65535, 4294967295, -5, 1.5, 2.25))), "\n";
my @s = sort { $a->[1] <=> $b->[1] || $a->[0] cmp $b->[0] }
    map { ["k$_", $_ * 31 % 97] } 1 .. 3000;
print sha256_hex(join "", map { $_->[0] } @s), "\n";
local $SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; 1 while 1 };
print $@;
my $pid = fork;
exit 7 unless $pid;
waitpid $pid, 0;
print $? >> 8, "\n";
