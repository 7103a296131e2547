/* Entries that write: waiting for other writers, in steps that the user can interrupt. */
#include "fileheap.h"

#include <string.h>
#include <time.h>

/* One step of waiting, in milliseconds. */
#define STEP_MS 100

static double wait_seconds(void) {
    SEXP option = Rf_GetOption1(Rf_install("fileheap.wait"));
    double seconds = Rf_isNumeric(option) && Rf_xlength(option) == 1 ? Rf_asReal(option) : 10;
    return ISNAN(seconds) || seconds < 0 ? 10 : seconds;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

static void enter(const fh_heap *heap, int is_explicit) {
    fh_fault fault;
    double end = -1;
    for (;;) {
        int busy = 0;
        if (fh_enter(heap, end < 0 ? 0 : STEP_MS, is_explicit, &busy, &fault) == 0) return;
        if (!busy) fh_raise(&fault);
        if (end < 0) end = now() + wait_seconds();
        if (now() >= end) fh_raise(&fault);
        R_CheckUserInterrupt();
    }
}

void fh_begin_entry(const fh_heap *heap) { enter(heap, 0); }

int fh_try_entry(const fh_heap *heap) {
    fh_fault fault;
    int busy = 0;
    return fh_enter(heap, 0, 0, &busy, &fault) == 0;
}

void fh_end_entry(const fh_heap *heap, int code, fh_fault *fault) {
    fh_fault second;
    int left = fh_leave(heap, code == 0, 0, code == 0 ? fault : &second);
    if (code != 0 || left != 0) fh_raise(fault);
}

SEXP C_begin(SEXP handle) {
    enter(fh_heap_of(handle), 1);
    return R_NilValue;
}

SEXP C_end(SEXP handle, SEXP commit) {
    fh_fault fault;
    if (fh_leave(fh_heap_of(handle), Rf_asLogical(commit), 1, &fault)) fh_raise(&fault);
    return R_NilValue;
}

SEXP C_sync(SEXP handle) {
    fh_fault fault;
    if (fh_sync(fh_heap_of(handle), &fault)) fh_raise(&fault);
    return R_NilValue;
}
