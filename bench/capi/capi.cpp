// The C ABI beside Boost.Interprocess, libpmemobj and glibc: allocator patterns, std::map in the
// file. Every cell in a process of its own, rounds interleaved, ratios within a round. Processor
// time of the thread, but wall time across threads, for the commit and for reopening.
//
//     make install PREFIX=/tmp/prefix
//     g++ -O2 -std=c++17 bench/capi/capi.cpp -o capi -lpmemobj -lpthread -Wno-maybe-uninitialized
//         -I/tmp/prefix/include -L/tmp/prefix/lib -lfileheap -Wl,-rpath,/tmp/prefix/lib  (one line)
//     PMEM_IS_PMEM_FORCE=1 ./capi FOLDER [rounds [scale]]     scale 10: a tenth of the work

#include <libpmemobj.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/managed_mapped_file.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fileheap.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace bip = boost::interprocess;

// Processor time of this thread: the machine may have other work. Whoever waits uses `wall`.
struct own_time {
    static double now() {
        timespec time;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return double(time.tv_sec) * 1e9 + double(time.tv_nsec);
    }
};
struct wall {
    static double now() {
        timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
        return double(time.tv_sec) * 1e9 + double(time.tv_nsec);
    }
};

std::string folder;
std::uint64_t scale = 1, seed = 1;
constexpr std::size_t pool_bytes = std::size_t(4) << 30;

struct rng {
    std::uint64_t state;
    std::uint64_t operator()() {
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
    }
    std::size_t below(std::size_t n) { return std::size_t((*this)() % n); }
};

// ---- who is measured

struct glibc {
    void *take(std::size_t bytes) { return std::malloc(bytes); }
    void give(void *block) { std::free(block); }
};

struct ours {
    fheap *heap = nullptr;
    fheap_txn *txn = nullptr;
    ours() {
        fileheap::check(fheap_create((folder + "/bench.heap").c_str(), nullptr, &heap));
        fileheap::check(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    }
    void *take(std::size_t bytes) { return fheap_alloc(heap, bytes); }
    void give(void *block) { fheap_free(heap, block); }
};

struct boost_file {
    bip::managed_mapped_file file{bip::create_only, (folder + "/bench.boost").c_str(), pool_bytes};
    void *take(std::size_t bytes) { return file.allocate(bytes, std::nothrow); }
    void give(void *block) { file.deallocate(block); }
};

struct pmem {
    PMEMobjpool *pool = pmemobj_create((folder + "/bench.pmem").c_str(), "b", pool_bytes, 0666);
    pmem() {
        if (pool == nullptr) std::fprintf(stderr, "%s\n", pmemobj_errormsg()), std::exit(1);
    }
    void *take(std::size_t bytes) {
        PMEMoid oid = OID_NULL;
        const int failed = pmemobj_alloc(pool, &oid, bytes, 0, nullptr, nullptr);
        return failed ? nullptr : pmemobj_direct(oid);
    }
    void give(void *block) {
        PMEMoid oid = pmemobj_oid(block);
        pmemobj_free(&oid);
    }
};

// ---- allocator patterns

template <class A> void *take(A &a, std::size_t bytes) {
    void *const block = a.take(bytes);
    if (block == nullptr) std::fprintf(stderr, "out of space\n"), std::exit(1);
    *static_cast<volatile std::size_t *>(block) = bytes;
    return block;
}

template <class A> double pairs(A &a, std::size_t count) {
    for (std::size_t i = 0; i < count / 50; ++i) a.give(take(a, 64));
    const auto start = own_time::now();
    for (std::size_t i = 0; i < count; ++i) a.give(take(a, 64));
    return (own_time::now() - start) / double(count);
}

template <class A, class S>
double replace(A &a, std::vector<void *> &live, std::size_t count, S size, rng &random) {
    const auto start = own_time::now();
    for (std::size_t i = 0; i < count; ++i) {
        void *&block = live[random.below(live.size())];
        a.give(block);
        block = take(a, size());
    }
    return (own_time::now() - start) / double(count);
}

template <class A> double random_sizes(A &a, std::size_t count, std::uint64_t start) {
    rng random{start};
    const auto size = [&] { return 16 + random.below(1009); };
    std::vector<void *> live(100000);
    for (auto &block : live) block = take(a, size());
    replace(a, live, live.size(), size, random);
    return replace(a, live, count, size, random);
}

template <class A> double mixed(A &a, std::size_t count) {
    rng random{seed * 77777 + 5};
    const auto size = [&] {
        const std::size_t power = 4 + random.below(18);
        return (std::size_t(1) << power) + random.below(std::size_t(1) << power);
    };
    std::vector<void *> live(2000);
    for (auto &block : live) block = take(a, size());
    for (std::size_t i = 0; i < 8 * live.size(); ++i) {
        void *&block = live[random.below(live.size())];
        a.give(block);
        const std::size_t bytes = size();
        block = take(a, bytes);
        for (std::size_t at = 0; at < bytes; at += 4096) static_cast<char *>(block)[at] = 1;
    }
    return replace(a, live, count, size, random);
}

template <class A> double batches(A &a, std::size_t count, bool backwards) {
    std::vector<void *> batch(1000);
    double least = 1e18;
    for (int part = 0; part < 5; ++part) {
        const auto start = own_time::now();
        for (std::size_t i = 0; i < count / 5000; ++i) {
            for (auto &block : batch) block = take(a, 64);
            if (backwards) std::reverse(batch.begin(), batch.end());
            for (auto &block : batch) a.give(block);
        }
        least = std::min(least, (own_time::now() - start) / double(count / 5));
    }
    return least;
}

template <class A> double cross_thread(A &a, std::size_t count) {
    std::vector<std::atomic<void *>> ring(1024);
    const auto start = wall::now();
    std::thread giver([&] {
        for (std::size_t i = 0; i < count; ++i) {
            auto &slot = ring[i % ring.size()];
            void *block = nullptr;
            for (int tries = 1; (block = slot.load()) == nullptr; ++tries) {
                if (tries % 256 == 0) std::this_thread::yield();
            }
            slot.store(nullptr, std::memory_order_release);
            a.give(block);
        }
    });
    for (std::size_t i = 0; i < count; ++i) {
        void *const block = take(a, 64);
        auto &slot = ring[i % ring.size()];
        for (int tries = 1; slot.load(std::memory_order_acquire) != nullptr; ++tries) {
            if (tries % 256 == 0) std::this_thread::yield();
        }
        slot.store(block, std::memory_order_release);
    }
    giver.join();
    return (wall::now() - start) / double(count);
}

template <class F> double by_two(F work) {
    double mine = 0, others = 0;
    std::thread other([&] { others = work(2); });
    mine = work(1);
    other.join();
    return std::max(mine, others);
}

const std::vector<std::string> patterns = {"pairs",        "random",           "mixed",
                                           "LIFO",         "FIFO",             "cross-thread",
                                           "pairs, 2 thr", "random, 2 threads"};

template <class A> std::vector<double> pattern(std::size_t number) {
    A a;
    const std::size_t many = 2000000 / scale, some = 600000 / scale;
    switch (number) {
    case 0: return {pairs(a, many)};
    case 1: return {random_sizes(a, some, seed * 99991 + 7)};
    case 2: return {mixed(a, 1000000 / scale)};
    case 3: return {batches(a, many, true)};
    case 4: return {batches(a, many, false)};
    case 5: return {cross_thread(a, many)};
    case 6: return {by_two([&](std::uint64_t) { return pairs(a, many); })};
    default: return {by_two([&](std::uint64_t t) { return random_sizes(a, some / 2, seed * t); })};
    }
}

// ---- std::map of a million: build, look-ups, reopen in a fresh process and look at one

template <class M> double build(M &map, std::size_t count) {
    rng random{seed * 1234567 + 3};
    const auto start = own_time::now();
    for (std::size_t i = 0; i < count; ++i) map.emplace(random(), i);
    return (own_time::now() - start) / 1e6;
}

template <class M> double look_up(const M &map, std::size_t count) {
    rng random{seed * 1234567 + 3};
    std::vector<std::uint64_t> keys(count);
    for (auto &key : keys) key = random();
    rng order{seed + 11};
    for (std::size_t i = count; i > 1; --i) std::swap(keys[i - 1], keys[order.below(i)]);
    std::uint64_t sum = 0;
    const auto start = own_time::now();
    for (const std::uint64_t key : keys) sum += map.find(key)->second;
    const double took = (own_time::now() - start) / 1e6;
    if (sum != std::uint64_t(count) * (count - 1) / 2) std::exit(1);
    return took;
}

std::uint64_t first_key() { return rng{seed * 1234567 + 3}(); }

template <class F> double in_a_fresh_process(F work) {
    int pipes[2];
    if (pipe(pipes) != 0) std::exit(1);
    if (fork() == 0) {
        const double took = work();
        if (write(pipes[1], &took, sizeof took) != sizeof took) _exit(1);
        _exit(0);
    }
    double took = 0;
    if (read(pipes[0], &took, sizeof took) != sizeof took) std::exit(1);
    wait(nullptr);
    return took;
}

using pair = std::pair<const std::uint64_t, std::uint64_t>;
using our_map = std::map<std::uint64_t, std::uint64_t, std::less<>, fileheap::allocator<pair>>;
using boost_allocator = bip::allocator<pair, bip::managed_mapped_file::segment_manager>;
using boost_map = bip::map<std::uint64_t, std::uint64_t, std::less<std::uint64_t>, boost_allocator>;

std::vector<double> map_of(std::size_t row) {
    const std::size_t count = 1000000 / scale;
    if (row == 0) {
        std::map<std::uint64_t, std::uint64_t> map;
        const double made = build(map, count);
        return {made, 0, look_up(map, count), 0};
    }
    const std::string path = folder + "/map";
    double made = 0, committed = 0, found = 0;
    if (row == 1) {
        fileheap::heap heap(path);
        auto txn = heap.begin();
        auto *map = heap.construct<our_map>("map")();
        made = build(*map, count);
        const auto start = wall::now();
        txn.commit(); // power-safe
        committed = (wall::now() - start) / 1e6;
        found = look_up(*map, count);
    } else {
        bip::managed_mapped_file file(bip::create_only, path.c_str(), pool_bytes);
        auto *map = file.construct<boost_map>("map")(file.get_segment_manager());
        made = build(*map, count);
        found = look_up(*map, count);
    }
    const double opened = in_a_fresh_process([&] {
        const auto start = wall::now();
        std::uint64_t value = 1;
        if (row == 1) {
            fileheap::heap heap = fileheap::heap::open(path);
            fileheap::reading reading(heap);
            value = heap.find<our_map>("map").first->find(first_key())->second;
            return value == 0 ? (wall::now() - start) / 1e3 : -1;
        }
        bip::managed_mapped_file file(bip::open_only, path.c_str());
        value = file.find<boost_map>("map").first->find(first_key())->second;
        return value == 0 ? (wall::now() - start) / 1e3 : -1;
    });
    return {made, committed, found, opened};
}

// ---- cells

template <class F> std::vector<double> cell(F work) {
    int pipes[2];
    if (pipe(pipes) != 0) std::exit(1);
    if (system(("rm -rf " + folder + " && mkdir -p " + folder).c_str()) != 0) std::exit(1);
    const pid_t child = fork();
    if (child == 0) {
        std::vector<double> values = work();
        values.resize(4);
        if (write(pipes[1], values.data(), 32) != 32) _exit(1);
        _exit(0);
    }
    close(pipes[1]);
    std::vector<double> values(4);
    if (read(pipes[0], values.data(), 32) != 32) std::exit(1);
    close(pipes[0]);
    waitpid(child, nullptr, 0);
    return values;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void table(const std::vector<std::string> &rows, const std::vector<std::string> &columns,
           std::size_t rounds, std::vector<double> (*work)(std::size_t row, std::size_t column),
           bool at_once) {
    const std::size_t wide = columns.size();
    std::vector<std::vector<double>> all(rows.size() * wide), ratios(rows.size() * wide);
    for (seed = 1; seed <= rounds; ++seed) {
        for (std::size_t column = 0; column < (at_once ? 1 : wide); ++column) {
            std::vector<double> reference;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                const auto values = cell([&] { return work(row, column); });
                if (row == 0) reference = values;
                for (std::size_t k = 0; k < (at_once ? wide : 1); ++k) {
                    all[row * wide + column + k].push_back(values[k]);
                    ratios[row * wide + column + k].push_back(values[k] / reference[k]);
                }
            }
        }
    }
    std::printf("\n| |");
    for (const auto &column : columns) std::printf(" %s |", column.c_str());
    std::printf("\n|---|");
    for (std::size_t i = 0; i < wide; ++i) std::printf("---|");
    for (std::size_t row = 0; row < rows.size(); ++row) {
        std::printf("\n| %s |", rows[row].c_str());
        for (std::size_t k = 0; k < wide; ++k) {
            const double middle = median(all[row * wide + k]);
            const double ratio = median(ratios[row * wide + k]);
            if (middle == 0) std::printf(" |");
            else if (!(ratio < 1e6)) std::printf(" %.1f |", middle);
            else std::printf(" %.1f, **%.2fx** |", middle, ratio);
        }
    }
    std::printf("\n");
    std::fflush(stdout);
}

} // namespace

int main(int count, char **words) {
    if (count < 2) return 2;
    folder = std::string(words[1]) + "/capi-bench";
    const std::size_t rounds = count > 2 ? std::size_t(std::atoi(words[2])) : 5;
    scale = count > 3 ? std::uint64_t(std::atoi(words[3])) : 1;
    std::printf("ns per allocation and its free; median of %zu rounds, ratio to glibc\n", rounds);
    table({"glibc", "fileheap, C ABI", "Boost mapped file", "libpmemobj"}, patterns, rounds,
          [](std::size_t row, std::size_t column) {
              switch (row) {
              case 0: return pattern<glibc>(column);
              case 1: return pattern<ours>(column);
              case 2: return pattern<boost_file>(column);
              default: return pattern<pmem>(column);
              }
          },
          false);
    std::printf("\nstd::map of random u64; reopen and one look-up in a fresh process\n");
    table({"std::map, glibc", "std::map, fileheap, power-safe", "Boost map, mapped file, no commit"},
          {"build ms", "commit ms", "look-ups ms", "reopen us"}, rounds,
          [](std::size_t row, std::size_t) { return map_of(row); }, true);
    return system(("rm -rf " + folder).c_str());
}
