# Tokens: some hundred bytes that stand for shared data, for whatever way workers are reached.
#
# They are ordinary R data, so every serialization carries them, also those that write file-backed
# vectors by value.

memToken <- function(namespace) {
  space <- find_space(namespace)
  heaps <- lapply(space$heaps, function(heap) heap[c("path", "uuid")])
  structure(list(name = space$name, heaps = heaps, owner = space$owner),
            class = "fileheap_token")
}

print.fileheap_token <- function(x, ...) {
  cat("<fileheap_token: ", x$name, ", of process ", x$owner, ">\n", sep = "")
  invisible(x)
}

# A heap as namespaces and tokens speak of it.
as_heap <- function(runtime) {
  list(runtime = runtime, path = .Call(C_path, runtime),
       uuid = uuid_text(.Call(C_figures, runtime)$uuid))
}

# The runtime of a heap that another process has made; opened once.
attach_heap <- function(path, uuid) {
  state <- shared_state()
  known <- state$attached[[path]]
  if (!is.null(known) && identical(known$uuid, uuid)) return(known$runtime)
  opened <- if (file.exists(path)) open_existing(path)
  if (is.null(opened) || inherits(opened, "condition")) {
    fail("heap_missing", "shared data is not there any more, or is on another machine (this is ",
         Sys.info()[["nodename"]], "): the heap ", path,
         if (!is.null(opened)) paste0(": ", conditionMessage(opened)),
         "; was it released, or did the session that shared it end?", fields = list(path = path))
  }
  heap <- as_heap(as_runtime(opened))
  if (!identical(heap$uuid, uuid)) {
    fail("foreign", "expected the heap ", uuid, " at ", path, ", found ", heap$uuid,
         fields = list(path = path, expected = uuid, found = heap$uuid))
  }
  state$attached[[path]] <- heap
  heap$runtime
}

# Lets go of one: the mapping goes with the last vector.
detach_heap <- function(path) {
  state <- shared_state()
  known <- state$attached[[path]]
  if (!is.null(known) && .Call(C_is_open, known$runtime)) .Call(C_close, known$runtime)
  state$attached[[path]] <- NULL
}

# Whether a vector lives in a heap, and others find it there: not once it was released, or its heap
# removed, though this session goes on to see it.
is_reachable <- function(x) .Call(C_is_live, x) && file.exists(.Call(C_info, x)$path)

# Stands for a file-backed vector, as long as whoever gives the token away holds that.
record_token <- function(x, keep_attributes = TRUE) {
  told <- .Call(C_info, x)
  if (!told$alive) fail("destroyed", "this vector was destroyed: its elements are gone")
  structure(list(path = told$path, uuid = uuid_text(.Call(C_figures, fmalloc_runtime(x))$uuid),
                 id = told$id, attributes = if (keep_attributes) attributes(x)),
            class = "fileheap_link")
}

resolve_record <- function(token, writable = FALSE) {
  runtime <- attach_own_or_other(token$path, token$uuid)
  x <- .Call(C_shared, runtime, token$id, writable)
  set_attributes(x, token$attributes)
}

# A heap of this session's is the one it has.
attach_own_or_other <- function(path, uuid) {
  for (space in shared_state()$spaces) {
    for (heap in space$heaps) if (identical(heap$uuid, uuid)) return(heap$runtime)
  }
  attach_heap(path, uuid)
}

# The object with its links replaced by what they stand for.
resolve_links <- function(x, writable = FALSE) {
  if (inherits(x, "fileheap_link")) return(resolve_record(x, writable))
  if (!is.list(x) || is_file_backed(x) || !any_link(x)) return(x)
  kept <- attributes_of(x)
  x <- lapply(unclass(x), resolve_links, writable = writable)
  attributes(x) <- kept
  x
}

any_link <- function(x) {
  if (inherits(x, "fileheap_link")) return(TRUE)
  if (!is.list(x) || is_file_backed(x)) return(FALSE)
  for (part in unclass(x)) if (is.list(part) && any_link(part)) return(TRUE)
  FALSE
}
