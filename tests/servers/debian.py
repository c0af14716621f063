"""A Python of another release of Debian, unpacked into a directory, for a machine whose own release has an older one.

apt works on lists and a cache of its own in that directory: no package of the machine changes, nothing is mounted, and
nobody has to be root. The loader and the C library come along, because the unpacked Python may need newer ones than
the machine has; a small program beside it starts it through them, so that it serves like any other interpreter:
virtual environments link to it, and `sys.executable` is the name by which it was called.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from tests.servers.absence import Unobtainable, output

RELEASES = {"3.13": "trixie", "3.14": "forky"}
_KEYS = Path("/usr/share/keyrings")
_START = """\
#!/bin/sh
exec {loader} --argv0 "$0" --library-path {libraries} {python} "$@"
"""


def python(version: str, directory: Path) -> Path:
    """Return a Python of such a version, unpacked once; raises `Unobtainable` where there is no apt or no package."""
    started = directory / "usr" / "bin" / "python"
    if not started.exists():
        shutil.rmtree(directory, ignore_errors=True)
        _unpack(version, directory)
        _link_headers(directory, version)
        _make_startable(directory, version, started)
    return started


def _unpack(version: str, directory: Path) -> None:
    if version not in RELEASES:
        raise Unobtainable(f"no known release has Python {version}")
    apt = directory / "apt"
    for made in ("state/lists/partial", "cache/archives/partial"):
        (apt / made).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb {_signed()} {_mirror()} {RELEASES[version]} main\n")
    options = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Update::Error-Mode": "any",  # a mirror that does not answer is an error
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",  # another user could not write into our directory
    }
    apt_get = ["apt-get", "--quiet", "--yes", *(f"--option={name}={value}" for name, value in options.items())]
    output([*apt_get, "update"])
    output([*apt_get, "install", "--download-only", f"python{version}", f"libpython{version}-dev"])
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        output(["dpkg-deb", "--extract", str(package), str(directory)])
    shutil.rmtree(apt)


def _mirror() -> str:
    """Return the mirror of Debian that apt is set up with."""
    asked = ["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI)", "Created-By: Packages"]
    for address in output(asked).split():  # also of what was never fetched
        if address.rstrip("/").endswith("/debian"):
            return address
    raise Unobtainable("apt is set up with no mirror of Debian")


def _signed() -> str:
    keys = sorted(_KEYS.glob("debian-archive-keyring.*"))
    return f"[signed-by={keys[0]}]" if keys else ""


def _link_headers(directory: Path, version: str) -> None:
    """Let a compiler that is given the directory of the headers alone find those of the architecture, too."""
    for headers in directory.glob(f"usr/include/*/python{version}"):
        architecture = headers.parent
        (directory / "usr" / "include" / f"python{version}" / architecture.name).symlink_to(architecture)


def _make_startable(directory: Path, version: str, started: Path) -> None:
    [library] = directory.glob("usr/lib/*/libc.so.6")
    [loader] = library.parent.glob("ld-*.so.*")
    paths = {"loader": loader, "libraries": library.parent, "python": started.with_name(f"python{version}")}
    making = started.with_name("python.new")
    making.write_text(_START.format_map({name: shlex.quote(str(path)) for name, path in paths.items()}))
    making.chmod(0o755)
    making.rename(started)
