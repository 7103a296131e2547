# The hot part with a collection at every allocation.
source("helper.R")
rt <- new_heap()
x <- create_fmalloc_vector("numeric", 20, rt)
s <- create_fmalloc_vector("character", 20, rt)
tortured <- function(code) {
  gctorture(TRUE)
  on.exit(gctorture(FALSE))
  force(code)
}
expect_identical(tortured({
  x[3] <- 5
  y <- x
  y[1] <- 1
  c(x[3], y[1], sum(x), length(x[2:4]))
}), c(5, 1, 5, 3))
expect_identical(tortured({
  s[2] <- paste0("text ", 1, " that is longer than twelve")
  s[3] <- NA
  c(s[2], toupper(s[2]), is.na(s[3]), s[order(s)[20]])
}), c("text 1 that is longer than twelve", "TEXT 1 THAT IS LONGER THAN TWELVE", "TRUE", NA))
expect_identical(tortured({
  rt[["a"]] <- x
  rt[["b"]] <- list(x, "a", 1:3)
  b <- rt[["b"]]
  c(rt[["a"]][3], b[[1]][3], length(names(rt)))
}), c(5, 5, 2))
expect_identical(tortured(unserialize(serialize(x, NULL))[3]), 5)
expect_identical(tortured(class(tryCatch(rt[["none"]], error = identity))[1]),
                 "fileheap_error_not_found")
# What operations on managed vectors and sums of matrices are made of.
entry <- function(name, ...) do.call(.Call, list(getFromNamespace(name, "fileheap"), ...))
piece <- tortured(entry("C_piece", x, 18, 4))
expect_identical(piece, c(x[19:20], x[1:2]))
expect_identical(tortured(entry("C_piece", s, 1, 2)), s[2:3])
expect_identical(tortured(entry("C_gather", s, c(2, NA))), c(s[2], NA))
filled <- create_fmalloc_vector("character", 3, rt)
tortured(entry("C_put", filled, 1, c("a", "more than twelve bytes"), 0, 2))
expect_identical(filled, c("", "a", "more than twelve bytes"))
expect_identical(tortured(entry("C_cumulate", c(1, 2, 3), entry("C_cumulative_state", FALSE),
                                FALSE)), c(1, 3, 6))
view <- tortured(entry("C_view", x))
expect_identical(view, x[])
m <- as_fmalloc(matrix(as.double(1:6), 2), rt)
expect_identical(tortured(entry("C_column_sums", m, c(0, 2, 0, 3), FALSE, FALSE)), c(3, 7, 11))
expect_identical(tortured({
  state <- entry("C_row_state", 2)
  entry("C_row_add", m, c(0, 2, 0, 3), FALSE, state)
  entry("C_row_end", m, c(0, 2, 0, 3), FALSE, TRUE, state)
}), c(3, 4))

# Shapes, copies, editing, transactions, references, errors, all of them between collections.
file <- tempfile()
old <- options(fileheap.copy_bytes = 100)
expect_identical(tortured({
  m <- create_fmalloc_matrix("integer", 2, 3, list(c("a", "b"), NULL), rt)
  m["b", 2] <- 5L
  large <- m
  large[1] <- 9L
  c(m[[2, 2]], m[1], large[1], dim(m), sum(m["b", ]))
}), c(5L, 0L, 9L, 2L, 3L, 5L))
expect_identical(tortured({
  f <- as_fmalloc(data.frame(n = c(2, 1), s = c("a text longer than twelve", NA)), rt)
  rt[["f"]] <- f
  g <- rt[["f"]][order(f$n), ]
  c(g$s[2], levels(as_fmalloc(factor(c("u", "v")), rt)), names(as_fmalloc(c(n = 1), rt)))
}), c("a text longer than twelve", "u", "v", "n"))
expect_identical(tortured({
  e <- edit(rt, "a")
  e[4] <- 4
  try(with_transaction(rt, {
    e[4] <- 5
    rt[["c"]] <- "new"
    stop("no")
  }), silent = TRUE)
  with_transaction(rt, e[5] <- 5)
  c(rt[["a"]][3:5], fmalloc_exists(rt, "c"))
}), c(5, 4, 5, 0))
rt[["one"]] <- c(1, 2)
rt[["two"]] <- rt[["one"]]
expect_identical(tortured({
  e <- edit(rt, "two")
  e[1] <- 3
  c(rt[["one"]], rt[["two"]])
}), c(1, 2, 3, 2))
expect_identical(tortured({
  saveRDS(x, file)
  v <- readRDS(file)
  root <- sqrt(readRDS(file)[3]^2)
  fmalloc_remove(rt, "b")
  c(v[3], root, nrow(list_fmalloc_allocations(rt)) > 2)
}), c(5, 5, 1))
expect_identical(tortured({
  many <- create_fmalloc_vector("character", 3000, rt)
  many[2999:3000] <- c("z", NA)
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  many[1] <- latin
  k <- many[c(1, 2999, 3000)]
  c(Encoding(k[1]), k[2:3], sum(nchar(many[2990:2999])))
}), c("latin1", "z", NA, "1"))
gone <- create_fmalloc_vector("numeric", 5, rt)
destroy_fmalloc_vector(gone)
expect_identical(tortured(c(class(tryCatch(gone[1], error = identity))[1],
                            class(tryCatch(create_fmalloc_vector("x", 1, rt), error = identity))[1],
                            class(tryCatch(open_fmalloc(tempdir()), error = identity))[1])),
                 paste0("fileheap_error_", c("destroyed", "type", "not_a_file")))
if (getRversion() >= "4.3") {
  expect_identical(tortured({
    l <- create_fmalloc_vector("list", 2, rt)
    l[[1]] <- as_fmalloc(c(0, 0, 5), rt)
    l[[2]] <- as_fmalloc(list(s, NULL), rt)
    c(l[[1]][3], length(l[[2]]), is.na(l[[2]][[1]][3]))
  }), c(5, 2, 1))
}
options(old)
expect_true(is_clean(rt))

# Slices, rows, stores in place and shared vectors.
shared <- local({
  heap <- new_heap()
  heap[["m"]] <- matrix(as.double(1:6000), 1000)
  out <- create_fmalloc_vector("numeric", 6, heap)
  m <- heap[["m"]]
  gctorture(TRUE)
  on.exit(gctorture(FALSE))
  for (j in 1:6) .Call(fileheap:::C_store, out, j - 1, sum(.Call(fileheap:::C_slice, m, (j - 1) * 1000, 1000, NULL)))
  row <- .Call(fileheap:::C_slice, .Call(fileheap:::C_rows, m, 1000, 9, 1), 0, 6, letters[1:6])
  list(out = out + 0, row = row)
})
expect_identical(shared$out, colSums(matrix(as.double(1:6000), 1000)))
expect_identical(shared$row, setNames(c(10, 1010, 2010, 3010, 4010, 5010), letters[1:6]))
