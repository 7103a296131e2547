// fm_ptr: its operators, in two files at once, in threads that target another file, after a copy.

#include <cstdint>
#include <thread>

#include <fmalloc.hpp>

#include "expect.hpp"

namespace {

struct node {
    fm_ptr<struct node> next;
    long value;
};

struct place {
    fm_ptr<struct node> head;
    fm_ptr<long> numbers;
    fm_ptr<long> behind;
};

struct fm_info *open_file(const std::string &path, bool *init) {
    struct fm_options options = FM_OPTIONS_INIT;
    options.limit_bytes = std::uint64_t(512) << 20;
    options.durability = FHEAP_PROCESS;
    struct fm_info *info = fmalloc_init_with(path.c_str(), init, &options);
    EXPECT(info != nullptr);
    return info;
}

place *area(struct fm_info *info) { return reinterpret_cast<place *>(info->mem + PAGE_SIZE); }

void operators() {
    long numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    fm_ptr<long> none, null = NULL, also = nullptr, at = numbers, end(numbers + 8);
    EXPECT(!none && !null && none == null && also == NULL && none.get() == nullptr);
    EXPECT(at && at != NULL && NULL != at && *at == 0 && at[3] == 3 && end - at == 8);
    EXPECT(*(at + 2) == 2 && *(2 + at) == 2 && *(end - 1) == 7 && at + 8 == end);
    EXPECT(*at++ == 0 && *at == 1 && *++at == 2 && *at-- == 2 && *--at == 0);
    EXPECT((at += 4) == numbers + 4 && *at == 4 && (at -= 4) == numbers);
    EXPECT(at < end && end > at && at <= at && end >= at && !(at == end) && numbers == at);
    *at = 9;
    at[1] = 8;
    EXPECT(numbers[0] == 9 && numbers[1] == 8);
    long *plain = end;
    const fm_ptr<const long> constant = at;
    const fm_ptr<void> untyped = at;
    EXPECT(plain == numbers + 8 && constant == at && untyped.get() == numbers);
    EXPECT(static_cast<long *>(untyped.get()) == at && (long *)at == numbers);
    fm_ptr<long> copy(at), assigned;
    assigned = copy;
    EXPECT(copy == at && assigned == at && &*copy == numbers);
    assigned = NULL;
    EXPECT(!assigned);
    node one{}, two{&one, 2};
    EXPECT(two.next->value == 0 && (*two.next).next == NULL && two.next == &one);
    static_assert(sizeof(fm_ptr<long>) == 8, "kept in files");
}

void fill(struct fm_info *info, long from) {
    fmalloc_set_target(info);
    auto *all = area(info);
    for (long value = from; value < from + 100; ++value) {
        auto *made = static_cast<node *>(fmalloc(sizeof(node)));
        EXPECT(made != nullptr);
        made->value = value;
        made->next = all->head;
        all->head = made;
    }
    all->numbers = static_cast<long *>(fcalloc(10, sizeof(long)));
    all->behind = all->numbers + 10;
    for (fm_ptr<long> at = all->numbers; at != all->behind; ++at) *at = from;
    all->numbers = static_cast<long *>(frealloc(all->numbers, 100000));
    all->behind = all->numbers + 10;
}

void verify(struct fm_info *info, long from) {
    long sum = 0;
    for (fm_ptr<struct node> at = area(info)->head; at; at = at->next) sum += at->value;
    EXPECT(sum == 100 * from + 4950);
    EXPECT(area(info)->behind - area(info)->numbers == 10 && area(info)->numbers[9] == from);
}

} // namespace

int main(int count, char **arguments) {
    EXPECT(count == 2);
    operators();
    const std::string folder = arguments[1];
    bool init = false;
    struct fm_info *one = open_file(folder + "/one.fm", &init);
    struct fm_info *other = open_file(folder + "/other.fm", &init);
    EXPECT(init);
    std::thread(fill, one, 1000).join();
    fill(other, 5);
    // Whatever a thread's target is, a pointer means what it points at.
    std::thread([&] {
        fmalloc_set_target(one);
        verify(other, 5);
        fmalloc_set_target(other);
        verify(one, 1000);
        ffree(area(one)->head->next->next);
        area(one)->head->next->next = area(one)->head->next->next->next;
    }).join();
    EXPECT(fmalloc_undo(one) == FHEAP_OK && area(one)->head == NULL);
    fill(one, 7);
    EXPECT(fmalloc_close(one) == FHEAP_OK && fmalloc_close(other) == FHEAP_OK);
    other = open_file(folder + "/other.fm", &init);
    one = open_file(folder + "/one.fm", &init);
    EXPECT(!init);
    verify(one, 7);
    verify(other, 5);
    return 0;
}
