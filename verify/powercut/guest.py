"""The virtual machine: a Debian kernel, an initramfs built here, and the qemu that runs them."""

import fnmatch
import glob
import lzma
import os
import queue
import re
import shutil
import stat
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "/bin/busybox": "busybox-static",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "mkfs.btrfs": "btrfs-progs",
    "gcc": "gcc",
}
MODULES = ("virtio_pci", "virtio_blk", "virtio_console")
MOUNT = {"ext4": "rw", "xfs": "rw", "btrfs": "rw"}
MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}
IMAGE_MEGABYTES = {"ext4": 256, "xfs": 320, "btrfs": 256}


def need(*tools):
    """Installs the Debian packages of tools that are missing (as root), or says what to do."""
    missing = [PACKAGES[t] for t in tools if not shutil.which(t)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise SystemExit(f"missing: apt-get install {' '.join(missing)}")
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run(["apt-get", "update", "-q"], **quiet)
    subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], **quiet)


def find_kernel(work, package_file):
    """Unpacks (never installs) a kernel package. Returns (kernel image, module folder)."""
    name = os.path.basename(package_file).removesuffix(".deb") if package_file else "default"
    root = os.path.join(work, "kernels", name)
    if not glob.glob(f"{root}/boot/vmlinuz-*"):
        os.makedirs(root, exist_ok=True)
        if not package_file:
            package_file = download_kernel(root)
        subprocess.run(["dpkg-deb", "-x", package_file, root], check=True)
    image = glob.glob(f"{root}/boot/vmlinuz-*")[0]
    modules = (glob.glob(f"{root}/lib/modules/*") + glob.glob(f"{root}/usr/lib/modules/*"))[0]
    return image, modules


def download_kernel(folder):
    """The package that linux-image-cloud-amd64 stands for, from the configured sources."""
    text = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"],
                          capture_output=True, text=True, check=True).stdout
    package = re.search(r"Depends: (linux-image-\S+)", text)
    if not package:
        raise SystemExit("no package linux-image-cloud-amd64: run apt-get update, or --kernel FILE")
    subprocess.run(["apt-get", "download", "-q", package[1]], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return glob.glob(f"{folder}/*.deb")[0]


def module_bytes(path):
    with open(path, "rb") as file:
        data = file.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


def modules_in_order(folder, wanted):
    """(name, bytes) of the wanted modules after all they depend on; what is built in is absent."""
    paths = {}
    for path in glob.glob(f"{folder}/kernel/**/*.ko*", recursive=True):
        paths[os.path.basename(path).split(".")[0].replace("-", "_")] = path
    done, order = set(), []

    def add(name):
        name = name.replace("-", "_")
        if name in done:
            return
        done.add(name)
        if name not in paths:
            return
        data = module_bytes(paths[name])
        for depends in re.findall(rb"\0depends=([^\0]*)\0", data):
            for other in filter(None, depends.decode().split(",")):
                add(other)
        for before in re.findall(rb"\0softdep=pre: ([^\0]*)\0", data):
            for other in before.decode().split():
                add(other)
        order.append((f"{name}.ko", data))

    for name in wanted:
        for found in fnmatch.filter(sorted(paths), name.replace("-", "_")) or [name]:
            add(found)
    return order


def cpio_entry(name, mode, data, number):
    """One file in the "newc" archive format the kernel unpacks at boot."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def build_initramfs(path, modules, program, fs):
    """busybox, /init, the modules and the program under test."""
    loaded = modules_in_order(modules, ("crc32c*", "libcrc32c", *MODULES, fs))
    files = {"init": read(f"{HERE}/init"), "bin/busybox": read("/bin/busybox"),
             "program": read(program)}
    order = "".join(f"{name}\n" for name, _ in loaded)
    out = [cpio_entry(d, stat.S_IFDIR | 0o755, b"", i)
           for i, d in enumerate(("bin", "dev", "proc", "sys", "modules"), 1)]
    out += [cpio_entry(n, stat.S_IFREG | 0o755, d, i) for i, (n, d) in enumerate(files.items(), 10)]
    out += [cpio_entry(f"modules/{n}", stat.S_IFREG | 0o644, d, i)
            for i, (n, d) in enumerate([*loaded, ("order", order.encode())], 100)]
    out.append(cpio_entry("TRAILER!!!", 0, b"", 0))
    with open(path, "wb") as file:
        file.write(b"".join(out))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def make_disk(path, fs):
    """A fresh file system in a sparse file."""
    with open(path, "wb") as file:
        file.truncate(IMAGE_MEGABYTES[fs] << 20)
    subprocess.run([*MKFS[fs], path], check=True, stdout=subprocess.DEVNULL)


class Machine:
    """One run of the virtual machine; its program's lines arrive in `lines`."""

    def __init__(self, options, initramfs, socket_path, steps, seed, log):
        self.lines = queue.Queue()  # None: the machine is gone and everything was delivered
        append = (f"console=ttyS0 quiet panic=-1 oops=panic mitigations=off "
                  f"pc.steps={','.join(steps)} pc.seed={seed} pc.fs={options.fs} "
                  f"pc.options={MOUNT[options.fs]}")
        command = [
            "qemu-system-x86_64", "-accel", options.accel, "-cpu", options.cpu,
            "-smp", str(options.smp), "-m", str(options.ram), "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-kernel", options.kernel_image,
            "-initrd", initramfs, "-append", append,
            "-drive", f"file=nbd:unix:{socket_path},if=none,id=d,format=raw,cache=writeback",
            "-device", "virtio-blk-pci,drive=d,write-cache=on",
            "-chardev", "stdio,id=out,signal=off", "-device", "virtio-serial-pci",
            "-device", "virtconsole,chardev=out", "-serial", f"file:{log}",
        ]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        # A line cut off in the middle says nothing: only what ends in a newline counts.
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self.lines.put(line.decode(errors="replace").strip())
        self.lines.put(None)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.thread.join(10)
