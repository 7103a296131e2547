/* Tending: trim, backup, compaction. The last two are work on files alone and may take long: a
 * forked process does them, which an interrupt kills, so that nothing is half done. */
#include "fileheap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *path_of(SEXP path) {
    return R_ExpandFileName(Rf_translateChar(STRING_ELT(path, 0)));
}

static void need_no_transaction(const fh_heap *heap) {
    if (fh_in_transaction(heap))
        fh_stop("in_use", "a transaction of this heap is open: end with_transaction() first");
}

/* An entry comes first: it waits for other writers, can be interrupted, and frees what R has
 * collected. The engine's own transaction then finds nobody in its way but who came in between. */
SEXP C_trim(SEXP handle) {
    fh_fault fault;
    fh_trimmed told;
    const fh_heap *heap = fh_heap_of(handle);
    need_no_transaction(heap);
    fh_begin_entry(heap);
    fh_end_entry(heap, 0, &fault);
    if (fh_trim(heap, &told, &fault)) fh_raise(&fault);
    SEXP list = PROTECT(Rf_allocVector(VECSXP, 3));
    SET_VECTOR_ELT(list, 0, Rf_ScalarReal((double) told.cut_bytes));
    SET_VECTOR_ELT(list, 1, Rf_ScalarReal((double) told.punched_bytes));
    SET_VECTOR_ELT(list, 2, Rf_ScalarLogical(told.hindered != 0));
    UNPROTECT(1);
    return list;
}

/* What a forked process reports, in memory that both have. */
typedef struct {
    int is_done, code;
    fh_fault fault;
    fh_compacted compacted;
} fh_report;

typedef struct {
    const fh_heap *heap; /* to be backed up; NULL: the heap at `path` is to be compacted */
    const char *path;
    pid_t pid;
    fh_report *shared;
    fh_report report;
} fh_job;

static void work(const fh_job *job) {
    fh_report *to = job->shared;
    to->code = job->heap ? fh_backup(job->heap, job->path, &to->fault)
                         : fh_compact(job->path, &to->compacted, &to->fault);
    to->is_done = 1;
}

static SEXP wait_for(void *data) {
    fh_job *job = data;
    struct timespec pause = {0, 1000000};
    for (;;) {
        pid_t ended = waitpid(job->pid, NULL, WNOHANG);
        if (ended == job->pid || (ended < 0 && errno != EINTR)) break;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 50000000) pause.tv_nsec *= 2;
        R_CheckUserInterrupt();
    }
    job->pid = 0;
    return R_NilValue;
}

/* Whether it came to its end, or R jumped out of the waiting. */
static void end(void *data) {
    fh_job *job = data;
    if (job->pid) {
        kill(job->pid, SIGKILL);
        while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    job->report = *job->shared;
    munmap(job->shared, sizeof *job->shared);
}

static void run_apart(fh_job *job) {
    pid_t parent = getpid();
    job->shared = mmap(NULL, sizeof *job->shared, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (job->shared == MAP_FAILED) fh_stop("io", "cannot map memory: %s", strerror(errno));
    job->pid = fork();
    if (job->pid == 0) {
        /* Nobody would hear of it once the session is gone. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) work(job);
        _exit(0);
    }
    if (job->pid < 0) {
        int error = errno;
        munmap(job->shared, sizeof *job->shared);
        fh_stop("io", "cannot start a process for the work: %s", strerror(error));
    }
    pid_t pid = job->pid;
    R_ExecWithCleanup(wait_for, job, end, job);
    if (!job->report.is_done) fh_stop("io", "process %d, which did the work, was ended", (int) pid);
    if (job->report.code) fh_raise(&job->report.fault);
}

SEXP C_backup(SEXP handle, SEXP target) {
    fh_job job = {.heap = fh_heap_of(handle), .path = path_of(target)};
    need_no_transaction(job.heap); /* it would not be in the copy */
    run_apart(&job);
    return R_NilValue;
}

SEXP C_compact(SEXP path) {
    fh_job job = {.path = path_of(path)};
    run_apart(&job);
    fh_compacted *told = &job.report.compacted;
    SEXP list = PROTECT(Rf_allocVector(VECSXP, 3));
    SET_VECTOR_ELT(list, 0, Rf_ScalarReal((double) told->before_bytes));
    SET_VECTOR_ELT(list, 1, Rf_ScalarReal((double) told->after_bytes));
    SET_VECTOR_ELT(list, 2, Rf_ScalarReal((double) told->moved_count));
    UNPROTECT(1);
    return list;
}
