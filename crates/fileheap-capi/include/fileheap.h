/* The C ABI of fileheap: a file is a heap.
 *
 * Made from the Rust sources in crates/fileheap-capi/src by tests/header.rs: do not edit.
 * The guide is docs/C.md.
 *
 * Errors: functions that return fheap_status say FHEAP_OK (0) or what went wrong; those that return
 * a pointer, NULL. fheap_last_error() says the rest, for the calling thread. Nothing aborts, exits
 * or throws. NULL and closed handles are errors; pointers to memory must be NULL or valid.
 *
 * Threads: every function may be called from every thread at any time, except that a reading
 * transaction belongs to the thread that began it. No thread may store to the heap while another
 * commits or aborts: such a store can be lost.
 */

#ifndef FILEHEAP_H
#define FILEHEAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
/* How to begin a struct: everything 0 but its size. */
#define FHEAP_OPTIONS_INIT {sizeof(fheap_options), 0, 0, 0, 0, 0, 0, 0, 0, 0}
#define FHEAP_ROOT_INIT {sizeof(fheap_root), 0, 0, 0, 0, 0}
#define FHEAP_VECTOR_INIT {sizeof(fheap_vector), 0, 0, 0, 0, 0, 0}
#define FHEAP_STAT_INIT \
    {sizeof(fheap_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
#define FHEAP_CHECK_INIT {sizeof(fheap_check_report), 0, 0, 0, 0}
#define FHEAP_TRIM_INIT {sizeof(fheap_trim_report), 0, 0, 0}
#define FHEAP_COMPACT_INIT {sizeof(fheap_compact_report), 0, 0}


// Open for reading only: stores to the heap are faults.
#define FHEAP_READ_ONLY 1

// Refuse to open the heap at another address than the recorded one.
#define FHEAP_FIXED_ADDRESS 2

// Write even to a file on a network filesystem: no other machine may use it meanwhile.
#define FHEAP_ALLOW_NETWORK 4

// What the heap's options say.
#define FHEAP_DURABILITY_DEFAULT 0

// A commit returns when the disk has it.
#define FHEAP_POWER 1

// A commit is synced a moment later; a power cut may take the last ones, whole ones.
#define FHEAP_BACKGROUND 2

// A commit survives the death of the process; a power cut may take those since the last sync.
#define FHEAP_PROCESS 3

// A promise: every store to the heap is named by fheap_touch. Nothing is searched at commit.
#define FHEAP_TRACKED 1

// Wait as long as it takes.
#define FHEAP_FOREVER -1

// Of fheap_alloc_near: the room is for something that holds addresses, not offsets. From then on
// the heap opens at its recorded base only.
#define FHEAP_HOLDS_ADDRESSES 1

// Room for every name and its NUL.
#define FHEAP_NAME_BYTES 256

// The kind of roots that fileheap.hpp constructs.
#define FHEAP_KIND_CPP 2829123

// The kind of the root that fmalloc.h keeps its place under.
#define FHEAP_KIND_FMALLOC 7168358

// What a function says about how it went. The numbers never change; later versions may add some.
enum fheap_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // All went well.
    FHEAP_OK = 0,
    // An argument makes no sense: NULL where something is needed, an alignment no power of two.
    FHEAP_INVALID_ARGUMENT = 1,
    // No such file or root.
    FHEAP_NOT_FOUND = 2,
    // The file or root exists already.
    FHEAP_ALREADY_EXISTS = 3,
    // The operating system refuses access.
    FHEAP_PERMISSION_DENIED = 4,
    // The path names a directory, device, socket or pipe.
    FHEAP_NOT_A_FILE = 5,
    // The file is empty or not a fileheap; it was not touched.
    FHEAP_NOT_A_HEAP = 6,
    // Written by a later format than this library reads.
    FHEAP_NEWER_FORMAT = 7,
    // Written on a machine of other byte order, page size or pointer width.
    FHEAP_FOREIGN_MACHINE = 8,
    // The file is shorter than it says.
    FHEAP_TRUNCATED = 9,
    // A checksum or invariant does not hold.
    FHEAP_CORRUPT = 10,
    // The log that belongs to the heap is missing.
    FHEAP_LOG_MISSING = 11,
    // A write was asked of a heap that is open for reading only.
    FHEAP_READ_ONLY_HEAP = 12,
    // The file lies on a network filesystem.
    FHEAP_NETWORK_FILESYSTEM = 13,
    // The disk or quota is full.
    FHEAP_DISK_FULL = 14,
    // The heap reached its limit, or the addresses reserved for it.
    FHEAP_LIMIT_REACHED = 15,
    // The recorded address is taken in this process.
    FHEAP_ADDRESS_TAKEN = 16,
    // Another thread or process holds what was asked for.
    FHEAP_BUSY = 17,
    // The same thread already holds a transaction that would wait for itself.
    FHEAP_NESTED = 18,
    // An earlier sync failed: nothing more is written until the heap is opened anew.
    FHEAP_POISONED = 19,
    // The handle is NULL, or was closed or ended.
    FHEAP_CLOSED = 20,
    // A forked child asked for something in its parent's heap: it must open the heap itself.
    FHEAP_FORKED_CHILD = 21,
    // A pointer or offset that this heap did not hand out, or that is free already.
    FHEAP_BAD_POINTER = 22,
    // The operating system, filesystem or library lacks what this needs.
    FHEAP_UNSUPPORTED = 23,
    // The name is bound to another type than the caller expects.
    FHEAP_WRONG_TYPE = 24,
    // Any other failure of the operating system.
    FHEAP_IO = 25,
    // Another file took the heap's name while it was being opened.
    FHEAP_REPLACED = 26,
    // A defect of this library: please report it with the message.
    FHEAP_INTERNAL = 1000,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fheap_status fheap_status;
#else
typedef int32_t fheap_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// An open heap. A handle, not an address: NULL, closed and made-up ones are errors.
typedef struct fheap fheap;

// A transaction. A handle, not an address: NULL, ended and made-up ones are errors.
typedef struct fheap_txn fheap_txn;

// How to create and open a heap. Begin with FHEAP_OPTIONS_INIT: 0 stands for the default.
typedef struct {
    // sizeof(fheap_options) of the program that fills it.
    size_t size;
    // FHEAP_READ_ONLY, FHEAP_FIXED_ADDRESS, FHEAP_ALLOW_NETWORK, or'ed.
    uint32_t flags;
    // What commits survive: FHEAP_POWER (the default), FHEAP_BACKGROUND, FHEAP_PROCESS.
    uint32_t durability;
    // How stores are found: 0 the best way, 1 armed, 2 unarmed, 3 scan, 4 pagemap.
    uint32_t capture;
    // Permissions of a new file before the umask; 0666.
    uint32_t mode;
    // The file never grows beyond this; recorded at creation; 1 TiB, at most 8 TiB.
    uint64_t limit_bytes;
    // The address a new heap is to have; one that is free in nearly all programs.
    uint64_t base;
    // Length of the log at which it is carried home; 16 MiB.
    uint64_t log_bytes;
    // Memory for private copies of pages between transactions; a sixteenth of the machine's.
    uint64_t private_bytes;
    // How long to wait while other processes open or leave the heap; 60000.
    uint64_t door_wait_ms;
} fheap_options;

// What a name stands for. Begin with FHEAP_ROOT_INIT.
typedef struct {
    // sizeof(fheap_root) of the program that fills it.
    size_t size;
    // Yours to choose: what sort of thing it is. C++ objects have FHEAP_KIND_CPP.
    uint32_t kind;
    // 0.
    uint32_t reserved;
    // Hash of the layout of its type, yours to choose.
    uint64_t fingerprint;
    // Where it lies; fheap_resolve makes it an address. Must be allocated, or 0.
    uint64_t offset;
    // Its length, no more than is allocated there.
    uint64_t bytes;
} fheap_root;

// A vector that another face keeps a record of, R for one. Begin with FHEAP_VECTOR_INIT.
typedef struct {
    // sizeof(fheap_vector) of the program that fills it.
    size_t size;
    // The owner's number for the type of its elements; docs/R.md has R's.
    uint32_t element;
    // 1 in progress, 2 committed, 3 buried.
    uint32_t state;
    // Number of elements.
    uint64_t length;
    // Where the elements lie, or 0; fheap_resolve makes it an address.
    uint64_t offset;
    // Bytes that they occupy.
    uint64_t bytes;
    // The owner's.
    uint64_t flags;
} fheap_vector;

// Figures about a heap. Begin with FHEAP_STAT_INIT.
typedef struct {
    // sizeof(fheap_stats) of the program that asks.
    size_t size;
    // Length of the heap file.
    uint64_t file_bytes;
    // What it occupies on disk.
    uint64_t disk_bytes;
    // Bytes of all live allocations.
    uint64_t live_bytes;
    // Live allocations up to 32 KiB.
    uint64_t cell_count;
    // Larger ones.
    uint64_t run_count;
    // Direct extents.
    uint64_t direct_count;
    // Bytes in free runs of pages.
    uint64_t free_run_bytes;
    // The largest of them.
    uint64_t largest_free_bytes;
    // Free bytes between small allocations.
    uint64_t free_cell_bytes;
    // The heap's own bytes.
    uint64_t own_bytes;
    // Names bound.
    uint64_t name_count;
    // Last committed transaction.
    uint64_t published;
    // Last one that survives a power cut.
    uint64_t durable;
    // Last one that is wholly in the heap file.
    uint64_t checkpoint;
    // Length used of the log being written.
    uint64_t log_bytes;
    // Processes that have the heap open.
    uint64_t attached_count;
    // Transactions that were in the logs only when this process opened the heap.
    uint64_t recovered;
} fheap_stats;

// What a check saw. Begin with FHEAP_CHECK_INIT.
typedef struct {
    // sizeof(fheap_check_report) of the program that asks.
    size_t size;
    // Defects; 0 is a sound heap.
    uint64_t finding_count;
    // Live allocations.
    uint64_t live_count;
    // Their bytes.
    uint64_t live_bytes;
    // Of these allocations, the names' own.
    uint64_t catalog_count;
} fheap_check_report;

// What was given back. Begin with FHEAP_TRIM_INIT.
typedef struct {
    // sizeof(fheap_trim_report) of the program that asks.
    size_t size;
    // Bytes cut off the end of the file.
    uint64_t cut_bytes;
    // Bytes of holes made in it.
    uint64_t punched_bytes;
    // 1 if a reader of an older state kept some from being given back: try again later.
    uint64_t hindered;
} fheap_trim_report;

// What compaction won. Begin with FHEAP_COMPACT_INIT.
typedef struct {
    // sizeof(fheap_compact_report) of the program that asks.
    size_t size;
    // Bytes on disk before.
    uint64_t before_bytes;
    // Bytes on disk after.
    uint64_t after_bytes;
} fheap_compact_report;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What went wrong in the last call of this thread that failed: what, in which file and where,
// found and expected, what to do. Never NULL; good until the next failing call of this thread.
const char *fheap_last_error(void);

// The status of that call; FHEAP_OK if none has failed in this thread.
fheap_status fheap_last_status(void);

// The file it was about, or NULL.
const char *fheap_last_path(void);

// The byte in that file it was about, or 0.
uint64_t fheap_last_offset(void);

// This library's version, as "0.1.0".
const char *fheap_version(void);

// Makes a new heap and opens it. Fails, and changes nothing, if the file exists. `options` may be
// NULL. `*heap` is NULL unless FHEAP_OK is returned.
fheap_status fheap_create(const char *path, const fheap_options *options, fheap **heap);

// Opens a heap. A file that is none is left alone. Opened twice in a process, it is one heap with
// two handles; each wants to be closed.
fheap_status fheap_open(const char *path, const fheap_options *options, fheap **heap);

// Opens a heap, or makes it if there is no such file. `*is_new` says which; `is_new` may be NULL.
fheap_status fheap_open_or_create(const char *path,
                                  const fheap_options *options,
                                  int *is_new,
                                  fheap **heap);

// Closes a handle. Closing the last handle of a heap closes the heap; FHEAP_BUSY then if a
// transaction is still open, and nothing changes. Pointers into the heap are void afterwards.
fheap_status fheap_close(fheap *heap);

// The same for whoever cannot wait for an open transaction to end, destructors say: the heap is
// closed when that does, and FHEAP_OK is returned. The handle is not to be used any more.
fheap_status fheap_release(fheap *heap);

// The address of offset 0, or NULL.
void *fheap_base(fheap *heap);

// The address that the heap is meant to have, or 0.
uint64_t fheap_recorded_base(fheap *heap);

// Whether it has it: only then are addresses that were stored in it good.
int fheap_is_at_recorded_base(fheap *heap);

// Whether this handle may write.
int fheap_is_writable(fheap *heap);

// Stores the 16 bytes of the heap's identity, which its copies share.
fheap_status fheap_uuid(fheap *heap, uint8_t *uuid);

// Stores the path of the heap file, cut to `capacity` bytes with its NUL; returns how many bytes
// it needs, 0 on failure. `path` may be NULL if `capacity` is 0.
size_t fheap_path(fheap *heap, char *path, size_t capacity);

// The address of an offset; NULL for offset 0, which is nothing's, and for one beyond the heap.
void *fheap_resolve(fheap *heap, uint64_t offset);

// The offset of an address in the heap; 0 if it does not lie there.
uint64_t fheap_adopt(fheap *heap, const void *address);

// Begins to write: waits for other writers, of this process and of others, and for readers among
// this process's threads; `wait_ms` milliseconds at most, FHEAP_FOREVER, or 0: not at all
// (FHEAP_BUSY). `flags` are 0 or FHEAP_TRACKED. All threads may then allocate in the heap and
// store to it; any of them may end the transaction, once.
fheap_status fheap_begin(fheap *heap, uint32_t flags, int64_t wait_ms, fheap_txn **txn);

// Begins to read the newest committed state, which stays as it is until the transaction ends, on
// this thread. Threads of the process that writes wait until that is done.
fheap_status fheap_begin_read(fheap *heap, int64_t wait_ms, fheap_txn **txn);

// Makes all of the transaction last, and ends it. On an error none of it does, and it has ended
// all the same. A reader just ends. No thread may allocate in the transaction meanwhile: its
// call would fail.
fheap_status fheap_commit(fheap_txn *txn);

// Makes all so far last and goes on with the next transaction under the same handle; no other
// writer gets in between. Threads that allocate meanwhile wait; none may store. After an error
// everything is as it was before the call.
fheap_status fheap_commit_and_continue(fheap_txn *txn);

// Undoes the transaction and ends it. A reader just ends.
fheap_status fheap_abort(fheap_txn *txn);

// The number of the state that is read, or that a commit will make; 0 on failure.
uint64_t fheap_txn_number(fheap_txn *txn);

// What this transaction's commits are to survive: FHEAP_POWER, FHEAP_BACKGROUND, FHEAP_PROCESS.
fheap_status fheap_set_durability(fheap_txn *txn, uint32_t level);

// Allocates `bytes` bytes, aligned to 16, in the heap's open write transaction. NULL on failure.
// 0 bytes are an allocation too.
void *fheap_alloc(fheap *heap, size_t bytes);

// The same with an alignment, a power of two.
void *fheap_alloc_aligned(fheap *heap, size_t align, size_t bytes);

// Allocates room for `count` things of `bytes` bytes, all zero.
void *fheap_calloc(fheap *heap, size_t count, size_t bytes);

// Makes an allocation longer or shorter; it may move (aligned to 16 then). NULL `address`
// allocates; with 0 bytes it stays an allocation. On failure NULL, and it is as it was.
void *fheap_realloc(fheap *heap, void *address, size_t bytes);

// Frees an allocation; NULL is nothing to free. FHEAP_BAD_POINTER for what is none.
fheap_status fheap_free(fheap *heap, void *address);

// How many bytes may be used of an allocation; 0 on failure.
size_t fheap_usable_bytes(fheap *heap, const void *address);

// Makes an allocation longer or shorter where it lies; 1 if `bytes` fit now, else 0.
int fheap_resize_in_place(fheap *heap, void *address, size_t bytes);

// Says that bytes are stored to. Needed in FHEAP_TRACKED transactions only, of every store.
fheap_status fheap_touch(fheap *heap, const void *address, size_t bytes);

// Allocates a direct extent: whole pages, whose stores go straight to the file and are seen by
// other processes at once. That it exists is part of the transaction, its bytes are not.
// `*usable`, if wanted, gets its length.
void *fheap_alloc_direct(fheap *heap, size_t bytes, int zeroed, size_t *usable);

// Whether an allocation is a direct extent: 1 or 0; 0 on failure too.
int fheap_is_direct(fheap *heap, const void *address);

// Lets this process store to a direct extent in place, one that it did not allocate itself.
fheap_status fheap_open_direct(fheap *heap, void *address);

// Makes the transaction's later stores to a direct extent part of it: all of them or none.
fheap_status fheap_enlist(fheap *heap, void *address);

// The heap that an address lies in, one of its open handles; NULL if there is none. The handle
// stays whose it is: do not close it.
fheap *fheap_of(const void *address);

// The address of offset 0 of the heap that an address lies in; NULL if there is none.
void *fheap_base_of(const void *address);

// Whether an address lies in an open heap. Never an error.
int fheap_is_inside(const void *address);

// Allocates in the heap that the address `near` lies in. `flags` are 0 or FHEAP_HOLDS_ADDRESSES.
void *fheap_alloc_near(const void *near, size_t align, size_t bytes, uint32_t flags);

// Frees an allocation in whichever heap it lies; NULL is nothing to free.
fheap_status fheap_free_near(void *address);

// Notes in the open transaction that the heap around `near` holds addresses from now on. If it
// does not lie at its recorded base the transaction cannot be committed any more.
fheap_status fheap_hold_addresses(const void *near);

// Gives a root a name that is not in use (FHEAP_ALREADY_EXISTS otherwise): 1 to 255 bytes of
// UTF-8. In the open write transaction. FHEAP_BAD_POINTER if so many bytes are not allocated at
// its offset.
fheap_status fheap_bind(fheap *heap, const char *name, const fheap_root *root);

// Lets a bound name stand for another root. `old`, if wanted, gets what it stood for.
fheap_status fheap_rebind(fheap *heap, const char *name, const fheap_root *root, fheap_root *old);

// Gives a root another name, not in use either.
fheap_status fheap_rename(fheap *heap, const char *old, const char *new_);

// Forgets a name; the root stays where it is. `old`, if wanted, gets what it stood for.
fheap_status fheap_unbind(fheap *heap, const char *name, fheap_root *old);

// What a name stands for: in the write transaction if one is open in this process, else in the
// newest committed state, or in the one that this thread reads. `root` may be NULL.
fheap_status fheap_lookup(fheap *heap, const char *name, fheap_root *root);

// The first name above `after` in byte order (NULL: the first of all) and its root, as
// fheap_lookup sees them. `name` is room for FHEAP_NAME_BYTES and may be `after`. FHEAP_NOT_FOUND
// after the last one.
fheap_status fheap_next_name(fheap *heap, const char *after, char *name, fheap_root *root);

// The vector whose record has this number, as fheap_lookup sees names. All of `bytes` from
// `offset` on is memory of the heap, whatever the file says. FHEAP_NOT_FOUND if there is none.
fheap_status fheap_find_vector(fheap *heap, uint64_t id, fheap_vector *vector);

// Counts everything in a snapshot: the time it takes follows the number of allocations.
fheap_status fheap_stat(fheap *heap, fheap_stats *stats);

// Walks everything there is and counts what contradicts the format. Changes nothing. FHEAP_OK
// means that the check was made: `finding_count` says what came of it.
fheap_status fheap_check(fheap *heap, fheap_check_report *to);

// Finding `index` of this thread's last check or repair, and where in the file it is; NULL beyond
// the last one. Good until the next check of this thread. `offset` may be NULL.
const char *fheap_finding(size_t index, uint64_t *offset);

// Makes all commits so far, and direct extents this process stores to, survive a power cut.
fheap_status fheap_sync(fheap *heap);

// Carries the log home as far as readers allow.
fheap_status fheap_checkpoint(fheap *heap);

// Gives disk space that nothing uses back to the filesystem. Waits for writers. `to` may be NULL.
fheap_status fheap_trim(fheap *heap, fheap_trim_report *to);

// Rewrites a heap that nobody has open into a dense file that takes its place. Offsets stay as
// they are. `options` and `to` may be NULL.
fheap_status fheap_compact(const char *path, const fheap_options *how, fheap_compact_report *to);

// Copies the newest committed state to a new file, while others go on writing. A heap opened for
// reading will do.
fheap_status fheap_backup(fheap *heap, const char *target);

// Mends what can be derived from what is left of a heap that nobody has open; with `give_up_log`
// also opens it without the part of its log that is damaged: the commits in it are lost. Then
// checks it. `to` may be NULL.
fheap_status fheap_repair(const char *path, int give_up_log, fheap_check_report *to);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FILEHEAP_H */
