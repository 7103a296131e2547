# Names: every supported object comes back as it was, here and in the next session.
source("helper.R")
path <- new_path()
rt <- open_fmalloc(path)

objects <- list(
  logical = c(a = TRUE, b = NA), integer = 1:3, double = c(1, NA, NaN, -Inf),
  complex = 1i, raw = as.raw(1:3), character = c("a", NA, "\u00e9"), null = NULL,
  factor = factor(c("u", "v", NA), levels = c("v", "u")), ordered = factor(1:3, ordered = TRUE),
  date = as.Date("2026-11-21") + 0:2, time = as.POSIXct(0, tz = "UTC", origin = "1970-01-01") + 1:2,
  local = as.POSIXlt("2026-11-21", tz = "UTC"), difference = as.difftime(c(1, 2), units = "hours"),
  long = structure(c(1, 2), class = "integer64"), matrix = matrix(1:6, 2, dimnames = list(NULL, letters[1:3])),
  array = array(1:8, c(2, 2, 2)), frame = data.frame(a = 1:3, b = letters[1:3]),
  rows = data.frame(x = c(1.5, 2), row.names = c("one", "two")),
  tibble = structure(list(a = 1:2), class = c("tbl_df", "tbl", "data.frame"), row.names = 1:2),
  list = list(1, "a", list(NULL, TRUE)), nested = list(a = list(b = list(c = 1:10))),
  empty = list(), zero = integer(), call = quote(f(x) + 1), formula = y ~ x,
  fun = function(x) x + 1, large = data.frame(i = 1:2000, s = as.character(1:2000)),
  names = setNames(as.numeric(1:2000), paste0("n", 1:2000)))
same <- function(a, b) {
  if (is.function(a) || inherits(a, "formula")) return(identical(deparse(a), deparse(b)))
  isTRUE(all.equal(a, b)) && identical(class(a), class(b))
}
for (name in names(objects)) rt[[name]] <- objects[[name]]
for (name in names(objects)) {
  expect_true(same(rt[[name]], objects[[name]]), info = name)
  if (is.atomic(objects[[name]])) expect_identical(rt[[name]], objects[[name]], info = name)
}
expect_identical(names(rt), sort(names(objects), method = "radix"))
expect_identical(length(rt), length(objects))
expect_true(is_file_backed(rt$large$i))
expect_true(is_file_backed(names(rt$names)))
expect_true(is_file_backed(rt$integer))

# Row names that count stay short, so that as.matrix() gives none.
for (frame in list(objects$large, objects$rows, objects$tibble)) {
  rt[["f"]] <- frame
  for (found in list(rt[["f"]], as_fmalloc(frame, rt), rt[["f"]])) {
    expect_identical(.row_names_info(found), .row_names_info(frame))
    expect_identical(rownames(as.matrix(found)), rownames(as.matrix(frame)))
  }
}
fmalloc_remove(rt, "f")

# The next session, without any RDS.
values <- tempfile()
saveRDS(objects[setdiff(names(objects), c("formula", "fun"))], values)
out <- elsewhere(c("rt <- open_fmalloc(path)", "wanted <- readRDS(values)",
                   "ok <- vapply(names(wanted), function(n) isTRUE(all.equal(rt[[n]], wanted[[n]])), NA)",
                   "cat(all(ok), rt$fun(1))"), path = path, values = values)
expect_identical(out, "TRUE 2")

# Replace, remove, ask.
rt[["integer"]] <- "other"
expect_identical(rt[["integer"]], "other")
rt$integer <- 5
expect_identical(rt$integer, 5)
expect_true(fmalloc_exists(rt, "null"))
expect_null(rt[["null"]])
held <- rt[["matrix"]]
fmalloc_remove(rt, c("matrix", "array"))
expect_false(fmalloc_exists(rt, "matrix"))
expect_identical(held, objects$matrix)
expect_true(refuses(rt[["matrix"]], "not_found"))
expect_true(refuses(fmalloc_remove(rt, "matrix"), "not_found"))
rt$kept <- 1
expect_true(refuses(fmalloc_remove(rt, c("kept", "matrix")), "not_found"))
expect_true(fmalloc_exists(rt, "kept"))
fmalloc_remove(rt, c("kept", "kept"))
rt[["long name"]] <- rt[["long name 2"]] <- 1
expect_identical(rt[["long name"]], 1)
rt[["self"]] <- rt[["large"]]
rt[["self"]] <- rt[["self"]]
expect_true(same(rt[["self"]], objects$large))

# Several at once, and all.
some <- new_heap()
some$b <- c(1, 2)
some$a <- "text"
expect_identical(some["b"], list(b = c(1, 2)))
expect_identical(some[c("b", "a")], list(b = c(1, 2), a = "text"))
expect_identical(as.list(some), list(a = "text", b = c(1, 2)))
expect_identical(some[], as.list(some))
expect_identical(some[character()], stats::setNames(list(), character()))
expect_identical(lapply(some, length), list(a = 1L, b = 2L))
expect_identical(sapply(some, class), c(a = "character", b = "numeric"))
expect_true(refuses(some["c"], "not_found"))
expect_true(refuses(some[1], "invalid_argument"))
expect_true(refuses(some["b"] <- 1, "unsupported"))
expect_identical(some$b, c(1, 2))

# Names that cannot be.
for (bad in list("", NA_character_, 1, c("a", "b"), NULL, strrep("x", 256))) {
  expect_true(refuses(rt[[bad]] <- 1, "invalid_argument"), info = deparse(bad))
}
expect_true(is_clean(rt))

# What is removed is freed, and what was there before does not come back.
before <- summary(rt)$live_bytes
for (i in 1:10) rt[["turn"]] <- as.numeric(1:10000)
fmalloc_remove(rt, "turn")
invisible(gc())
rt[["turn"]] <- 1
expect_true(summary(rt)$live_bytes < before + 20000)

# What a session that ended left temporary is swept by the next one.
count <- nrow(list_fmalloc_allocations(rt))
rm(held)
cleanup_fmalloc(rt)
invisible(gc())
rt <- open_fmalloc(path)
expect_true(nrow(list_fmalloc_allocations(rt)) <= count)
expect_false(any(list_fmalloc_allocations(rt)$temporary))

# R's methods of `[<-` copy: edit() says so, and of what has none it says nothing.
rt <- new_heap()
rt[["kinds"]] <- factor(c("a", "b"))
rt[["days"]] <- as.Date("2020-01-01") + 0:3
rt[["plain"]] <- structure(c(1, 2), class = "of_nobody")
expect_warning(edit(rt, "kinds"), "R copies vectors of class factor", class = "fileheap_warning_copied")
expect_warning(edit(rt, "days"), "class Date", class = "fileheap_warning_copied")
expect_silent(edit(rt, "plain"))
