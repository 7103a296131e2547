/* What the C files share: the ABI of the Rust library, and who does what on R's side.
 *
 * Rust never calls R. An entry returns 0, or 1 and a fault; the condition is raised here, when no
 * frame of Rust is left on the stack. No entry is left open while R code may run. */
#ifndef FILEHEAP_INTERNAL_H
#define FILEHEAP_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#define R_NO_REMAP
#include <R.h>
#include <Rinternals.h>
#include <Rversion.h>

#define FH_HAS_LISTS (R_VERSION >= R_Version(4, 3, 0))

/* ---- the Rust library ---- */

typedef struct fh_heap fh_heap;

typedef struct {
    char class_name[32];
    char text[2048];
    char path[1024];
    int64_t offset;
    int64_t pid;
} fh_fault;

typedef struct {
    unsigned char *start;
    uint64_t bytes;
} fh_buffer;

enum { FH_MUTABLE = 1, FH_DESTROYED = 2, FH_UNDONE = 4, FH_TEMPORARY = 8, FH_DETACHED = 16,
       FH_ACCOMPANIED = 32, FH_LOST = 64 };

typedef struct {
    void *data;
    int64_t length;
    uint64_t id;
    uint64_t generation;
    uint32_t element;
    uint32_t flags;
    uint32_t epoch;
    uint32_t cache_epoch;
    uint32_t cache_flags;
    uint32_t pid;
    unsigned char *validity;
    unsigned char *marks;
    const fh_buffer *buffers;
    uint64_t buffer_count;
    const fh_heap *heap;
    const SEXP *strings;
    uint64_t chunks_read;
} fh_body;

typedef struct {
    uint64_t id, generation;
    uint32_t state, element;
    uint64_t length, payload_offset, payload_bytes, flags, extra[2], reserved[3];
} fh_record;

typedef struct {
    unsigned char uuid[16];
    uint64_t file_bytes, disk_bytes, live_bytes, free_bytes, largest_free_bytes, own_bytes;
    uint64_t log_bytes, names, records, processes, live_vectors;
    double fragmentation;
    uint32_t mode, writable, in_transaction, reserved;
} fh_figures_t;

typedef struct {
    uint64_t cut_bytes, punched_bytes;
    uint32_t hindered, reserved;
} fh_trimmed;

typedef struct {
    uint64_t before_bytes, after_bytes, moved_count;
} fh_compacted;

enum { FH_PERSISTENT = 1, FH_SCRATCH = 2 };
enum { FH_ZEROED = 1, FH_TEMPORARILY = 2, FH_STORED_TO_LATER = 4 };
enum { FH_LOOK = 0, FH_TAKE_OVER = 1, FH_EDIT = 2, FH_LOAD = 3 };

/* A block of a matrix: what rows' and columns' sums are made of. */
typedef struct {
    const void *data;
    uint64_t stride, first_row, rows, first_column, columns;
    double *result;
    void *state;
    int32_t is_double, remove, mean;
} fh_block;

void fh_init(void);
void fh_after_fork(void);
int fh_panic(fh_fault *fault);
int fh_open(const char *path, uint64_t limit_bytes, uint32_t mode, int read_only,
            const fh_heap **heap, int *is_new, fh_fault *fault);
int fh_open_existing(const char *path, const fh_heap **heap, fh_fault *fault);
const fh_heap *fh_find(const unsigned char *uuid, const char *path);
void fh_heap_free(const fh_heap *heap);
int fh_enter(const fh_heap *heap, uint32_t wait_ms, int is_explicit, int *busy, fh_fault *fault);
int fh_leave(const fh_heap *heap, int commit, int is_explicit, fh_fault *fault);
int fh_in_transaction(const fh_heap *heap);
uint32_t fh_mode(const fh_heap *heap);
void fh_uuid(const fh_heap *heap, unsigned char *to);
int fh_sync(const fh_heap *heap, fh_fault *fault);
int fh_create(const fh_heap *heap, uint32_t element, uint64_t length, uint32_t how,
              fh_body **body, fh_fault *fault);
int fh_prospects(const fh_heap *heap, uint64_t id, int *result, fh_fault *fault);
int fh_vector(const fh_heap *heap, uint64_t id, int purpose, fh_body **body, fh_fault *fault);
int fh_destroy(const fh_heap *heap, uint64_t id, int even_if_used, fh_fault *fault);
int fh_promote(fh_body *body, fh_fault *fault);
void fh_detach(fh_body *body, void *data);
int fh_is_home(const fh_body *body);
int fh_may_refer(const fh_body *body, const char *under);
int fh_own(const fh_heap *heap, uint64_t id, int jointly, fh_body **body, fh_fault *fault);
void fh_body_free(fh_body *body);
int fh_string_set(fh_body *body, int64_t index, const char *bytes, int count, unsigned char mark);
void fh_string_set_na(fh_body *body, int64_t index);
int fh_string_grow(fh_body *body, uint64_t bytes, fh_fault *fault);
void fh_string_changed(const fh_body *body);
int fh_string_look_again(fh_body *body);
int fh_string_get(const fh_body *body, int64_t index, const char **bytes, unsigned char *mark);
int fh_bind(const fh_heap *heap, const char *name, uint64_t primary, const uint64_t *children,
            uint64_t child_count, const unsigned char *blob, uint64_t blob_bytes, fh_fault *fault);
int fh_unbind(const fh_heap *heap, const char *name, int *found, fh_fault *fault);
int fh_lookup(const fh_heap *heap, const char *name, unsigned char *to, uint64_t room,
              uint64_t *bytes, uint64_t *primary, fh_fault *fault);
int fh_names(const fh_heap *heap, char *to, uint64_t room, uint64_t *bytes, fh_fault *fault);
int fh_slot_set(const fh_body *list, int64_t index, uint64_t primary, const uint64_t *children,
                uint64_t child_count, const unsigned char *blob, uint64_t blob_bytes,
                fh_fault *fault);
int fh_slot_get(const fh_body *list, int64_t index, unsigned char *to, uint64_t room,
                uint64_t *bytes, fh_fault *fault);
int fh_figures(const fh_heap *heap, fh_figures_t *to, fh_fault *fault);
void fh_path(const fh_heap *heap, char *to, uint64_t room);
int fh_is_in_place(const fh_heap *heap);
int fh_records(const fh_heap *heap, uint64_t after, fh_record *to, uint64_t room, uint64_t *count,
               fh_fault *fault);
int fh_check(const fh_heap *heap, char *text, uint64_t room, uint64_t *count, fh_fault *fault);
int fh_trim(const fh_heap *heap, fh_trimmed *to, fh_fault *fault);
int fh_backup(const fh_heap *heap, const char *target, fh_fault *fault);
int fh_compact(const char *path, fh_compacted *to, fh_fault *fault);
int fh_share(const fh_heap *heap, uint64_t id, fh_body **body, fh_fault *fault);
int fh_holders(const fh_heap *heap, int32_t *to, uint64_t room, uint64_t *count, fh_fault *fault);
int fh_mutualinfo(const double *x, const double *y, uint64_t length, uint32_t x_levels,
                  uint32_t y_levels, double eps, double *result, fh_fault *fault);
int fh_column_sums(const fh_block *block, fh_fault *fault);
uint64_t fh_row_state_bytes(void);
int fh_row_add(const fh_block *block, fh_fault *fault);
int fh_row_end(const fh_block *block, fh_fault *fault);

/* ---- errors.c ---- */

/* Raises the condition that a fault describes. */
void fh_raise(const fh_fault *fault) __attribute__((noreturn));
/* Raises one of our own: class `fileheap_error_<class_name>`. */
void fh_stop(const char *class_name, const char *format, ...) __attribute__((noreturn));
/* The package's own functions of R. */
SEXP fh_namespace(void);

/* ---- handle.c ---- */

/* The heap of an open handle; raises an error for a closed one. */
const fh_heap *fh_heap_of(SEXP handle);
/* A handle for a heap whose count passes to it. */
SEXP fh_new_handle(const fh_heap *heap);

/* ---- entry.c ---- */

/* Enters a writing entry: waits for other writers, lets the user interrupt. */
void fh_begin_entry(const fh_heap *heap);
/* The same without waiting; 0 if somebody else writes or the heap cannot be written to. */
int fh_try_entry(const fh_heap *heap);
/* Ends it: commits if `code` is 0, else aborts and raises the fault. */
void fh_end_entry(const fh_heap *heap, int code, fh_fault *fault);

/* ---- vector.c ---- */

/* An external pointer that will free a body; made before there is one, so that none is lost. */
SEXP fh_new_keeper(void);
/* Frees the body of a vector that nobody else has, and that is not looked at any more. */
void fh_forget(SEXP x);
/* A vector whose elements are lost: it says so to whoever looks at them. */
SEXP fh_new_lost(uint32_t element, double length);
/* The vector of R over a body. */
SEXP fh_new_vector(SEXP keeper, fh_body *body);
/* The body of one of our vectors, also through R's wrappers; NULL for other objects. */
fh_body *fh_body_of(SEXP x);
/* Our vector itself, behind R's wrappers; NULL for other objects. */
SEXP fh_inner(SEXP x);
/* It came by a reference, and no variable had it yet. */
void fh_mark_fresh(SEXP x);
/* The body of a vector known to be ours, by its class. R asks for elements of the same vector again
 * and again, so the last answer is remembered. */
typedef struct {
    SEXP x;
    fh_body *body;
} fh_last_body;
extern fh_last_body fh_last;
fh_body *fh_find_body(SEXP x);
static inline fh_body *fh_own_body(SEXP x) {
    return x == fh_last.x ? fh_last.body : fh_find_body(x);
}
/* What R calls for each element does the usual thing by itself and leaves the rest to a function
 * that is not inlined: so it saves no registers. */
#define FH_RARE __attribute__((noinline, cold))
/* The body if it was asked last and has elements, else NULL. */
static inline fh_body *fh_at_hand(SEXP x) {
    return x == fh_last.x && !(fh_last.body->flags & (FH_DESTROYED | FH_UNDONE)) ? fh_last.body
                                                                                 : NULL;
}
/* Raises an error if its elements are gone. */
void fh_need_alive(const fh_body *body);
/* Why they are, or NULL if they are not. */
const char *fh_why_dead(const fh_body *body);
/* Creates a vector of the heap. */
SEXP fh_make_vector(const fh_heap *heap, uint32_t element, double length, uint32_t how);
/* A vector of the heap by its record. To take it over does not wait: if somebody else writes now
 * it is looked at only. */
SEXP fh_get_vector(const fh_heap *heap, uint64_t id, int purpose);

/* Whether something that is stored under a name, or NULL, can refer to the vector where it is. */
int fh_refers(const fh_body *body, const char *under);

/* ---- names.c ---- */

const char *fh_name_of(SEXP name);
/* The serialization of what a name stands for, NULL (of R) without one, and the vector it is or 0. */
SEXP fh_find_object(const fh_heap *heap, const char *name, uint64_t *primary);

/* ---- altrep_*.c ---- */

SEXP fh_class_instance(uint32_t element, SEXP keeper);
int fh_is_ours(SEXP x);
void fh_register_numbers(DllInfo *dll);
void fh_register_strings(DllInfo *dll);
void fh_register_lists(DllInfo *dll);
SEXP fh_new_number(uint32_t element, SEXP keeper);
SEXP fh_new_string(SEXP keeper);
SEXP fh_new_list(SEXP keeper);
int fh_is_number(SEXP x);
/* Elements of one of our vectors of numbers, by integer or double indices above 0. */
SEXP fh_extract(SEXP x, SEXP indices);
int fh_is_string(SEXP x);
int fh_is_list(SEXP x);
/* Stores an element of a character vector that is mutable or being filled; enters if it must. */
void fh_put_string(fh_body *body, R_xlen_t index, SEXP value);

/* ---- altrep_slice.c ---- */

void fh_register_slices(DllInfo *dll);
/* A vector over `length` elements of `parent`, which lie at `start`. */
SEXP fh_new_slice(SEXP parent, const void *start, R_xlen_t length);

/* ---- copy.c ---- */

/* Where a vector's elements lie, and the size of one; NULL for strings; an error for no vector. */
const void *fh_elements(SEXP x, size_t *size);

/* ---- serialize.c ---- */

SEXP fh_serialized_state(SEXP x);
SEXP fh_unserialize(SEXP class_info, SEXP state);
/* What serialize() noted while an object was being stored: records, one more than once. */
const uint64_t *fh_noted_children(uint64_t *count);
/* The object was stored: its vectors do not change any more, wherever R has them. */
void fh_settle_noted(void);
/* Whether all of them may still be referred to: others may have changed them since. */
int fh_noted_stand(const char *under);
/* Nothing of it is needed any more, or it was not stored. */
void fh_drop_noted(void *ignored);
/* R's own functions on an object that is stored in, or loaded from, a heap. */
SEXP fh_pack(const fh_heap *heap, SEXP object, const char *under);
SEXP fh_unpack(const fh_heap *heap, SEXP blob);

/* ---- duplicate.c ---- */

SEXP fh_duplicate(SEXP x, Rboolean deep);

#endif
