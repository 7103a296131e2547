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
  rt[["m"]] <- matrix(as.double(1:4000), ncol = 4)
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

  # Asked for: names, vectors, workers, copies; what writes says that it may not.
  expect_true(any(grepl("read_only = TRUE", somebody("open_fmalloc('a.heap')"), fixed = TRUE)))
  looking <- c(
    "rt <- open_fmalloc('a.heap', read_only = TRUE)",
    "cat(names(rt), rt$x, sum(rt$m), readRDS('v.rds')[2], '')",
    "options(fileheap.shared_path = '/tmp')",
    "sums <- memApply('m', 2, sum, NAMESPACE = rt, MAX.CORES = 2, CLUSTER = 'fork')",
    "cat(identical(unlist(sums), colSums(rt$m)), '')",
    "copy <- tempfile(fileext = '.heap')",
    "fmalloc_backup(copy, rt)",
    "cat(identical(open_fmalloc(copy)$m, rt$m), '')",
    "cat(length(diagnose_fmalloc_runtime(rt, check = TRUE)$summary$findings), '')",
    "cat(kind(rt$y <- 1), kind(fmalloc_trim(rt)), kind(fmalloc_compact('a.heap')))")
  looked <- paste("m x 1 2 3 8002000 5 TRUE TRUE 0 fileheap_error_read_only",
                  "fileheap_error_read_only fileheap_error_permission_denied")
  expect_identical(somebody(looking), looked)
  expect_identical(print_of(path), before)

  # Nor is anything written where its session was killed: its log stays, and is read.
  out <- elsewhere(c("rt <- open_fmalloc(path)", "rt[['y']] <- 1",
                     "tools::pskill(Sys.getpid(), 9L)"), path = path)
  logs <- paste0(path, c("-log0", "-log1"))
  Sys.chmod(logs[file.exists(logs)], "0644")
  expect_true(any(file.exists(logs)))
  expect_identical(somebody(c("rt <- open_fmalloc('a.heap', read_only = TRUE)",
                              "cat(names(rt), rt$y, rt$x)")), "m x y 1 1 2 3")
  expect_true(any(file.exists(logs)))
  fmalloc_remove(open_fmalloc(path), "y")
  invisible(gc())

  # Not even for reading.
  Sys.chmod(path, "0600")
  expect_identical(somebody("cat(kind(open_fmalloc('a.heap')), kind(readRDS('v.rds')))"),
                   "fileheap_error_permission_denied fileheap_error_heap_missing")
  # A folder in which nothing can be made.
  expect_identical(somebody("cat(kind(open_fmalloc('new.heap')))"),
                   "fileheap_error_permission_denied")
  expect_false(file.exists(file.path(shared, "new.heap")))

  # A filesystem that is mounted for reading only stops root, too.
  if (system2("unshare", c("--mount", "true")) == 0L) {
    Sys.chmod(path, "0644")
    script <- file.path(shared, "script.R")
    mounted <- function(code) {
      writeLines(c("library(fileheap, lib.loc = 'library', warn.conflicts = FALSE)",
                   "kind <- function(code) tryCatch({ force(code); 'none' },",
                   "                                error = function(e) class(e)[1])", code),
                 script)
      command <- sprintf(paste("mount --bind %1$s %1$s && mount -o remount,ro,bind %1$s &&",
                               "cd %1$s && R_TESTS= %2$s --vanilla script.R"),
                         shared, file.path(R.home("bin"), "Rscript"))
      system2("unshare", c("--mount", "sh", "-c", shQuote(command)), stdout = TRUE, stderr = TRUE)
    }
    expect_identical(mounted(c("cat(kind(open_fmalloc('a.heap')), '')", looking[c(1, 2, 10)])),
                     paste("fileheap_error_read_only m x 1 2 3 8002000 5 fileheap_error_read_only",
                           "fileheap_error_read_only fileheap_error_read_only"))
  }
  unlink(shared, recursive = TRUE)
} else {
  expect_false(Sys.info()[["effective_user"]] == "root" && nzchar(Sys.which("setpriv")))
}
