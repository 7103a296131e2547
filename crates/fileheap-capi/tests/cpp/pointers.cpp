// offset_ptr: at any mapping, on the stack, in two copies of one heap at once; its whole algebra.

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "expect.hpp"

using fileheap::offset_ptr;

namespace {

struct node {
    offset_ptr<node> next;
    offset_ptr<node> self;
    long value;
};

struct list {
    offset_ptr<node> head;
    long count = 0;
};

void algebra() {
    int numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    offset_ptr<int> none, at(numbers), end = numbers + 8;
    EXPECT(!none && none == nullptr && nullptr == none && none.get() == nullptr);
    EXPECT(at && at != nullptr && *at == 0 && at[3] == 3 && end - at == 8);
    EXPECT(*(at + 2) == 2 && *(2 + at) == 2 && *(end - 1) == 7);
    EXPECT(*at++ == 0 && *at == 1 && *++at == 2 && *at-- == 2 && *--at == 0);
    EXPECT((at += 4) == numbers + 4 && (at -= 4) == numbers && at < end && end > at);
    EXPECT(at <= at && at >= at && none < at && numbers == at && !(at != numbers));
    offset_ptr<const int> constant = at;
    offset_ptr<void> untyped = at;
    EXPECT(end - numbers == 8 && numbers + 8 - at == 8 && end - constant == 8);
    EXPECT(constant - end == -8);
    constant = nullptr;
    constant = end;
    untyped = end;
    EXPECT(constant == end && untyped == end && (untyped = at, constant = at) == at);
    struct base {
        int number;
    };
    struct derived : base {
    } whole{};
    offset_ptr<derived> below(&whole);
    offset_ptr<base> above;
    above = below;
    EXPECT(above == &whole && static_cast<offset_ptr<derived>>(above) == below);
    EXPECT(constant == at && static_cast<offset_ptr<int>>(untyped) == at);
    EXPECT(offset_ptr<int>::pointer_to(numbers[5]) == numbers + 5);
    EXPECT(std::pointer_traits<offset_ptr<int>>::pointer_to(numbers[5]) == numbers + 5);
    std::vector<offset_ptr<int>> many;
    for (int round = 0; round < 100; ++round) many.push_back(numbers + round % 8);
    std::sort(many.begin(), many.end());
    EXPECT(*many.front() == 0 && *many.back() == 7);
    EXPECT(std::is_sorted(at, end) && std::hash<offset_ptr<int>>()(at) != 0);
    std::swap(at, end);
    EXPECT(at == numbers + 8 && end == numbers);
    at = nullptr;
    EXPECT(!at);
    char zeros[sizeof(offset_ptr<int>)] = {};
    EXPECT(reinterpret_cast<offset_ptr<int> &>(zeros) == nullptr);
    struct loop {
        offset_ptr<loop> self = this;
    } itself;
    EXPECT(itself.self == &itself && itself.self->self->self == &itself);
    static_assert(sizeof(offset_ptr<int>) == 8);
    static_assert(std::is_nothrow_copy_constructible_v<offset_ptr<int>>);
}

void fill(const fileheap::heap &heap, long count) {
    auto txn = heap.begin();
    auto *all = heap.construct<list>("list")();
    for (long value = 0; value < count; ++value) {
        auto *made = static_cast<node *>(heap.allocate(sizeof(node)));
        new (made) node{nullptr, made, value};
        made->next = all->head;
        all->head = made;
        ++all->count;
    }
    txn.commit();
}

// By copies on the stack, which know nothing of the heap.
long walk(const fileheap::heap &heap) {
    const auto [all, count] = heap.find<list>("list");
    EXPECT(all != nullptr && count == 1);
    long sum = 0, seen = 0;
    for (offset_ptr<node> at = all->head; at; at = at->next) {
        const offset_ptr<node> copy = at;
        EXPECT(copy->next == at->next && copy->self == at && heap.offset_of(copy.get()) != 0);
        sum += copy->value;
        ++seen;
    }
    EXPECT(seen == all->count);
    return sum;
}

} // namespace

int main(int count, char **arguments) {
    EXPECT(count == 2);
    const std::string folder = arguments[1];
    algebra();
    const long nodes = 1000, sum = nodes * (nodes - 1) / 2;
    {
        fileheap::heap made(folder + "/one.heap", small_heap());
        fill(made, nodes);
        made.backup(folder + "/two.heap");
        // A copy wants the same address and does not get it.
        fileheap::heap copy(folder + "/two.heap", small_heap());
        EXPECT(made.at(4096) != copy.at(4096) && !copy.is_at_recorded_base());
        EXPECT(walk(made) == sum && walk(copy) == sum);
        auto txn = copy.begin();
        copy.find<list>("list").first->head->value += 1;
        txn.commit();
        EXPECT(walk(made) == sum && walk(copy) == sum + 1);
        std::thread other([&] { EXPECT(walk(made) == sum && walk(copy) == sum + 1); });
        other.join();
    }
    fileheap::heap again(folder + "/two.heap", small_heap());
    EXPECT(walk(again) == sum + 1);
    return 0;
}
