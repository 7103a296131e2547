"""One disk and the power cuts it lives through, judged after each."""

import os
import queue
import random
import re
import shutil
import subprocess
import time

import guest
import nbd

SAID = re.compile(r"(committed|recovered|findings|tolerance) (\d+)$")

PANICS_MAX = 20
BOOT_SECONDS_MAX = 60


class Failure(Exception):
    """The program lost or invented something, or could not start again."""


class Unwell(Exception):
    """The guest's kernel died by itself (emulation is not perfect): no word on the program."""


class Boot:
    """What one start of the machine said."""

    def __init__(self):
        self.kernel_seconds = None  # from power on to the file system mounted
        self.step = None
        self.recovered = self.findings = None
        self.verify_exit = self.work_exit = None
        self.halted = False
        self.text = []


class Patient:
    """A program on a disk: knows how many commits must still be there."""

    def __init__(self, options, work, initramfs):
        self.options, self.work, self.initramfs = options, work, initramfs
        self.image = f"{work}/disk.img"
        self.tolerance = 0
        self.age = 0
        self.durable = 0
        self.panics = 0

    def start_over(self):
        guest.make_disk(self.image, self.options.fs)
        self.durable = self.age = 0

    def cut_once(self, seed):
        """Boot, verify, work, cut at a random moment. Returns a summary line's parts."""
        rng = random.Random(seed)
        if self.age == 0:
            self.start_over()
        steps = ["verify", "work"] if self.age else ["create", "work"]
        self.age += 1
        plan = draw_plan(rng, "verify" in steps)
        shutil.copyfile(self.image, f"{self.work}/before.img")
        boot, kept, lost = self._run(steps, seed, rng, plan)
        self.judge(boot, "verify" in steps)
        return {"plan": plan, "boot": boot, "kept": kept, "lost": lost, "durable": self.durable}

    def verify_only(self, seed):
        """The last boot: nothing is cut, the file system is unmounted."""
        if self.age == 0:
            return
        for _ in range(4):
            boot, _, _ = self._run(["verify"], seed, random.Random(seed), None)
            self.judge(boot, True)
            if boot.halted and boot.recovered is not None:
                self.age = 0
                return
        raise Failure("the last boot did not finish its verify (see kernel.log)")

    def judge(self, boot, verified):
        if boot.verify_exit not in (None, 0):
            raise Failure(f"verify ended with status {boot.verify_exit}")
        if boot.work_exit is not None:
            raise Failure(f"work ended by itself with status {boot.work_exit}")
        if boot.findings:
            raise Failure(f"{boot.findings} findings")
        if verified and boot.verify_exit == 0 and None in (boot.recovered, boot.findings):
            raise Failure("verify ended without saying what it recovered and found")

    def heard(self, boot, line):
        """Takes one line of the guest; raises when a number is impossible."""
        boot.text.append(line)
        said = SAID.match(line)
        if not said:
            return
        word, number = said[1], int(said[2])
        if word == "tolerance":
            self.tolerance = number
        elif word == "findings":
            boot.findings = number
        elif word == "recovered":
            boot.recovered = number
            most = self.durable + 1 + self.tolerance
            if not self.durable <= number <= most:
                raise Failure(f"recovered {number}, expected {self.durable} to {most}")
            self.durable = number
        elif word == "committed":
            if number < self.durable:
                raise Failure(f"committed {number} after {self.durable}")
            self.durable = number

    def _run(self, steps, seed, rng, plan):
        disk = nbd.Disk(self.image)
        server = nbd.Server(disk, f"{self.work}/nbd.sock", rng)
        machine = guest.Machine(self.options, self.initramfs, server.path, steps, seed,
                                f"{self.work}/kernel.log")
        boot, failure = Boot(), None
        try:
            self._follow(boot, machine, server, plan)
        except Unwell:
            self.panics += 1  # as good as a power cut
        except Failure as error:
            failure = error
        finally:
            server.power_off()  # first: what is answered later would have to survive
            machine.kill()
        if failure is None:
            try:  # what was said before the cut and not yet read counts too
                for line in iter(machine.lines.get, None):
                    self.note(boot, line)
            except Failure as error:
                failure = error
        kept, lost = disk.cut(rng, plan["strategy"] if plan else "all")
        server.close()
        disk.close()
        with open(f"{self.work}/said.log", "w") as file:
            file.write("\n".join(boot.text) + "\n")
        if failure:
            raise failure
        if boot.kernel_seconds is None:
            if self.panics > PANICS_MAX:
                raise Failure("the guest does not boot (see kernel.log); another --cpu may help")
            return self._run(steps, seed, rng, plan)  # nothing was touched yet
        return boot, kept, lost

    def _follow(self, boot, machine, server, plan):
        """Listens until the cut, the guest's halt, or silence for too long."""
        began = time.monotonic()
        deadline, cut_at = began + BOOT_SECONDS_MAX, None
        while not server.dead.is_set():
            now = time.monotonic()
            if cut_at and now >= cut_at:
                return
            if now >= deadline:
                if boot.kernel_seconds is None:
                    raise Unwell
                raise Failure(f"nothing happened for {self.options.patience} s (step {boot.step})")
            limit = min(0.02 if plan else 0.5, (cut_at or deadline) - now)
            try:
                line = machine.lines.get(timeout=max(limit, 0.001))
            except queue.Empty:
                continue
            if line is None:
                machine.lines.put(None)
                if not boot.halted:
                    raise Unwell
                return
            self.note(boot, line)
            if line.startswith("powercut: mounted"):
                boot.kernel_seconds = time.monotonic() - began
                deadline = time.monotonic() + self.options.patience
            if plan and cut_at is None and line == f"powercut: {plan['from']} start":
                longest = plan["amount"] if plan["kind"] == "time" else self.options.longest
                cut_at = time.monotonic() + longest
                deadline = cut_at + self.options.patience
                if plan["kind"] != "time":
                    server.arm(nbd.Trigger(plan["kind"], plan["amount"]))

    def note(self, boot, line):
        """One line: the harness's own marks here, the program's numbers in `heard`."""
        mark = re.match(r"powercut: (\w+) (start|failed|exit (\d+))$", line)
        if line in ("powercut: mount failed", "powercut: umount failed"):
            raise Failure(f"{line}: the file system did not survive, or the harness is wrong")
        if line == "powercut: halt":
            boot.halted = True
        elif mark and mark[2] == "start":
            boot.step = mark[1]
        elif mark and mark[1] in ("verify", "work"):
            setattr(boot, f"{mark[1]}_exit", int(mark[3]))
        self.heard(boot, line)


def draw_plan(rng, verifying):
    """When the power goes, and what of the disk's cache survives."""
    start = "verify" if verifying and rng.random() < 0.25 else "work"
    kind = rng.choice(("time", "write", "flush-before", "flush-after"))
    if kind == "time":
        amount = round(min(rng.expovariate(1.0), 5), 3)
    else:
        amount = 1 + int(rng.expovariate(1 / 8 if start == "verify" else 1 / 40))
    return {"from": start, "kind": kind, "amount": amount,
            "strategy": rng.choice(nbd.STRATEGIES)}


def keep_evidence(work, seed):
    """Copies what is needed to look at a failure."""
    folder = f"{work}/failed-{seed}"
    os.makedirs(folder, exist_ok=True)
    for name in ("before.img", "disk.img", "kernel.log", "said.log"):
        if os.path.exists(f"{work}/{name}"):
            subprocess.run(["cp", "--sparse=always", f"{work}/{name}", folder], check=True)
    return folder
