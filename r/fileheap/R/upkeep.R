# Upkeep: disk space given back, copies while others write, dense files.

fmalloc_trim <- function(runtime = NULL) {
  runtime <- the_runtime(runtime)
  gc(FALSE) # what an interrupted call left goes when R collects it
  stats::setNames(.Call(C_trim, runtime), c("cut_bytes", "punched_bytes", "hindered"))
}

fmalloc_backup <- function(path, runtime = NULL) {
  path <- as_path(path, "the path of the copy")
  runtime <- the_runtime(runtime)
  if (is_scratch(runtime)) {
    fail("mode", "a scratch heap goes with its last user, and so would a copy of it: copy what is ",
         "in it into a persistent heap")
  }
  .Call(C_backup, runtime, path)
  tell("backed up ", .Call(C_path, runtime), " to ", path)
  invisible(path)
}

fmalloc_compact <- function(filepath) {
  filepath <- as_path(filepath, "the path of a heap file")
  gc(FALSE) # vectors that are not in use any more
  told <- tryCatch(.Call(C_compact, filepath), fileheap_error_busy = function(e) {
    fail("busy", conditionMessage(e), "; in this session by cleanup_fmalloc(), and by removing ",
         "the variables that look at it", fields = list(path = e$path, pid = e$pid))
  })
  stats::setNames(told, c("before_bytes", "after_bytes", "moved_count"))
}
