# Conditions: every error has a class fileheap_error_<kind> and says where it happened.

raise_fault <- function(kind, text, path, offset, pid) {
  fields <- list(kind = kind, path = path, offset = offset, pid = pid)
  stop(condition(kind, text, fields))
}

# Raises an error of the package's own; further fields by name.
fail <- function(kind, ..., fields = list()) {
  stop(condition(kind, paste0(...), c(list(kind = kind), fields)))
}

condition <- function(kind, text, fields) {
  classes <- c(paste0("fileheap_error_", kind), "fileheap_error", "error", "condition")
  structure(class = classes, c(list(message = text, call = caller()), fields))
}

# The exported function that the user called, or that FUN called in a worker; NULL if R came here by
# itself, to get an element.
caller <- function() {
  inside <- topenv()
  call <- NULL
  for (frame in seq_len(sys.nframe())) {
    called <- sys.function(frame)
    if (identical(called, raise_fault) || identical(called, fail)) break
    if (identical(called, work)) call <- NULL
    else if (is.null(call) && identical(topenv(environment(called)), inside)) call <- sys.call(frame)
  }
  without_values(call)
}

# R puts the value of an assignment itself into the call: no message is to show it all, or to fail
# because its elements are gone.
without_values <- function(call) {
  if ("value" %in% names(call)) call$value <- quote(value)
  call
}

# Tells something if the user wants to be told.
tell <- function(...) {
  if (isTRUE(getOption("fileheap.verbose"))) {
    text <- paste0(...)
    message(structure(class = c("fileheap_message", "message", "condition"),
                      list(message = paste0("fileheap: ", text, "\n"), call = NULL)))
  }
  invisible()
}
