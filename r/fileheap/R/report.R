# What is in a heap: its records as a data frame, and a diagnosis.

list_fmalloc_allocations <- function(runtime = NULL) {
  columns <- .Call(C_records, the_runtime(runtime))
  columns <- lapply(columns, `[`, columns[[3L]] != 1) # not the room made ahead for small vectors
  names(columns) <- c("record", "generation", "state", "element", "length", "payload_offset",
                      "payload_nbytes", "flags", "references")
  types <- c("logical", "integer", "double", "complex", "character", "list", "raw")
  type <- types[match(columns$element, element_types[types])]
  states <- c("in progress", "committed", "buried")
  temporary <- bitwAnd(as.integer(columns$flags), 256L) != 0L
  data.frame(record = columns$record, generation = columns$generation,
             state = states[columns$state], type = type, length = columns$length,
             payload_offset = columns$payload_offset, payload_nbytes = columns$payload_nbytes,
             flags = columns$flags, references = columns$references, temporary = temporary,
             recoverable = columns$state == 2 & !temporary)
}

diagnose_fmalloc_runtime <- function(runtime = NULL, check = FALSE) {
  runtime <- the_runtime(runtime)
  catalog <- list_fmalloc_allocations(runtime)
  told <- .Call(C_figures, runtime)
  findings <- if (as_flag(check, "check")) strsplit(.Call(C_check, runtime), "\n")[[1L]]
  buried <- catalog$state == "buried"
  # Also what the file has beyond the heap's last page: an interrupted call may have left it.
  unused_bytes <- max(0, told$disk_bytes - told$live_bytes - told$own_bytes)
  summary <- list(vectors = nrow(catalog), payload_bytes = sum(catalog$payload_nbytes),
                  temporary = sum(catalog$temporary), buried = sum(buried),
                  buried_bytes = sum(catalog$payload_nbytes[buried]),
                  fragmentation = told$fragmentation, unused_bytes = unused_bytes,
                  compaction_wins_bytes = unused_bytes + sum(catalog$payload_nbytes[buried]),
                  findings = findings)
  told$uuid <- uuid_text(told$uuid)
  structure(list(runtime = c(list(path = .Call(C_path, runtime)), told), catalog = catalog,
                 summary = summary),
            class = "fmalloc_diagnosis")
}

print.fmalloc_diagnosis <- function(x, ...) {
  cat("heap ", x$runtime$path, ", ", x$runtime$mode, "\n", sep = "")
  cat(x$summary$vectors, "vectors,", size_text(x$summary$payload_bytes), "\n")
  cat(size_text(x$runtime$disk_bytes), " on disk, ", size_text(x$summary$unused_bytes),
      " of them unused: fmalloc_trim() gives back what it can\n", sep = "")
  cat("compaction would win ", size_text(x$summary$compaction_wins_bytes), "; ",
      round(100 * x$summary$fragmentation), "% of free space is scattered\n", sep = "")
  if (!is.null(x$summary$findings)) cat(length(x$summary$findings), "findings\n")
  invisible(x)
}
