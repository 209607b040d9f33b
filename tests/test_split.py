import pytest
import torch

from lineup.data.split import hold_out
from lineup.errors import LineupError

LABELS = torch.arange(300) % 3
IDS = torch.arange(300) * 7919 - 1000


def test_each_class_gives_its_share() -> None:
    labels = torch.tensor([0] * 50 + [1] * 100 + [2] * 30)
    chosen = hold_out(labels, IDS[:180], share=0.2, seed=0)
    assert chosen.dtype == torch.bool
    assert labels[chosen].bincount().tolist() == [10, 20, 6]


def test_the_split_never_changes() -> None:
    # Committed results depend on it.
    chosen = hold_out(LABELS[:30], IDS[:30], share=0.2, seed=0)
    assert torch.nonzero(chosen).flatten().tolist() == [7, 9, 18, 20, 25, 26]


def test_it_follows_the_images_not_their_order() -> None:
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    chosen = hold_out(LABELS, IDS, share=0.1, seed=3)
    assert torch.equal(hold_out(LABELS[order], IDS[order], share=0.1, seed=3), chosen[order])


def test_another_seed_holds_out_others() -> None:
    one, other = (hold_out(LABELS, IDS, share=0.2, seed=seed) for seed in (0, 1))
    # 12 of 60 would be common by chance.
    assert 2 <= (one & other).sum() <= 25


def test_a_larger_share_contains_the_smaller() -> None:
    small, large = (hold_out(LABELS, IDS, share=share, seed=0) for share in (0.1, 0.2))
    assert (small & large).sum() == small.sum() < large.sum()


@pytest.mark.parametrize(("members", "found"), [(2, "0 of the 2"), (1, "0 of the 1")])
def test_a_class_too_small_to_split_is_named(members: int, found: str) -> None:
    labels = torch.tensor([0] * 20 + [1] * members)
    with pytest.raises(LineupError, match=rf"validation 0\.2: {found} images of class 1 held out"):
        hold_out(labels, IDS[: len(labels)], share=0.2, seed=0)
