# Transactions: all or nothing, of names, of new vectors, of stores to old ones.
source("helper.R")
path <- new_path()
rt <- open_fmalloc(path)
x <- create_fmalloc_vector("numeric", 1000, rt)
s <- create_fmalloc_vector("character", 10, rt)
x[] <- 1
s[] <- "before"

expect_identical(with_transaction(rt, {
  x[1] <- 2
  rt[["a"]] <- 1:3
  s[1] <- "a text that is longer than twelve bytes"
  "value"
}), "value")
expect_identical(c(x[1], x[2]), c(2, 1))
expect_identical(rt[["a"]], 1:3)
expect_identical(s[1], "a text that is longer than twelve bytes")

# An error undoes all of it.
made <- NULL
aborted <- function() {
  with_transaction(rt, {
    x[] <- 99
    s[] <- "another text, longer than twelve bytes, in a buffer"
    s[2] <- NA
    rt[["a"]] <- "changed"
    rt[["b"]] <- 1
    made <<- create_fmalloc_vector("integer", 5, rt)
    made[1] <<- 1L
    stop("on purpose")
  })
}
expect_error(aborted(), "on purpose")
expect_identical(c(x[1], x[2]), c(2, 1))
expect_identical(s[1:2], c("a text that is longer than twelve bytes", "before"))
expect_identical(rt[["a"]], 1:3)
expect_false(fmalloc_exists(rt, "b"))
expect_true(refuses(made[1], "destroyed"))
expect_equal(length(made), 5L)
rm(made)

# What the aborted one had buried lives, whatever is done later.
for (i in 1:3) rt[["other"]] <- i
expect_identical(rt[["a"]], 1:3)

# So does an interrupt, and leaving by any other way.
expect_identical(tryCatch(with_transaction(rt, {
  x[1] <- 50
  signalCondition(structure(class = c("interrupt", "condition"), list()))
}), interrupt = function(e) "interrupted"), "interrupted")
expect_identical(x[1], 2)
leaving <- function() with_transaction(rt, {
  x[1] <- 51
  return("left")
})
expect_warning(expect_identical(leaving(), "left"), "before its end",
               class = "fileheap_warning_undone")

# edit() in a transaction.
rt[["v"]] <- c(1, 2, 3)
try(with_transaction(rt, {
  e <- edit(rt, "v")
  e[1] <- 100
  stop("no")
}), silent = TRUE)
expect_identical(rt[["v"]], c(1, 2, 3))
rm(e)
invisible(gc())
with_transaction(rt, {
  e <- edit(rt, "v")
  e[1] <- 100
})
expect_identical(rt[["v"]], c(100, 2, 3))

# One edit, several transactions: each is undone or kept as a whole, strings like numbers.
rt[["w"]] <- c(1, 2, 3)
rt[["t"]] <- c("one", "two is longer than twelve bytes")
w <- edit(rt, "w")
t <- edit(rt, "t")
for (round in c(1, 2, 3)) {
  try(with_transaction(rt, {
    w[1] <- 50
    t[1] <- "fifty, which is longer than twelve bytes"
    stop("no")
  }), silent = TRUE)
  expect_identical(w[1], round)
  with_transaction(rt, {
    w[1] <- round + 1
    t[2] <- paste("round", round, "and longer than twelve bytes")
  })
  expect_identical(t[], c("one", paste("round", round, "and longer than twelve bytes")))
  w[2] <- 100 + round
  expect_identical(rt[["w"]], c(round + 1, 100 + round, 3))
}

# Copies made inside are R's: an abort takes no variable away.
old <- options(fileheap.copy_bytes = 1000)
try(with_transaction(rt, {
  copy <- x
  copy[1] <- 7
  stop("no")
}), silent = TRUE)
options(old)
expect_identical(copy[1], 7)

# No nesting; closed heaps; syncing.
expect_true(refuses(with_transaction(rt, with_transaction(rt, 1)), "nested"))
expect_true(fmalloc_sync(rt))
expect_true(commit(rt))
expect_identical(with_transaction(rt, rt[["a"]]), 1:3)
expect_stdout(with_transaction(rt, print(rt)), "in a transaction")
expect_true(is_clean(rt))

# What was committed is there for the next session.
out <- elsewhere("rt <- open_fmalloc(path); cat(rt$a, rt$v)", path = path)
expect_identical(out, "1 2 3 100 2 3")

# Who looked at a vector before it was edited goes on to see it, whatever becomes of the edit.
rt[["seen"]] <- as.numeric(1:3000)
view <- rt[["seen"]]
try(with_transaction(rt, {
  e <- edit(rt, "seen")
  e[1] <- 5
  stop("no")
}), silent = TRUE)
expect_identical(view[1:3], c(1, 2, 3))
expect_identical(rt[["seen"]][1:3], c(1, 2, 3))
expect_true(refuses(e[1], "destroyed"))
e <- edit(rt, "seen")
e[1] <- 5
expect_identical(c(view[1], rt[["seen"]][1]), c(1, 5))
# It has no name any more: stored anywhere, it is stored as the value that it is.
file <- tempfile()
saveRDS(view, file)
rt[["old"]] <- view
rt[["both"]] <- list(view, e)
rm(view)
invisible(gc())
rt[["touch"]] <- 1
expect_identical(readRDS(file)[1:3], c(1, 2, 3))
expect_identical(rt[["old"]][1:3], c(1, 2, 3))
expect_identical(vapply(rt[["both"]], `[`, 1, 1L), c(1, 5))
expect_true(is_clean(rt))

# An error needs no warning beside it.
rt <- new_heap()
rt$left <- 1
expect_silent(try(with_transaction(rt, stop("an error says it by itself")), silent = TRUE))

# Nor does a commit that fails: there its code did run to its end.
if (nzchar(Sys.which("prlimit"))) {
  out <- elsewhere(c(
    "rt <- open_fmalloc(path)", "rt$y <- runif(1e6)", "fmalloc_remove(rt, 'y')", "invisible(gc())",
    "rt$z <- 1", "fmalloc_sync(rt)", "rt$z <- 2", # its space can be used again
    "system2('prlimit', c('--pid', Sys.getpid(), '--fsize=3000000'))",
    "r <- try(with_transaction(rt, { rt$y <- runif(1e6); ended <- TRUE }), silent = TRUE)",
    "cat(ended, class(attr(r, 'condition'))[1], fmalloc_exists(rt, 'y'), rt$z)"), path = new_path())
  expect_identical(out, "TRUE fileheap_error_disk_full FALSE 2")
}

# The runtime of an open transaction stays open; else nobody could end it.
expect_true(refuses(with_transaction(rt, cleanup_fmalloc(rt)), "in_use"))
with_transaction(rt, rt$left <- 3)
expect_identical(rt$left, 3)

# A child that was forked in a transaction has no part in it.
told <- with_transaction(rt, {
  rt$left <- 4
  parallel::mclapply(1:2, function(i) classes(rt$left <- -i))
})
expect_true(all(vapply(told, function(it) "fileheap_error_forked_child" %in% it, NA)))
expect_identical(rt$left, 4)

# What it destroyed is back; what was destroyed before is not.
kept <- as_fmalloc(c("a", "text longer than twelve"), rt)
lost <- as_fmalloc(1:3, rt)
destroy_fmalloc_vector(lost)
try(with_transaction(rt, {
  destroy_fmalloc_vector(kept)
  stop("in vain")
}), silent = TRUE)
expect_identical(kept[], c("a", "text longer than twelve"))
expect_true(refuses(lost[], "destroyed"))
changed <- kept
changed[1] <- "b"
expect_identical(kept[1], "a")
destroy_fmalloc_vector(kept)
expect_true(refuses(kept[], "destroyed"))
expect_true(is_clean(rt))

# A vector that was to be part of something is what it was before: a reference to it gives another
# one that stores to it only when it is gone, and a temporary one goes with its variable.
rt <- new_heap()
v <- as_fmalloc(c(1, 2, 3), rt)
try(with_transaction(rt, {
  rt$v <- v
  stop("no")
}), silent = TRUE)
twin <- unserialize(serialize(v, NULL))
twin[1] <- 99
expect_identical(v[], c(1, 2, 3))
rm(twin, v)
rt$x <- as.numeric(1:1000)
old <- options(fileheap.copy_bytes = 1000)
copy <- rt$x
copy[1] <- 0
expect_true(fmalloc_info(copy)$temporary)
try(with_transaction(rt, {
  rt$copy <- copy
  stop("no")
}), silent = TRUE)
expect_true(fmalloc_info(copy)$temporary)
options(old)
rm(copy)
invisible(gc())
for (i in 1:2) rt$y <- i
expect_equal(sum(list_fmalloc_allocations(rt)$temporary), 0)

# What could not be stored keeps no heap open.
path <- new_path()
rt <- open_fmalloc(path)
rt$x <- c(1, 2, 3)
cleanup_fmalloc(rt)
rm(rt)
rt <- open_fmalloc(path, read_only = TRUE)
x <- rt$x
expect_true(refuses(rt$y <- x, "read_only"))
cleanup_fmalloc(rt)
rm(rt, x)
rt <- open_fmalloc(path)
expect_identical(rt$x, c(1, 2, 3))
