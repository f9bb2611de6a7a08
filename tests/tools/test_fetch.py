# SPDX-License-Identifier: Apache-2.0
"""What is fetched for a build or a test survives a network of bad days."""
import os
import pathlib
import shutil
import subprocess

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"

# Fails as often as the file of its name in $FAILS says, then does what apt does.
APT_GET = """#!/bin/sh
for word; do
    case $word in indextargets) echo http://mirror.example/debian; exit ;;
    update|download) what=$word ;; esac
done
echo "$what" >>"$FAILS/log"
left=$(cat "$FAILS/$what" 2>/dev/null || echo 0)
if [ "$left" -gt 0 ]; then
    echo $((left - 1)) >"$FAILS/$what"
    exit 100
fi
case $what in
update) mkdir -p "$FAILS/../.cache/apt/arm64/lists" &&
    touch "$FAILS/../.cache/apt/arm64/lists/x_Packages" ;;
download) touch a_package.deb ;;
esac
"""
DPKG_DEB = '#!/bin/sh\ntouch "$3/unpacked"\n'
SLEEP = '#!/bin/sh\necho "sleep $1" >>"$FAILS/log"\n'


@pytest.fixture
def fetch(tmp_path):
    """Fetches a package from a mirror that fails so often: the exit code and
    what was called."""
    shutil.copytree(TOOLS, tmp_path / "tools")
    for folder, name, text in (("bin", "apt-get", APT_GET), ("bin", "sleep", SLEEP),
                               ("bin", "dpkg-deb", DPKG_DEB)):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    fails = tmp_path / "fails"
    fails.mkdir()

    def run(**times):
        for what, count in times.items():
            (fails / what).write_text(str(count))
        done = subprocess.run(
            [tmp_path / "tools/fetch-debs", "arm64", tmp_path / "out", "a-package"],
            env={**os.environ, "FAILS": str(fails),
                 "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
            capture_output=True, check=False)
        return done.returncode, (fails / "log").read_text().splitlines()

    return run


def test_a_good_mirror_is_asked_once(fetch, tmp_path):
    assert fetch() == (0, ["update", "download"])
    assert (tmp_path / "out/unpacked").exists()


def test_what_fails_for_a_moment_is_tried_again(fetch, tmp_path):
    code, calls = fetch(update=2, download=1)
    assert code == 0
    assert calls == ["update", "sleep 5", "update", "sleep 20", "update",
                     "download", "update", "sleep 5", "download"]
    assert (tmp_path / "out/unpacked").exists()


def test_what_fails_for_long_fails(fetch, tmp_path):
    code, calls = fetch(update=1000)
    assert code != 0
    assert calls.count("update") == 4 and "download" not in calls
    assert not (tmp_path / "out").exists()


def test_the_mirror_is_apts_or_the_one_that_is_named(tmp_path):
    def mirror(sources, **env):
        apt = tmp_path / "apt-get"
        apt.write_text("#!/bin/sh\nprintf '%s' " + f"'{sources}'\n")
        apt.chmod(0o755)
        return subprocess.run(
            ["bash", "-c", f". {TOOLS}/lib.sh; debian_mirror"], check=False,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **env}, text=True,
            capture_output=True)

    two = "http://a.example/debian-security/\nhttp://b.example/debian/\n"
    assert mirror(two).stdout == "http://b.example/debian/\n"
    named = mirror(two, SQUIB_DEBIAN_MIRROR="http://c.example/debian")
    assert named.stdout == "http://c.example/debian\n"
    none = mirror("")
    assert none.returncode != 0 and "SQUIB_DEBIAN_MIRROR" in none.stderr
