# Namespaces: any object under a name, views of it here and in other processes, release.
source("shared_helper.R", local = TRUE)

frame <- data.frame(i = 1:2000, x = rnorm(2000), s = sprintf("row %d", 1:2000),
                    f = factor(rep(c("a", "b"), 1000)), d = as.Date("2026-01-01") + 0:1999)
everything <- list(
  double = c(a = 1.5, b = NA, c = Inf), integer = 1:5000, logical = c(TRUE, NA),
  complex = complex(real = rnorm(500), imaginary = 1), raw = as.raw(rep(0:255, 10)),
  character = c("a", NA, strrep("long", 500)), empty = numeric(),
  matrix = matrix(rnorm(6000), 60, dimnames = list(paste0("r", 1:60), NULL)),
  array = array(1:24, 2:4), factor = factor(c("u", "v", "u")), date = Sys.Date() + 0:999,
  time = as.POSIXct("2026-02-03 04:05:06", tz = "UTC") + 0:999,
  span = as.difftime(1:999, units = "mins"), frame = frame,
  list = list(1, "two", list(three = 3:5000), NULL), text = matrix(as.character(1:400), 20),
  none = NULL)
registerVariables("all", everything)
views <- retrieveViews("all", names(everything))
for (name in names(everything)) {
  expect_identical(views[[name]], everything[[name]], info = name)
}
expect_true(is_file_backed(views$integer))
expect_true(is_file_backed(views$frame$x))
expect_equal(sort(unlist(viewList())), sort(paste0("all.", names(everything))))
expect_equal(sort(unlist(pageList())), sort(paste0("all.", names(everything))))
expect_true(length(left_over()) > 0L)

# Row names that count stay short, where a column is linked from another heap, too.
other_heap <- open_fmalloc(tempfile(fileext = ".heap"))
linked <- data.frame(x = as_fmalloc(rnorm(2000), other_heap), i = 1:2000)
registerVariables("all", list(linked = linked))
expect_true(.row_names_info(views$frame) < 0L)
expect_true(.row_names_info(retrieveViews("all", "linked")$linked) < 0L)
releaseViews("all", "linked")
releaseVariables("all", "linked")

# A write copies: the variable and other views stay as they are.
changed <- views$integer
changed[1] <- 99L
expect_identical(retrieveViews("all", "integer")$integer, 1:5000)
expect_false(is_file_backed(changed))

told <- retrieveMetadata("all", "matrix")
expect_equal(told[c("type", "element", "nrow", "ncol", "length")],
             list(type = "matrix", element = "double", nrow = 60L, ncol = 100L, length = 6000L))
expect_equal(told$owner, Sys.getpid())
expect_true(Sys.getpid() %in% told$holders)
expect_equal(retrieveMetadata("all", "frame")$type, "data.frame")

# Another process of this user finds it by its name, and by a token.
seen <- elsewhere('v <- retrieveViews("all", c("matrix", "frame"))
  cat(sum(v$matrix), nrow(v$frame), is_file_backed(v$matrix))',
  "options" = NULL) # an argument that is not used
expect_true(any(grepl("no namespace|not_found|Error", seen))) # it looks in other places
find <- function(code, ...) elsewhere(c("options(fileheap.shared_path = place)", code), ...,
                                      place = shared_place)
seen <- find('v <- retrieveViews("all", c("matrix", "frame"))
  cat(sum(v$matrix), nrow(v$frame), is_file_backed(v$matrix))')
expect_equal(seen, paste(format(sum(everything$matrix), digits = 7), 2000, TRUE))
token <- memToken("all")
expect_true(length(serialize(token, NULL)) < 1000)
expect_stdout(print(token), "fileheap_token: all")
rds <- tempfile()
saveRDS(token, rds, version = 2)
seen <- elsewhere('cat(sum(retrieveViews(readRDS(rds), "integer")$integer))', rds = rds)
expect_equal(seen, "12502500")

# The owner alone registers and releases.
seen <- find('tryCatch(releaseVariables("all", "raw"), error = function(e) cat(class(e)[1]))')
expect_equal(seen, "fileheap_error_not_the_owner")

# Released variables: views stay, and whoever has some is named.
keep <- views$double
expect_message(holders <- releaseVariables("all", "double"), as.character(Sys.getpid()))
expect_equal(holders, Sys.getpid())
expect_identical(keep, everything$double)
expect_true(refuses(retrieveViews("all", "double"), "not_found"))
expect_true(refuses(releaseVariables("all", "double"), "not_found"))
expect_true(refuses(releaseViews("all", "never"), "not_found"))
releaseViews("all", names(everything))
expect_equal(viewList(), list())
expect_identical(views$matrix, everything$matrix) # R still refers to it
suppressMessages(releaseVariables("all", setdiff(names(everything), "double")))
expect_equal(pageList(), list())
expect_equal(left_over(), character())
expect_identical(views$character, everything$character)
expect_true(refuses(retrieveViews("all", "matrix"), "not_found"))

# Another process that has a view is named, too.
registerVariables("held", list(x = rnorm(1e4)))
flag <- tempfile()
find('v <- retrieveViews("held", "x"); cat(Sys.getpid(), file = flag)
      while (file.exists(flag)) Sys.sleep(0.05); stopifnot(length(v$x) == 1e4, !anyNA(v$x))
      file.create(paste0(flag, "good"))', flag = flag, wait = FALSE)
expect_true(await(function() file.exists(flag) && file.size(flag) > 0))
holder <- scan(flag, quiet = TRUE)
expect_message(holders <- releaseVariables("held", "x"), as.character(holder))
expect_equal(holders, as.integer(holder))
unlink(flag)
expect_true(await(function() file.exists(paste0(flag, "good"))))

# A name is registered anew: who looks at the old value goes on to see it.
registerVariables("again", list(x = 1:1000))
old <- retrieveViews("again", "x")$x
registerVariables("again", list(x = "other"))
expect_identical(retrieveViews("again", "x")$x, "other")
expect_identical(old, 1:1000)
memshare_gc("again")
expect_equal(left_over(), character())

# The same name in two sessions: no fight; a third one has to say which it means.
registerVariables("name", list(who = "first"))
mine <- memToken("name")
flag <- tempfile()
find('registerVariables("name", list(who = "second"))
      stopifnot(retrieveViews("name", "who")$who == "second")
      saveRDS(memToken("name"), paste0(flag, "token")); file.create(flag)
      while (file.exists(flag)) Sys.sleep(0.05); releaseVariables("name", "who")
      file.create(paste0(flag, "end"))', flag = flag, wait = FALSE)
expect_true(await(function() file.exists(flag)))
expect_identical(retrieveViews("name", "who")$who, "first")
expect_identical(retrieveViews(readRDS(paste0(flag, "token")), "who")$who, "second")
seen <- find('tryCatch(retrieveViews("name", "who"), error = function(e) cat(class(e)[1]))')
expect_equal(seen, "fileheap_error_ambiguous")
unlink(flag)
expect_true(await(function() file.exists(paste0(flag, "end"))))
memshare_gc("name")
memshare_gc()

# Vectors that live in a heap are registered by reference.
heap <- new_path()
rt <- open_fmalloc(heap)
rt[["stored"]] <- matrix(as.double(1:1e5), 100)
registerVariables("refs", list(m = rt[["stored"]], both = list(a = rt[["stored"]], b = 1:3)))
expect_true(sum(file.size(file.path(shared_place, left_over()))) < 1e6 + 2^19)
expect_identical(fmalloc_info(retrieveViews("refs", "m")$m)$path, normalizePath(heap))
expect_identical(retrieveViews("refs", "both")$both, list(a = rt[["stored"]] + 0, b = 1:3))
seen <- find('v <- retrieveViews("refs", c("m", "both"))
              cat(dim(v$m), sum(v$both$a) == sum(1:1e5), basename(fmalloc_info(v$m)$path))')
expect_equal(seen, paste("100 1000 TRUE", basename(heap)))
memshare_gc("refs")

# So are those of a scratch heap, and what R alone owns.
scratch <- new_heap(mode = "scratch")
registerVariables("refs", list(v = as_fmalloc(rnorm(1000), scratch)))
rm(scratch)
gc()
expect_equal(length(retrieveViews("refs", "v")$v), 1000L)
memshare_gc("refs")

# A persistent heap is a namespace.
registerVariables(rt, list(x = 1:10, l = list(1, "a")))
expect_identical(retrieveViews(rt, c("x", "l")), list(x = 1:10, l = list(1, "a")))
seen <- elsewhere('cat(retrieveViews(token, "x")$x)', token = memToken(rt))
expect_equal(seen, paste(1:10, collapse = " "))
releaseViews(rt, c("x", "l"))
suppressMessages(releaseVariables(rt, "x"))
expect_false(fmalloc_exists(rt, "x"))
cleanup_fmalloc(rt)

# Stores through a view for writing are seen by all.
registerVariables("out", list(m = matrix(0, 10, 4), s = c("a", "b")), writable = TRUE)
v <- retrieveViews("out", "m", writable = TRUE)
expect_identical(v$m, matrix(0, 10, 4))
v$m[3, 2] <- 7
expect_equal(retrieveViews("out", "m")$m[3, 2], 7)
find('m <- edit(token, "m"); m[, 4] <- 1:10', token = memToken("out"))
expect_equal(v$m[, 4], as.double(1:10))
find('v <- retrieveViews("out", "m", writable = TRUE); v$m[2, 1] <- 5')
expect_equal(v$m[2, 1], 5)
m <- edit(memToken("out"), "m")
m[1, 1] <- 3
other <- m
other[1, 1] <- 4 # a second variable has values of its own
expect_equal(c(m[1, 1], v$m[1, 1], other[1, 1]), c(3, 3, 4))
expect_identical(-m + m, matrix(0, 10, 4))
expect_equal(m[1, 1], 3)
registerVariables("out", list(r = 1:1000))
expect_true(refuses(retrieveViews("out", "r", writable = TRUE), "read_only"))
expect_true(refuses(registerVariables("out", list(l = list(1)), writable = TRUE), "type"))
memshare_gc("out")

# Bad input.
expect_true(refuses(registerVariables("x", list(1)), "invalid_argument"))
expect_true(refuses(registerVariables("x", list(a = 1, a = 2)), "invalid_argument"))
expect_true(refuses(registerVariables(1, list(a = 1)), "invalid_argument"))
expect_true(refuses(retrieveViews("never", "x"), "not_found"))
expect_true(refuses(retrieveMetadata("never", "x"), "not_found"))

# A session that was killed leaves nothing behind once somebody does something.
flag <- tempfile()
find('registerVariables("doomed", list(x = rnorm(1e4))); cat(Sys.getpid(), file = flag)
      Sys.sleep(60)', flag = flag, wait = FALSE)
expect_true(await(function() file.exists(flag) && file.size(flag) > 0))
expect_true(length(left_over()) > 0L)
tools::pskill(scan(flag, quiet = TRUE), 9L)
await(function() !alive(scan(flag, quiet = TRUE)))
memshare_gc()
expect_equal(left_over(), character())
expect_equal(list.files(shared_place), character())
# One that ended by itself left nothing either.
find('registerVariables("ended", list(x = rnorm(1e4)))')
memshare_gc()
expect_equal(left_over(), character())
