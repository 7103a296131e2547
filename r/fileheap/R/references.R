# References: where the heap of a vector that readRDS() brings may be.

# A handle of the heap with this identity; if none of the places has it NULL, where that is
# forgiven, or an error.
find_heap <- function(uuid, path, is_forgiven) {
  places <- unique(c(path, file.path(folders(), basename(path))))
  wanted <- uuid_text(uuid)
  others <- character()
  for (place in places[file.exists(places) & !dir.exists(places)]) {
    handle <- open_existing(place)
    if (inherits(handle, "condition")) {
      others <- c(others, conditionMessage(handle))
      next
    }
    found <- uuid_text(.Call(C_figures, handle)$uuid)
    if (identical(found, wanted)) return(handle)
    others <- c(others, paste0(place, " is another heap (", found, ")"))
  }
  if (is_forgiven) return(NULL)
  fail("heap_missing", "the heap ", wanted, " of a file-backed vector was not found; looked at ",
       paste(places, collapse = ", "), if (length(others)) ": ", paste(others, collapse = "; "),
       "; put its file back, or set options(fileheap.path = ...) to its folder, or ",
       "options(fileheap.missing = \"warn\") to load everything but this vector",
       fields = list(path = path, expected = wanted, found = others))
}

# Opening never creates, and never changes a file that is no heap.
open_existing <- function(path) {
  tryCatch(.Call(C_open_existing, path), fileheap_error = identity)
}

# Folders to look into: those of the option, that of the file readRDS() or load() is reading.
folders <- function() {
  named <- as.character(getOption("fileheap.path"))
  for (frame in rev(sys.frames())) {
    file <- get0("file", frame, inherits = FALSE)
    if (inherits(file, "connection")) {
      file <- tryCatch(summary(file)$description, error = function(e) NULL)
    }
    if (is.character(file) && length(file) == 1L && !is.na(file) && file.exists(file)) {
      return(c(named, dirname(normalizePath(file))))
    }
  }
  named
}

# A vector goes to a file, or comes from one, without its elements.
tell_lost <- function(what, type, length, path, why) {
  text <- paste0("a file-backed vector (", type, ", length ", format(length, scientific = FALSE),
                 if (nzchar(path)) paste0(", of the heap ", path), ") was ", what,
                 " without its elements: it ", why, "; using it is an error")
  warning(structure(class = c("fileheap_warning_lost", "fileheap_warning", "warning", "condition"),
                    list(message = text, call = NULL, path = path)))
}
