// Objects by name, exceptions, transactions that end by themselves.

#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "expect.hpp"

namespace {

struct point {
    int x, y;
    point(int x, int y) : x(x), y(y) {}
};

// Counts who lives; the third one made throws.
struct fragile {
    static inline int alive = 0, until = 1000;
    explicit fragile(int) {
        if (alive == until) throw std::runtime_error("fragile");
        ++alive;
    }
    ~fragile() { --alive; }
};

// Takes its time to be made.
struct slow {
    int number;
    explicit slow(int number) : number(number) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
};

struct shared_name {
    int a;
};

} // namespace

template <> struct fileheap::type_name<shared_name> {
    static constexpr std::string_view value() noexcept { return "shared_name"; }
};

namespace {

void names(const fileheap::heap &heap) {
    auto txn = heap.begin();
    point *made = heap.construct<point>("p")(1, 2);
    EXPECT(made->x == 1 && heap.find<point>("p") == std::make_pair(made, size_t(1)));
    THROWS(FHEAP_ALREADY_EXISTS, heap.construct<point>("p")(3, 4));
    EXPECT(heap.find_or_construct<point>("p")(5, 6) == made && made->y == 2);
    EXPECT(heap.find_or_construct<point>("q")(5, 6)->y == 6);
    THROWS(FHEAP_WRONG_TYPE, heap.find<long>("p"));
    THROWS(FHEAP_WRONG_TYPE, heap.destroy<long>("p"));
    try {
        heap.find<std::vector<long> *>("p");
        EXPECT(false);
    } catch (const fileheap::error &error) {
        const std::string said = error.what();
        EXPECT(said.find("\"p\" is not that of a std::vector<long") != said.npos);
        EXPECT(said.find("value()") == said.npos && said.find(" = ") == said.npos);
        EXPECT(said.find("*; expected fingerprint") != said.npos);
    }
    try {
        heap.find<shared_name>("p");
        EXPECT(false);
    } catch (const fileheap::error &error) {
        const std::string said = error.what();
        EXPECT(said.find("is not that of a shared_name; expected") != said.npos);
    }
    const auto array = heap.construct<point>("array")[10](7, 8);
    EXPECT(array[9].y == 8 && heap.find<point>("array").second == 10);
    EXPECT(heap.find<point>("none").first == nullptr && !heap.destroy<point>("none"));
    EXPECT(heap.destroy<point>("array") && heap.destroy<point>("q"));
    THROWS(FHEAP_INVALID_ARGUMENT, heap.construct<point>("empty")[0](1, 1));
    static_assert(fileheap::fingerprint<point>() != fileheap::fingerprint<fragile>());
    EXPECT(heap.construct<shared_name>("shared")()->a == 0);
    txn.commit();
}

void exceptions(const fileheap::heap &heap) {
    auto txn = heap.begin();
    const auto before = fileheap::fingerprint<fragile>();
    EXPECT(before != 0);
    fragile::until = 3;
    bool thrown = false;
    try {
        heap.construct<fragile>("fragile")[5](1);
    } catch (const std::runtime_error &) {
        thrown = true;
    }
    EXPECT(thrown && fragile::alive == 0 && heap.find<fragile>("fragile").first == nullptr);
    heap.construct<fragile>("fragile")[2](1);
    EXPECT(fragile::alive == 2 && heap.destroy<fragile>("fragile") && fragile::alive == 0);
    try {
        heap.deallocate(&thrown);
        EXPECT(false);
    } catch (const fileheap::error &error) {
        EXPECT(error.code() == FHEAP_BAD_POINTER);
        EXPECT(error.path().find("objects") != std::string::npos);
    }
    EXPECT(heap.try_allocate(size_t(1) << 40) == nullptr);
    THROWS(FHEAP_LIMIT_REACHED, heap.allocate(size_t(1) << 40));
}

void transactions(fileheap::heap &heap) {
    point *made = heap.find<point>("p").first;
    {
        auto txn = heap.begin();
        made->x = 99;
    } // undone
    EXPECT(made->x == 1);
    auto txn = heap.begin();
    txn.survive(fileheap::durability::process);
    made->x = 3;
    txn.commit_and_continue();
    made->x = 4;
    auto moved = std::move(txn);
    EXPECT(!txn.is_open() && moved.is_open() && moved.number() > 0);
    THROWS(FHEAP_CLOSED, txn.commit());
    THROWS(FHEAP_BUSY, heap.close());
    THROWS(FHEAP_NESTED, heap.begin());
    moved.abort();
    EXPECT(made->x == 3);
    {
        fileheap::reading reading(heap);
        EXPECT(reading.number() > 0 && made->x == 3);
        THROWS(FHEAP_NESTED, heap.begin());
    }
    auto last = heap.begin();
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&heap, i] {
            const std::string name = "thread " + std::to_string(i);
            for (int k = 0; k < 200; ++k) heap.deallocate(heap.allocate(100));
            heap.construct<point>(name.c_str())(i, i);
        });
    }
    for (auto &thread : threads) thread.join();
    EXPECT(last.try_commit() == FHEAP_OK && last.try_commit() == FHEAP_CLOSED);
    EXPECT(heap.find<point>("thread 2").first->x == 2);
}

// Threads that want the same object at once get the same one.
void quickest(const fileheap::heap &heap) {
    auto txn = heap.begin();
    slow *found[4] = {};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] { found[i] = heap.find_or_construct<slow>("slow")(i); });
    }
    for (auto &thread : threads) thread.join();
    for (const slow *one : found) EXPECT(one == found[0]);
    EXPECT(heap.destroy<slow>("slow"));
    txn.commit();
}

// A heap whose transaction lives longer goes with that.
void outlived(const std::string &path) {
    fileheap::transaction *txn = nullptr;
    {
        fileheap::heap heap(path, small_heap());
        txn = new fileheap::transaction(heap);
        heap.construct<point>("late")(1, 2);
    }
    txn->commit();
    delete txn;
    EXPECT(fheap_compact(path.c_str(), nullptr, nullptr) == FHEAP_OK);
    fileheap::heap heap(path, small_heap());
    EXPECT(heap.find<point>("late").first->y == 2);
}

} // namespace

int main(int count, char **arguments) {
    EXPECT(count == 2);
    const std::string path = std::string(arguments[1]) + "/objects.heap";
    {
        fileheap::heap heap(path, small_heap());
        names(heap);
        exceptions(heap);
        transactions(heap);
        quickest(heap);
        fileheap::heap moved = std::move(heap);
        EXPECT(!heap.is_open() && moved.is_open());
        EXPECT(moved.check_all().finding_count == 0 && moved.stat().name_count >= 4);
        moved.sync();
        moved.trim();
        moved.close();
        THROWS(FHEAP_CLOSED, moved.close());
    }
    outlived(std::string(arguments[1]) + "/outlived.heap");
    fheap_status status = FHEAP_OK;
    EXPECT(!fileheap::heap::try_open(path + ".none", status).is_open());
    EXPECT(status == FHEAP_NOT_FOUND);
    THROWS(FHEAP_NOT_FOUND, fileheap::heap::open(path + ".none"));
    auto heap = fileheap::heap::open(path, small_heap().read_only());
    EXPECT(heap.find<point>("p").first->x == 3 && heap.find<shared_name>("shared").second == 1);
    THROWS(FHEAP_READ_ONLY_HEAP, heap.begin());
    return 0;
}
