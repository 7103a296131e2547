// Reads a graph that another program built, without loading it: graph_analyse FILE

#include <cstdio>
#include <queue>
#include <vector>

#include "graph.hpp"

int main(int count, char **words) try {
    if (count < 2) {
        std::fprintf(stderr, "usage: graph_analyse FILE\n");
        return 2;
    }
    auto heap = fileheap::heap::open(words[1], fileheap::options().read_only());
    fileheap::reading snapshot(heap);
    const auto *all = heap.find<graph::nodes>("graph").first;
    if (all == nullptr) {
        std::fprintf(stderr, "%s holds no graph: run graph_build first\n", words[1]);
        return 1;
    }
    std::vector<unsigned> distance(all->size(), ~0u);
    std::queue<const graph::node *> next;
    std::size_t edges = 0, reached = 0;
    unsigned farthest = 0;
    distance[0] = 0;
    next.push(&all->front());
    while (!next.empty()) {
        const graph::node *node = next.front();
        next.pop();
        ++reached;
        farthest = distance[node->number];
        for (const auto &edge : node->edges) {
            ++edges;
            if (distance[edge->number] != ~0u) continue;
            distance[edge->number] = distance[node->number] + 1;
            next.push(edge.get());
        }
    }
    std::printf("%zu nodes reached by %zu edges, the farthest in %u steps\n", reached, edges,
                farthest);
    return 0;
} catch (const fileheap::error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
