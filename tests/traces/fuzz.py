#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make fuzz-traces`: random guest programs in the tiers of the translator.

generate.py makes the programs of a seed, main.c runs them. What each of them
did must be what the interpreter did, in tiers that translate everything at
once, that make copies of loops, and that forget and yield at random.

    tests/traces/fuzz.py --seeds 1000                  from --seed on
    tests/traces/fuzz.py --seed 17 --seeds 1           one again
    tests/traces/fuzz.py --seed 17 --seeds 1 --tier jit,eager

What differed stays in BUILD/tests/traces/seed-N: programs.S, guest.elf and
guest.img, and what each tier said.
"""
import argparse
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import time

import generate

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('BUILD', 'build'))
SQUIB = os.environ.get('SQUIB', str(ROOT / BUILD / 'squib'))
GUESTS = ROOT / BUILD / 'tests/traces'
COMMAND = GUESTS / 'command'  # meson writes it if there is a compiler
TIMEOUT = 100 * int(os.environ.get('SQUIB_TEST_SLOWNESS', '1'))
SLOW = f'it ran for more than {TIMEOUT} s'
REFERENCE = 'interp'
TIERS = ('jit,eager', 'jit,eager,copies', 'jit,eager,chaos={seed}',
         'jit,eager,regs={seed}', 'jit,chaos={seed}',
         'jit,copies,chaos={seed}')


class NoTranslator(Exception):
    """This host has none."""


class Difference(Exception):
    """What a tier did otherwise."""


def compile_guest(seed, folder):
    source, elf = folder / 'programs.S', folder / 'guest.elf'
    image = folder / 'guest.img'
    source.write_text(generate.assembler(seed))
    words = COMMAND.read_text().splitlines()
    subprocess.run([*words, source, '-o', elf], check=True)
    objcopy = words[0].removesuffix('gcc') + 'objcopy'
    subprocess.run([objcopy, '-O', 'binary', elf, image], check=True)
    return image


def run_guest(image, tier):
    """The line of each program, and how it ended if not well."""
    command = [SQUIB, 'run', '--kernel', image, '--cpus', '1', '--mem', '128',
               '--tier', tier, '--append', 'console=ttyAMA0']
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, errors='replace',
                              timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return [SLOW]
    if 'x86-64' in done.stderr:
        raise NoTranslator(done.stderr.strip())
    (image.parent / f'{tier}.out').write_text(done.stdout + done.stderr)
    lines = [l for l in done.stdout.splitlines() if l.startswith('program ')]
    if done.returncode or ' 0 failed' not in done.stdout:
        lines += [f'it ended with {done.returncode}', done.stderr]
    return lines


def explain(seed, tier, image, reference, found):
    """The first program that differs: those after it start anew."""
    pairs = [(r, f) for r, f in itertools.zip_longest(
        reference, found, fillvalue='nothing') if r != f]
    return (f'seed {seed}, tier {tier}: {len(pairs)} lines differ, '
            f'the first of them:\n'
            f'    {REFERENCE}: {pairs[0][0]}\n    {tier}: {pairs[0][1]}\n'
            f'    its text: {image.parent}/programs.S, from leaf_N_0 to the '
            f'end of program_N\n'
            f'    repeat: tests/traces/fuzz.py --seed {seed} --seeds 1 '
            f'--tier {tier}')


def check_seed(seed, folder, tiers=TIERS):
    """Raises Difference. How many exceptions the programs had."""
    image = compile_guest(seed, folder)
    reference = run_guest(image, REFERENCE)
    if len(reference) != generate.PROGRAMS:
        raise Difference(f'seed {seed}, tier {REFERENCE}: ' +
                         '\n'.join(reference))
    wrong = []
    for tier in (t.format(seed=seed) for t in tiers):
        found = run_guest(image, tier)
        if found != reference:
            wrong.append(explain(seed, tier, image, reference, found))
    if wrong:
        raise Difference('\n'.join(wrong))
    return sum(int(line.split()[3]) for line in reference)


def fuzz(seeds, tiers, seconds):
    """How many seeds were tried, and which were wrong."""
    end = time.monotonic() + seconds if seconds else float('inf')
    tried, bad = 0, []
    for seed in seeds:
        if time.monotonic() > end:
            break
        folder = GUESTS / f'seed-{seed}'
        folder.mkdir(exist_ok=True)
        tried += 1
        try:
            check_seed(seed, folder, tiers)
            shutil.rmtree(folder)
        except Difference as difference:
            print(difference, flush=True)
            bad.append(seed)
    return tried, bad


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--seed', type=int, default=1, help='the first')
    p.add_argument('--seeds', type=int, default=1000, help='how many')
    p.add_argument('--seconds', type=int, help='begin none after these')
    p.add_argument('--tier', action='append', help='instead of all of them')
    args = p.parse_args()
    if not COMMAND.exists():
        sys.exit('the arm64 cross compiler is not installed')
    start = time.monotonic()
    try:
        tried, bad = fuzz(range(args.seed, args.seed + args.seeds),
                          args.tier or TIERS, args.seconds)
    except NoTranslator as error:
        sys.exit(str(error))
    print(f'{tried} seeds from {args.seed} on, of {generate.PROGRAMS} programs '
          f'each, in {time.monotonic() - start:.0f} s: '
          f'{"all as in the interpreter" if not bad else f"wrong: {bad}"}')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
