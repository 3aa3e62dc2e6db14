"""The sum of products of two stretches of numbers, eight of them at a time, in one order on every processor.

LLVM takes a sum at once for several numbers only when it may add them in any order, which is another one on every processor: so the last
digits would tell where they were made. Here the order is said: eight sums side by side, then their halves.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

LANES = 8


def _dot(_context: Any, numbers: Any, first: Any, second: Any, count: Any) -> Any:  # noqa: ARG001 - the types alone
    """Σ `numbers`[`first` + i] · `numbers`[`second` + i], i = 0 … `count` - 1: float64 (n,); `count` a multiple of LANES, not 0."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        lanes, size = ir.VectorType(ir.DoubleType(), LANES), arguments[3].type
        before, body, after = builder.block, builder.append_basic_block("add"), builder.append_basic_block("added")
        builder.branch(body)
        builder.position_at_end(body)
        place, total = builder.phi(size), builder.phi(lanes)
        pointers = [builder.gep(data, [builder.add(start, place)]) for start in arguments[1:3]]
        a, b = (builder.load(builder.bitcast(pointer, lanes.as_pointer()), align=8) for pointer in pointers)
        sums, further = builder.fadd(total, builder.fmul(a, b)), builder.add(place, ir.Constant(size, LANES))
        for phi, start, later in ((place, ir.Constant(size, 0), further), (total, ir.Constant(lanes, [0.0] * LANES), sums)):
            phi.add_incoming(start, before)
            phi.add_incoming(later, body)
        builder.cbranch(builder.icmp_signed("<", further, arguments[3]), body, after)
        builder.position_at_end(after)
        parts = [builder.extract_element(sums, ir.Constant(ir.IntType(32), k)) for k in range(LANES)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [builder.fadd(one, other) for one, other in zip(parts[:half], parts[half:], strict=True)]
        return parts[0]

    return types.float64(numbers, types.intp, types.intp, types.intp), build


dot: Any = intrinsic(_dot)
