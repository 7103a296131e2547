# References: saveRDS() and readRDS() by identity, path and record. P14.
source("helper.R")
path <- new_path()
rt <- open_fmalloc(path)
x <- create_fmalloc_vector("numeric", 1e5, rt)
x[1:3] <- 1:3
file <- file.path(dirname(path), "x.rds")
saveRDS(x, file)
expect_true(file.size(file) < 500)
expect_true(length(serialize(x, NULL)) < 700)

# Attributes come back, of everything.
saved <- list(m = create_fmalloc_matrix("integer", 2, 2, list(c("a", "b"), NULL), rt),
              f = as_fmalloc(factor(c("u", "v")), rt), d = as_fmalloc(as.Date("2026-01-01"), rt),
              t = as_fmalloc(as.POSIXct("2026-01-01", tz = "UTC"), rt),
              n = as_fmalloc(c(a = 1), rt), s = as_fmalloc(c("x", NA), rt),
              frame = as_fmalloc(data.frame(a = 1:2, b = c("u", "v")), rt))
all <- tempfile()
saveRDS(saved, all)
out <- elsewhere(c("s <- readRDS(all)", "plain <- rapply(s, function(v) v, how = 'replace')",
                   "cat(identical(dimnames(s$m), list(c('a', 'b'), NULL)), levels(s$f),",
                   "    format(s$d), attr(s$t, 'tzone'), names(s$n), is.na(s$s[2]),",
                   "    identical(s$frame, data.frame(a = 1:2, b = c('u', 'v'))),",
                   "    is_file_backed(s$frame$b))"), all = all)
expect_identical(out, "TRUE u v 2026-01-01 UTC a TRUE TRUE TRUE")

# Another process reads, and stores only to a copy while we may store.
out <- elsewhere(c("v <- readRDS(file)", "cat(sum(v[1:3]), is_file_backed(v), '')",
                   "v[1] <- 100", "cat(v[1], readRDS(file)[1])"), file = file)
expect_identical(out, "6 TRUE 100 1")
# When we are gone it stores through, as scripts expect.
rm(x, saved)
cleanup_fmalloc(rt)
invisible(gc())
out <- elsewhere(c("v <- readRDS(file)", "v[1] <- 100", "cat(sqrt(v)[1], is_file_backed(v))"),
                 file = file)
expect_identical(out, "10 TRUE")
expect_identical(readRDS(file)[1], 100)

# The heap has moved: the RDS file's folder and the option are looked into.
folder <- tempfile()
dir.create(folder)
invisible(gc())
moved <- file.path(folder, basename(path))
file.rename(path, moved)
expect_true(refuses(readRDS(file), "heap_missing"))
expect_false(file.exists(path))
file.copy(file, file.path(folder, "x.rds"))
expect_identical(readRDS(file.path(folder, "x.rds"))[1], 100)
invisible(gc())
old <- options(fileheap.path = folder)
expect_identical(readRDS(file)[2], 2)
options(old)
invisible(gc())

# Another heap at that path: an error, never its data; nothing is changed or made.
other <- open_fmalloc(path)
y <- create_fmalloc_vector("numeric", 1e5, other)
expect_true(refuses(readRDS(file), "heap_missing"))
rm(y)
cleanup_fmalloc(other)
invisible(gc())
unlink(path)
writeLines("not a heap", path)
before <- print_of(path)
expect_true(refuses(readRDS(file), "heap_missing"))
expect_identical(print_of(path), before)
unlink(path)

# Destroyed or overwritten.
options(fileheap.path = folder)
v <- readRDS(file)
destroy_fmalloc_vector(v)
expect_true(refuses(readRDS(file), "destroyed"))
options(old)

# Damaged references, and those of a later version.
rt <- open_fmalloc(moved)
state <- list(1L, as.raw(1:16), moved, 1, 14L, 1)
bad <- list(list(), 1, state[1:3], replace(state, 1, list(9L)), replace(state, 4, list(NaN)))
x <- create_fmalloc_vector("numeric", 3, rt)
bytes <- serialize(x, NULL)
expect_identical(unserialize(bytes), x)
for (at in which(bytes == as.raw(14))) {
  wrong <- bytes
  wrong[at] <- as.raw(13)
  found <- classes(suppressWarnings(unserialize(wrong)))
  expect_true(any(c("fileheap_error", "simpleError", "none") %in% found), info = at)
}

# In the session that has the vector a reference is a value of its own.
y <- unserialize(bytes)
y[1] <- 5
expect_identical(x[1], 0)

# Version 2 of the format ships the data.
expect_identical(unserialize(serialize(x, NULL, version = 2)), c(0, 0, 0))
expect_true(length(serialize(as_fmalloc(1:1000 + 0, rt), NULL, version = 2)) > 8000)
