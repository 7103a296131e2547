# edit(): it changes what one name stands for, and nothing else; again and again; attributes.
source("helper.R")
path <- new_path()
rt <- open_fmalloc(path)
records <- function() {
  invisible(gc())
  rt[["touch"]] <- 1
  all <- list_fmalloc_allocations(rt)
  all[all$state != "in progress" & all$record != fmalloc_info(rt[["touch"]])$id, ]
}

# Another process looks at something, and tells what it sees when that was edited here.
look_elsewhere <- function(look, tell) {
  flags <- tempfile(c("looks", "edited", "done"))
  elsewhere(c("rt <- open_fmalloc(path)", look, "file.create(flags[1])",
              "while (!file.exists(flags[2])) Sys.sleep(0.02)", tell,
              "writeLines(as.character(told), flags[3])"), path = path, flags = flags,
            wait = FALSE)
  expect_true(await(function() file.exists(flags[1])))
  flags
}
seen_elsewhere <- function(flags, lines) {
  file.create(flags[2])
  expect_true(await(function() file.exists(flags[3]) && length(readLines(flags[3])) == lines))
  readLines(flags[3])
}

# What has the vector under another name, in a list, in a data frame or twice keeps its value.
for (in_transaction in c(FALSE, TRUE)) {
  run <- if (in_transaction) function(code) with_transaction(rt, code) else force
  rt$x <- c(1, 2, 3)
  rt$backup <- rt$x
  rt$m <- matrix(0, 100, 10, dimnames = list(NULL, letters[1:10]))
  rt$l <- list(old = rt$m, twice = list(rt$m))
  rt$frame <- data.frame(a = numeric(1000), b = as.character(1:1000))
  rt$z <- rt$frame$a
  rt$s <- rt$frame$b
  rt$self <- structure(rt$s, names = rt$s)
  rt$f <- local({ v <- rt$x; function() v })
  run({
    v <- edit(rt, "x")
    v[1] <- 99
    m <- edit(rt, "m")
    m[1, "a"] <- 7
    z <- edit(rt, "z")
    z[1] <- 3
    s <- edit(rt, "s")
    s[1] <- "a text that is longer than twelve bytes"
    self <- edit(rt, "self")
    self[2] <- "another text that is longer than twelve bytes"
  })
  expect_identical(rt$x, c(99, 2, 3))
  expect_identical(rt$backup, c(1, 2, 3))
  expect_identical(rt$f(), c(1, 2, 3))
  expect_identical(rt$m[1, ], c(a = 7, setNames(numeric(9), letters[2:10])))
  expect_identical(c(rt$l$old[1, 1], rt$l$twice[[1]][1, 1]), c(a = 0, a = 0))
  expect_identical(c(rt$z[1], rt$frame$a[1]), c(3, 0))
  expect_identical(rt$frame$b, as.character(1:1000))
  expect_identical(rt$s[1:2], c("a text that is longer than twelve bytes", "2"))
  expect_identical(names(rt$self), as.character(1:1000))
  expect_identical(unname(rt$self)[2:3], c("another text that is longer than twelve bytes", "3"))
  # The other way round it is the same.
  rm(v, m, z, s, self)
  b <- edit(rt, "backup")
  b[2] <- -2
  expect_identical(c(rt$x, rt$backup, rt$f()), c(99, 2, 3, 1, -2, 3, 1, 2, 3))
  rm(b)
  expect_true(is_clean(rt))
}
out <- elsewhere(c("rt <- open_fmalloc(path)",
                   "cat(rt$x, rt$backup, rt$l$old[1, 1], rt$frame$a[1])"), path = path)
expect_identical(out, "99 2 3 1 -2 3 0 0")

# Nothing of it is left behind: neither when names go, nor after an abort.
fmalloc_remove(rt, setdiff(names(rt), "touch"))
expect_equal(nrow(records()), 0L)
rt$x <- as.numeric(1:1000)
rt$backup <- rt$x
before <- records()
try(with_transaction(rt, {
  v <- edit(rt, "x")
  v[1] <- 99
  stop("no")
}), silent = TRUE)
expect_true(refuses(v[1], "destroyed"))
expect_identical(c(rt$x[1], rt$backup[1]), c(1, 1))
rm(v)
expect_identical(records()[c("record", "references")], before[c("record", "references")])
v <- edit(rt, "x")
expect_equal(sum(records()$references), 2)
rm(v)
expect_equal(records()$references, c(1, 1))
fmalloc_remove(rt, c("x", "backup"))
expect_equal(nrow(records()), 0L)

# Storing what is being edited under another name stores its elements of that moment.
rt$x <- c(1, 2, 3)
v <- edit(rt, "x")
v[1] <- 10
rt$backup <- rt$x
rt$kept <- v
rt$l <- list(rt$x, more = list(rt$x))
rt$e <- local({ w <- rt$x; environment() })
expect_true(is_file_backed(v))
v[1] <- 99
expect_identical(rt$x, c(99, 2, 3))
for (kept in list(rt$backup, rt$kept, rt$l[[1]], rt$l$more[[1]], rt$e$w)) {
  expect_identical(kept, c(10, 2, 3))
}
expect_identical(as_fmalloc(v, rt), c(99, 2, 3))
# Under its own name it stays where it is, and is a value from then on.
id <- fmalloc_info(v)$id
rt$x <- v
expect_identical(fmalloc_info(rt$x)$id, id)
v[1] <- 5
expect_identical(c(v[1], rt$x[1]), c(5, 99))
expect_true(is_clean(rt))

# Who fetched the value before keeps it, whatever was edited before that, here and elsewhere.
change <- function(i, value) {
  v <- edit(rt, "x")
  v[i] <- value
}
change(1, 20)
y <- rt$x
change(1, 21)
z <- rt$x
v <- edit(rt, "x")
v[1] <- 22
w <- rt$x
v <- edit(rt, "x")
v[1] <- 23
expect_identical(c(y[1], z[1], w[1], rt$x[1]), c(20, 21, 22, 23))
flags <- look_elsewhere("y <- rt$x", c("z <- rt$x", "told <- c(y[1], z[1])"))
v <- edit(rt, "x")
v[1] <- 24
expect_identical(seen_elsewhere(flags, 2L), c("23", "24"))

# It can be had again and again: bound to the same variable, to another one, in functions.
rt$x <- numeric(5)
rm(v, w, y, z)
invisible(gc())
places <- numeric()
for (i in 1:3) {
  v <- edit(rt, "x")
  v[i] <- 10
  all <- list_fmalloc_allocations(rt)
  places <- c(places, all$payload_offset[all$record == fmalloc_info(v)$id])
}
expect_true(is_file_backed(v))
expect_equal(length(unique(places)), 1L) # nobody looked, nothing was copied
change(4, 11)
change(5, 12)
expect_identical(rt$x, c(10, 10, 10, 11, 12))
for (i in 1:2) with_transaction(rt, {
  v <- edit(rt, "x")
  v[i] <- i
})
w <- edit(rt, "x")
w[3] <- 3
v[4] <- 4
expect_identical(rt$x, c(1, 2, 3, 4, 12))
expect_identical(v, rt$x)
expect_identical(w, rt$x)
expect_true(fmalloc_info(v)$mutable && fmalloc_info(w)$mutable)
# An abort takes the vectors of the transaction; older ones go on with what there was before.
y <- rt$x
try(with_transaction(rt, {
  u <- edit(rt, "x")
  u[1] <- 50
  w[2] <- 51
  seen <- rt$x
  u <- edit(rt, "x")
  v[3] <- 52
  stop("no")
}), silent = TRUE)
expect_true(refuses(u[1], "destroyed"))
expect_true(refuses(seen[1], "destroyed"))
expect_identical(y, c(1, 2, 3, 4, 12))
expect_identical(c(v, w, rt$x), rep(y, 3))
v[1] <- 60
w[2] <- 61
expect_identical(rt$x, c(60, 61, 3, 4, 12))
expect_identical(y, rt$x) # it was fetched while they stored to it
rm(u, v, w, y, seen)
expect_true(is_clean(rt))

# Strings: who stores tells the others.
rt$s <- c("one", "two", strrep("three", 10))
v <- edit(rt, "s")
y <- rt$s
w <- edit(rt, "s")
z <- rt$s
long <- strrep("long enough for a buffer of its own ", 1e4)
expect_identical(c(v[1], w[1], z[1]), rep("one", 3))
v[1] <- long
expect_identical(c(w[1], z[1], y[1]), c(long, long, "one"))
w[2] <- paste("a second", long)
expect_identical(v[], rt$s)
expect_identical(v[1:2], c(long, paste("a second", long)))
for (i in 1:3) v[3] <- paste(i, long)
expect_identical(w[3], paste(3, long))
expect_identical(z[], v[])
flags <- look_elsewhere(c("y <- rt$s", "stopifnot(nchar(y[2]) > 100)"),
                        "told <- nchar(y[1])")
v[1] <- strrep("x", 3e6)
expect_identical(seen_elsewhere(flags, 1L), "3000000")
rm(v, w, y, z)
expect_true(is_clean(rt))

# Attributes belong to the variable until it is stored.
rt$m <- matrix(0, 2, 2)
e <- edit(rt, "m")
dimnames(e) <- list(NULL, c("a", "b"))
e[1, 1] <- 5
expect_true(is_file_backed(e))
expect_identical(rt$m, matrix(c(5, 0, 0, 0), 2))
rt$m <- e
expect_identical(rt$m, matrix(c(5, 0, 0, 0), 2, dimnames = list(NULL, c("a", "b"))))

# Views for writing of a name in a heap change that name alone.
rt$backup <- rt$m
view <- retrieveViews(rt, "m", writable = TRUE)
view$m[1, 1] <- 6
expect_identical(unname(c(rt$m[1, 1], rt$backup[1, 1])), c(6, 5))
releaseViews(rt, "m")
rm(view, e)
expect_true(is_clean(rt))

# What is stored is what the variable has, though another process, which one waits for, edits it.
rt$x <- c(1, 2, 3)
y <- rt$x
rm(list = intersect(c("e", "view"), ls()))
invisible(gc())
rt$touch <- 2
begun <- tempfile("begun")
elsewhere(c("rt <- open_fmalloc(path)",
            "with_transaction(rt, {",
            "  v <- edit(rt, 'x')",
            "  v[1] <- 99",
            "  file.create(begun)",
            "  Sys.sleep(1)",
            "})"), path = path, begun = begun, wait = FALSE)
expect_true(await(function() file.exists(begun)))
rt$z <- y
expect_identical(rt$z, c(1, 2, 3))
expect_identical(rt$x, c(99, 2, 3))
expect_false(fmalloc_info(rt$x)$id == fmalloc_info(rt$z)$id)
rm(y)
expect_true(is_clean(rt))

# What has no such vector is told, and nothing stays open.
expect_true(refuses(edit(rt, "none"), "not_found"))
expect_true(refuses(edit(rt, "e"), "type"))
rt$l <- list(1)
expect_true(refuses(edit(rt, "l"), "type"))
with_transaction(rt, rt$l <- 2)
expect_identical(rt$l, 2)
