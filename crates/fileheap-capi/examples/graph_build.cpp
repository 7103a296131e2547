// Builds a graph in a file; run again, it builds another in its place: graph_build FILE [nodes]

#include <cstdio>
#include <cstdlib>

#include "graph.hpp"

int main(int count, char **words) try {
    const int wanted = count > 2 ? std::atoi(words[2]) : 1000;
    if (count < 2 || wanted < 1) {
        std::fprintf(stderr, "usage: graph_build FILE [nodes]\n");
        return 2;
    }
    const unsigned total = unsigned(wanted);
    fileheap::heap heap(words[1]);
    auto txn = heap.begin();
    heap.destroy<graph::nodes>("graph"); // undone with all else unless it is committed
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
