// The program of README.md: every run adds to what the earlier ones left. readme FILE

#include <cstdio>
#include <string>
#include <vector>

#include <fileheap.hpp>

void run(const std::string &file) {
    using longs = std::vector<long, fileheap::allocator<long>>;
    fileheap::heap heap(file);                         // opened, or made
    auto txn = heap.begin();                           // undone unless it is committed
    auto *list = heap.find_or_construct<longs>("list")();
    list->push_back(42);                               // ordinary code, in the file
    txn.commit();                                      // all of it, and on the disk
    fileheap::reading snapshot(heap);                  // one committed state
    std::printf("%zu entries\n", heap.find<longs>("list").first->size());
}

int main(int count, char **words) try {
    if (count < 2) {
        std::fprintf(stderr, "usage: readme FILE\n");
        return 2;
    }
    run(words[1]);
    return 0;
} catch (const fileheap::error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
