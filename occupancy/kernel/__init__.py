"""The latent-state engine: arrays in, arrays out, no ecology.

``simd``       exp and log that the compiler can vectorise
``layout``     sites and visits in blocks, without padding
``two_state``  the thin fast path: two states, one season
``core``       any number of states and seasons, one block at a time
``hessian``    exact second derivatives by Louis' identity
``columns``    columns of a predictor times coefficients, and back
``densities``  log densities of priors
``fused``      the whole log posterior in one pass
``native``     the same as a C function
``caching``    when compiled code on disk may be used again
"""

from occupancy.kernel import caching

caching.install()
