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
bar_of <- function(wanted, seconds) {
  said <- elsewhere(c(
    "options(fileheap.progress = wanted, fileheap.progress_after = seconds)",
    "over_pieces <- getFromNamespace('over_pieces', 'fileheap')",
    "over_pieces(10, 'computing', function(at, count) Sys.sleep(0.1), step = 1)"),
    wanted = wanted, seconds = seconds)
  any(grepl("%", said))
}
expect_true(bar_of(TRUE, 0))
expect_false(bar_of(TRUE, 60))
expect_false(bar_of(NULL, 0))
