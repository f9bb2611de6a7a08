# SPDX-License-Identifier: Apache-2.0
# Interpreters and their JITs: each way of running a program says the same.

# is_jit MODE: does opcache compile with this one here?
php_jit="-n -d zend_extension=opcache.so -d opcache.enable_cli=1
    -d opcache.jit_buffer_size=32M -d opcache.jit_hot_loop=16
    -d opcache.jit_hot_func=16"
is_jit()
{
    php8.2 $php_jit -d opcache.jit="$1" \
        -r 'exit(opcache_get_status()["jit"]["on"] ? 0 : 1);' >/dev/null
}

echo '== php'
php8.2 -n try.php >php.off
cat php.off
echo '== php-jits'
for jit in tracing function 1205 1255 1111; do
    is_jit $jit || echo "$jit is off"
    php8.2 $php_jit -d opcache.jit=$jit try.php >php.on || echo "$jit: exit $?"
    cmp php.off php.on && echo "$jit: the same"
done
echo '== ruby'
ruby --disable-gems try.rb
echo '== perl'
perl -w try.pl
echo '== guile'
guile=$(echo /usr/lib/*/guile/3.0/bin/guile)
export GUILE_AUTO_COMPILE=0
# Interpreted by code that is compiled, then compiled itself. The threshold
# says when code becomes the machine's: never, soon, at once.
$guile -c '(use-modules (system base compile))
    (compile-file "try.scm" #:output-file "try.go")' >/dev/null
for threshold in -1 100 0; do
    export GUILE_JIT_THRESHOLD=$threshold
    $guile -s try.scm
    $guile -c '(load-compiled "try.go")'
done
echo '== erlang'
cp try.erl try_it.erl
erlc try_it.erl && erl -noshell -s try_it main
echo ==
