# Long operations: interrupted between two steps, nothing is left open; a bar after a while.
source("helper.R")
path <- new_path()

# The session interrupts itself while it works: a timer's signal, as Ctrl-C sends it.
out <- elsewhere(c(
  "rt <- open_fmalloc(path)",
  "x <- managed(create_fmalloc_matrix('numeric', 3000, 3000, runtime = rt))",
  "options(Rfmalloc.reduce_result_length = 1000)",
  "steps <- getFromNamespace('steps', 'fileheap')",
  "interrupted <- function(code) {",
  "  system(sprintf('(sleep 0.4; kill -INT %d) &', Sys.getpid()))",
  "  tryCatch({ code; 'finished' }, interrupt = function(e) 'interrupted')",
  "}",
  "many <- function(code) { code <- substitute(code); for (i in 1:100000) eval(code) }",
  "cat(interrupted(many(x * 2)), '\\n')",
  "cat(interrupted(many(cumsum(x))), '\\n')",
  "cat(interrupted(many(rowSums(x))), '\\n')",
  "cat(interrupted(many(colSums(x))), '\\n')",
  "cat(interrupted(many(x[-1])), '\\n')",
  "cat(interrupted(many(as_fmalloc(numeric(1e7), rt))), '\\n')",
  "rt[['after']] <- 1:3",
  "invisible(gc())",
  "cat(length(diagnose_fmalloc_runtime(rt, check = TRUE)$summary$findings), rt[['after']])"),
  path = path)
expect_identical(sum(trimws(out) == "interrupted"), 6L, info = paste(out, collapse = "\n"))
expect_true(any(grepl("^0 1 2 3$", out)), info = paste(out, collapse = "\n"))

# The bar: only where it is wanted, and only after its time.
rt <- new_heap()
steps <- getFromNamespace("steps", "fileheap")
usual <- steps$elements
steps$elements <- 10
old <- options(Rfmalloc.reduce_result_length = 100, fileheap.progress = TRUE,
               fileheap.progress_after = 0)
x <- managed(as_fmalloc(as.double(1:500), rt))
told <- function(code) paste(capture.output(invisible(code), type = "message"), collapse = "")
expect_true(grepl("100%|computing", told(x + 1)))
options(fileheap.progress_after = 60)
expect_identical(told(x + 1), "")
options(fileheap.progress = NULL)
options(fileheap.progress_after = 0)
if (!interactive()) expect_identical(told(x + 1), "")
options(old)
steps$elements <- usual
