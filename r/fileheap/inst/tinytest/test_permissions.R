# Somebody who may not write, and who may not even read: as another user, so only root can ask.
source("helper.R")

if (Sys.info()[["effective_user"]] == "root" && nzchar(Sys.which("setpriv"))) {
  # A folder that the other user can enter, with this package in it.
  shared <- file.path(dirname(tempdir()), paste0("fileheap-shared-", Sys.getpid()))
  dir.create(file.path(shared, "library"), recursive = TRUE)
  file.copy(system.file(package = "fileheap"), file.path(shared, "library"), recursive = TRUE)
  Sys.chmod(c(shared, file.path(shared, "library")), "0755")
  path <- file.path(shared, "a.heap")
  rt <- open_fmalloc(path)
  rt[["x"]] <- c(1, 2, 3)
  v <- create_fmalloc_vector("numeric", 2000, rt)
  v[1:3] <- c(4, 5, 6)
  saveRDS(v, file.path(shared, "v.rds"))
  rm(v, rt)
  invisible(gc())
  Sys.chmod(file.path(shared, "v.rds"), "0644")

  somebody <- function(code) {
    script <- file.path(shared, "script.R")
    writeLines(c("suppressPackageStartupMessages(library(fileheap, lib.loc = 'library'))",
                 "kind <- function(code) tryCatch({ force(code); 'none' },",
                 "                                error = function(e) class(e)[1])", code), script)
    Sys.chmod(script, "0644")
    user <- "setpriv --reuid=65534 --regid=65534 --clear-groups"
    command <- sprintf("cd %s && R_TESTS= TMPDIR=/tmp %s %s --vanilla script.R", shared, user,
                       file.path(R.home("bin"), "Rscript"))
    system2("sh", c("-c", shQuote(command)), stdout = TRUE, stderr = TRUE)
  }

  # For reading only: opening to write says so; a reference falls back to looking.
  Sys.chmod(path, "0644")
  before <- print_of(path)
  expect_identical(somebody("cat(kind(open_fmalloc('a.heap')))"),
                   "fileheap_error_permission_denied")
  expect_identical(somebody(c("v <- readRDS('v.rds')", "cat(v[1:3], is_file_backed(v), '')",
                              "v[1] <- 100", "cat(v[1], readRDS('v.rds')[1])")),
                   "4 5 6 TRUE 100 4")
  expect_identical(somebody(c("rt <- fmalloc_runtime(v <- readRDS('v.rds'))",
                              "cat(rt$x, kind(rt$y <- 1),",
                              "    kind(create_fmalloc_vector('raw', 1, rt)),",
                              "    kind(edit(rt, 'x')), kind(destroy_fmalloc_vector(v)))")),
                   paste("1 2 3", paste(rep("fileheap_error_read_only", 4), collapse = " ")))
  expect_identical(print_of(path), before)

  # Not even for reading.
  Sys.chmod(path, "0600")
  expect_identical(somebody("cat(kind(open_fmalloc('a.heap')), kind(readRDS('v.rds')))"),
                   "fileheap_error_permission_denied fileheap_error_heap_missing")
  # A folder in which nothing can be made.
  expect_identical(somebody("cat(kind(open_fmalloc('new.heap')))"),
                   "fileheap_error_permission_denied")
  expect_false(file.exists(file.path(shared, "new.heap")))
  unlink(shared, recursive = TRUE)
} else {
  expect_false(Sys.info()[["effective_user"]] == "root" && nzchar(Sys.which("setpriv")))
}
