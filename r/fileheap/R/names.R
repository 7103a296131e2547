# Names: objects that the next session finds again; transactions.

`[[.fmalloc_runtime` <- function(x, i, ...) {
  name <- as_name(i)
  found <- .Call(C_find, x, name)
  if (is.null(found)) fail_missing(x, name)
  own_columns(.Call(C_load, x, found[[1L]]))
}

fail_missing <- function(runtime, name) {
  path <- .Call(C_path, runtime)
  fail("not_found", "the heap ", path, " has no object named \"", name, "\"",
       fields = list(path = path, expected = name))
}

# Functions of data.table store to columns without R's leave, so they are copies: a name's value
# changes by assignment alone.
own_columns <- function(x) {
  if (!is.list(x) || is_file_backed(x)) return(x)
  parts <- unclass(x)
  to_do <- vapply(parts, is.list, NA)
  if (inherits(x, "data.table")) to_do <- to_do | vapply(parts, is_file_backed, NA)
  if (!any(to_do)) return(x)
  parts[to_do] <- lapply(parts[to_do], function(part) {
    told <- .Call(C_info, part)
    if (is.null(told) || is.list(part)) return(own_columns(part))
    copy <- .Call(C_piece, part, 0, told$length)
    attributes(copy) <- attributes(part)
    copy
  })
  attributes(parts) <- attributes_of(x)
  parts
}

`[[<-.fmalloc_runtime` <- function(x, i, value) {
  name <- as_name(i)
  # Again if another process edited what the object refers to before it was our turn to write. No
  # function of its own: what that captures R would take for shared.
  while (!.Call(C_bind, x, name, as_stored(value, x, name, top = TRUE))) NULL
  x
}

`[.fmalloc_runtime` <- function(x, i) {
  names <- if (missing(i)) names(x) else as_names(i)
  stats::setNames(lapply(names, function(name) x[[name]]), names)
}

as.list.fmalloc_runtime <- function(x, ...) x[]

`[<-.fmalloc_runtime` <- function(x, i, value) {
  fail("unsupported", "names are bound one by one: rt[[\"name\"]] <- value; within ",
       "with_transaction(rt, ...) several take effect together")
}

`$.fmalloc_runtime` <- function(x, name) x[[name]]

`$<-.fmalloc_runtime` <- function(x, name, value) {
  x[[name]] <- value
  x
}

names.fmalloc_runtime <- function(x) .Call(C_names, x)

length.fmalloc_runtime <- function(x) length(.Call(C_names, x))

fmalloc_exists <- function(runtime, name) {
  need_given("runtime", "name")
  !is.null(.Call(C_find, the_runtime(runtime), as_name(name)))
}

fmalloc_remove <- function(runtime, names) {
  need_given("runtime", "names")
  runtime <- the_runtime(runtime)
  names <- as_names(names)
  for (name in names) { # all or none, but for what others remove meanwhile
    if (!fmalloc_exists(runtime, name)) fail_missing(runtime, name)
  }
  for (name in unique(names)) if (!.Call(C_unbind, runtime, name)) fail_missing(runtime, name)
  invisible(TRUE)
}

# Vectors of fewer bytes are part of their object's serialization.
part_bytes <- 1024

# The object with its large vectors in the heap; what is there already stays where it is, unless
# somebody stores to it: that is copied.
as_stored <- function(x, runtime, name, top = FALSE) {
  if (.Call(C_is_in, x, runtime, name)) return(x)
  if (isS4(x) || !(is.atomic(x) || is.list(x)) || is.null(x)) return(x)
  kept <- lapply(attributes_of(x), as_stored, runtime = runtime, name = name)
  if (is.list(x)) {
    parts <- lapply(unclass(x), as_stored, runtime = runtime, name = name)
  } else if (top || element_size(x) * length(x) >= part_bytes) {
    return(set_attributes(.Call(C_copy_in, runtime, x, TRUE, TRUE), kept))
  } else {
    return(x)
  }
  attributes(parts) <- kept
  parts
}

element_size <- function(x) switch(typeof(x), double = , list = 8, complex = , character = 16,
                                   raw = 1, 4)

# A method of the generic in utils, so that nothing is masked.
edit.fmalloc_runtime <- function(name, object, ...) {
  need_given("object")
  runtime <- name
  object <- as_name(object)
  x <- .Call(C_edit, runtime, object, FALSE)
  if (is.null(x)) fail_missing(runtime, object)
  for (class in oldClass(x)) {
    # A method copies, whatever it is given.
    if (!is.null(utils::getS3method("[<-", class, optional = TRUE))) tell_copied(object, class)
  }
  x
}

tell_copied <- function(name, class) {
  text <- paste0("R copies vectors of class ", class, " when they are stored to, and the file ",
                 "keeps the old values: change \"", name, "\" under its name, as in rt[[\"", name,
                 "\"]][i] <- value, or edit a vector without the class")
  warning(structure(class = c("fileheap_warning_copied", "fileheap_warning", "warning",
                              "condition"), list(message = text, call = NULL, name = name)))
}

with_transaction <- function(runtime, code) {
  need_given("runtime", "code")
  runtime <- the_runtime(runtime)
  .Call(C_begin, runtime)
  done <- FALSE
  failed <- FALSE
  fails <- function(e) failed <<- TRUE
  on.exit(if (!done) {
    .Call(C_end, runtime, FALSE)
    if (!failed) tell_undone()
  })
  result <- withCallingHandlers(withVisible(code), error = fails, interrupt = fails)
  failed <- TRUE # what goes wrong from here on is the end itself, and says so
  .Call(C_end, runtime, TRUE)
  done <- TRUE
  if (result$visible) result$value else invisible(result$value)
}

# R does not tell return() from a jump to a handler: neither is taken for the end of the code.
tell_undone <- function() {
  text <- paste("with_transaction(): its code was left before its end, by return(), break, next or",
                "a handler; its changes were undone")
  warning(structure(class = c("fileheap_warning_undone", "fileheap_warning", "warning",
                              "condition"), list(message = text, call = NULL)))
}

commit <- function(x, ...) UseMethod("commit")

commit.default <- function(x, ...) fmalloc_sync(x)

fmalloc_sync <- function(runtime = NULL) {
  .Call(C_sync, the_runtime(runtime))
  invisible(TRUE)
}
