// SPDX-License-Identifier: Apache-2.0
// What only node has: typed arrays, WebAssembly, classes, generators, big
// integers, threads on shared memory, and libraries in machine code. After
// core.js; `node all.js ROUNDS`.

const crypto = require("crypto");
const zlib = require("zlib");
const { Worker, isMainThread, workerData } = require("worker_threads");

// (func (export "f") (param i32) (result i32)): a loop over n -> x * 1664525 +
// 1013904223 ^ x >>> 13, begun with the argument, 200,000 times.
const sized = bytes => [bytes.length, ...bytes];
const body = [
    1, 1, 0x7f, 0x41, 0xc0, 0x9a, 0x0c, 0x21, 1, 0x03, 0x40, 0x20, 0, 0x41,
    0x8d, 0xcc, 0xe5, 0, 0x6c, 0x41, 0xdf, 0xe6, 0xbb, 0xe3, 3, 0x6a, 0x22, 0,
    0x20, 0, 0x41, 13, 0x76, 0x73, 0x21, 0, 0x20, 1, 0x41, 1, 0x6b, 0x22, 1,
    0x0d, 0, 0x0b, 0x20, 0, 0x0b];
const wasm = Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, ...sized([1, 0x60, 1, 0x7f, 1, 0x7f]),
    3, ...sized([1, 0]), 7, ...sized([1, 1, 0x66, 0, 0]),
    10, ...sized([1, ...sized(body)])]);

function js_twin(x)
{
    for (let n = 0; n < 200000; n++) {
        x = (Math.imul(x, 1664525) + 1013904223) | 0;
        x ^= x >>> 13;
    }
    return x;
}

const more = {
    typed() {
        const f = new Float64Array(5000), b = new Uint8Array(f.buffer);
        const i = new Int32Array(4096);
        let sum = 0;
        for (let n = 0; n < f.length; n++) f[n] = n / 8;
        for (let n = 0; n < b.length; n++) sum = (sum * 33 + b[n]) | 0;
        for (let k = 0; k < 20; k++)
            for (let n = 0; n < i.length; n++) i[n] = Math.imul(i[n] + k, n) ^ sum;
        return sum + "/" + i.reduce((s, v) => (s + v) | 0);
    },
    async wasm() {
        const { instance } = await WebAssembly.instantiate(wasm);
        const a = instance.exports.f(7), b = js_twin(7);
        return a + "/" + (a === b);
    },
    classes() {
        class Shape { #n; constructor(n) { this.#n = n; } get n() { return this.#n; } area() { return 0; } }
        class Box extends Shape { area() { return this.n * this.n; } }
        class Line extends Shape { area() { return super.area() + this.n; } }
        const kinds = [Shape, Box, Line];
        let sum = 0;
        for (let n = 0; n < 60000; n++) sum += new kinds[n % 3](n & 31).area();
        return sum;
    },
    collections() {
        const map = new Map(), set = new Set(), weak = new WeakMap();
        for (let n = 0; n < 40000; n++) {
            const key = "k" + random(4000);
            map.set(key, (map.get(key) || 0) + n);
            set.add(n % 977);
            weak.set({ n }, n);
        }
        return [...map.values()].reduce((a, b) => a + b) + "/" + set.size;
    },
    generators() {
        function* walk(n) { if (n) { yield* walk(n - 1); yield n; yield* walk(n - 1); } }
        let sum = 0, at = 0;
        for (const n of walk(11)) sum += n * ++at;
        return sum;
    },
    big() {
        let a = 1n;
        for (let n = 1n; n < 400n; n++) a = a * n % (1n << 521n) + n;
        return a.toString(36).slice(0, 24);
    },
    async promises() {
        let sum = 0;
        await Promise.all([...Array(500).keys()].map(async n => {
            for (let k = 0; k < 4; k++) await null;
            sum += n;
        }));
        return sum;
    },
    garbage() {
        let keep = [], sum = 0;
        for (let n = 0; n < 150000; n++) {
            const o = { n, next: keep[n % 64], text: "x" + (n & 63) };
            keep[n % 64] = n % 5 ? o : { n };
            sum += o.text.length;
        }
        return sum + "/" + keep.reduce((s, o) => s + o.n, 0);
    },
    libraries() {
        const data = Buffer.alloc(60000, "squib and friends, ");
        const key = Buffer.alloc(32, 7), iv = Buffer.alloc(12, 9);
        const c = crypto.createCipheriv("aes-256-gcm", key, iv);
        const sealed = Buffer.concat([c.update(data), c.final()]);
        const same = zlib.inflateSync(zlib.deflateSync(data)).equals(data) &&
            zlib.brotliDecompressSync(zlib.brotliCompressSync(data,
                { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } })).equals(data);
        return ["md5", "sha1", "sha256", "sha512", "sha3-256"].map(h =>
            crypto.createHash(h).update(sealed).digest("hex").slice(0, 8)).join() +
            c.getAuthTag().toString("hex").slice(0, 8) + "/" + same;
    },
    async threads() {
        const shared = new Int32Array(new SharedArrayBuffer(64));
        const workers = [0, 1].map(me => new Worker(__filename,
            { workerData: { shared, me } }));
        await Promise.all(workers.map(w => new Promise((done, bad) => {
            w.on("exit", done); w.on("error", bad);
        })));
        return shared.slice(0, 4).join();
    }
};

/* Two threads: additions, a lock, and turns taken by waiting. */
function work({ shared, me })
{
    for (let n = 0; n < 20000; n++) {
        Atomics.add(shared, 0, 1);
        while (Atomics.compareExchange(shared, 8, 0, 1) !== 0)
            Atomics.wait(shared, 8, 1, 1);
        shared[1] += 2;
        Atomics.store(shared, 8, 0);
        Atomics.notify(shared, 8, 1);
    }
    for (let n = 0; n < 200; n++) {
        while (Atomics.load(shared, 9) !== me) Atomics.wait(shared, 9, 1 - me);
        shared[2] = shared[2] * 3 + me | 0;
        Atomics.store(shared, 9, 1 - me);
        Atomics.notify(shared, 9);
    }
}

async function main()
{
    const rounds = Number(process.argv[2] || 1);
    run(console.log, rounds);
    for (let r = 0; r < rounds; r++)
        for (const name in more) {
            seed = 42;
            console.log(name + " " + await more[name]());
        }
}

if (isMainThread) main();
else work(workerData);
