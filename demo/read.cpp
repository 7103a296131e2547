// Reads what Rust and R left in a heap: read FILE. The bytes of R's objects are in docs/R.md.

#include <cstdint>
#include <cstdio>
#include <cstring>

#include <fileheap.hpp>

namespace {

constexpr std::uint32_t kind_of_r = 0x52;
constexpr std::uint32_t committed = 2, integers = 13, doubles = 14, texts = 16;

// What the name of an object of R leads to; the numbers of the records it refers to follow.
struct object_cell {
    char magic[8];
    std::uint64_t record, count, bytes;
    std::uint64_t records[];
};

template <class T> void sum(const char *what, const T *from, std::uint64_t length) {
    long double total = 0;
    for (std::uint64_t at = 0; at < length; ++at) total += from[at];
    std::printf("   %s: %llu %s, sum %.6Lf\n", what, static_cast<unsigned long long>(length),
                sizeof(T) == 8 ? "doubles" : "integers", total);
}

void show(const fileheap::heap &heap, const char *what, std::uint64_t record) {
    fheap_vector vector = FHEAP_VECTOR_INIT;
    fileheap::check(fheap_find_vector(heap.handle(), record, &vector));
    const void *elements = fheap_resolve(heap.handle(), vector.offset);
    if (vector.state != committed) return;
    if (vector.element == doubles && vector.length <= vector.bytes / 8)
        sum(what, static_cast<const double *>(elements), vector.length);
    else if (vector.element == integers && vector.length <= vector.bytes / 4)
        sum(what, static_cast<const std::int32_t *>(elements), vector.length);
    else if (vector.element == texts)
        std::printf("   %s: %llu texts\n", what, static_cast<unsigned long long>(vector.length));
}

} // namespace

int main(int count, char **words) try {
    if (count < 2) return 2;
    auto heap = fileheap::heap::open(words[1], fileheap::options().read_only());
    fileheap::reading snapshot(heap);
    char name[FHEAP_NAME_BYTES] = "";
    fheap_root root = FHEAP_ROOT_INIT;
    while (fheap_next_name(heap.handle(), name, name, &root) == FHEAP_OK) {
        if (root.kind != kind_of_r || root.bytes < sizeof(object_cell)) continue;
        const auto *cell = static_cast<const object_cell *>(fheap_resolve(heap.handle(), root.offset));
        if (cell == nullptr || std::memcmp(cell->magic, "ROBJECT1", 8) != 0) return 1;
        if (cell->record != 0) show(heap, name, cell->record);
        const std::uint64_t room = (root.bytes - sizeof *cell) / sizeof *cell->records;
        for (std::uint64_t at = 0; at < cell->count && at < room; ++at)
            if (cell->records[at] != cell->record) show(heap, name, cell->records[at]);
    }
    return 0;
} catch (const fileheap::error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
