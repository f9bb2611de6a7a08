<?php
// SPDX-License-Identifier: Apache-2.0
// What a JIT of PHP compiles: calls, loops, doubles, integers that overflow
// into them, strings, objects, exceptions, generators. Prints the same always.

function fib($n)
{
    return $n < 2 ? $n : fib($n - 1) + fib($n - 2);
}

function escapes()
{
    $sum = 0;
    for ($y = 0; $y < 60; $y++)
        for ($x = 0; $x < 80; $x++) {
            $cr = $x / 40 - 1.5;
            $ci = $y / 30 - 1.0;
            $zr = $zi = 0;
            for ($i = 0; $i < 50; $i++) {
                $t = $zr * $zr - $zi * $zi + $cr;
                $zi = 2 * $zr * $zi + $ci;
                $zr = $t;
                if ($zr * $zr + $zi * $zi > 4)
                    break;
            }
            $sum = ($sum * 31 + $i) % 1000000007;
        }
    return $sum;
}

function primes($n)
{
    $is = array_fill(0, $n + 1, true);
    for ($i = 2; $i * $i <= $n; $i++)
        if ($is[$i])
            for ($j = $i * $i; $j <= $n; $j += $i)
                $is[$j] = false;
    $count = 0;
    for ($i = 2; $i <= $n; $i++)
        $count += $is[$i];
    return $count;
}

function strings()
{
    $seen = [];
    for ($i = 0; $i < 30000; $i++) {
        $key = md5((string)($i % 5000));
        $seen[$key] = ($seen[$key] ?? 0) + $i;
    }
    ksort($seen);
    return md5(serialize($seen));
}

class Point
{
    public function __construct(public float $x, public float $y)
    {
    }

    function add(Point $o): Point
    {
        return new Point($this->x + $o->x, $this->y * 0.5 + $o->y);
    }
}

function objects()
{
    $p = new Point(0, 0);
    for ($i = 0; $i < 50000; $i++)
        $p = $p->add(new Point($i, $i / 3));
    return sprintf("%.15g %.15g", $p->x, $p->y);
}

function overflows()
{
    $a = PHP_INT_MAX - 5;
    $found = [];
    for ($i = 0; $i < 10; $i++) {
        $a += 1;
        $found[] = var_export($a, true);
    }
    $m = 3037000499;
    for ($i = 0; $i < 3; $i++) {
        $found[] = var_export($m * $m, true);
        $m++;
    }
    return implode(",", $found);
}

function cases($n)
{
    $s = 0;
    for ($i = 0; $i < $n; $i++)
        switch ($i % 7) {
        case 0:
            $s += 3;
            break;
        case 1:
            $s ^= $i;
            break;
        case 2:
            $s -= 2;
            break;
        case 3:
            $s = $s << 1 & 0xffffff;
            break;
        default:
            $s++;
        }
    return $s;
}

function throws($n)
{
    $count = 0;
    for ($i = 0; $i < $n; $i++) {
        try {
            if ($i % 3 == 0)
                throw new Exception("a$i");
            $count += intdiv($i, $i % 5);
        } catch (DivisionByZeroError $e) {
            $count += 7;
        } catch (Exception $e) {
            $count += strlen($e->getMessage());
        } finally {
            $count++;
        }
    }
    return $count;
}

function pairs($n)
{
    for ($i = 0; $i < $n; $i++)
        yield $i => $i * 1.5;
}

for ($round = 0; $round < 3; $round++) {
    echo fib(22), "\n", escapes(), "\n", primes(100000), "\n", strings(), "\n";
    echo objects(), "\n", overflows(), "\n", cases(200000), "\n";
    echo throws(20000), "\n";
    $s = 0;
    foreach (pairs(20000) as $a => $b)
        $s += $a * $b;
    echo $s, "\n";
    $all = range(1, 5000);
    usort($all, fn($x, $y) => ($x * 7919 % 5003) <=> ($y * 7919 % 5003));
    echo md5(implode(",", $all)), "\n";
    $text = strings() . str_repeat(md5("x"), 200);
    echo preg_match_all('/(\d+)[a-f]{2}\d*(?=[b-e])/', $text), "\n";
}
