# What the test files share.
suppressPackageStartupMessages(library(fileheap))

new_path <- function() tempfile(fileext = ".heap")
new_heap <- function(...) open_fmalloc(new_path(), ...)

# The classes of the error that an expression raises, or "none".
classes <- function(code) {
  tryCatch({
    force(code)
    "none"
  }, error = function(e) class(e))
}
refuses <- function(code, kind) {
  found <- classes(code)
  if (paste0("fileheap_error_", kind) %in% found) TRUE
  else paste("expected", kind, "found", paste(found, collapse = " "))
}

# Runs R code in a fresh process; its output as lines.
elsewhere <- function(code, ..., wait = TRUE) {
  file <- tempfile(fileext = ".R")
  head <- sprintf(".libPaths(%s); suppressPackageStartupMessages(library(fileheap))", paste(deparse(.libPaths()), collapse = ""))
  given <- list(...)
  given <- sprintf("%s <- %s", names(given), vapply(given, function(it) {
    paste(deparse(it), collapse = "\n")
  }, ""))
  writeLines(c(head, given, code), file)
  # Whoever runs the tests in the background may ignore interrupts: the process must not. A limit on
  # the size of files is to be an error, as a full disk is.
  system2("env", c("--default-signal=INT", "--ignore-signal=XFSZ", file.path(R.home("bin"), "Rscript"), "--vanilla", file),
          stdout = wait, stderr = if (wait) TRUE else FALSE, wait = wait)
}

# Waits until a condition holds; FALSE after the time is up.
await <- function(condition, seconds = 20) {
  end <- Sys.time() + seconds
  while (Sys.time() < end) {
    if (condition()) return(TRUE)
    Sys.sleep(0.02)
  }
  FALSE
}

findings <- function(runtime) diagnose_fmalloc_runtime(runtime, check = TRUE)$summary$findings
is_clean <- function(runtime) length(findings(runtime)) == 0L

# Changes of a heap's bytes: a checksum of file and logs.
print_of <- function(path) unname(tools::md5sum(path))

examples <- list(
  logical = c(TRUE, NA, FALSE), integer = c(1L, NA, -5L), numeric = c(1.5, NA, NaN, -Inf),
  complex = c(1+2i, NA), raw = as.raw(c(0, 255)), character = c("a", NA, "", "longer than twelve"))
