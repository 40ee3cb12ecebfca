# Reference values of tests/reference/test_statistics_r.py. R 4.2.2, psych 2.2.9.
# Run: Rscript tests/reference/statistics.R
suppressMessages(library(psych))
show <- function(label, ...) cat(label, sprintf("%.8g", c(...)), "\n")

x <- c(3, 4, 2, 5, 3, 4, 1, 5, 2, 4); y <- c(2, 4, 1, 3, 3, 5, 1, 2, 2, 3); z <- c(1, 2, 2, 5, 4, 3, 3, 1, 2, 2)
u <- c(1.1, 2.3, 0.7, 3.8, 2.9, 4.4); v <- c(0.2, 1.9, 0.1, 2.2, 3.1, 1.3)

w <- suppressWarnings(wilcox.test(x, z)); show("mann-whitney ties", w$p.value)
show("mann-whitney exact", wilcox.test(u, v)$p.value)
w <- suppressWarnings(wilcox.test(rep(x, 3), rep(y, 3), paired=TRUE, correct=FALSE)); show("wilcoxon ties", w$p.value)
show("wilcoxon exact", wilcox.test(u, v, paired=TRUE)$p.value)
f <- friedman.test(cbind(x, y, z)); show("friedman", f$statistic, f$p.value)
k <- kruskal.test(list(x, y, z)); show("kruskal", k$statistic, k$p.value)
b <- binom.test(5, 6); show("sign", b$p.value, 2 * b$conf.int - 1)
r <- cor.test(x, y); show("pearson", r$estimate, r$conf.int, r$p.value)
t <- t.test(x, z); show("welch", t$conf.int, t$p.value)
t <- t.test(x, y, paired=TRUE, conf.level=.90); show("paired 90", t$conf.int)
show("tost paired", max(t.test(x, y, paired=TRUE, mu=-1.5, alternative="greater")$p.value,
                        t.test(x, y, paired=TRUE, mu=1.5, alternative="less")$p.value))
k <- cohen.kappa(cbind(x, y)); show("quadratic kappa", k$weighted.kappa)
p <- c(.01, .02, .03, .04, .05, .001, .2); show("holm", p.adjust(p, "holm")); show("bh", p.adjust(p, "BH"))

# Shrout & Fleiss (1979), table 2: six targets, four judges.
sf <- matrix(c(9,2,5,8, 6,1,3,2, 8,4,6,8, 7,1,2,6, 10,5,6,9, 6,2,4,7), ncol=4, byrow=TRUE)
i <- suppressMessages(ICC(sf, lmer=FALSE))$results[2, ]; show("icc", i$ICC, i[["lower bound"]], i[["upper bound"]], i$F, i$p)

# Two-way random effects, balanced: aov mean squares give the components.
set.seed(1); g <- expand.grid(item=factor(1:6), wording=factor(1:4))
g$y <- c(2.1,3.4,1.2,4.8,3.3,2.7, 2.9,3.9,1.9,5.1,4.4,3.0, 1.8,2.9,0.8,4.1,3.6,2.2, 2.4,3.8,1.1,4.4,3.1,3.2)
m <- summary(aov(y ~ item + wording, g))[[1]][["Mean Sq"]]
show("components", (m[1] - m[3]) / 4, (m[2] - m[3]) / 6, m[3])
# Unbalanced: cells 1, 8 and 15 missing; components from Type II sums of squares (drop1).
h <- g[-c(1, 8, 15), ]; full <- lm(y ~ item + wording, h); e <- sum(resid(full)^2); de <- full$df.residual
ss <- function(f) sum(resid(lm(f, h))^2) - e
cc <- function(keep, drop) { A <- model.matrix(keep, h); Z <- model.matrix(drop, h); sum(qr.resid(qr(A), Z)^2) }
show("components unbalanced", (ss(y ~ wording) - 5 * e / de) / cc(~ wording, ~ item - 1),
     (ss(y ~ item) - 3 * e / de) / cc(~ item, ~ wording - 1), e / de)
