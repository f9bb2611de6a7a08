// SPDX-License-Identifier: Apache-2.0
// Programs that a JavaScript engine compiles while they run, in the language's
// fifth edition, so that node and Rhino can both run them. Each gives a name
// and a checksum, the same in every engine.

var seed;
function random(n)
{
    seed = (seed * 16807) % 2147483647;
    return seed % n;
}

var tests = {
    fib: function () {
        function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
        return fib(25);
    },
    sieve: function () {
        var flags = [], count = 0, n, m;
        for (n = 0; n <= 100000; n++) flags[n] = true;
        for (n = 2; n <= 100000; n++)
            if (flags[n]) {
                count++;
                for (m = n + n; m <= 100000; m += n) flags[m] = false;
            }
        return count;
    },
    matrix: function () {
        var size = 60, a = [], b = [], sum = 0, i, j, k;
        for (i = 0; i < size; i++) {
            a[i] = []; b[i] = [];
            for (j = 0; j < size; j++) {
                a[i][j] = i * 0.5 - j; b[i][j] = (i + j) * 0.25;
            }
        }
        for (i = 0; i < size; i++)
            for (j = 0; j < size; j++) {
                var s = 0;
                for (k = 0; k < size; k++) s += a[i][k] * b[k][j];
                sum += s * ((i * j) % 7);
            }
        return sum;
    },
    crc: function () {
        var crc = -1;
        for (var n = 0; n < 20000; n++) {
            crc ^= n & 255;
            for (var b = 0; b < 8; b++)
                crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
        }
        return (crc ^ -1) >>> 0;
    },
    objects: function () {
        function Point(x, y) { this.x = x; this.y = y; }
        Point.prototype.add = function (p) {
            return new Point(this.x + p.x, this.y + p.y);
        };
        var p = new Point(0, 0);
        for (var n = 0; n < 60000; n++) p = p.add(new Point(n & 7, 1));
        return p.x * 3 + p.y;
    },
    // Shapes and types that change when the code is hot already.
    deoptimised: function () {
        function area(s) { return s.w * s.h; }
        function add(a, b) { return a + b; }
        var sum = 0, text = "";
        for (var n = 0; n < 40000; n++) {
            var s = n < 30000 ? { w: n & 15, h: 2 } :
                    n & 1 ? { h: 3, w: n & 15, z: 0 } : { a: 1, w: 0.5, h: 4 };
            sum = add(sum, area(s));
            if (n > 35000 && n % 100 === 0) text = add(text, n);
        }
        return sum + "/" + text.length;
    },
    regex: function () {
        var text = "", words = {}, total = 0;
        for (var n = 0; n < 1500; n++)
            text += "id" + random(1000) + "=" + random(50).toString(16) + "; ";
        text.replace(/id(\d+)=([0-9a-f]+);/g, function (_, id, value) {
            words[id] = (words[id] || 0) + parseInt(value, 16);
            return "";
        });
        for (var id in words) total += words[id] * (id.length + 1);
        return total + "/" + text.split(/[;=]\s*|1+/).length + "/" +
            (/(a+)+b/.test("aaaaaaaaaaaaaaac") ? 1 : 0);
    },
    json: function () {
        var tree = { list: [] };
        for (var n = 0; n < 2000; n++)
            tree.list.push({ n: n, half: n / 2, name: "item \"" + n + "\"",
                             tags: [n % 3, null, n % 2 === 0] });
        var text = JSON.stringify(tree), sum = 0;
        for (var k = 0; k < 3; k++) text = JSON.stringify(JSON.parse(text));
        for (n = 0; n < text.length; n++)
            sum = (sum * 31 + text.charCodeAt(n)) >>> 0;
        return text.length + "/" + sum;
    },
    sort: function () {
        var list = [], sum = 0;
        for (var n = 0; n < 10000; n++) list.push(random(100000));
        list.sort(function (a, b) { return a - b; });
        for (n = 0; n < list.length; n++)
            sum = (sum + n * list[n]) % 1000000007;
        return sum;
    },
    trees: function () {
        function make(depth) {
            return depth ? { l: make(depth - 1), r: make(depth - 1) } : null;
        }
        function count(t) { return t ? 1 + count(t.l) + count(t.r) : 0; }
        var sum = 0;
        for (var n = 0; n < 12; n++) sum += count(make(4 + n % 10));
        return sum;
    },
    closures: function () {
        var fns = [], sum = 0;
        for (var n = 0; n < 300; n++)
            fns.push((function (k) { return function (x) { return x * k; }; })(n));
        for (var r = 0; r < 60; r++)
            for (n = 0; n < fns.length; n++) sum += fns[n](r) % 11;
        return sum;
    },
    exceptions: function () {
        var caught = 0;
        for (var n = 0; n < 6000; n++)
            try {
                if (n % 3 === 0) throw new Error("e" + n);
                if (n % 7 === 0) null.x;
            } catch (e) {
                caught += e instanceof TypeError ? 100 : e.message.length;
            }
        return caught;
    },
    made: function () {
        var sum = 0;
        for (var n = 1; n < 60; n++)
            sum += new Function("a", "var s = 0; for (var i = 0; i < 400; i++) " +
                                "s += (a ^ i) % " + n + "; return s;")(n);
        return sum;
    },
    floats: function () {
        var x = 0.5, sum = 0;
        for (var n = 1; n < 60000; n++) {
            x = 3.75 * x * (1 - x);
            sum += Math.floor(x * 1000) + Math.abs(Math.round(x - 0.7)) +
                Math.sqrt(n * n) + (n % 2.5);
        }
        return sum.toFixed(3);
    }
};

function run(print, rounds)
{
    for (var r = 0; r < rounds; r++)
        for (var name in tests) {
            seed = 42;
            print(name + " " + tests[name]());
        }
}
