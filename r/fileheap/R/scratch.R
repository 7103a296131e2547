# Scratch heaps of sessions that were killed: noted when made, removed by whoever comes next.

# Where this user's scratch heaps are noted: outside of the session's own temporary directory.
scratch_notes <- function() {
  user <- Sys.info()[["effective_user"]]
  file.path(dirname(tempdir()), paste0("fileheap-scratch-", user))
}

note_scratch <- function(runtime) {
  folder <- scratch_notes()
  dir.create(folder, showWarnings = FALSE, mode = "0700")
  uuid <- uuid_text(.Call(C_figures, runtime)$uuid)
  try(writeLines(normalizePath(.Call(C_path, runtime)), file.path(folder, uuid)), silent = TRUE)
}

# Opening a scratch heap that nobody has open makes it anew; closing it then removes it.
sweep_scratch <- function() {
  folder <- scratch_notes()
  if (!dir.exists(folder)) return(invisible())
  for (note in list.files(folder, full.names = TRUE)) {
    path <- tryCatch(readLines(note, n = 1L), error = function(e) character())
    if (length(path) == 1L && file.exists(path)) {
      gone <- tryCatch(remove_orphan(path), error = function(e) FALSE)
      if (!gone) next
    }
    unlink(note)
  }
  suppressWarnings(file.remove(folder)) # only if nothing is in it
  invisible()
}

# TRUE if there is no heap at the path any more.
remove_orphan <- function(path) {
  opened <- .Call(C_open, path, 0, modes[["scratch"]], FALSE)
  .Call(C_close, opened[[1L]])
  !file.exists(path)
}
