"""The latent-state engine: arrays in, arrays out, no ecology.

``simd``       exp and log that the compiler can vectorise
``layout``     sites and visits in blocks, without padding
``two_state``  the thin fast path: two states, one season
``core``       any number of states and seasons, one block at a time
``hessian``    exact second derivatives by Louis' identity
``predictor``  columns and group effects fused into a block
"""
