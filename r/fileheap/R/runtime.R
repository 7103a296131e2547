# Runtimes: handles of open heaps; open, install a default, close, tell about.

modes <- c(persistent = 1L, scratch = 2L)
session <- new.env(parent = emptyenv())

open_fmalloc <- function(filepath, size_gb = NULL, mode = c("persistent", "scratch"),
                         read_only = FALSE) {
  need_given("filepath")
  open_heap(filepath, size_gb, mode, read_only)$runtime
}

# A list of the runtime and whether the file is new.
open_heap <- function(filepath, size_gb, mode, read_only) {
  mode <- as_mode(mode)
  filepath <- as_path(filepath, "the path of a heap file")
  read_only <- as_flag(read_only, "read_only")
  limit <- limit_bytes(size_gb)
  if (read_only && limit > 0) {
    fail("invalid_argument", "size_gb is a limit for what is written: leave it out where ",
         "read_only = TRUE")
  }
  sweep_scratch()
  open <- function() .Call(C_open, filepath, limit, modes[[mode]], read_only)
  # What R has not collected yet may keep the heap open in the other way.
  again <- function(e) {
    gc(FALSE)
    open()
  }
  opened <- tryCatch(open(), fileheap_error_in_use = again, fileheap_error_read_only = again)
  runtime <- as_runtime(opened[[1L]])
  if (mode == "scratch" && !read_only) note_scratch(runtime)
  tell(if (opened[[2L]]) "made " else "opened ", .Call(C_path, runtime), ", ", mode,
       if (read_only) ", for reading only")
  list(runtime = runtime, is_new = opened[[2L]])
}

# The default of the exported functions is both modes, of which the first is meant.
as_mode <- function(mode) {
  if (identical(mode, names(modes))) return("persistent")
  if (!is.character(mode) || length(mode) != 1L || !mode %in% names(modes)) {
    fail("invalid_argument", "expected for mode \"persistent\" or \"scratch\"; found ",
         brief(mode))
  }
  mode
}

limit_bytes <- function(size_gb) {
  if (is.null(size_gb)) return(0)
  if (!is.numeric(size_gb) || length(size_gb) != 1L || is.na(size_gb) || size_gb <= 0) {
    fail("invalid_argument", "expected for size_gb a limit above 0, or NULL; found ",
         brief(size_gb))
  }
  max(size_gb * 1024^3, 2^20)
}

as_runtime <- function(handle) {
  class(handle) <- "fmalloc_runtime"
  handle
}

init_fmalloc <- function(filepath, size_gb = NULL, mode = c("persistent", "scratch"),
                         read_only = FALSE) {
  need_given("filepath")
  opened <- open_heap(filepath, size_gb, mode, read_only)
  session$default <- opened$runtime
  opened$is_new
}

cleanup_fmalloc <- function(runtime = NULL) {
  given <- runtime
  runtime <- the_runtime(runtime)
  .Call(C_close, runtime)
  sweep_scratch()
  default <- session$default
  if (is.null(given) || !is.null(default) && !.Call(C_is_open, default)) session$default <- NULL
  invisible(TRUE)
}

# The runtime that was given, or the default one.
the_runtime <- function(runtime) {
  if (is.null(runtime)) runtime <- session$default
  if (is.null(runtime)) {
    fail("closed", "no runtime was given and there is no default: call init_fmalloc() first, ",
         "or pass what open_fmalloc() returned")
  }
  if (!inherits(runtime, "fmalloc_runtime")) {
    fail("handle", "expected a runtime made by open_fmalloc(); found ", brief(class(runtime)))
  }
  runtime
}

format.fmalloc_runtime <- function(x, ...) {
  if (!.Call(C_is_open, x)) return("<fmalloc_runtime: closed>")
  paste0("<fmalloc_runtime: ", .Call(C_path, x), ">")
}

str.fmalloc_runtime <- function(object, ...) {
  cat(" ", format(object), "\n", sep = "")
}

print.fmalloc_runtime <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  if (.Call(C_is_open, x)) {
    told <- .Call(C_figures, x)
    cat(told$mode, if (told$writable) "" else ", for reading only",
        if (told$in_transaction) ", in a transaction"
        else paste0(", ", told$names, " names, ", size_text(told$live_bytes), " in use"),
        "\n", sep = "")
  }
  invisible(x)
}

summary.fmalloc_runtime <- function(object, ...) {
  told <- .Call(C_figures, object)
  told$uuid <- uuid_text(told$uuid)
  structure(c(list(path = .Call(C_path, object)), told), class = "summary.fmalloc_runtime")
}

print.summary.fmalloc_runtime <- function(x, ...) {
  bytes <- grepl("_bytes$", names(x))
  for (i in seq_along(x)) {
    value <- if (bytes[[i]]) size_text(x[[i]]) else format(x[[i]])
    cat(formatC(names(x)[[i]], width = -20L), value, "\n")
  }
  invisible(x)
}

size_text <- function(bytes) {
  format(structure(bytes, class = "object_size"), units = "auto", standard = "IEC")
}

uuid_text <- function(uuid) paste(format(uuid), collapse = "")
