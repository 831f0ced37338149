"""Classical methods, tuned on the training pixels: what a network has to beat.

A baseline is treated as fairly as a network: it is fitted on the same pixels, its settings are
tuned on them by cross-validation over blocks, it is measured by the same figures, and, where it
does not learn the unit of its target, one scale and offset from the training pixels bring it there.
"""
