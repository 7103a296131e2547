# Value semantics: what reads never changes the file; copies never alias. P1, P2, P5, P6, P12, P13.
source("helper.R")
rt <- new_heap()
first <- c(3, 1, 2, seq_len(100))
rt[["x"]] <- first

# P1: operands that nothing refers to are reused by R; ours are not stored to.
assigning <- function(v) {
  v[1] <- -1
  v
}
invisible(rt[["x"]] + 1)
invisible(sqrt(rt[["x"]]))
invisible(-rt[["x"]])
invisible(exp(rt[["x"]]) * 2)
invisible(assigning(rt[["x"]]))
invisible(rev(rt[["x"]]))
invisible(sort(rt[["x"]]))
invisible(cumsum(rt[["x"]]))
invisible(ifelse(rt[["x"]] > 1, rt[["x"]], 0))
invisible(`[<-`(rt[["x"]], 1, 99))
invisible(`names<-`(rt[["x"]], as.character(first)))
invisible(within(list(v = rt[["x"]]), v[1] <- 9))
v <- rt[["x"]]
names(v) <- first
v[1] <- 77
v <- rt[["x"]]
attr(v, "note") <- "n"
v[2] <- 77
v <- rt[["x"]]
dim(v) <- c(1, length(first))
v[1, 1] <- 77
l <- list(v = rt[["x"]])
l$v[1] <- 77
l[[1]][2] <- 77
for (i in 1:3) {
  w <- rt[["x"]]
  w[i] <- 0
}
expect_identical(rt[["x"]], first)

# The same of references: an unreferenced operand leaves the file instead.
m <- create_fmalloc_vector("numeric", 4, rt)
m[] <- c(4, 9, 16, 25)
file <- tempfile()
saveRDS(m, file)
rm(m)
expect_identical(sqrt(readRDS(file)), c(2, 3, 4, 5))
expect_identical(-readRDS(file), -c(4, 9, 16, 25))
expect_identical(readRDS(file) + 1, c(5, 10, 17, 26))
expect_identical(readRDS(file)[], c(4, 9, 16, 25))
# But who gives it a name and stores means it.
v <- readRDS(file)
v[1] <- 2
rm(v)
expect_identical(readRDS(file)[], c(2, 9, 16, 25))

# P2: two ways to one object never alias.
a <- rt[["x"]]
b <- rt[["x"]]
a[1] <- 42
expect_identical(b, first)
keep <- readRDS(file)
twin <- readRDS(file)
twin[1] <- 1000
expect_identical(keep[1], 2)
keep[2] <- -1
expect_identical(twin[2], 9)

# Copies on modification: never aliases, of either owner.
x <- create_fmalloc_vector("integer", 100, rt)
y <- x
y[1] <- 5L
expect_identical(c(x[1], y[1]), c(0L, 5L))
x[2] <- 6L
expect_identical(c(x[2], y[2]), c(6L, 0L))
change <- function(v) {
  v[3] <- 9L
  v
}
expect_identical(change(x)[3], 9L)
expect_identical(x[3], 0L)

# In place while nobody shares it.
before <- fmalloc_info(x)$id
for (i in 1:100) x[i] <- i
expect_true(is.null(fmalloc_info(x)) || fmalloc_info(x)$id == before)
z <- create_fmalloc_vector("numeric", 100, rt)
before <- fmalloc_info(z)$id
for (i in 1:100) z[i] <- i
expect_identical(fmalloc_info(z)$id, before)

# P5: small copies are R's, large ones the heap's, and they go when R collects them.
old <- options(fileheap.copy_bytes = 1e5)
records <- function() nrow(list_fmalloc_allocations(rt))
large <- create_fmalloc_vector("numeric", 1e5, rt)
count <- records()
for (i in 1:20) {
  copy <- large
  copy[1] <- i
}
expect_true(is_file_backed(copy))
expect_false(fmalloc_info(copy)$id == fmalloc_info(large)$id)
expect_identical(c(copy[1], large[1]), c(20, 0))
rm(copy)
invisible(gc())
invisible(gc())
rt[["touch"]] <- 1
expect_true(records() <= count + 2L)
options(old)
copy <- large
copy[1] <- 1
expect_false(is_file_backed(copy))

# P6: R's wrappers are looked through.
w <- rt[["x"]]
names(w) <- as.character(first)
expect_true(is_file_backed(w))
expect_identical(unname(w), first)

# P12: what R cannot do in place becomes an ordinary vector.
g <- create_fmalloc_vector("numeric", 3, rt)
g[4] <- 1
expect_identical(g, c(0, 0, 0, 1))
expect_false(is_file_backed(g))
g <- create_fmalloc_vector("integer", 3, rt)
g[2] <- 0.5
expect_identical(g, c(0, 0.5, 0))

# Binding copies nothing and makes the variable a value.
b <- create_fmalloc_vector("numeric", 1e4, rt)
b[1] <- 1
rt[["b"]] <- b
expect_identical(fmalloc_info(rt[["b"]])$id, fmalloc_info(b)$id)
b[1] <- 2
expect_identical(c(b[1], rt[["b"]][1]), c(2, 1))

# edit(): stores reach the file; what was fetched before keeps its value.
seen <- rt[["b"]]
e <- edit(rt, "b")
e[1] <- 10
expect_identical(c(rt[["b"]][1], seen[1]), c(10, 1))

rm(e)
invisible(gc())
e <- edit(rt, "b")
e[2] <- 11
expect_identical(rt[["b"]][1:2], c(10, 11))
rt[["s"]] <- c("one", NA, "three is longer than twelve")
e <- edit(rt, "s")
e[2] <- "now a text that is longer than the first"
expect_identical(rt[["s"]], c("one", "now a text that is longer than the first",
                              "three is longer than twelve"))
rt[["mat"]] <- matrix(1:6, 2, dimnames = list(NULL, c("a", "b", "c")))
e <- edit(rt, "mat")
e[1, "b"] <- 50L
expect_identical(rt[["mat"]][1, "b"], c(b = 50L))
rt[["l"]] <- list(1)
expect_true(refuses(edit(rt, "l"), "type"))
expect_true(refuses(edit(rt, "none"), "not_found"))
expect_true(is_clean(rt))

# What lost its name, or shows elements that the name has no more, is a value like every other: it
# can be stored again, within something, too, and written to an RDS.
rt <- new_heap()
first <- c(a = 1, b = 2, c = 3)
for (how in c("bound", "fetched")) {
  for (lose in list(function() rt[["n"]] <- 5, function() fmalloc_remove(rt, "n"))) {
    x <- as_fmalloc(first, rt)
    rt[["n"]] <- x
    if (how == "fetched") x <- rt[["n"]]
    lose()
    rt[["again"]] <- x
    rt[["within"]] <- list(x, more = list(x))
    expect_identical(rt[["again"]], first, info = how)
    expect_identical(rt[["within"]], list(first, more = list(first)), info = how)
    expect_identical(unserialize(serialize(x, NULL)), first, info = how)
    expect_identical(as_fmalloc(x, rt), first, info = how)
    expect_identical(unmanaged(managed(x)), first, info = how)
    if (getRversion() >= "4.3") {
      l <- create_fmalloc_vector("list", 1, rt)
      expect_true(refuses(l[[1]] <- x, "not_file_backed"), info = how)
    }
  }
}
path <- summary(rt)$path
for (change in c("rt[['n']] <- 5", "e <- edit(rt, 'n'); e[1] <- 5; stopifnot(is_file_backed(e))")) {
  rt[["n"]] <- first
  x <- rt[["n"]]
  rm(l)
  invisible(gc())
  expect_identical(elsewhere(c("rt <- open_fmalloc(path)", change), path = path), character())
  rt[["again"]] <- x
  expect_identical(rt[["n"]][[1]], 5, info = change)
  expect_identical(rt[["again"]], first, info = change)
  expect_identical(unserialize(serialize(x, NULL)), first, info = change)
  l <- NULL
}
try(with_transaction(rt, {
  rt[["again"]] <- 0
  rt[["other"]] <- x
  stop("no")
}), silent = TRUE)
expect_identical(rt[["again"]], first)
expect_identical(x, first)
expect_true(is_clean(rt))

# Nor does what an environment or a function has change what was stored with it.
for (n in c(3, 1e4)) {
  e <- new.env()
  e$v <- create_fmalloc_vector("numeric", n, rt)
  f <- local({
    v <- create_fmalloc_vector("numeric", n, rt)
    function(k) v[1] <<- k
  })
  rt[["e"]] <- e
  rt[["f"]] <- list(f, f)
  evalq(v[1] <- 5, e)
  f(7)
  expect_identical(c(e$v[1], environment(f)$v[1]), c(5, 7))
  expect_identical(c(rt[["e"]]$v[1], environment(rt[["f"]][[2]])$v[1]), c(0, 0))
}
