// A stand-in for the engine: a counter in two slots, enough to prove that the harness sees loss.
//
// work DIR SEED: commits for ever, prints "committed N" after each. verify DIR: "recovered M",
// "findings K". Broken on purpose, and to be caught by the harness: -DNO_SYNC never syncs; -DEARLY
// says "committed" before it syncs; -DTORN writes one slot only and trusts it without its sum.

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS 2048 // 16 KB per slot: more than a sector, so that it can tear

struct slot {
    uint64_t count;
    uint64_t sum;
    uint64_t body[WORDS - 2];
};

static uint64_t sum_of(const struct slot *s) {
    uint64_t sum = 14695981039346656037u ^ s->count;
    for (int i = 0; i < WORDS - 2; i++) {
        sum = (sum ^ s->body[i]) * 1099511628211u;
    }
    return sum;
}

static void fill(struct slot *s, uint64_t count) {
    s->count = count;
    for (int i = 0; i < WORDS - 2; i++) {
        s->body[i] = count * 6364136223846793005u + (uint64_t)i;
    }
    s->sum = sum_of(s);
}

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static void sync_file(int fd) {
#ifndef NO_SYNC
    if (fdatasync(fd) != 0) {
        fail("fdatasync");
    }
#else
    (void)fd;
#endif
}

static int open_file(const char *dir) {
    char path[4096];
    snprintf(path, sizeof path, "%s/standin", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0644);
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || dir_fd < 0) {
        fail(path);
    }
#ifndef NO_SYNC
    if (fsync(dir_fd) != 0) {
        fail("fsync of the directory");
    }
#endif
    close(dir_fd);
    return fd;
}

// The highest count of a slot whose sum is right; findings counts slots that lie.
static uint64_t recover(int fd, int *findings) {
    static struct slot s;
    uint64_t best = 0;
    for (int i = 0; i < 2; i++) {
        ssize_t got = pread(fd, &s, sizeof s, (off_t)i * (off_t)sizeof s);
        if (got != (ssize_t)sizeof s || s.count == 0) {
            continue;
        }
#ifndef TORN
        if (s.sum != sum_of(&s)) {
            continue; // a torn write of the commit in progress
        }
#endif
        if (s.count > best) {
            static struct slot want;
            best = s.count;
            fill(&want, s.count);
            *findings += memcmp(&s, &want, sizeof s) != 0;
        }
    }
    return best;
}

static _Noreturn void work(const char *dir) {
    static struct slot s;
    int findings = 0;
    int fd = open_file(dir);
    uint64_t count = recover(fd, &findings);
    for (;;) {
        fill(&s, ++count);
#ifdef TORN
        off_t at = 0;
#else
        off_t at = (off_t)(count % 2) * (off_t)sizeof s;
#endif
        if (pwrite(fd, &s, sizeof s, at) != (ssize_t)sizeof s) {
            fail("pwrite");
        }
#ifndef EARLY
        sync_file(fd);
#endif
        printf("committed %llu\n", (unsigned long long)count);
        fflush(stdout);
#ifdef EARLY
        sync_file(fd);
#endif
    }
}

static int verify(const char *dir) {
    int findings = 0;
    uint64_t count = recover(open_file(dir), &findings);
    printf("recovered %llu\nfindings %d\n", (unsigned long long)count, findings);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "work") == 0) {
        work(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "verify") == 0) {
        return verify(argv[2]);
    }
    fprintf(stderr, "usage: %s work DIR SEED | verify DIR\n", argv[0]);
    return 2;
}
