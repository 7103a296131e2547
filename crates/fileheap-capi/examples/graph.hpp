// A graph that lives in a file: what graph_build.cpp makes and graph_analyse.cpp reads.

#pragma once

#include <vector>

#include <fileheap.hpp>

namespace graph {

template <class T> using in_file = fileheap::allocator<T>;

/// Edges are offset pointers: the graph is good at whatever address it is mapped.
struct node {
    unsigned number = 0;
    std::vector<fileheap::offset_ptr<node>, in_file<fileheap::offset_ptr<node>>> edges;
};

using nodes = std::vector<node, in_file<node>>;

} // namespace graph

/// One name whichever compiler builds the two programs.
template <> struct fileheap::type_name<graph::nodes> {
    static constexpr std::string_view value() noexcept { return "graph::nodes"; }
};
