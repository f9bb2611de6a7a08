-- SPDX-License-Identifier: Apache-2.0
-- Programs that LuaJIT makes traces of. Each prints a name and a checksum; the
-- answers are the same with its compiler and without, although that makes
-- FMADD of a product and a sum. `bench.lua ROUNDS`.

local bit, ffi = require("bit"), require("ffi")
local rounds = tonumber(arg and arg[1]) or 1

local seed
local function random(n)
    seed = (seed * 16807) % 2147483647
    return seed % n
end

local tests = {}
local function test(name, fn)
    tests[#tests + 1] = { name, fn }
end

test("fib", function()
    local function fib(n)
        return n < 2 and n or fib(n - 1) + fib(n - 2)
    end
    return fib(24)
end)

test("sieve", function()
    local flags, count = ffi.new("uint8_t[?]", 200001), 0
    for n = 2, 200000 do
        if flags[n] == 0 then
            count = count + 1
            for m = n + n, 200000, n do flags[m] = 1 end
        end
    end
    return count
end)

test("nbody", function()
    local bodies = {}
    for n = 1, 5 do
        bodies[n] = { x = n, y = n * 0.5, z = -n * 0.25, vx = 0.01 * n,
                      vy = -0.02 * n, vz = 0.005, m = 1 / n }
    end
    for _ = 1, 4000 do
        for i = 1, 5 do
            local a = bodies[i]
            for j = i + 1, 5 do
                local b = bodies[j]
                local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
                local d2 = dx * dx + dy * dy + dz * dz + 0.01
                local mag = 0.001 / (d2 * math.sqrt(d2))
                a.vx = a.vx - dx * b.m * mag
                a.vy = a.vy - dy * b.m * mag
                a.vz = a.vz - dz * b.m * mag
                b.vx = b.vx + dx * a.m * mag
                b.vy = b.vy + dy * a.m * mag
                b.vz = b.vz + dz * a.m * mag
            end
        end
        for i = 1, 5 do
            local a = bodies[i]
            a.x, a.y = a.x + 0.001 * a.vx, a.y + 0.001 * a.vy
            a.z = a.z + 0.001 * a.vz
        end
    end
    return string.format("%.4f", bodies[1].x + bodies[3].y + bodies[5].z)
end)

test("mandelbrot", function()
    local inside = 0
    for py = 0, 79 do
        for px = 0, 79 do
            local x0, y0, x, y, n = px / 40 - 1.5, py / 40 - 1, 0, 0, 0
            while n < 60 and x * x + y * y < 4 do
                x, y = x * x - y * y + x0, 2 * x * y + y0
                n = n + 1
            end
            inside = inside + n
        end
    end
    return inside
end)

test("crc", function()
    local crc = bit.bnot(0)
    for n = 1, 30000 do
        crc = bit.bxor(crc, n % 256)
        for _ = 1, 8 do
            crc = bit.bxor(bit.rshift(crc, 1),
                           bit.band(0xedb88320, -bit.band(crc, 1)))
        end
    end
    return bit.tohex(bit.bnot(crc))
end)

test("strings", function()
    local parts = {}
    for n = 1, 3000 do
        parts[n] = string.format("%d:%s", n, ("ab"):rep(n % 7))
    end
    local text = table.concat(parts, ",")
    local words = 0
    for number, tail in text:gmatch("(%d+):(%a*)") do
        words = words + tonumber(number) * #tail
    end
    return words .. "/" .. #text:gsub("b", "cc"):upper()
end)

test("sort", function()
    local list, sum = {}, 0
    for n = 1, 8000 do list[n] = random(32768) end
    table.sort(list, function(a, b) return a > b end)
    for n, v in ipairs(list) do sum = (sum + n * v) % 1000000007 end
    return sum
end)

test("closures", function()
    local function counter(step)
        local n = 0
        return function() n = n + step; return n end
    end
    local sum = 0
    for step = 1, 200 do
        local next_one = counter(step)
        for _ = 1, 100 do sum = sum + next_one() end
    end
    return sum
end)

test("coroutines", function()
    local function walk(n)
        if n > 0 then
            walk(n - 1)
            coroutine.yield(n)
            walk(n - 1)
        end
    end
    local sum, place = 0, 0
    for n in coroutine.wrap(function() walk(13) end) do
        place = place + 1
        sum = (sum + n * place) % 1000003
    end
    return sum
end)

test("objects", function()
    local shape = {}
    shape.__index = shape
    shape.__add = function(a, b) return setmetatable({ v = a.v + b.v }, shape) end
    function shape:twice() return self.v * 2 end
    local sum = setmetatable({ v = 0 }, shape)
    for n = 1, 30000 do sum = sum + setmetatable({ v = n % 10 }, shape) end
    return sum:twice()
end)

test("structs", function()
    ffi.cdef("typedef struct { int32_t a; float f; double d; int64_t l; } rec;")
    local recs, sum = ffi.new("rec[100]"), 0LL
    for n = 0, 49999 do
        local r = recs[n % 100]
        r.a, r.f, r.d = r.a + n, r.f + 0.5, r.d + r.f
        r.l = r.l * 31 + r.a
    end
    for n = 0, 99 do sum = sum + recs[n].l + ffi.cast("int64_t", recs[n].d) end
    return tostring(sum)
end)

-- Types that change under a hot trace: it is left, and grown by others.
test("side-exits", function()
    local sum, text = 0, 0
    for n = 1, 40000 do
        local v = n % 7 == 0 and tostring(n) or n % 5 == 0 and n / 3 or n
        if type(v) == "string" then text = text + #v
        elseif v % 1 ~= 0 then sum = sum + math.floor(v)
        else sum = sum + v end
    end
    return sum .. "/" .. text
end)

-- Machine code is thrown away and made again at the same addresses.
test("flushes", function()
    local total = 0
    for round = 1, 30 do
        local fn = loadstring("local s = 0 for n = 1, 300 do s = s + n * " ..
                              round .. " end return s")
        total = total + fn() + fn()
        if round % 3 == 0 then jit.flush() end
    end
    return total
end)

test("tables", function()
    local map, sum = {}, 0
    for n = 1, 20000 do
        local key = "k" .. random(1500)
        map[key] = (map[key] or 0) + n
    end
    for _, v in pairs(map) do sum = sum + v end
    return sum
end)

for _ = 1, rounds do
    for _, each in ipairs(tests) do
        seed = 42
        print(each[1], each[2]())
    end
    collectgarbage()
end
