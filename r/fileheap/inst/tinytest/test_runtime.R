# Runtimes: handles, modes, limits, life of the mapping.
source("helper.R")

path <- new_path()
rt <- open_fmalloc(path)
expect_inherits(rt, "fmalloc_runtime")
expect_true(grepl(basename(path), format(rt), fixed = TRUE))
expect_stdout(print(rt), "persistent")
expect_equal(summary(rt)$mode, "persistent")
expect_stdout(print(summary(rt)), "uuid")
expect_equal(nchar(summary(rt)$uuid), 32L)

# The same file twice is one heap, whatever its path; another mode is an error.
link <- new_path()
file.symlink(path, link)
again <- open_fmalloc(link)
rt[["a"]] <- 1
expect_equal(again[["a"]], 1)
expect_true(refuses(open_fmalloc(path, mode = "scratch"), "mode"))

# Several heaps at once.
other <- new_heap()
other[["a"]] <- 2
expect_equal(c(rt[["a"]], other[["a"]]), 1:2 + 0)

# Vectors outlive the handle; the handle says that it is closed.
x <- create_fmalloc_vector("integer", 3, other)
x[2] <- 7L
cleanup_fmalloc(other)
expect_equal(x[], c(0L, 7L, 0L))
expect_true(refuses(names(other), "closed"))
expect_true(refuses(create_fmalloc_vector("integer", 1, other), "closed"))
expect_true(refuses(cleanup_fmalloc(other), "closed"))
expect_equal(format(other), "<fmalloc_runtime: closed>")
expect_stdout(print(other), "closed")

# A default runtime.
expect_true(refuses(create_fmalloc_vector("integer", 1), "closed"))
path <- new_path()
expect_true(init_fmalloc(path))
expect_false(init_fmalloc(path))
expect_equal(length(create_fmalloc_vector("integer", 3)), 3L)
cleanup_fmalloc()
expect_true(refuses(create_fmalloc_vector("integer", 1), "closed"))

# size_gb is a limit, not a need: the file grows. A full heap is an error that R survives.
small <- new_heap(size_gb = 0.004)
expect_true(file.size(summary(small)$path) < 2^20)
expect_true(refuses(create_fmalloc_vector("numeric", 1e6, small), "limit_reached"))
expect_equal(sum(create_fmalloc_vector("numeric", 1e5, small)), 0)
expect_error(create_fmalloc_vector("numeric", 1e6, small), "a larger size_gb")
# A larger one raises the limit once nobody has the heap open; a smaller one changes nothing.
path <- summary(small)$path
expect_true(refuses(create_fmalloc_vector("numeric", 1e6, open_fmalloc(path, size_gb = 1)),
                    "limit_reached"))
for (size in c(1, 0.001)) {
  cleanup_fmalloc(small)
  invisible(gc())
  small <- open_fmalloc(path, size_gb = size)
  expect_equal(length(create_fmalloc_vector("numeric", 1e6, small)), 1e6)
}

# Space of what R has not collected yet is found when the heap is full.
scratch <- open_fmalloc(new_path(), size_gb = 0.008, mode = "scratch")
for (round in 1:20) v <- create_fmalloc_vector("numeric", 4e5, scratch)
expect_equal(length(v), 4e5)

# For reading only, though it might be written to: nothing changes but who is said to be there.
contents_of <- function(path) tail(readBin(path, "raw", file.size(path)), -65536)
path <- new_path()
rt <- open_fmalloc(path)
rt[["x"]] <- as.double(1:3000)
cleanup_fmalloc(rt)
rm(rt)
invisible(gc())
before <- contents_of(path)
rt <- open_fmalloc(path, read_only = TRUE)
expect_stdout(print(rt), "for reading only")
x <- rt[["x"]]
expect_identical(sum(x), 4501500)
expect_identical(sum(managed(x) * 2), 9003000)
for (code in expression(
  rt[["y"]] <- 1, rt$x <- 1, edit(rt, "x"), fmalloc_remove(rt, "x"), as_fmalloc(1:3, rt),
  create_fmalloc_vector("integer", 3, rt), create_fmalloc_data_frame(a = 1, runtime = rt),
  as_fmalloc_matrix(1:4, 2, 2, runtime = rt), as_fmalloc(letters, rt), destroy_fmalloc_vector(x),
  with_transaction(rt, 1), commit(rt), fmalloc_trim(rt))) {
  expect_true(refuses(eval(code), "read_only"), info = deparse(code))
}
x[1] <- 7
expect_identical(c(x[1], rt[["x"]][1]), c(7, 1))
expect_identical(length(findings(rt)), 0L)
expect_identical(open_fmalloc(path, read_only = TRUE)[["x"]][2], 2)
# A session has a heap open in one way; what it holds no more is in nobody's way.
expect_true(refuses(open_fmalloc(path), "read_only"))
cleanup_fmalloc(rt)
rm(rt, x)
expect_identical(contents_of(path), before)
rt <- open_fmalloc(path)
expect_true(refuses(open_fmalloc(path, read_only = TRUE), "in_use"))
cleanup_fmalloc(rt)
rm(rt)
expect_false(init_fmalloc(path, read_only = TRUE))
expect_true(refuses(create_fmalloc_vector("integer", 1), "read_only"))
cleanup_fmalloc()
expect_true(refuses(open_fmalloc(new_path(), read_only = TRUE), "not_found"))
expect_true(refuses(open_fmalloc(path, size_gb = 1, read_only = TRUE), "invalid_argument"))
expect_true(refuses(open_fmalloc(path, read_only = NA), "invalid_argument"))
expect_true(refuses(open_fmalloc(path, mode = "scratch", read_only = TRUE), "mode"))

# Who only reads a scratch heap is not its last user, though nobody else is left.
path <- new_path()
elsewhere(c("rt <- .Call(getFromNamespace('C_open', 'fileheap'), path, 0, 2L, FALSE)",
            "tools::pskill(Sys.getpid(), 9L)"), path = path, wait = FALSE)
expect_true(await(function() any(file.exists(paste0(path, c("-log0", "-log1"))))))
Sys.sleep(0.2)
rt <- open_fmalloc(path, mode = "scratch", read_only = TRUE)
expect_identical(length(rt), 0L)
cleanup_fmalloc(rt)
rm(rt)
expect_true(file.exists(path))
cleanup_fmalloc(open_fmalloc(path, mode = "scratch"))
expect_false(file.exists(path))

# Scratch: by value, the file goes with its last user.
path <- summary(scratch)$path
expect_true(length(serialize(create_fmalloc_vector("numeric", 1000, scratch), NULL)) > 8000)
cleanup_fmalloc(scratch)
expect_true(file.exists(path))
expect_equal(v[1], 0)
rm(v)
invisible(gc())
invisible(gc())
expect_equal(list.files(dirname(path), basename(path)), character())

# Messages only when asked for, and as messages.
expect_silent(open_fmalloc(new_path()))
old <- options(fileheap.verbose = TRUE)
expect_message(open_fmalloc(new_path()), "fileheap: made")
options(old)
