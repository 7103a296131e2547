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
