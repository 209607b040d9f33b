"""Random numbers by key: their distribution, their independence, and what they do not depend on."""

import numpy as np
import torch

from lineup.training.sampling import sample_order, sample_uniform

IDS = torch.arange(20_000) * 7919 - 10**8


def test_numbers_are_uniform_and_uncorrelated() -> None:
    drawn = sample_uniform(3, 5, IDS, 4).double()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    torch.testing.assert_close(drawn.mean(0), torch.full((4,), 0.5).double(), atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.full((4,), 12**-0.5).double(), atol=0.01, rtol=0)
    lanes = torch.cat(
        [drawn, sample_uniform(3, 6, IDS, 4).double(), sample_uniform(4, 5, IDS, 4).double()], dim=1
    )
    correlation = torch.corrcoef(lanes.T) - torch.eye(12)
    assert correlation.abs().max() < 0.03


def test_a_draw_depends_on_its_key_alone() -> None:
    whole = sample_uniform(1, 2, IDS, 3)
    shuffled = torch.randperm(len(IDS))
    assert torch.equal(sample_uniform(1, 2, IDS[shuffled], 3), whole[shuffled])
    assert torch.equal(sample_uniform(1, 2, IDS[:1], 2), whole[:1, :2])


def test_splitmix64_is_the_published_one() -> None:
    """The finaliser against the same steps in numpy's unsigned arithmetic."""
    from lineup.training.sampling import _mix

    bits = np.array([0, 1, 2**63, 2**64 - 1, 0x123456789ABCDEF], dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        expected = z ^ (z >> np.uint64(31))
    assert _mix(torch.from_numpy(bits.view(np.int64))).numpy().view(np.uint64).tolist() == expected.tolist()


def test_an_order_is_a_permutation_that_changes_with_its_key() -> None:
    order = sample_order(0, 0, 1000)
    assert order.sort().values.tolist() == list(range(1000))
    assert torch.equal(order, sample_order(0, 0, 1000))
    assert not torch.equal(order, sample_order(0, 1, 1000))
    assert not torch.equal(order, sample_order(1, 0, 1000))
