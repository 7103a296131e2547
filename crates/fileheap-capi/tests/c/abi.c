/* What programs built once rely on: sizes, places, numbers. Never changed, only added to. */

#include <fmalloc.h>

#include "expect.h"

_Static_assert(sizeof(fheap_status) == 4, "a status is an int32_t");
_Static_assert(sizeof(fheap_options) == 64 && offsetof(fheap_options, limit_bytes) == 24, "");
_Static_assert(offsetof(fheap_options, door_wait_ms) == 56, "");
_Static_assert(sizeof(fheap_root) == 40 && offsetof(fheap_root, offset) == 24, "");
_Static_assert(sizeof(fheap_vector) == 48 && offsetof(fheap_vector, offset) == 24, "");
_Static_assert(sizeof(fheap_stats) == 144 && offsetof(fheap_stats, recovered) == 136, "");
_Static_assert(sizeof(fheap_check_report) == 40, "");
_Static_assert(sizeof(fheap_trim_report) == 32 && sizeof(fheap_compact_report) == 24, "");
_Static_assert(sizeof(struct fm_options) == 40 && sizeof(struct fm_info) == 8, "");
_Static_assert(offsetof(struct fm_options, durability) == 24, "");
_Static_assert(FHEAP_OK == 0 && FHEAP_INVALID_ARGUMENT == 1 && FHEAP_NOT_FOUND == 2, "");
_Static_assert(FHEAP_ALREADY_EXISTS == 3 && FHEAP_PERMISSION_DENIED == 4, "");
_Static_assert(FHEAP_NOT_A_FILE == 5 && FHEAP_NOT_A_HEAP == 6 && FHEAP_NEWER_FORMAT == 7, "");
_Static_assert(FHEAP_FOREIGN_MACHINE == 8 && FHEAP_TRUNCATED == 9 && FHEAP_CORRUPT == 10, "");
_Static_assert(FHEAP_LOG_MISSING == 11 && FHEAP_READ_ONLY_HEAP == 12, "");
_Static_assert(FHEAP_NETWORK_FILESYSTEM == 13 && FHEAP_DISK_FULL == 14, "");
_Static_assert(FHEAP_LIMIT_REACHED == 15 && FHEAP_ADDRESS_TAKEN == 16 && FHEAP_BUSY == 17, "");
_Static_assert(FHEAP_NESTED == 18 && FHEAP_POISONED == 19 && FHEAP_CLOSED == 20, "");
_Static_assert(FHEAP_FORKED_CHILD == 21 && FHEAP_BAD_POINTER == 22 && FHEAP_UNSUPPORTED == 23, "");
_Static_assert(FHEAP_WRONG_TYPE == 24 && FHEAP_IO == 25 && FHEAP_REPLACED == 26, "");
_Static_assert(FHEAP_INTERNAL == 1000 && FHEAP_FOREVER == -1 && FHEAP_NAME_BYTES == 256, "");
_Static_assert(FHEAP_POWER == 1 && FHEAP_BACKGROUND == 2 && FHEAP_PROCESS == 3, "");
_Static_assert(FHEAP_READ_ONLY == 1 && FHEAP_FIXED_ADDRESS == 2 && FHEAP_ALLOW_NETWORK == 4, "");
_Static_assert(FHEAP_TRACKED == 1 && FHEAP_HOLDS_ADDRESSES == 1, "");
_Static_assert(FHEAP_KIND_CPP == 0x2b2b43 && FHEAP_KIND_FMALLOC == 0x6d6166, "kept in files");
_Static_assert(PAGE_SIZE == 4096, "");

int main(void) {
    fheap_options options = FHEAP_OPTIONS_INIT;
    EXPECT(options.size == 64 && strcmp(fheap_version(), "0.1.0") == 0);
    return 0;
}
