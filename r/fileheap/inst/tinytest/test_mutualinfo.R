# Mutual information agrees with a reference in R, computed from the same definition of density.
source("helper.R", local = TRUE)

# Weights of the cells: of a discrete variable, of a continuous one on a grid; then the kernel.
weights <- function(values, discrete, points) {
  if (discrete) return(list(w = outer(values, unique(values), "==") + 0, k = NULL))
  h <- stats::bw.nrd0(values)
  grid <- seq(min(values) - 3 * h, max(values) + 3 * h, length.out = points)
  step <- grid[2] - grid[1]
  list(w = pmax(1 - abs(outer(values, grid, "-")) / step, 0), # linear binning
       k = exp(-0.5 * (outer(grid, grid, "-") / h)^2))
}
reference <- function(x, y, dx, dy, eps = .Machine$double.eps * 1000) {
  points <- if (!dx && !dy) 64 else 256
  x <- weights(x, dx, points)
  y <- weights(y, dy, points)
  joint <- crossprod(x$w, y$w)
  if (!is.null(x$k)) joint <- x$k %*% joint
  if (!is.null(y$k)) joint <- joint %*% y$k
  p <- joint / sum(joint)
  terms <- p * log(p / outer(rowSums(p), colSums(p)))
  sum <- sum(terms[p > eps])
  if (sum < eps) 0 else sum
}
set.seed(3)
n <- 800
x <- rnorm(n)
class <- sample(c("a", "b", "c"), n, TRUE)
values <- list(list(x, x + rnorm(n)), list(x, rexp(n)), list(x, -x^2), list(round(x, 1), x),
               list(rep(2, n), x))
for (pair in values) {
  expect_equal(mutualinfo(pair[[1]], pair[[2]]), reference(pair[[1]], pair[[2]], FALSE, FALSE))
}
expect_equal(mutualinfo(x, class, isYDiscrete = TRUE), reference(x, class, FALSE, TRUE))
expect_equal(mutualinfo(class, x, isXDiscrete = TRUE), reference(class, x, TRUE, FALSE))
shifted <- x + 2 * (class == "a")
expect_equal(mutualinfo(shifted, class, FALSE, TRUE), reference(shifted, class, FALSE, TRUE))
expect_true(mutualinfo(shifted, class, FALSE, TRUE) > 20 * mutualinfo(x, class, FALSE, TRUE))
other <- ifelse(runif(n) < 0.5, class, "a")
expect_equal(mutualinfo(class, other, TRUE, TRUE), reference(class, other, TRUE, TRUE))
expect_equal(mutualinfo(class, class, TRUE, TRUE),
             -sum(table(class) / n * log(table(class) / n)))
expect_equal(mutualinfo(factor(class), class == "a", TRUE, TRUE),
             reference(class, class == "a", TRUE, TRUE))
# Known value: of a normal pair with correlation r it is -log(1 - r^2) / 2.
a <- rnorm(20000)
expect_true(abs(mutualinfo(a, a + rnorm(20000)) - log(2) / 2) < 0.03)
# Missing values, eps, one value.
expect_identical(mutualinfo(c(x, NA), c(class, "a"), isYDiscrete = TRUE), NA_real_)
expect_equal(mutualinfo(c(x, NA, 1), c(class, "a", NA), isYDiscrete = TRUE, na.rm = TRUE),
             mutualinfo(x, class, isYDiscrete = TRUE))
expect_identical(mutualinfo(x, sample(class), FALSE, TRUE, eps = 0.5), 0)
expect_identical(mutualinfo(1, 2), 0)
expect_identical(mutualinfo(numeric(), numeric()), NA_real_)
expect_true(refuses(mutualinfo(1:3, 1:2), "length"))
expect_true(refuses(mutualinfo("a", 1), "type"))
expect_true(refuses(mutualinfo(c(Inf, 1), 1:2), "type"))
expect_true(refuses(mutualinfo(1:3, 1:3, eps = -1), "invalid_argument"))
expect_true(refuses(mutualinfo(1:3, 1:3, isXDiscrete = NA), "invalid_argument"))
