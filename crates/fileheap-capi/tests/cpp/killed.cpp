// Works on a structure until it is killed ("work"), each transaction leaving it whole; looks
// whether it is ("verify"). Structures: a list by fmalloc, a std::map, an intrusive tree.

#include <map>
#include <random>

#include <fmalloc.hpp>

#include "expect.hpp"

namespace {

std::mt19937_64 chance(std::random_device{}());

// ---- a list whose head and length stand in the application area

struct link {
    fm_ptr<link> next;
    unsigned long value;
};

struct area {
    fm_ptr<link> head;
    unsigned long count, sum;
};

void list(const std::string &path, bool works) {
    struct fm_options options = FM_OPTIONS_INIT;
    options.limit_bytes = std::uint64_t(512) << 20;
    options.durability = FHEAP_PROCESS;
    options.commit_bytes = FM_NEVER;
    struct fm_info *info = fmalloc_init_with(path.c_str(), nullptr, &options);
    EXPECT(info != nullptr);
    auto *all = reinterpret_cast<area *>(info->mem + PAGE_SIZE);
    unsigned long count = 0, sum = 0;
    for (fm_ptr<link> at = all->head; at; at = at->next) {
        ++count;
        sum += at->value;
    }
    EXPECT(count == all->count && sum == all->sum);
    std::printf("%lu\n", count);
    while (works) {
        for (int i = 0; i < 20; ++i) {
            if (chance() % 3 != 0 || all->head == nullptr) {
                auto *made = static_cast<link *>(fmalloc(sizeof(link) + chance() % 500));
                EXPECT(made != nullptr);
                *made = {all->head, chance() % 1000};
                all->head = made;
                ++all->count;
                all->sum += made->value;
            } else {
                link *gone = all->head;
                all->head = gone->next;
                --all->count;
                all->sum -= gone->value;
                ffree(gone);
            }
        }
        EXPECT(fmalloc_sync(info) == FHEAP_OK);
    }
    EXPECT(fmalloc_close(info) == FHEAP_OK);
}

// ---- a std::map, half of whose keys are the other half's values

using map = std::map<long, long, std::less<long>, fileheap::allocator<std::pair<const long, long>>>;

void mapped(fileheap::heap &heap, bool works) {
    auto txn = heap.begin();
    auto *all = heap.find_or_construct<map>("map")();
    txn.commit_and_continue();
    long last = -1;
    for (const auto &[key, value] : *all) {
        EXPECT(key > last && all->at(value) == key);
        last = key;
    }
    std::printf("%zu\n", all->size());
    while (works) {
        for (int i = 0; i < 20; ++i) {
            const long one = long(chance() % 3000), other = one ^ 1;
            if (all->count(one) != 0) {
                all->erase(one);
                all->erase(other);
            } else {
                (*all)[one] = other;
                (*all)[other] = one;
            }
        }
        txn.commit_and_continue();
    }
    txn.commit();
}

// ---- an intrusive treap of offset pointers, and how many it has

struct branch {
    fileheap::offset_ptr<branch> left, right;
    long key = 0;
    unsigned long rank = 0;
};

struct tree {
    fileheap::offset_ptr<branch> root;
    long count = 0;
};

using place = fileheap::offset_ptr<branch>;

void split(place at, long key, place &below, place &above) {
    if (!at) {
        below = above = place();
    } else if (at->key < key) {
        place rest;
        split(at->right, key, rest, above);
        at->right = rest;
        below = at;
    } else {
        place rest;
        split(at->left, key, below, rest);
        at->left = rest;
        above = at;
    }
}

place merge(place below, place above) {
    if (!below || !above) return below ? below : above;
    if (below->rank > above->rank) {
        below->right = merge(below->right, above);
        return below;
    }
    above->left = merge(below, above->left);
    return above;
}

long verify(const place &at, long from, long to, unsigned long rank) {
    if (!at) return 0;
    EXPECT(at->key >= from && at->key < to && at->rank <= rank);
    return 1 + verify(at->left, from, at->key, at->rank) +
           verify(at->right, at->key + 1, to, at->rank);
}

void toggle(const fileheap::heap &heap, tree &all, long key) {
    place below, rest, at, above;
    split(all.root, key, below, rest);
    split(rest, key + 1, at, above);
    if (at) {
        heap.deallocate(at.get());
        at = place();
        --all.count;
    } else {
        at = new (heap.allocate(sizeof(branch))) branch{nullptr, nullptr, key, chance() >> 1};
        ++all.count;
    }
    all.root = merge(merge(below, at), above);
}

void treap(fileheap::heap &heap, bool works) {
    auto txn = heap.begin();
    auto *all = heap.find_or_construct<tree>("tree")();
    txn.commit_and_continue();
    EXPECT(verify(all->root, 0, 5000, ~0ul) == all->count);
    std::printf("%ld\n", all->count);
    while (works) {
        for (int i = 0; i < 20; ++i) toggle(heap, *all, long(chance() % 5000));
        txn.commit_and_continue();
    }
    txn.commit();
}

} // namespace

int main(int count, char **arguments) try {
    EXPECT(count == 4);
    const std::string what = arguments[2], path = arguments[1] + ("/" + what + ".heap");
    const bool works = arguments[3] == std::string("work");
    if (what == "list") {
        list(path, works);
    } else {
        fileheap::heap heap(path, small_heap().survive(fileheap::durability::process));
        what == "map" ? mapped(heap, works) : treap(heap, works);
    }
    auto heap = fileheap::heap::open(path, small_heap());
    const auto report = heap.check_all();
    EXPECT(report.finding_count == 0);
    return 0;
} catch (const fileheap::error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
