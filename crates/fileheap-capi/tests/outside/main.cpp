// Keeps a number in a file and counts it up: what any program outside of the tree would do.

#include <cstdio>

#include <fileheap.hpp>

int main(int count, char **words) {
    if (count != 2) return 2;
    fileheap::heap heap(words[1]);
    auto txn = heap.begin();
    long *runs = heap.find_or_construct<long>("runs")(0);
    std::printf("%ld\n", ++*runs);
    txn.commit();
    return 0;
}
