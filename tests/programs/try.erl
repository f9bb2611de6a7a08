%% SPDX-License-Identifier: Apache-2.0
%% Processes, binaries, exceptions and large numbers, by Erlang's JIT.
-module(try_it).
-export([main/0]).

fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).

ring(Processes, Messages) ->
    Add = fun(_, Next) -> spawn(fun() -> pass(Next) end) end,
    First = lists:foldl(Add, self(), lists:seq(1, Processes)),
    First ! {go, Messages},
    turn(Messages, First, 0).

turn(0, _, Sum) -> Sum;
turn(N, First, Sum) ->
    receive {go, K} -> First ! {go, K - 1}, turn(N - 1, First, Sum + K) end.

pass(Next) -> receive X -> Next ! X, pass(Next) end.

pack(0, A) -> A;
pack(N, A) ->
    pack(N - 1, <<A/binary, (N * 7):16, (N / 3):64/float, 1:3, N:5>>).

unpack(<<A:16, F:64/float, _:3, B:5, R/binary>>, S) ->
    unpack(R, S + A * F - B);
unpack(<<>>, S) -> S.

throws(0, S) -> S;
throws(N, S) ->
    Found = try case N rem 3 of
                    0 -> throw(N);
                    1 -> N div (N rem 2);
                    2 -> N
                end of
                V -> S + V
            catch
                throw:T -> S + T * 2;
                error:badarith -> S - 1
            end,
    throws(N - 1, Found).

say(X) -> io:format("~p~n", [X]).

main() ->
    say(fib(24)),
    say(ring(50, 2000)),
    B = pack(3000, <<>>),
    say({erlang:crc32(B), unpack(B, 0)}),
    say(throws(100000, 0)),
    Up = lists:seq(1, 10000),
    say(lists:foldl(fun(X, A) -> A * X rem 1000000007 end, 1, Up)),
    say(erlang:phash2(Up)),
    say(lists:sum([X * 0.37 || X <- Up])),
    F = lists:foldl(fun(X, A) -> A * X end, 1, lists:seq(1, 500)),
    say(erlang:md5(integer_to_binary(F))),
    M = maps:from_list([{X * 7919 rem 10007, X} || X <- Up]),
    say(maps:fold(fun(K, V, A) -> A + K * V end, 0, M)),
    Me = self(),
    Calls = lists:seq(1, 100),
    [spawn(fun() -> Me ! {r, fib(15 + X rem 5)} end) || X <- Calls],
    say(lists:sum([receive {r, V} -> V end || _ <- Calls])),
    say(erlang:system_info(emu_flavor)),
    halt().
