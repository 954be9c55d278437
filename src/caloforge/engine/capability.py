"""What the processor can do beyond float32, asked of the operating system."""

import os
from typing import Self

from caloforge.config import FrozenModel
from caloforge.provenance import cpu_field

LIMIT_VARIABLE = "ONEDNN_MAX_CPU_ISA"
PLAIN_INSTRUCTIONS = ("SSE41", "AVX", "AVX2")
"""Values of LIMIT_VARIABLE under which OpenVINO and torch leave both kinds of instructions out."""


class Capabilities(FrozenModel):
    """Instructions that decide which number format is fast on a processor.

    ``bfloat16``: AVX-512 BF16 or AMX BF16. ``int8``: AVX-512 VNNI, AVX VNNI or AMX INT8.
    """

    bfloat16: bool
    int8: bool

    @classmethod
    def from_flags(cls, flags: set[str]) -> Self:
        """From the flags of ``/proc/cpuinfo``.

        >>> Capabilities.from_flags({"avx2", "avx512_vnni"})
        Capabilities(bfloat16=False, int8=True)
        """
        return cls(
            bfloat16=bool(flags & {"avx512_bf16", "amx_bf16"}),
            int8=bool(flags & {"avx512_vnni", "avx_vnni", "amx_int8"}),
        )

    @classmethod
    def of_this_cpu(cls) -> Self:
        """What this machine's processor offers, and LIMIT_VARIABLE does not forbid the engines.

        Nothing where it cannot be found out.
        """
        if os.environ.get(LIMIT_VARIABLE, "").upper() in PLAIN_INSTRUCTIONS:
            return cls(bfloat16=False, int8=False)
        return cls.from_flags(set(cpu_field("flags").split()))

    def __str__(self) -> str:
        bf16, vnni = (("yes" if has else "no") for has in (self.bfloat16, self.int8))
        return f"BF16 {bf16}, INT8 dot product (VNNI) {vnni}"
