# Places: memory that is too small is not used; nobody else's folder is; nothing gets in the way.
source("shared_helper.R", local = TRUE)
second <- tempfile("second")
dir.create(second)

# Each session has a folder of its user that nobody else can look into.
registerVariables("mine", list(x = 1:1000))
folder <- file.path(shared_place, list.files(shared_place))
expect_equal(format(file.info(folder)$mode), "700")
memshare_gc("mine")
expect_false(file.exists(folder))
# A folder of that name that others can write to is left alone.
dir.create(folder, mode = "0700")
Sys.chmod(folder, "0777", use_umask = FALSE)
registerVariables("mine", list(x = 1:1000))
expect_equal(list.files(folder), character())
expect_equal(retrieveViews("mine", "x")$x, 1:1000)
memshare_gc("mine")
unlink(folder, recursive = TRUE)
# A link to somewhere else is not followed.
file.symlink(second, folder)
registerVariables("mine", list(x = 1:1000))
expect_equal(list.files(second), character())
memshare_gc("mine")
unlink(folder)

# A place that cannot be used: the next one is.
options(fileheap.shared_path = c("/proc/none", second))
registerVariables("elsewhere", list(x = 1:1000))
expect_equal(dirname(dirname(retrieveMetadata("elsewhere", "x")$path)), normalizePath(second))
memshare_gc("elsewhere")
options(fileheap.shared_path = "/proc/none")
e <- caught(registerVariables("nowhere", list(x = 1:1000)))
expect_inherits(e, "fileheap_error_disk_full")
expect_true(grepl("/proc/none", conditionMessage(e)))

# Memory of 8 MB, as containers have little: what does not fit goes to the other place. Needs root.
small <- tempfile("small")
dir.create(small)
mounted <- Sys.info()[["effective_user"]] == "root" &&
  system2("mount", c("-t", "tmpfs", "-o", "size=8m", "none", small), stderr = FALSE) == 0L
if (mounted) {
  options(fileheap.shared_path = c(small, second))
  place_of <- function(name) dirname(dirname(retrieveMetadata("small", name)$path))
  large <- matrix(runif(4e6), 1000) # 32 MB
  registerVariables("small", list(tiny = 1:1000))
  registerVariables("small", list(large = large))
  expect_equal(place_of("tiny"), normalizePath(small))
  expect_equal(place_of("large"), normalizePath(second))
  expect_identical(retrieveViews("small", "large")$large, large)
  expect_identical(retrieveViews("small", "tiny")$tiny, 1:1000)
  seen <- elsewhere('options(fileheap.shared_path = place)
    v <- retrieveViews("small", c("tiny", "large")); cat(sum(v$tiny), dim(v$large))',
    place = c(small, second))
  expect_equal(seen, "500500 1000 4000")
  registerVariables("small", list(large = 1:10)) # a name moves from one heap to the other
  expect_identical(retrieveViews("small", "large")$large, 1:10)
  expect_equal(sum(unlist(pageList()) == "small.large"), 1L)
  memshare_gc("small")
  cluster <- parallel::makeCluster(2)
  expect_identical(memApply(large, 2, sum, CLUSTER = cluster, SIMPLIFY = TRUE),
                   apply(large, 2, sum))
  # Text and lists, too.
  words <- as.list(strsplit(strrep("some text ", 1e6), " ")[[1]][1:10])
  words$long <- strrep("x", 2e7)
  expect_identical(memLapply(words, nchar, CLUSTER = cluster), lapply(words, nchar))
  parallel::stopCluster(cluster)
  options(fileheap.shared_path = small)
  expect_inherits(caught(registerVariables("small", list(large = large))),
                  "fileheap_error_disk_full")
  expect_equal(list.files(small, recursive = TRUE), character())
  expect_equal(list.files(second, recursive = TRUE), character())
  memshare_gc()
  # Full to the last byte: workers are noted in the other place, and no empty note stays.
  options(fileheap.shared_path = c(small, second))
  room <- as.numeric(tail(system2("df", c("-k", "--output=avail", small), stdout = TRUE), 1L))
  writeBin(raw(1024 * room), file.path(small, "filling"))
  note <- fileheap:::note_workers(Sys.getpid())
  expect_equal(dirname(dirname(note)), second)
  expect_equal(length(readLines(note)), 1L)
  fileheap:::remove_notes(note)
  expect_equal(list.files(small), "filling")
  expect_equal(system2("umount", small), 0L)
}

# What a session that is gone left: by its process and when that began, not by the number alone.
options(fileheap.shared_path = second)
folder <- fileheap:::shared_folder(second, create = TRUE)
me <- paste(fileheap:::pid_namespace(), Sys.getpid(), "1", sep = "-") # the number of a process that lives
dead <- paste(fileheap:::pid_namespace(), "999999999", "5", sep = "-")
other <- paste("1", "999999999", "5", sep = "-") # of another container
file.create(file.path(folder, paste0(c(me, dead, other), "-1")))
file.create(file.path(folder, paste0(dead, "-1", c("-log1", ".note"))), file.path(folder, "else"))
memshare_gc()
expect_equal(sort(list.files(folder)), sort(c(paste0(other, "-1"), "else")))
unlink(folder, recursive = TRUE)
# A session that lost its temporary directory, to quit() in a forked worker, is this user's still.
options(fileheap.shared_path = shared_place)
said <- elsewhere('options(fileheap.shared_path = place)
  unlink(tempdir(), recursive = TRUE)
  registerVariables("lost", list(x = 1:1000))
  cat(basename(dirname(retrieveMetadata("lost", "x")$path)), sum(retrieveViews("lost", "x")$x))',
  place = shared_place)
expect_equal(said, paste(basename(fileheap:::shared_folder(shared_place, create = TRUE)), "500500"))
memshare_gc()
expect_equal(list.files(shared_place), character())
# Others may take the folder away in any moment in which it is empty: it is made anew.
nested <- file.path(shared_place, "nested")
dir.create(nested)
options(fileheap.shared_path = nested)
taken <- 0
made <- fileheap:::make_at(nested, function(runtime) {
  taken <<- taken + 1
  if (taken < 3) stop(fileheap:::condition("not_found", "the folder is gone", list(kind = "not_found")))
  "stored"
})
expect_equal(c(taken, made$value), c("3", "stored"))
.Call(fileheap:::C_close, made$runtime)
fileheap:::remove_shared(made$path)
expect_equal(list.files(nested), character())
sweeper <- parallel::makeCluster(1)
parallel::clusterCall(sweeper, function(paths, place) {
  .libPaths(paths)
  options(fileheap.shared_path = place)
  loadNamespace("fileheap")
  NULL
}, .libPaths(), nested)
parallel:::sendCall(sweeper[[1]], function() for (i in 1:500) fileheap:::sweep_shared(TRUE), list())
for (i in 1:50) {
  registerVariables("raced", list(x = i))
  releaseVariables("raced", "x")
  note <- fileheap:::note_workers(Sys.getpid())
  if (is.null(note) || dirname(dirname(note)) != nested) break
  fileheap:::remove_notes(note)
}
expect_equal(i, 50L)
parallel:::recvResult(sweeper[[1]])
parallel::stopCluster(sweeper)
memshare_gc()
expect_equal(list.files(nested), character())
