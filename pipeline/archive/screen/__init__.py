"""A fast look at very many rows: what no score exceeds, by a product of matrices and what it may err by.

`plan` says which sums a policy set's scores are made of, `layout` puts their sentences into one matrix, `first` picks
those that settle most rows, `products` multiplies rows with them and `rough` coarse rows, `stored` says whether the
background's sum is known already and coarse features can be believed, `sums` makes bounds of sums, and `upper` is all
of it together.
"""
