"""A fast look at very many rows: what no score exceeds, by a product of float32 matrices and what it may err by.

`plan` says which sums a policy set's scores are made of, `layout` puts their sentences into one matrix, `products`
multiplies rows with it, `stored` says whether the background's sum is known already, and `ceiling` makes bounds.
"""
