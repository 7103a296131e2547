# Vectors whose elements are gone: saved and loaded with everything else, and never taken for data.
source("helper.R")
path <- new_path()
rt <- open_fmalloc(path)
keep_going <- function(code) {
  seen <- character()
  value <- withCallingHandlers(code, fileheap_warning_lost = function(w) {
    seen <<- c(seen, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  list(value = value, warnings = seen)
}
try(with_transaction(rt, {
  made <- create_fmalloc_matrix("numeric", 3, 2, list(NULL, c("a", "b")), rt)
  texts <- create_fmalloc_vector("character", 4, rt)
  stop("no")
}), silent = TRUE)
gone <- as_fmalloc(1:5, rt)
destroy_fmalloc_vector(gone)
alive <- as_fmalloc(c(1, 2), rt)
all <- list(made = made, texts = texts, gone = gone, alive = alive, plain = 1:3,
            frame = structure(list(n = gone), class = "data.frame", row.names = c(NA, -5L)))
file <- tempfile(fileext = ".rds")
saved <- keep_going(saveRDS(all, file))
expect_identical(length(saved$warnings), 4L)
said <- function(i, text) grepl(text, saved$warnings[[i]])
expect_true(said(1, "double, length 6.*was saved without.*transaction that was aborted"))
expect_true(said(3, basename(path)) && said(3, "was destroyed"))
expect_warning(serialize(made, NULL), "aborted", class = "fileheap_warning_lost")

# They are what they were: of that type, length and attributes, and an error to whoever looks.
back <- keep_going(readRDS(file))
expect_identical(length(back$warnings), 4L)
expect_true(all(grepl("was loaded without its elements", back$warnings)))
back <- back$value
expect_identical(back$alive, c(1, 2))
expect_identical(back$plain, 1:3)
expect_identical(dim(back$made), c(3L, 2L))
expect_identical(c(typeof(back$made), typeof(back$texts), typeof(back$gone)),
                 c("double", "character", "integer"))
expect_identical(c(dim(back$frame), length(back$texts)), c(5L, 1L, 4L))
for (use in list(function(v) v[1], function(v) max(v), function(v) { v[1] <- v[2]; v },
                 function(v) format(v), function(v) paste(v), function(v) rt$lost <- v,
                 function(v) as_fmalloc(v, rt), function(v) rt$lost <- list(1, v))) {
  for (v in back[c("made", "texts", "gone")]) {
    expect_true(refuses(use(v), "destroyed"), info = paste(deparse(use), collapse = ""))
  }
}
expect_false(is_file_backed(back$made))
expect_null(fmalloc_runtime(back$made))
expect_false(fmalloc_exists(rt, "lost"))
for (v in back[c("made", "texts")]) expect_stdout(.Internal(inspect(v)), "file-backed")
again <- keep_going(unserialize(serialize(back, NULL)))
expect_identical(length(again$warnings), 8L)
expect_identical(again$value$alive, c(1, 2))
rm(back, again, v)
invisible(gc())

# A workspace is saved by q("yes"), and loaded by the next session.
folder <- tempfile("workspace")
dir.create(folder)
lines <- c("setwd(folder)", "rt <- open_fmalloc(path)",
           "try(with_transaction(rt, { made <- as_fmalloc(1:3, rt); stop('no') }), silent = TRUE)",
           "other <- 'here'", "q('yes')")
elsewhere(lines, path = new_path(), folder = folder)
out <- elsewhere(c("load(file.path(folder, '.RData'))", "cat(other, length(made),",
                   "    class(tryCatch(made[1], error = identity))[1])"), folder = folder)
expect_true("here 3 fileheap_error_destroyed" %in% out)

# The elements of a closed heap are there; those of a file that was removed, or is another one by
# now, go by value.
path <- new_path()
other <- open_fmalloc(path)
x <- as_fmalloc(as.numeric(1:1000), other)
cleanup_fmalloc(other)
saveRDS(x, file)
expect_true(file.size(file) < 1000)
unlink(path)
for (step in 1:2) {
  saveRDS(x, file, compress = FALSE)
  expect_true(file.size(file) > 8000)
  out <- elsewhere("x <- readRDS(file); cat(sum(x), is_file_backed(x))", file = file)
  expect_identical(out, "500500 FALSE")
  invisible(open_fmalloc(path))
}

# A reference that leads nowhere is an error, unless the rest is wanted.
path <- new_path()
other <- open_fmalloc(path)
x <- as_fmalloc(c(a = 1, b = 2), other)
saveRDS(list(x = x, plain = 1), file)
rm(x)
destroyed <- as_fmalloc(1:2, rt)
second <- tempfile()
saveRDS(list(x = destroyed, plain = 1), second)
destroy_fmalloc_vector(destroyed)
cleanup_fmalloc(other)
invisible(gc())
unlink(path)
expect_true(refuses(readRDS(file), "heap_missing"))
expect_true(refuses(readRDS(second), "destroyed"))
old <- options(fileheap.missing = "warn")
for (it in c(file, second)) {
  back <- keep_going(readRDS(it))
  expect_identical(length(back$warnings), 1L)
  expect_identical(back$value$plain, 1)
  expect_true(refuses(back$value$x[1], "destroyed"))
}
options(old)
expect_true(is_clean(rt))
