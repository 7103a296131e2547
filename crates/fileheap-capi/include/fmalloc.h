/* fmalloc's functions, on a heap of fileheap: docs/C.md says what is committed when.
 *
 * Made from crates/fileheap-capi/src/fmalloc.rs by tests/header.rs: do not edit.
 */

#ifndef FILEHEAP_FMALLOC_H
#define FILEHEAP_FMALLOC_H

#include "fileheap.h"
/* The program's own 4 KiB begin so far behind `mem`. */
#ifndef PAGE_SIZE
#define PAGE_SIZE 4096
#endif

/* How to begin the struct: everything 0 but its size. */
#define FM_OPTIONS_INIT {sizeof(struct fm_options), 0, 0, 0, 0, 0}


// For fm_options.commit_bytes: only fmalloc_sync, fmalloc_close and exit commit.
#define FM_NEVER UINT64_MAX

// An open file. It stays readable after fmalloc_close, with `mem` NULL.
typedef struct fm_info {
    // Where the file's own 8 KiB begin: from mem + PAGE_SIZE on 4 KiB are the program's, at the
    // same place in every run, all zero at first.
    char *mem;
} fm_info;

// How to open a file, where the defaults do not fit. Begin with FM_OPTIONS_INIT.
typedef struct fm_options {
    // sizeof(struct fm_options) of the program that fills it.
    size_t size;
    // An allocation commits first when so many bytes were allocated since the last commit; 0 is
    // 64 MiB, FM_NEVER is never. Counted in steps of 64 KiB, and only while the process has
    // a single thread: others could be storing.
    uint64_t commit_bytes;
    // How long to wait for another process that has the file open, in milliseconds; 0 is 10 s.
    uint64_t wait_ms;
    // What commits survive: 0 or FHEAP_POWER a power cut, FHEAP_BACKGROUND, FHEAP_PROCESS.
    uint32_t durability;
    // 0.
    uint32_t reserved;
    // The file never grows beyond this; 0 is 1 TiB.
    uint64_t limit_bytes;
} fm_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Opens a file, or makes it: it need not be there, and grows as it is used. `*init` says whether
// it is new to fmalloc: the 4 KiB from mem + PAGE_SIZE on are all zero then. `init` may be NULL.
// NULL on failure, and fheap_last_error() says why; a file that is no heap is left alone.
struct fm_info *fmalloc_init(const char *path, bool *init);

// The same with options; NULL stands for the defaults.
struct fm_info *fmalloc_init_with(const char *path, bool *init, const struct fm_options *options);

// Lets the calling thread allocate in this file from now on; NULL: in the file opened last.
void fmalloc_set_target(struct fm_info *info);

// Allocates `bytes` bytes, aligned to 16, in the calling thread's target. NULL on failure.
void *fmalloc(size_t bytes);

// The same for `count` things of `bytes` bytes, all zero.
void *fcalloc(size_t count, size_t bytes);

// Makes an allocation longer or shorter, in whichever file it lies; it may move. Like glibc's
// realloc it allocates if `address` is NULL, and frees, returning NULL, if `bytes` is 0.
void *frealloc(void *address, size_t bytes);

// Frees an allocation, in whichever file it lies. What is none is left alone, and
// fheap_last_error() says so.
void ffree(void *address);

// Commits: what was stored and allocated so far is there after a crash. Call it when the
// program's structures are as they should be and no other thread stores to the file.
fheap_status fmalloc_sync(struct fm_info *info);

// Undoes everything since the last commit. If the file cannot be written to afterwards - another
// process was quicker, or its disk failed - it is undone all the same, and an error says so: call
// it again, or close the file.
fheap_status fmalloc_undo(struct fm_info *info);

// Commits and closes the file. FHEAP_OK, or why the commit failed: the file is open as before
// then. At exit files that are open are committed: threads
// that store to them must have ended by then. Allocations in the file are void afterwards.
int fmalloc_close(struct fm_info *info);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FILEHEAP_FMALLOC_H */
