# Beside data.table, dplyr and Rcpp, where they are installed: last, since they stay loaded. P13.
source("helper.R")
rt <- new_heap()
has <- function(package) requireNamespace(package, quietly = TRUE)
values <- c(5, 3, NA, 1, seq_len(200))
texts <- c("b", NA, "a text longer than twelve", "", rep(c("u", "v"), 100))
rt[["frame"]] <- data.frame(n = values, s = texts, g = factor(texts), stringsAsFactors = FALSE)
frame <- rt[["frame"]]
plain <- data.frame(n = values, s = texts, g = factor(texts), stringsAsFactors = FALSE)
unchanged <- function() identical(rt[["frame"]], plain)
expect_true(unchanged())

if (has("data.table")) {
  library(data.table)
  table <- as.data.table(frame)
  expect_equal(as.data.frame(table[order(n)]), as.data.frame(as.data.table(plain)[order(n)]))
  expect_equal(table[, sum(n, na.rm = TRUE), by = s],
               as.data.table(plain)[, sum(n, na.rm = TRUE), by = s])
  expect_equal(table[s == "u", .N], 100L)
  expect_equal(merge(table, table, by = "s", allow.cartesian = TRUE),
               merge(as.data.table(plain), as.data.table(plain), by = "s", allow.cartesian = TRUE))
  # What data.table does by reference is not done to what has a name.
  byref <- list(v = rt[["frame"]]$n)
  setDT(byref)
  byref[, v := 0]
  set(table, 1L, "n", -1)
  table[, s := toupper(s)]
  setorder(table, g)
  expect_true(unchanged())
  setkey(setDT(other <- rt[["frame"]]), s)
  expect_true(unchanged())
  # Nor if it was stored as a data.table, within a list, too.
  rt[["table"]] <- list(part = data.table(v = values, s = texts))
  by_name <- rt[["table"]]$part
  by_name[1:3, v := -1]
  set(by_name, 2L, "s", "changed")
  with_transaction(rt, rt[["other"]] <- 1)
  expect_identical(rt[["table"]]$part$v, values)
  expect_identical(rt[["table"]]$part$s, texts)
}

if (has("dplyr")) {
  pipe <- function(x) {
    x <- dplyr::mutate(dplyr::filter(x, !is.na(n)), m = n * 2, s = paste0(s, "!"))
    x <- dplyr::summarise(dplyr::group_by(x, g), k = sum(m), .groups = "drop")
    as.data.frame(dplyr::arrange(x, g))
  }
  expect_equal(pipe(frame), pipe(plain))
  expect_equal(dplyr::left_join(frame, frame[1:4, 1:2], by = "s"),
               dplyr::left_join(plain, plain[1:4, 1:2], by = "s"))
  expect_equal(dplyr::distinct(frame, s), dplyr::distinct(plain, s))
  tibble <- dplyr::as_tibble(frame)
  rt[["tibble"]] <- tibble
  expect_identical(rt[["tibble"]], dplyr::as_tibble(plain))
  expect_true(unchanged())
}

if (has("Rcpp")) {
  Rcpp::sourceCpp(code = "
    #include <Rcpp.h>
    // [[Rcpp::export]]
    double total(Rcpp::NumericVector x) { return Rcpp::sum(x); }
    // [[Rcpp::export]]
    void put(Rcpp::NumericVector x, int i, double v) { x[i] = v; }
    // [[Rcpp::export]]
    Rcpp::CharacterVector upper(Rcpp::CharacterVector x) {
      for (R_xlen_t i = 0; i < x.size(); i++) if (x[i] == \"u\") x[i] = \"U\";
      return x;
    }", cacheDir = tempfile())
  x <- create_fmalloc_vector("numeric", 1000, rt)
  x[] <- 1:1000 + 0
  expect_identical(total(x), 500500)
  # A vector that R alone owns is stored to in the file, at full speed.
  put(x, 0L, 1e6)
  expect_identical(x[1:2], c(1e6, 2))
  id <- fmalloc_info(x)$id
  put(x, 1L, 3)
  expect_identical(c(x[2], fmalloc_info(x)$id), c(3, id))
  s <- as_fmalloc(c("u", "v"), rt)
  expect_identical(upper(s)[1], "U")
}
expect_true(is_clean(rt))
