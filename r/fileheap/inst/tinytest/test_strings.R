# Character vectors: P7, P8, P19; growth, marks, views.
source("helper.R")
rt <- new_heap()

values <- c("", "a", "twelve bytes", "thirteen byte", NA, "NA", strrep("long ", 5000),
            "\u00e9t\u00e9", "\u4e2d\u6587")
x <- create_fmalloc_vector("character", length(values), rt)
x[] <- values
expect_identical(x, values)
expect_identical(is.na(x), is.na(values))
expect_identical(nchar(x), nchar(values))
expect_identical(toupper(x), toupper(values))
expect_identical(Encoding(x), Encoding(values))
expect_identical(order(x), order(values))
expect_identical(order(x, method = "radix"), order(values, method = "radix"))
expect_identical(sort(x), sort(values))
expect_identical(match("NA", x), 6L)
expect_identical(x == "a", values == "a")
expect_identical(paste0(x, "!"), paste0(values, "!"))
expect_identical(factor(x), factor(values))
expect_identical(table(x), table(x = values))

# Marks are kept.
latin <- "caf\xe9"
Encoding(latin) <- "latin1"
bytes <- "\xff\xfe bytes"
Encoding(bytes) <- "bytes"
m <- create_fmalloc_vector("character", 3, rt)
m[1] <- latin
m[2] <- bytes
m[3] <- "caf\u00e9"
rt[["marks"]] <- m
fresh <- rt[["marks"]]
expect_identical(Encoding(fresh), c("latin1", "bytes", "UTF-8"))
expect_identical(fresh[1], latin)
expect_true(fresh[1] == fresh[3])
expect_identical(charToRaw(fresh[2]), charToRaw(bytes))

# A loop of assignments grows the buffers, not the cost; what is overwritten changes.
n <- 20000
y <- create_fmalloc_vector("character", n, rt)
for (i in seq_len(n)) y[i] <- sprintf("element number %08d", i)
expect_identical(y[c(1, n)], sprintf("element number %08d", c(1, n)))
for (i in 1:100) y[i] <- NA
for (i in 1:50) y[i] <- "short"
expect_identical(sum(is.na(y)), 50L)
expect_identical(unique(y[1:50]), "short")
expect_identical(y[n], sprintf("element number %08d", n))
rt[["y"]] <- y
expect_identical(rt[["y"]], y)

# Once read, R's own pointer is used; stores are seen in it.
z <- create_fmalloc_vector("character", 3, rt)
z[] <- c("c", "a", "b")
expect_identical(order(z), c(2L, 3L, 1L))
z[1] <- "0"
expect_identical(order(z), c(1L, 2L, 3L))
expect_identical(z, c("0", "a", "b"))
copy <- z
copy[2] <- "changed"
expect_identical(z[2], "a")

# Memory follows what is touched: one element of a long vector makes one chunk.
long <- create_fmalloc_vector("character", 1e6, rt)
invisible(gc(reset = TRUE))
before <- gc()[2, 2]
expect_identical(long[5e5], "")
expect_true(gc()[2, 2] - before < 1)

# P7: CHAR() of what was read stays good while the vector lives.
held <- vapply(1:200, function(i) y[[i]], "")
invisible(gc())
expect_identical(held[101:200], sprintf("element number %08d", 101:200))
expect_true(is_clean(rt))
