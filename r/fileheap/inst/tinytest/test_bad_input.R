# Bad input: an error of its own class, and nothing is changed.
source("helper.R")
rt <- new_heap()

for (bad in list("foo", NA_character_, 1, NULL, c("integer", "raw"), "function")) {
  expect_true(refuses(create_fmalloc_vector(bad, 1, rt), "type"), info = deparse(bad))
}
for (bad in list(-1, NA, NaN, Inf, 1.5, 2^53, "3", NULL, 1:2)) {
  expect_true(refuses(create_fmalloc_vector("raw", bad, rt), "length"), info = deparse(bad))
  expect_true(refuses(create_fmalloc_matrix("raw", bad, 1, runtime = rt), "length"),
              info = deparse(bad))
}
for (bad in list(-1, NA, c(1, 1.5), numeric(), "a", 2^31)) {
  expect_true(refuses(create_fmalloc_array("raw", bad, runtime = rt), "dim"), info = deparse(bad))
}
expect_true(refuses(create_fmalloc_array("raw", rep(2^30, 3), runtime = rt), "length"))
expect_true(refuses(create_fmalloc_vector("numeric", 2^50, rt), "limit_reached"))
expect_true(refuses(create_fmalloc_matrix("raw", 2, 2, list("a"), rt), "dim"))
expect_true(refuses(create_fmalloc_vector("raw", 1, rt, NA), "invalid_argument"))
expect_true(refuses(create_fmalloc_vector("raw", 1, "x"), "handle"))
expect_true(refuses(commit("x"), "handle"))
expect_true(refuses(fmalloc_remove(rt, 1), "invalid_argument"))
expect_true(refuses(create_fmalloc_data_frame(a = 1, check.names = NA, runtime = rt),
                    "invalid_argument"))
expect_true(refuses(as_fmalloc_array(1:4, dim = list(2, "a"), runtime = rt), "dim"))
for (bad in list("persist", NULL, NA, 1, factor("scratch"), c("scratch", "persistent"))) {
  expect_true(refuses(open_fmalloc(new_path(), mode = bad), "invalid_argument"),
              info = deparse(bad)[1])
}
expect_true(refuses(as_fmalloc_matrix(1:6, 4, 2, runtime = rt), "dim"))
expect_true(refuses(as_fmalloc_array(1:6, 6, copy = FALSE), "not_file_backed"))
expect_true(refuses(as_fmalloc(sum, rt), "type"))
error <- tryCatch(create_fmalloc_vector("foo", 1, rt), error = identity)
expect_true(all(c("expected", "found") %in% names(error)))
expect_identical(error$found, "foo")
expect_identical(as.character(conditionCall(error))[1], "create_fmalloc_vector")

# Files that are no heaps are left as they are.
expect_true(refuses(open_fmalloc(file.path(tempfile(), "a.heap")), "not_found"))
expect_true(refuses(open_fmalloc(tempdir()), "not_a_file"))
for (bad in list(1, NULL, NA_character_, "", c("a", "b"))) {
  expect_true(refuses(open_fmalloc(bad), "invalid_argument"), info = deparse(bad))
}
expect_true(refuses(open_fmalloc(new_path(), size_gb = -1), "invalid_argument"))
for (content in list(raw(0), charToRaw("hello"), as.raw(sample(0:255, 1e5, TRUE)))) {
  path <- new_path()
  writeBin(content, path)
  before <- print_of(path)
  error <- tryCatch(open_fmalloc(path), error = identity)
  expect_inherits(error, "fileheap_error_not_a_heap")
  expect_identical(error$path, path)
  expect_identical(print_of(path), before)
}

# Truncated, damaged, of a later format.
sound <- new_path()
made <- open_fmalloc(sound)
made$x <- 1:1000
cleanup_fmalloc(made)
invisible(gc())
bytes <- readBin(sound, "raw", file.size(sound))
damaged <- function(bytes) {
  path <- new_path()
  writeBin(bytes, path)
  path
}
expect_true(refuses(open_fmalloc(damaged(bytes[1:100000])), "truncated"))
expect_true(refuses(open_fmalloc(damaged(replace(bytes, c(9, 4105), as.raw(99)))), "corrupt") ==
              TRUE ||
              refuses(open_fmalloc(damaged(replace(bytes, c(9, 4105), as.raw(99)))),
                      "newer_format") == TRUE)
set.seed(3)
for (i in 1:40) {
  wrong <- bytes
  at <- sample(65536:200000, 20)
  wrong[at] <- as.raw(sample(0:255, 20, TRUE))
  found <- classes({
    hurt <- open_fmalloc(damaged(wrong))
    hurt$x
    diagnose_fmalloc_runtime(hurt, check = TRUE)
  })
  expect_true(any(c("fileheap_error", "none") %in% found), info = paste(i, found[1]))
}

# No permission: as root there is always permission, so as somebody else.
if (Sys.info()[["effective_user"]] == "root" && nzchar(Sys.which("setpriv"))) {
  Sys.chmod(sound, "0600")
  Sys.chmod(dirname(sound), "0755")
  out <- system2("setpriv", c("--reuid=65534", "--regid=65534", "--clear-groups", "cat", sound),
                 stdout = FALSE, stderr = FALSE)
  expect_true(out != 0L)
}

# A disk that is full: an error, and R lives on. On a small disk of its own.
if (Sys.info()[["effective_user"]] == "root" && nzchar(Sys.which("unshare"))) {
  mount <- tempfile()
  dir.create(mount)
  script <- tempfile(fileext = ".R")
  writeLines(c(sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
               "library(fileheap)", sprintf("rt <- open_fmalloc('%s/a.heap')", mount),
               "rt$x <- c(1, 2)",
               "error <- tryCatch(create_fmalloc_vector('raw', 1e8, rt), error = identity)",
               "cat(class(error)[1], sum(rt$x), '')",
               "kind <- function(code) tryCatch({ code; 'none' }, error = function(e) class(e)[1])",
               "s <- create_fmalloc_vector('character', 100, rt)",
               "v <- create_fmalloc_vector('numeric', 1e4, rt)",
               "told <- c(kind(rt$y <- runif(1e6)), kind(for (i in 1:100) s[i] <- strrep('a', 1e5)),",
               "  kind(with_transaction(rt, { v[] <- 1; rt$x <- 5; rt$z <- runif(1e6) })),",
               "  kind(as_fmalloc(runif(1e6), rt)))",
               "n <- sum(nzchar(s))",
               "s[1] <- 'still'",
               "findings <- diagnose_fmalloc_runtime(rt, check = TRUE)$summary$findings",
               "cat(unique(told), n > 0 && all(nchar(s[2:n]) == 1e5), s[1], sum(v), rt$x, names(rt),",
               "    length(findings))"), script)
  command <- sprintf("mount -t tmpfs -o size=4m none %s && %s --vanilla %s", mount,
                     file.path(R.home("bin"), "Rscript"), script)
  out <- system2("unshare", c("-m", "sh", "-c", shQuote(command)), stdout = TRUE, stderr = TRUE)
  expect_identical(tail(out, 1L), paste("fileheap_error_disk_full 3 fileheap_error_disk_full",
                                        "TRUE still 0 1 2 x 0"))
}

# R's own memory is at its end: R's error, and the vector is as it was.
wide <- create_fmalloc_vector("raw", 2e8, rt, zero_initialize = FALSE)
wide[1] <- as.raw(7)
limit <- mem.maxVSize(200)
expect_error(as.integer(wide), "memory|allocate")
invisible(mem.maxVSize(limit))
expect_identical(wide[1], as.raw(7))

# A panic in Rust is an ordinary error.
expect_true(refuses(.Call(fileheap:::C_panic), "internal"))

# An error that R's own code meets on its way does not name a function of ours.
gone <- create_fmalloc_vector("numeric", 3, rt)
destroy_fmalloc_vector(gone)
expect_identical(conditionCall(tryCatch(sum(gone), error = identity)), NULL)

# Arguments that a vector cannot be made of say so, whatever its extents would be.
expect_identical(dim(as_fmalloc_matrix(integer(0), ncol = 0, runtime = rt)), c(0L, 0L))
expect_true(refuses(as_fmalloc_matrix(1:6, 4, runtime = rt), "dim"))
expect_true(refuses(as_fmalloc_matrix(1:6, 0, runtime = rt), "dim"))
expect_true(refuses(as_fmalloc_matrix(data.frame(a = 1:2, b = 3:4), runtime = rt), "type"))
expect_true(refuses(as_fmalloc_array(NULL, runtime = rt), "type"))
named <- as_fmalloc(c(a = 1, b = 2), rt)
expect_identical(as_fmalloc_matrix(named, 1, 2, copy = FALSE), matrix(c(1, 2), 1))

# Names are text.
bytes <- "\xff\xfe"
expect_true(refuses(rt[[bytes]] <- 1, "invalid_argument"))
Encoding(bytes) <- "bytes"
expect_true(refuses(rt[[bytes]] <- 1, "invalid_argument"))

# An error tells its call without the value that was to be stored: its elements may be gone.
gone <- as_fmalloc(1:3, rt)
destroy_fmalloc_vector(gone)
caught <- tryCatch(rt[["gone"]] <- gone, error = identity)
expect_inherits(caught, "fileheap_error_destroyed")
expect_true(grepl("value = value", paste(deparse(conditionCall(caught)), collapse = "")))

# A closed runtime can still be looked at, as environment panes do.
closed <- new_heap()
cleanup_fmalloc(closed)
expect_stdout(str(list(closed)), "closed")

# What is missing, or wrong, is told of the function that the user called.
blamed <- function(code) deparse(conditionCall(tryCatch(code, fileheap_error = identity))[[1L]])
expect_identical(blamed(create_fmalloc_matrix("numeric", 3, runtime = rt)), "create_fmalloc_matrix")
expect_identical(blamed(create_fmalloc_matrix("numeric", 3, -1, runtime = rt)), "create_fmalloc_matrix")
expect_identical(blamed(create_fmalloc_vector("raw", runtime = rt)), "create_fmalloc_vector")
expect_identical(blamed(create_fmalloc_array(runtime = rt)), "create_fmalloc_array")
expect_identical(blamed(open_fmalloc()), "open_fmalloc")
expect_identical(blamed(fmalloc_exists(rt)), "fmalloc_exists")
expect_identical(blamed(fmalloc_remove(rt)), "fmalloc_remove")
expect_identical(blamed(edit(rt)), "edit.fmalloc_runtime")
expect_identical(blamed(with_transaction(rt)), "with_transaction")
expect_identical(blamed(as_fmalloc()), "as_fmalloc")
expect_identical(blamed(retrieveViews(rt)), "retrieveViews")
expect_error(create_fmalloc_matrix("numeric", 3, runtime = rt), "\"ncol\" is missing",
             class = "fileheap_error_invalid_argument")
