# Room made ahead for small vectors: zeros, never shared, never left behind.
source("helper.R")
in_progress <- function(rt) sum(.Call(fileheap:::C_records, rt)[[3L]] == 1)

path <- new_path()
rt <- open_fmalloc(path)
kept <- lapply(1:150, function(i) {
  x <- create_fmalloc_vector(c("numeric", "integer", "raw", "logical", "complex")[i %% 5 + 1],
                             i, rt)
  stopifnot(length(x) == i, !any(as.logical(x)))
  x[] <- as.vector(1, typeof(x))
  x
})
expect_true(all(vapply(kept, function(x) all(as.logical(x)), NA)))
all <- list_fmalloc_allocations(rt)
expect_identical(nrow(all), 150L)
expect_false(anyDuplicated(all$payload_offset) > 0)
expect_true(all(all$recoverable))
expect_true(in_progress(rt) > 0)
text <- create_fmalloc_vector("character", 50, rt)
expect_identical(text, character(50))
text[50] <- NA
expect_identical(sum(is.na(text)), 1L)
expect_true(is_clean(rt))

# They persist like others.
file <- new_path()
saveRDS(kept[[100]], file)
expect_identical(elsewhere("cat(sum(as.integer(readRDS(file))))", file = file), "100")

# An abort gives them back.
half <- in_progress(rt)
try(with_transaction(rt, {
  lost <- create_fmalloc_vector("numeric", 10, rt)
  lost[] <- 9
  stop("no")
}), silent = TRUE)
expect_identical(in_progress(rt), half)
expect_true(refuses(lost[1], "destroyed"))
more <- lapply(1:100, function(i) create_fmalloc_vector("numeric", 10, rt))
expect_identical(sum(unlist(more)), 0)

# Who leaves takes them along.
rm(kept, text, lost, more, rt)
invisible(gc())
invisible(gc())
rt <- open_fmalloc(path)
expect_identical(in_progress(rt), 0L)
expect_true(is_clean(rt))
rm(rt)
invisible(gc())

# Who is killed leaves them; the next session alone with the heap frees them.
flag <- tempfile()
elsewhere(c("rt <- open_fmalloc(path)",
            "for (i in 1:40) v <- create_fmalloc_vector('numeric', 10, rt)",
            "writeLines(as.character(Sys.getpid()), flag)", "Sys.sleep(60)"),
          path = path, flag = flag, wait = FALSE)
expect_true(await(function() file.exists(flag) && length(readLines(flag)) == 1L))
other <- open_fmalloc(path)
expect_true(in_progress(other) > 0)
rm(other)
invisible(gc())
victim <- as.integer(readLines(flag))
tools::pskill(victim, tools::SIGKILL)
await(function() !length(list.files(file.path("/proc", victim, "fd"))))
rt <- open_fmalloc(path)
expect_identical(in_progress(rt), 0L)
expect_identical(nrow(list_fmalloc_allocations(rt)), 150L + 1L + 100L + 40L)
expect_true(is_clean(rt))

# In a scratch heap what R collected is used again, and is zero again.
scratch <- open_fmalloc(new_path(), mode = "scratch")
fill <- function() for (i in 1:60) {
  x <- create_fmalloc_vector("numeric", 100, scratch)
  if (any(x != 0)) stop("not zero")
  x[] <- 1
}
for (i in 1:10) {
  fill()
  invisible(gc())
}
expect_true(summary(scratch)$file_bytes < 4 * 2^20)
expect_true(is_clean(scratch))
