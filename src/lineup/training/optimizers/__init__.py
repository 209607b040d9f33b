"""Optimizers, one module each, loaded by name: a new one is a new file and retrains nothing.

Every module has `build(net, *, lr, momentum, weight_decay) -> Optimizer` over the parameters of `net` that
require a gradient. All are fused where torch can: the same mathematics in one pass over the weights.
"""
