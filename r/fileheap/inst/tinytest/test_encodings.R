# Texts of all encodings are ordered, matched and counted as base R's own are, in any locale.
source("helper.R", local = TRUE)
script <- tempfile(fileext = ".R")
writeLines('
utf8 <- "\\u00e9t\\u00e9"
latin1 <- iconv(utf8, "UTF-8", "latin1")
bytes <- "\\xe9t\\xff"
Encoding(bytes) <- "bytes"
long <- iconv("\\u00dfabcdefghijklmnopqrstuv", "UTF-8", "latin1")
pool <- list(c("b", "a", NA, "A", "", "NA", "Z", "aa"),
             c(utf8, latin1, "ete", NA, "\\u65e5\\u672c", latin1, long, "", "z"),
             c(bytes, "a", utf8, latin1, NA, bytes), c(latin1, "e", "f"), character(), NA_character_)
uses <- list(
  rank, function(x) rank(x, ties.method = "min"), function(x) rank(x, na.last = "keep"),
  sort, function(x) sort(x, decreasing = TRUE, na.last = TRUE),
  function(x) sort(x, method = "radix"), order, function(x) order(x, method = "radix"),
  function(x) order(x, decreasing = TRUE), function(x) order(x, na.last = NA), unique, duplicated,
  function(x) duplicated(x, fromLast = TRUE), function(x) match(x, c("a", utf8, NA)),
  function(x) match(c("a", utf8, latin1, NA, bytes), x), function(x) c(latin1, utf8, "a") %in% x,
  function(x) table(x, useNA = "ifany"), factor, function(x) x == latin1, function(x) x < "b",
  nchar, function(x) nchar(x, "bytes"), toupper, paste, function(x) split(seq_along(x), x),
  function(x) union(x, latin1), function(x) intersect(x, utf8), Encoding, rev)
all_of <- function(code) {
  warned <- character()
  value <- tryCatch(withCallingHandlers(code, warning = function(w) {
    warned <<- union(warned, conditionMessage(w))
    invokeRestart("muffleWarning")
  }), error = conditionMessage)
  if (inherits(value, "fmalloc")) value <- unmanaged(value)
  list(value, if (is.character(value)) Encoding(value), warned)
}
rt <- open_fmalloc(tempfile())
different <- character()
count <- 0
options(Rfmalloc.reduce_result_length = 3)
for (texts in pool) for (times in c(1, 100)) {
  x <- rep(texts, times)
  rt[["bound"]] <- x
  own <- as_fmalloc(x, rt)
  for (y in list(own, rt[["bound"]], managed(own))) for (i in seq_along(uses)) {
    count <- count + 1
    if (!identical(all_of(uses[[i]](y)), all_of(uses[[i]](x)))) {
      different <- c(different, paste(deparse(uses[[i]])[[1]], class(y)))
    }
  }
}
cat(Sys.getlocale("LC_CTYPE"), count, unique(different))', script)
of_locale <- function(locale) {
  code <- sprintf("library(fileheap, lib.loc = %s); source(%s)",
                  deparse(dirname(getNamespaceInfo("fileheap", "path"))), deparse(script))
  said <- system2("env", c(paste0("LC_ALL=", locale), file.path(R.home("bin"), "Rscript"),
                           "--vanilla", "-e", shQuote(code)), stdout = TRUE, stderr = FALSE)
  trimws(said)
}
expect_identical(of_locale("C"), "C 1044")
expect_identical(of_locale("C.UTF-8"), "C.UTF-8 1044")
