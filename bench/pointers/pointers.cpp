// What it costs to follow pointers that may live in a file: one treap of 8192 keys, hot in cache,
// looked up in random order, by candidates for fileheap::offset_ptr. Ratios to plain pointers;
// least of many short interleaved rounds.
//
//     g++ -O2 -std=c++17 -I crates/fileheap-capi/include bench/pointers/pointers.cpp && ./a.out

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "fileheap/offset_ptr.hpp"

namespace {

// One heap as fileheap could lay it if every mapping were aligned to its largest size.
constexpr std::uintptr_t window = std::uintptr_t(1) << 36;
char *heap_base;
char *tables[1 << 11]; // by 64 GiB of address

template <class T> struct plain {
    T *to = nullptr;
    T *get() const { return to; }
    plain &operator=(T *value) { to = value; return *this; }
};

// One heap in the process.
template <class T> struct one_base {
    std::uint64_t offset = 0;
    T *get() const { return offset ? reinterpret_cast<T *>(heap_base + offset) : nullptr; }
    one_base &operator=(T *value) {
        offset = value ? reinterpret_cast<char *>(value) - heap_base : 0;
        return *this;
    }
    one_base() = default;
    one_base(const one_base &) = default;
    one_base &operator=(const one_base &) = default;
};

// The base by a mask of the pointer's own address if that lies among heaps, else an address.
template <class T> struct masked {
    std::uint64_t value = 0;
    bool in_heap() const {
        return reinterpret_cast<std::uintptr_t>(this) - (std::uintptr_t(0x5a) << 40) <
               (std::uintptr_t(5) << 40);
    }
    std::uintptr_t base() const { return reinterpret_cast<std::uintptr_t>(this) & ~(window - 1); }
    T *get() const {
        if (!in_heap()) return reinterpret_cast<T *>(value);
        return value ? reinterpret_cast<T *>(base() + value) : nullptr;
    }
    masked &operator=(T *to) {
        const auto address = reinterpret_cast<std::uintptr_t>(to);
        value = !in_heap() ? address : to ? address - base() : 0;
        return *this;
    }
    masked() = default;
    masked(const masked &other) { *this = other.get(); }
    masked &operator=(const masked &other) { return *this = other.get(); }
};

// The base out of a table by the pointer's own address; 0 there means an address is stored.
template <class T> struct tabled {
    std::uint64_t value = 0;
    char *base() const { return tables[reinterpret_cast<std::uintptr_t>(this) >> 36]; }
    T *get() const { return value ? reinterpret_cast<T *>(base() + value) : nullptr; }
    tabled &operator=(T *to) {
        value = to ? reinterpret_cast<char *>(to) - base() : 0;
        return *this;
    }
    tabled() = default;
    tabled(const tabled &other) { *this = other.get(); }
    tabled &operator=(const tabled &other) { return *this = other.get(); }
};

template <template <class> class P> struct node {
    P<node> left, right;
    std::uint64_t key = 0, rank = 0, value = 0;
};

constexpr std::size_t count = 8192;

template <template <class> class P> struct tree {
    using N = node<P>;
    P<N> *root;
    N *next;

    explicit tree(char *room) : root(new (room) P<N>()), next(reinterpret_cast<N *>(room + 64)) {}

    N *insert(N *at, N *made) {
        if (!at) return made;
        if (made->key < at->key) {
            N *child = insert(at->left.get(), made);
            at->left = child;
            if (child->rank > at->rank) {
                at->left = child->right.get();
                child->right = at;
                return child;
            }
        } else {
            N *child = insert(at->right.get(), made);
            at->right = child;
            if (child->rank > at->rank) {
                at->right = child->left.get();
                child->left = at;
                return child;
            }
        }
        return at;
    }

    void build(const std::vector<std::uint64_t> &keys) {
        for (const std::uint64_t key : keys) {
            N *made = new (next++) N();
            made->key = key;
            made->rank = key * 0x9e3779b97f4a7c15;
            made->value = key ^ 1;
            *root = insert(root->get(), made);
        }
    }

    // As programs write it that keep addresses in variables.
    std::uint64_t by_address(std::uint64_t key) const {
        const N *at = root->get();
        while (at->key != key) at = key < at->key ? at->left.get() : at->right.get();
        return at->value;
    }

    // As programs write it that keep the pointers themselves in variables.
    std::uint64_t by_pointer(std::uint64_t key) const {
        P<N> at = *root;
        for (const N *now = at.get(); now->key != key; now = at.get()) {
            at = key < now->key ? now->left : now->right;
        }
        return at.get()->value;
    }
};

template <class T> using offset = fileheap::offset_ptr<T>;

template <class F> double time(const std::vector<std::uint64_t> &keys, F find) {
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t sum = 0;
    for (const std::uint64_t key : keys) sum += find(key);
    const auto passed = std::chrono::steady_clock::now() - start;
    volatile std::uint64_t sink = sum;
    (void)sink;
    return std::chrono::duration<double, std::nano>(passed).count() / double(keys.size());
}

} // namespace

int main() {
    const auto want = reinterpret_cast<void *>(std::uintptr_t(0x5a) << 40);
    heap_base = static_cast<char *>(mmap(want, std::size_t(64) << 20, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    if (heap_base != want) return 1;
    tables[reinterpret_cast<std::uintptr_t>(heap_base) >> 36] = heap_base;
    std::mt19937_64 random(7);
    std::vector<std::uint64_t> keys(count), order;
    for (auto &key : keys) key = random();
    for (int i = 0; i < 4; ++i) order.insert(order.end(), keys.begin(), keys.end());
    std::shuffle(order.begin(), order.end(), random);
    const std::size_t step = std::size_t(4) << 20;
    tree<plain> one(heap_base + 4096);
    tree<one_base> two(heap_base + step);
    tree<masked> three(heap_base + 2 * step);
    tree<tabled> four(heap_base + 3 * step);
    tree<offset> five(heap_base + 4 * step);
    one.build(keys), two.build(keys), three.build(keys), four.build(keys), five.build(keys);
    double best[5][2];
    for (auto &row : best) row[0] = row[1] = 1e9;
    const auto keep = [](double &least, double now) { least = std::min(least, now); };
    for (int round = 0; round < 200; ++round) {
        const auto both = [&](int row, const auto &tree) {
            keep(best[row][0], time(order, [&](std::uint64_t k) { return tree.by_address(k); }));
            keep(best[row][1], time(order, [&](std::uint64_t k) { return tree.by_pointer(k); }));
        };
        both(0, one), both(1, two), both(2, three), both(3, four), both(4, five);
    }
    const char *names[] = {"plain pointers", "one base in the process", "base by mask",
                           "base from a table", "fileheap::offset_ptr (distance)"};
    std::printf("| pointer | addresses in variables | pointers in variables |\n|---|---|---|\n");
    for (int row = 0; row < 5; ++row) {
        std::printf("| %s | %.1f ns, %.2fx | %.1f ns, %.2fx |\n", names[row], best[row][0],
                    best[row][0] / best[0][0], best[row][1], best[row][1] / best[0][1]);
    }
    return 0;
}
