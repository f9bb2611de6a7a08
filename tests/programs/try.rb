# SPDX-License-Identifier: Apache-2.0
# Large numbers, hashes, fibers, threads and the collector, by Ruby.

def fib(n)
  n < 2 ? n : fib(n - 1) + fib(n - 2)
end

puts fib(20), (1..200).inject(:*), (2**521 - 1).to_s(36)
puts Math::PI.rationalize(Rational(1, 10**12))
h = Hash.new(0)
50_000.times { |i| h[(i * 7919) % 1009] += i * 0.5 }
puts h.sort.map { |k, v| "#{k}:#{v}" }.join(",").sum
order = (1..3000).map { |i| (i * 7919) % 3001 }.sort_by { |x| [-x % 13, x] }
puts order.each_slice(7).map(&:sum).inject { |a, b| (a * 31 + b) % 1_000_003 }
f = Fiber.new { 1000.times { |i| Fiber.yield i * i }; :done }
s = 0
while (v = f.resume) != :done
  s += v
end
puts s
q = Queue.new
threads = 4.times.map { |k| Thread.new { 500.times { |i| q << k * i } } }
threads.each(&:join)
n = 0
n += q.pop until q.empty?
puts n
puts 10.0.divmod(3), -7 / 2, -7.remainder(2), 1e308 * 10, 0.1 + 0.2, 3.7 % 1
puts 2**-2, 7.fdiv(3)
puts ("a".."zz").select { |x| x =~ /([aeiou])\1|z$/ }.join
20.times { Array.new(10_000) { |i| "x#{i}" } }
GC.start
puts ObjectSpace.count_objects.size > 3
