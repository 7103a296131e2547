# Places: where shared heaps lie, whose they are, and what sessions that are gone left there.

# What this process shares and looks at; a forked child has nothing of its parent's.
shared <- new.env(parent = emptyenv())

shared_state <- function() {
  if (!identical(shared$pid, Sys.getpid())) {
    rm(list = ls(shared, all.names = TRUE), envir = shared)
    shared$pid <- Sys.getpid()
    shared$spaces <- list()
    shared$views <- list()
    shared$attached <- list()
    shared$jobs <- list()
    shared$made_count <- 0
  }
  shared
}

# In memory if it has room, else beside the session's temporary directory.
shared_places <- function() {
  given <- getOption("fileheap.shared_path")
  if (is.null(given)) c("/dev/shm", dirname(tempdir())) else as.character(given)
}

# This user's folder in a place; NULL if there is none, or none can be made.
shared_folder <- function(place, create = FALSE) {
  state <- shared_state()
  if (is.null(state$user)) state$user <- file.info("/proc/self")$uid
  for (number in 0:9) {
    path <- file.path(place, paste0("fileheap-", state$user, if (number) paste0("-", number)))
    if (create) dir.create(path, showWarnings = FALSE, mode = "0700")
    found <- file.info(path, extra_cols = TRUE)
    if (is.na(found$isdir)) return(NULL)
    is_ours <- found$isdir && identical(found$uid, state$user) && !nzchar(Sys.readlink(path)) &&
      bitwAnd(as.integer(found$mode), 18L) == 0L
    if (is_ours) return(path)
  }
  NULL
}

# A file that may be gone in any moment.
lines_of <- function(path, n = -1L) {
  tryCatch(suppressWarnings(readLines(path, n, encoding = "UTF-8")),
           error = function(e) character())
}

# When a process began, in the kernel's ticks; NA if there is no such process any more.
process_start <- function(pid) {
  text <- lines_of(file.path("/proc", pid, "stat"), 1L)
  if (!length(text)) return(NA_character_)
  fields <- strsplit(sub("^.*\\) ", "", text), " ", fixed = TRUE)[[1L]]
  if (fields[[1L]] %in% c("Z", "X")) NA_character_ else fields[[20L]]
}

# Process ids mean something within one namespace of the kernel's only.
pid_namespace <- function() gsub("\\D", "", Sys.readlink("/proc/self/ns/pid"))

# A file name that says whose it is.
new_base <- function() {
  state <- shared_state()
  if (is.null(state$owner)) {
    state$owner <- paste(pid_namespace(), Sys.getpid(), process_start(Sys.getpid()), sep = "-")
  }
  state$made_count <- state$made_count + 1
  paste(state$owner, state$made_count, sep = "-")
}

# Removes what sessions that are gone left behind. At most once in a second unless told to.
sweep_shared <- function(now = FALSE) {
  state <- shared_state()
  time <- as.numeric(Sys.time())
  if (!now && !is.null(state$swept) && abs(time - state$swept) < 1) return(invisible())
  state$swept <- time
  for (place in shared_places()) {
    folder <- shared_folder(place)
    if (is.null(folder)) next
    files <- list.files(folder)
    owners <- sub("^(\\d+-\\d+-\\d+)-\\d+.*$", "\\1", files)
    for (owner in unique(owners[owners != files])) {
      parts <- strsplit(owner, "-", fixed = TRUE)[[1L]]
      if (parts[[1L]] != pid_namespace() ||
          identical(process_start(parts[[2L]]), parts[[3L]])) next
      left <- file.path(folder, files[owners == owner])
      for (note in left[endsWith(left, ".workers")]) kill_noted(note)
      unlink(left)
    }
    suppressWarnings(file.remove(folder)) # only if nothing is in it
  }
  invisible()
}

# Notes workers of this session's own: they are ended if the session is killed. Returns the note.
note_workers <- function(pids, base = new_base()) {
  lines <- paste(pids, vapply(pids, process_start, ""))
  for (place in shared_places()) for (attempt in seq_len(attempts)) {
    folder <- shared_folder(place, create = TRUE)
    if (is.null(folder)) next
    note <- file.path(folder, paste0(base, ".workers"))
    if (write_note(note, lines)) return(note)
  }
  NULL
}

# FALSE if there is no room for it: R writes half a file then, and goes on.
write_note <- function(path, lines) {
  suppressWarnings(try(writeLines(lines, path, useBytes = TRUE), silent = TRUE))
  is_whole <- isTRUE(file.size(path) == sum(nchar(lines, "bytes") + 1))
  if (!is_whole) remove_notes(path)
  is_whole
}

remove_notes <- function(notes) {
  if (!length(notes)) return(invisible())
  unlink(notes)
  suppressWarnings(file.remove(unique(dirname(notes)))) # only if nothing is in it
  invisible()
}

kill_noted <- function(note) {
  for (line in lines_of(note)) {
    parts <- strsplit(line, " ", fixed = TRUE)[[1L]]
    if (identical(process_start(parts[[1L]]), parts[[2L]])) {
      tools::pskill(as.integer(parts[[1L]]), 9L)
    }
  }
  kill_marked(sub("[.]workers$", "", basename(note)))
}

# Workers are started with this in their environment: the name of the note about them.
mark_name <- "FILEHEAP_WORKERS"

# Until there are none: they may be starting one another just now.
kill_marked <- function(mark) {
  for (round in 1:100) {
    pids <- marked_processes(mark)
    if (!length(pids)) return(invisible())
    tools::pskill(pids, 9L)
    Sys.sleep(0.01)
  }
}

marked_processes <- function(mark) {
  wanted <- c(charToRaw(paste0(mark_name, "=", mark)), as.raw(0))
  pids <- setdiff(as.integer(list.files("/proc", "^[0-9]+$")), Sys.getpid())
  Filter(function(pid) {
    path <- file.path("/proc", pid, "environ")
    found <- tryCatch(suppressWarnings(readBin(path, "raw", 2^20)), error = function(e) raw())
    length(grepRaw(wanted, found, fixed = TRUE)) > 0L
  }, pids)
}

# Memory that can be had without swapping; Inf if the kernel does not tell.
available_bytes <- function() {
  lines <- lines_of("/proc/meminfo", 5L)
  found <- grep("^MemAvailable:", lines, value = TRUE)
  if (length(found)) 1024 * as.numeric(gsub("\\D", "", found)) else Inf
}

# What is so small fits anywhere.
worth_asking_bytes <- 64 * 1024^2

has_room <- function(place, bytes) {
  bytes < worth_asking_bytes || !startsWith(place, "/dev/shm") || bytes < 0.9 * available_bytes()
}

# A new heap in the first place where `store`, which gets its runtime, finds room: a list of
# runtime, path and what `store` returned.
make_shared <- function(bytes, store) {
  sweep_shared()
  troubles <- character()
  for (place in shared_places()) {
    made <- if (has_room(place, bytes)) make_at(place, store)
    if (is.null(made)) {
      troubles <- c(troubles, paste0(place, " has no room, or no folder of this user"))
      next
    }
    if (!inherits(made, "condition")) return(made)
    troubles <- c(troubles, paste0(place, ": ", conditionMessage(made)))
  }
  fail("disk_full", "no place has room for ", size_text(bytes), " to share: ",
       paste(troubles, collapse = "; "), "; set options(fileheap.shared_path = ...) to a folder ",
       "with room, or keep the data in a heap file", fields = list(found = troubles))
}

# Other sessions take the folder away whenever nothing is in it: then it is made anew, after a pause
# that grows, so as not to keep step with one that sweeps all the time.
attempts <- 50L

# The same in one place; NULL if this user can have no folder there.
make_at <- function(place, store) {
  made <- NULL
  for (attempt in seq_len(attempts)) {
    folder <- shared_folder(place, create = TRUE)
    if (is.null(folder)) next
    made <- make_in(folder, store)
    if (!inherits(made, "fileheap_error_not_found")) break
    Sys.sleep(attempt / 1000)
  }
  made
}

# The same in a folder; the condition if it has no room. Whatever happens, no half of it stays.
make_in <- function(folder, store) {
  path <- file.path(folder, new_base())
  is_made <- FALSE
  on.exit(if (!is_made) remove_shared(path))
  made <- tryCatch({
    runtime <- as_runtime(.Call(C_open, path, 0, modes[["scratch"]], FALSE)[[1L]])
    list(runtime = runtime, path = path, value = store(runtime))
  }, fileheap_error_disk_full = identity, fileheap_error_io = identity,
  fileheap_error_not_found = identity, fileheap_error_permission_denied = identity, fileheap_error_limit_reached = identity)
  is_made <- !inherits(made, "condition")
  made
}

# Takes a heap's files away. Who looks at its vectors keeps them until they are collected.
remove_shared <- function(path) {
  folder <- dirname(path)
  files <- list.files(folder)
  base <- basename(path)
  its <- files == base | startsWith(files, paste0(base, "-log")) |
    startsWith(files, paste0(base, "."))
  unlink(file.path(folder, files[its]))
  suppressWarnings(file.remove(folder))
  invisible()
}
