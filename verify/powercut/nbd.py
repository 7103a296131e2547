"""A disk that forgets: an NBD server whose write cache can be lost in a power cut.

The guest's writes stay in memory until the guest flushes. `cut` keeps a random part of what was
not flushed, sector by sector of 512 bytes, and drops the rest, as a real disk may. What a flush
was answered for is never lost. Python's standard library only; one client at a time.
"""

import os
import random
import socket
import struct
import threading
import time

SECTOR = 512
CACHE_SECTORS_MAX = 1 << 17  # 64 MB; beyond it the oldest writes reach the medium by themselves

OPT_MAGIC = 0x49484156454F5054
OPT_REPLY_MAGIC = 0x3E889045565A9
REQUEST_MAGIC = 0x25609513
REPLY_MAGIC = 0x67446698
OPT_EXPORT_NAME, OPT_ABORT, OPT_INFO, OPT_GO = 1, 2, 6, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED = 1, 3, 0x80000001
CMD_READ, CMD_WRITE, CMD_DISCONNECT, CMD_FLUSH = 0, 1, 2, 3
FLAG_FUA = 1
# has flags, can flush, can force unit access
TRANSMISSION_FLAGS = 1 | 4 | 8

STRATEGIES = ("none", "all", "sectors", "writes", "prefix", "late", "hole", "torn")


class Disk:
    """The medium (a file) and the volatile cache in front of it."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR)
        self.size_bytes = os.fstat(self.fd).st_size
        self.cache = {}  # sector -> [(write number, its bytes)], oldest first
        self.write_count = 0
        self.flush_count = 0

    def close(self):
        os.close(self.fd)

    def read(self, offset, length):
        data = os.pread(self.fd, length, offset)
        first, last = offset // SECTOR, (offset + length + SECTOR - 1) // SECTOR
        hits = [s for s in range(first, last) if s in self.cache] if self.cache else []
        if not hits:
            return data
        out = bytearray(data)
        for sector in hits:
            at = sector * SECTOR - offset
            out[at:at + SECTOR] = self.cache[sector][-1][1]
        return bytes(out)

    def write(self, offset, data):
        if offset % SECTOR or len(data) % SECTOR:
            raise ValueError("a write that is not whole sectors")
        self.write_count += 1
        for at in range(0, len(data), SECTOR):
            versions = self.cache.setdefault((offset + at) // SECTOR, [])
            versions.append((self.write_count, data[at:at + SECTOR]))
        if len(self.cache) > CACHE_SECTORS_MAX:
            self._settle({s: v[-1][1] for s, v in self.cache.items()})
            self.cache = {}

    def flush(self):
        self.flush_count += 1
        self._settle({s: v[-1][1] for s, v in self.cache.items()})
        self.cache = {}

    def _settle(self, sectors):
        """Writes sectors to the medium, neighbours in one call."""
        run_start, run = None, []
        for sector in sorted(sectors):
            if run and sector != run_start + len(run):
                os.pwrite(self.fd, b"".join(run), run_start * SECTOR)
                run = []
            if not run:
                run_start = sector
            run.append(sectors[sector])
        if run:
            os.pwrite(self.fd, b"".join(run), run_start * SECTOR)

    def cut(self, rng, strategy):
        """The power is gone: settles a random part of the cache. Returns (kept, lost) sectors."""
        keeps = choose(rng, strategy, self.cache)
        sectors, lost = {}, 0
        for sector, versions in sorted(self.cache.items()):
            kept = [data for number, data in versions if keeps(sector, number)]
            if kept:
                sectors[sector] = kept[-1]
            if not kept or kept[-1] is not versions[-1][1]:
                lost += 1
        self._settle(sectors)
        self.cache = {}
        return len(sectors), lost


def choose(rng, strategy, cache):
    """A predicate (sector, write number) -> does this version survive the cut?"""
    numbers = sorted({n for versions in cache.values() for n, _ in versions})
    if strategy == "none" or not numbers:
        return lambda sector, number: False
    if strategy == "all":
        return lambda sector, number: True
    pivot = rng.choice(numbers)
    if strategy == "sectors":
        share = rng.choice((0.05, 0.3, 0.5, 0.7, 0.95))
        return lambda sector, number: rng.random() < share
    if strategy == "writes":
        share = rng.choice((0.1, 0.5, 0.9))
        kept = {n for n in numbers if rng.random() < share}
        return lambda sector, number: number in kept
    if strategy == "prefix":
        return lambda sector, number: number < pivot or number == pivot and rng.random() < 0.5
    if strategy == "late":
        return lambda sector, number: number > pivot or number == pivot and rng.random() < 0.5
    if strategy == "hole":
        return lambda sector, number: number != pivot
    if strategy == "torn":
        return lambda sector, number: number != pivot or rng.random() < 0.5
    raise ValueError(f"unknown strategy {strategy}")


class Trigger:
    """Says when the power goes: after a time, or at the k-th write or flush from now."""

    def __init__(self, kind, amount):
        self.kind, self.amount, self.seen = kind, amount, 0

    def hit(self, kind):
        if kind != self.kind:
            return False
        self.seen += 1
        return self.seen >= self.amount


class Server:
    """Serves one Disk on a unix socket until the power goes."""

    def __init__(self, disk, socket_path, rng):
        self.disk, self.path, self.rng = disk, socket_path, rng
        self.lock = threading.Lock()
        self.dead = threading.Event()  # nothing is answered any more
        self.closed = threading.Event()
        self.trigger = None
        if os.path.exists(socket_path):
            os.unlink(socket_path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(socket_path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def arm(self, trigger):
        with self.lock:
            self.trigger = trigger

    def power_off(self):
        """After this returns no request is carried out or answered."""
        with self.lock:
            self.dead.set()

    def close(self):
        self.power_off()
        self.closed.set()
        self.listener.close()
        self.thread.join(5)
        os.unlink(self.path)

    def _pull(self, kind):
        """Under the lock: did this event take the power away?"""
        if self.trigger and self.trigger.hit(kind):
            self.dead.set()
        return self.dead.is_set()

    def _serve(self):
        self.listener.settimeout(0.2)
        while not self.dead.is_set():
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with client:
                try:
                    if self._greet(client):
                        self._transmit(client)
                except (ConnectionError, EOFError):
                    pass
                if self.dead.is_set():
                    # A disk without power does not answer: a closed connection would, with EIO.
                    self.closed.wait()

    def _greet(self, client):
        """The handshake ("fixed newstyle"). True when the client wants to transmit."""
        client.sendall(b"NBDMAGIC" + struct.pack(">QH", OPT_MAGIC, 3))
        no_zeroes = struct.unpack(">I", receive(client, 4))[0] & 2
        size = struct.pack(">QH", self.disk.size_bytes, TRANSMISSION_FLAGS)
        while True:
            magic, option, length = struct.unpack(">QII", receive(client, 16))
            receive(client, length)
            if magic != OPT_MAGIC:
                return False

            def reply(kind, data=b""):
                head = struct.pack(">QIII", OPT_REPLY_MAGIC, option, kind, len(data))
                client.sendall(head + data)

            if option == OPT_EXPORT_NAME:
                client.sendall(size + (b"" if no_zeroes else bytes(124)))
                return True
            if option in (OPT_GO, OPT_INFO):
                reply(REP_INFO, struct.pack(">H", 0) + size)
                reply(REP_ACK)
                if option == OPT_GO:
                    return True
            elif option == OPT_ABORT:
                reply(REP_ACK)
                return False
            else:
                reply(REP_UNSUPPORTED)

    def _transmit(self, client):
        while not self.dead.is_set():
            magic, flags, command, handle, offset, length = struct.unpack(
                ">IHHQQI", receive(client, 28))
            if magic != REQUEST_MAGIC or command == CMD_DISCONNECT:
                return
            payload = receive(client, length) if command == CMD_WRITE else b""
            if command == CMD_FLUSH:
                time.sleep(self.rng.choice((0, 0, 0.0005, 0.003)))  # a flush takes its time
            with self.lock:
                error, data = self._carry_out(command, flags, offset, length, payload)
                if not self.dead.is_set():
                    client.sendall(struct.pack(">IIQ", REPLY_MAGIC, error, handle) + data)

    def _carry_out(self, command, flags, offset, length, payload):
        if self.dead.is_set():
            return 0, b""
        if offset + length > self.disk.size_bytes:
            return 22, b""
        if command == CMD_READ:
            return 0, self.disk.read(offset, length)
        if command == CMD_WRITE:
            self.disk.write(offset, payload)
            if not self._pull("write") and flags & FLAG_FUA:
                self.disk.flush()
            return 0, b""
        if command == CMD_FLUSH:
            if not self._pull("flush-before"):
                self.disk.flush()
                self._pull("flush-after")
            return 0, b""
        return 22, b""


def receive(client, length):
    parts = []
    while length:
        part = client.recv(min(length, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def self_check():
    """The disk alone: what a flush covered survives every strategy, versions stay whole."""
    import tempfile
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(64 * SECTOR)
        for strategy in STRATEGIES * 20:
            disk = Disk(file.name)
            disk.write(0, b"\1" * SECTOR * 64)
            disk.flush()
            disk.write(0, b"\2" * SECTOR * 32)
            disk.write(16 * SECTOR, b"\3" * SECTOR * 32)
            assert disk.read(15 * SECTOR, 1024) == b"\2" * SECTOR + b"\3" * SECTOR
            disk.cut(random, strategy)
            for sector in range(64):
                data = disk.read(sector * SECTOR, SECTOR)
                allowed = {1} | ({2} if sector < 32 else set())
                allowed |= {3} if 16 <= sector < 48 else set()
                assert len(set(data)) == 1 and data[0] in allowed, (strategy, sector)
            disk.close()


if __name__ == "__main__":
    self_check()
    print("nbd.py: ok")
