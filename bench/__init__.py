"""Benchmarks of the road: every figure beside its floor, measured in the same run, told as one JSON object.

Never imported by the product. Nothing here is a second way to do the road's work: roads call the verbs as everybody does.
"""
