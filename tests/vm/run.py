#!/usr/bin/env python3
"""Boots Debian's cloud kernel in QEMU (no KVM needed) with the test programs as its initramfs.

  tests/vm/run.py --build build/dev [--timeout SECONDS] [v2] [hybrid] [v1]

A host has one kind of cgroup hierarchy; here each kind is had anywhere, in a machine of its own with
every controller and a disk, two machines at a time. Prints the console and, for each result on it, `ok KIND NAME` or
`not ok KIND NAME`; a test that skips itself here has failed, since this is where it must run. Needs
the packages of role test (tools/packages.txt).
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / "build/cache/vm"
META_PACKAGE = "linux-image-cloud-amd64"
PROGRAMS = ["hearth", "hearth-launcher", "hearth_agent_cgroup_test", "hearth_monitor_test",
            "hearth_launcher_helper_test"]
# What the kernel loads by itself when it is asked for it, as on an installed machine.
MODULES = ["overlay"]
MEMORY_MB = 1024
DISK_BYTES = 256 << 20  # sparse
KINDS = ["v2", "hybrid", "v1"]  # the one that takes longest first
# They wait about as much as they compute.
MACHINES_AT_ONCE = 2


def output_of(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def kernel_package():
    """The package that the meta package stands for today."""
    found = re.search(r"Depends: (linux-image-\S+)", output_of("apt-cache", "depends", META_PACKAGE))
    return found.group(1) if found else None


def kernel():
    """Folder with the kernel image and its modules; downloaded and unpacked once, never installed."""
    package = kernel_package()
    if package is None:
        subprocess.run(["apt-get", "-q", "update"], check=True, stdout=sys.stderr)
        package = kernel_package()
    folder = CACHE / package
    if (folder / "modules").is_dir():
        return folder
    with tempfile.TemporaryDirectory(prefix="hearth_vm_") as scratch:
        os.chmod(scratch, 0o755)
        try:
            output_of("apt-get", "-q", "download", package, cwd=scratch)
        except subprocess.CalledProcessError:
            subprocess.run(["apt-get", "-q", "update"], check=True, stdout=sys.stderr)
            output_of("apt-get", "-q", "download", package, cwd=scratch)
        archive = next(pathlib.Path(scratch).glob("*.deb"))
        unpacked = pathlib.Path(scratch) / "unpacked"
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
        shutil.rmtree(folder, ignore_errors=True)
        part = CACHE / f"{package}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        shutil.copy(next(unpacked.glob("boot/vmlinuz-*")), part / "vmlinuz")
        for name in MODULES:
            module = next(unpacked.glob(f"lib/modules/**/{name}.ko"))
            copy = part / "modules" / module.relative_to(unpacked / "lib/modules")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(module, copy)
        part.rename(folder)
    return folder


def libraries(program):
    """Files that the dynamic linker needs for `program`, itself included."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return []  # static
    if "not found" in done.stdout:
        raise RuntimeError(f"ldd {program}: {done.stdout}")
    return re.findall(r"(/\S+) \(0x", done.stdout)


def make_initramfs(build, modules, target):
    with tempfile.TemporaryDirectory(prefix="hearth_vm_") as scratch:
        root = pathlib.Path(scratch)
        root.chmod(0o755)  # of the machine's top folder, which not only root has to pass
        for folder in ("hearth", "tests", "etc", "usr"):
            (root / folder).mkdir()
        for folder in ("bin", "sbin", "lib", "lib64"):  # all in /usr, as Debian 12 has them
            (root / "usr" / folder).mkdir()
            (root / folder).symlink_to(f"usr/{folder}")
        shutil.copytree(modules, root / "lib/modules")
        shutil.copy(HERE / "init", root / "init")
        (root / "init").chmod(0o755)
        (root / "etc/passwd").write_text("root:x:0:0:root:/tmp:/bin/sh\n"
                                         "agent:x:1000:1000:agent:/tmp:/bin/sh\n", encoding="utf-8")
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n", encoding="utf-8")
        for script in sorted(HERE.glob("[0-9]*.sh")):
            shutil.copy(script, root / "tests" / script.name)
        shutil.copy("/bin/busybox", root / "bin/busybox")
        needed = set()
        for name in PROGRAMS:
            program = build / name
            if not program.is_file():
                print(f"# {program} is not built, so it is not in the image")
                continue
            subprocess.run(["strip", "-o", root / "hearth" / name, program], check=True)
            needed.update(libraries(program))
        for library in needed:
            copy = root / library.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(library), copy)
        names = output_of("find", ".", "-print0", cwd=root)
        with open(target, "wb") as archive:
            subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet"], cwd=root,
                           input=names.encode(), stdout=archive, check=True)


def boot(image, initramfs, kind, timeout, console):
    """Whether the machine powered itself off in time."""
    disk = console.with_suffix(".disk")
    with open(disk, "wb") as empty:
        empty.truncate(DISK_BYTES)
    command = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2",
               "-m", str(MEMORY_MB), "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
               # NVMe, because the kernel has that driver built in; virtio's are modules.
               "-drive", f"file={disk},format=raw,if=none,id=disk,cache=unsafe",
               "-device", "nvme,drive=disk,serial=hearth",
               "-serial", "stdio", "-kernel", str(image), "-initrd", str(initramfs),
               # A machine that is not given its turn fails the kernel's check of its timers.
               "-append", "console=ttyS0 quiet panic=-1 oops=panic no_timer_check "
               f"hearth.cgroups={kind}"]
    with open(console, "wb") as log:
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            return machine.wait(timeout=timeout) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            machine.kill()
            machine.wait()


def plain(text):
    """Without the terminal sequences of the firmware."""
    return re.sub(r"\x1b(\[[?0-9;]*[A-Za-z]|c)|\r", "", text)


def judge(console):
    """`ok …` and `not ok …` lines, from the scripts and from gtest."""
    lines = []
    for line in console.splitlines():
        if re.match(r"(ok|not ok) .+", line):
            lines.append(line)
            continue
        found = re.match(r"\[\s+(OK|FAILED|SKIPPED) +\] (\w[\w./]*).* \(\d+ ms\)", line)
        if found:
            lines.append(f"{'ok' if found.group(1) == 'OK' else 'not ok'} {found.group(2)}")
    return lines


def run_kind(kind, image, initramfs, timeout, scratch):
    """What to print, and the results."""
    started = time.monotonic()
    console_file = scratch / f"{kind}.log"
    finished = boot(image, initramfs, kind, timeout, console_file)
    console = plain(console_file.read_text(encoding="utf-8", errors="replace"))
    text = [f"{kind}| {line}" for line in console.splitlines()]
    results = judge(console)
    if not finished or "# all scripts ran" not in console:
        results.append("not ok machine.ran_to_its_end")
    text.append(f"# {kind}: {time.monotonic() - started:.0f} s")
    return text, [re.sub(r"^(ok|not ok) ", rf"\g<0>{kind} ", line) for line in results]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev")
    parser.add_argument("--timeout", type=float, default=170, help="seconds for each machine")
    options = parser.parse_args()
    kinds = options.kinds or KINDS
    if not set(kinds) <= set(KINDS):
        parser.error(f"a kind is one of {', '.join(KINDS)}")
    machine = kernel()
    results = []
    with tempfile.TemporaryDirectory(prefix="hearth_vm_") as scratch:
        initramfs = pathlib.Path(scratch) / "initramfs.cpio"
        make_initramfs(options.build.resolve(), machine / "modules", initramfs)
        print(f"# image: {initramfs.stat().st_size >> 20} MiB", flush=True)
        with concurrent.futures.ThreadPoolExecutor(MACHINES_AT_ONCE) as machines:
            for text, found in machines.map(
                    lambda kind: run_kind(kind, machine / "vmlinuz", initramfs, options.timeout,
                                          pathlib.Path(scratch)), kinds):
                print("\n".join(text), flush=True)
                results += found
    print("\n".join(results))
    return 1 if any(line.startswith("not ok") for line in results) else 0


if __name__ == "__main__":
    sys.exit(main())
