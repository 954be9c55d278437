import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from caloforge.networks.gan.dropout import ByteDropout  # noqa: E402
from caloforge.networks.gan.folding import FoldedConv3d, FoldedConvolution  # noqa: E402

CASES = [
    (1, 4, (5, 6, 6), (2, 2, 2), (9, 8, 11)),
    (3, 2, (3, 3, 8), (1, 0, 3), (6, 5, 9)),
    (2, 3, (2, 2, 2), (0, 0, 0), (4, 4, 4)),
]


@pytest.mark.parametrize("folds", [(1, 2), (2, 1), (2, 6), (3, 3)])
@pytest.mark.parametrize(("inputs", "outputs", "kernel", "padding", "size"), CASES)
def test_folding_is_the_same_convolution(inputs, outputs, kernel, padding, size, folds):
    torch.manual_seed(0)
    image = torch.randn(2, inputs, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(outputs, inputs, *kernel, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(outputs, dtype=torch.float64, requires_grad=True)
    plain = functional.conv3d(image, weight, bias, padding=padding)
    folded = FoldedConvolution.apply(image, weight, bias, padding, folds)
    assert torch.allclose(folded, plain)
    gradient = torch.randn_like(plain)
    expected = torch.autograd.grad(plain, (image, weight, bias), gradient)
    found = torch.autograd.grad(folded, (image, weight, bias), gradient)
    assert all(torch.allclose(a, b) for a, b in zip(found, expected, strict=True))


def test_folding_is_differentiable_twice():
    torch.manual_seed(0)
    image = torch.randn(1, 2, 3, 3, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 2, 2, 2, dtype=torch.float64, requires_grad=True)

    def convolve(image, weight):
        return FoldedConvolution.apply(image, weight, None, (1, 0, 1), (2, 3))

    assert torch.autograd.gradgradcheck(convolve, (image, weight))


def test_a_folded_layer_is_plain_in_evaluation():
    layer = FoldedConv3d(1, 4, (3, 3, 3), (1, 1, 1), fold=2, image_fold=4)
    image = torch.randn(1, 1, 5, 5, 5)
    with torch.no_grad():
        plain = functional.conv3d(image, layer.weight, layer.bias, padding=1)
        assert torch.equal(layer.eval()(image), plain)
    assert torch.allclose(layer.train()(image), plain, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(image)
    assert half.dtype == torch.bfloat16 and torch.allclose(half.float(), plain, atol=0.05)


def test_byte_dropout_is_dropout():
    torch.manual_seed(0)
    dropout = ByteDropout(0.2)
    features = torch.rand(8, 4, 6, 5, 50) + 1.0
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        given = features.contiguous(memory_format=layout)
        out = dropout(given)
        kept = out != 0
        assert kept.float().mean().item() == pytest.approx(0.8, abs=0.01)
        assert torch.allclose(out[kept], features[kept] * 256 / 205)
        assert out.stride() == given.stride()
        rates = kept.float().flatten(1).unfold(1, 8, 8).mean(dim=(0, 1))
        assert torch.allclose(rates, torch.full((8,), 0.8), atol=0.04)
    assert dropout.eval()(features) is features
