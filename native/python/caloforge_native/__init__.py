"""The native sampler of caloforge's factorised models."""

from caloforge_native._native import Maker, ModelFileError, Sampler, instruction_sets

__all__ = ["Maker", "ModelFileError", "Sampler", "instruction_sets"]
