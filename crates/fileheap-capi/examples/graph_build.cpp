// Builds a graph in a file, which must not exist: graph_build FILE [nodes]

#include <cstdio>
#include <cstdlib>

#include "graph.hpp"

int main(int count, char **words) try {
    if (count < 2) return 2;
    const unsigned total = count > 2 ? unsigned(std::atoi(words[2])) : 1000;
    auto heap = fileheap::heap::create(words[1]);
    auto txn = heap.begin();
    auto *all = heap.construct<graph::nodes>("graph")(total);
    for (unsigned number = 0; number < total; ++number) {
        auto &node = (*all)[number];
        node.number = number;
        // A heap-shaped tree, and a ring around every third node.
        for (const unsigned child : {2 * number + 1, 2 * number + 2}) {
            if (child < total) node.edges.push_back(&(*all)[child]);
        }
        if (number % 3 == 0) node.edges.push_back(&(*all)[(number + 3) % total]);
    }
    txn.commit();
    std::printf("%u nodes\n", total);
    return 0;
} catch (const fileheap::error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
