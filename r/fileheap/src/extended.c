/* Sums in long double, as base R makes them: bit for bit its results, on each machine. Rust has no
 * such type, and only moves these numbers.
 *
 * An addition takes several cycles but one begins in each: some sums go side by side. */
#include "fileheap.h"

#include <string.h>

typedef struct {
    uint64_t bits[2];
} fh_extended;

/* How many columns the Rust side hands over where it can. */
enum { GROUP = 8 };

static long double get(const fh_extended *from) {
    long double value;
    memcpy(&value, from, sizeof value);
    return value;
}

static void put(fh_extended *to, long double value) { memcpy(to, &value, sizeof value); }

void fh_extended_from(fh_extended *to, int64_t value) { put(to, (long double) value); }

double fh_extended_over(const fh_extended *value, double divisor) {
    return (double) (get(value) / divisor);
}

/* Adds `rows` elements of each of four columns to the sums; columns lie `stride` doubles apart. */
void fh_extended_add_columns(fh_extended *sums, const double *data, size_t stride, size_t rows) {
    long double a = get(sums), b = get(sums + 1), c = get(sums + 2), d = get(sums + 3);
    for (const double *end = data + rows; data < end; data++) {
        a += data[0];
        b += data[stride];
        c += data[2 * stride];
        d += data[3 * stride];
    }
    put(sums, a);
    put(sums + 1, b);
    put(sums + 2, c);
    put(sums + 3, d);
}

static inline void add_rows(fh_extended *sums, size_t rows, const double *data, size_t stride,
                            size_t columns) {
    for (size_t row = 0; row < rows; row++) {
        long double sum = get(sums + row);
        for (size_t column = 0; column < columns; column++) sum += data[column * stride + row];
        put(sums + row, sum);
    }
}

/* Adds to each row's sum its elements in some columns, in order. */
void fh_extended_add_rows(fh_extended *sums, size_t rows, const double *data, size_t stride,
                          size_t columns) {
    if (columns == GROUP) add_rows(sums, rows, data, stride, GROUP);
    else add_rows(sums, rows, data, stride, columns);
}
