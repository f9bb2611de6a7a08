# SPDX-License-Identifier: Apache-2.0
# Ciphers, compressors, a data base, numbers of many digits, and what Go and
# Rust compile to. What is random is only said to be right.
#
# In full paths: a busybox that is the shell has some of these itself.

sum()
{
    sha256sum | cut -c1-32
}

gawk=/usr/bin/gawk
echo '== data'
# Bytes nobody can compress, then text.
openssl enc -aes-256-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null |
    head -c 1000000 >noise
$gawk 'BEGIN { x = 1; for (i = 0; i < 150000; i++) {
    x = x * 16807 % 2147483647
    printf "%d line %d of %x\n", x % 1000, i, x } }' >text
cat noise text noise >all
(head -c 40000 text && head -c 20001 noise) >short
for f in noise text all short; do
    sum <$f
done

echo '== digests'
for d in $(openssl list -digest-commands 2>/dev/null); do
    echo "$d $(openssl dgst "-$d" all 2>&1 | sum)"
done
openssl dgst -sha256 -hmac key all | sum
key=00112233445566778899aabbccddeeff
openssl mac -cipher AES-128-CBC -macopt hexkey:$key -in all CMAC
openssl mac -digest SHA3-256 -macopt hexkey:$key -in text HMAC
openssl mac -macopt hexkey:$key$key -in all Poly1305
openssl mac -macopt hexkey:$key -in all SipHash
openssl mac -macopt hexkey:$key -macopt hexiv:001122334455667788990011 \
    -macopt cipher:AES-128-GCM -in all GMAC

echo '== ciphers'
for c in $(openssl list -cipher-commands 2>/dev/null); do
    way="-$c -pass pass:x -S 0011223344556677 -pbkdf2 -iter 9"
    openssl enc $way -in short -out enc 2>/dev/null || continue
    openssl enc -d $way -in enc 2>/dev/null | cmp - short &&
        echo "$c $(sum <enc)"
done
openssl enc -chacha20 -K 0011 -iv 02 -in all 2>/dev/null | sum

echo '== keys'
openssl prime 170141183460469231731687303715884105727
openssl genrsa -out rsa 2048 2>/dev/null
openssl dgst -sha256 -sign rsa -out sig text
openssl rsa -in rsa -pubout -out pub 2>/dev/null
openssl dgst -sha256 -verify pub -signature sig text
openssl rsa -in rsa -check -noout 2>&1
for curve in prime256v1 secp384r1 secp521r1 secp256k1 sect283k1 \
    brainpoolP256r1; do
    openssl ecparam -name $curve -genkey -noout -out ec
    openssl ec -in ec -pubout -out pub 2>/dev/null
    openssl dgst -sha512 -sign ec -out sig text
    echo "$curve $(openssl dgst -sha512 -verify pub -signature sig text)"
done
for kind in ed25519 ed448 x25519 x448; do
    openssl genpkey -algorithm $kind -out key
    openssl pkey -in key -check -noout 2>&1 | tail -n 1
done
openssl genpkey -algorithm ed25519 -out key
openssl pkey -in key -pubout -out pub
openssl pkeyutl -sign -inkey key -rawin -in text -out sig
openssl pkeyutl -verify -pubin -inkey pub -rawin -in text -sigfile sig

echo '== squeezers'
for p in '/bin/gzip -9' '/bin/bzip2 -9' '/usr/bin/xz -1' '/usr/bin/xz -6 -T2' \
    'zstd -q -1' 'zstd -q -12' 'zstd -q -T2 -5 --long' 'lz4 -q -1' \
    'lz4 -q -9'; do
    $p -c all >z
    ${p%% *} -dc <z | cmp - all && echo "$p $(sum <z)"
done

echo '== sqlite'
cat >q.sql <<'Q'
CREATE TABLE t(a INTEGER PRIMARY KEY, b, c);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<60000)
 INSERT INTO t SELECT i, (i*2654435761)%1000003, printf('%x', i*i) FROM n;
CREATE INDEX tb ON t(b); CREATE INDEX tc ON t(c);
SELECT count(*), sum(b), max(c), avg(b), total(b*1.5) FROM t;
SELECT x.a, y.a FROM t x JOIN t y ON x.b = y.b + 1
 WHERE x.c LIKE '%ab%' ORDER BY x.c LIMIT 5;
UPDATE t SET b = b * 3 WHERE a % 7 = 0;
DELETE FROM t WHERE a % 11 = 0;
SELECT sum(b), group_concat(c) FROM (SELECT * FROM t ORDER BY c LIMIT 30);
SELECT a % 10, sum(sqrt(b)), avg(length(c)) FROM t GROUP BY 1;
VACUUM; PRAGMA integrity_check;
Q
sqlite3 db <q.sql
sqlite3 db .dump | sum

echo '== bc'
echo 'scale=800; 4*a(1); e(1); l(2); s(1); sqrt(2)' |
    BC_LINE_LENGTH=0 /usr/bin/bc -l | sum
echo '2^4423-1; 7^3000 % 10^200; scale=200; 1/97' | /usr/bin/bc | sum

echo '== pari'
cat >p.gp <<'Q'
default(parisizemax, 200*10^6);
h(x) = my(r = 0); foreach(Vec(Vecsmall(Str(x))), c, r = (r*131 + c) % (2^127-1)); r;
default(realprecision, 10000);
print(h(Pi)); print(h(exp(1))); print(h(log(2))); print(h(Euler));
default(realprecision, 1000);
print(h(zeta(3))); print(h(gamma(1/3))); print(h(Catalan));
print(factor(2^101-1)); print(factor(10^50+151)); print(isprime(2^521-1));
print(nextprime(10^80)); print(h(2^50000)); print(h(5000!));
default(realprecision, 38);
print(polroots(x^7-x-1)); print(bnfinit(x^3-x^2-54*x+169).cyc);
print(ellap(ellinit([0,0,1,-1,0]), nextprime(10^20)));
print(h(matdet(matrix(60,60,i,j,(i*j*7919+i+j)%1009))));
print(intnum(t=0,1,sin(t)/exp(t^2)));
Q
TERM=dumb gp -q p.gp </dev/null 2>/dev/null

echo '== awk'
$gawk -M 'BEGIN { print 2^300; PREC = 200; printf "%.50f\n", atan2(0, -1) }'
$gawk '{ n[$1] += $3; s += length($0) }
    END { for (i = 0; i < 5; i++) print i, n[i]
          printf "%.17g %.17g\n", s, s / 7 }' text

echo '== rust'
rg -c 'line [0-9]*77 of [a-f]+' text
rg -o --no-line-number '[0-9a-f]{3}9$' text | sum
rg -j2 -u -c 'o(ne|f) (1|2).*[^0-7]$' text noise | sort
mkdir -p tree/a/b tree/c && touch tree/a/b/x1.txt tree/c/y2.txt tree/c/z.bin
fdfind -j2 '^[x-z].*t$' tree | sort

echo '== go'
export RESTIC_PASSWORD=x GOMAXPROCS=4
mkdir -p data/in
cp all text data/in
restic -q init -r repo && restic -q backup -r repo data &&
    restic -q check -r repo --read-data &&
    restic -q restore -r repo latest --target out &&
    cmp out/data/in/all all && cmp out/data/in/text text && echo same
echo ==
