# A matrix larger than memory: filled in place by workers, then summed by them, in a heap file.
#
# usage: Rscript larger_than_memory.R [GIGABYTES] [FOLDER]    default: twice the memory, here
# Run it under a memory limit to see the same with less disk: systemd-run -p MemoryMax=1G ...

suppressPackageStartupMessages(library(fileheap))
given <- commandArgs(TRUE)
memory <- 1024 * as.numeric(gsub("\\D", "", grep("^MemTotal", readLines("/proc/meminfo"), value = TRUE)))
bytes <- if (length(given) > 0) as.numeric(given[[1]]) * 1024^3 else 2 * memory
folder <- if (length(given) > 1) given[[2]] else "."
path <- tempfile(tmpdir = folder, fileext = ".heap")
rows <- 1e6
columns <- max(2, round(bytes / 8 / rows))

rt <- open_fmalloc(path)
m <- create_fmalloc_matrix("numeric", rows, columns, runtime = rt, zero_initialize = FALSE)
cat(sprintf("%.1f GB matrix, %.1f GB of memory\n", 8 * rows * columns / 1e9, memory / 1e9))
fill <- system.time(memLapply(seq_len(columns), function(j, rows) j + numeric(rows),
                              VARS = list(rows = rows), MAX.CORES = 2, OUT = m))[["elapsed"]]
rt[["m"]] <- m
work <- system.time(sums <- unlist(memApply("m", 2, sum, NAMESPACE = rt,
                                            MAX.CORES = 2)))[["elapsed"]]
stopifnot(identical(sums, rows * seq_len(columns)))
peak <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
cat(sprintf("filled in %.1f s, summed in %.1f s: %.2f GB/s; %s\n", fill, work,
            8 * rows * columns / 1e9 / work, peak))
rm(m)
cleanup_fmalloc(rt)
unlink(c(path, Sys.glob(paste0(path, "-*"))))
