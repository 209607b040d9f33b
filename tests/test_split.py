import pytest
import torch

from lineup.data.split import hold_out
from lineup.errors import LineupError

LABELS = torch.arange(300) % 3
IDS = torch.arange(300) * 7919 - 1000
CLASSES = ("ant", "bee", "cow")


def test_each_class_gives_its_share() -> None:
    labels = torch.tensor([0] * 50 + [1] * 100 + [2] * 30)
    chosen = hold_out(labels, IDS[:180], CLASSES, share=0.2, seed=0)
    assert chosen.dtype == torch.bool
    assert labels[chosen].bincount().tolist() == [10, 20, 6]


def test_the_split_never_changes() -> None:
    # Committed results depend on it.
    chosen = hold_out(LABELS[:30], IDS[:30], CLASSES, share=0.2, seed=0)
    assert torch.nonzero(chosen).flatten().tolist() == [7, 9, 18, 20, 25, 26]


def test_it_follows_the_images_not_their_order() -> None:
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    chosen = hold_out(LABELS, IDS, CLASSES, share=0.1, seed=3)
    assert torch.equal(hold_out(LABELS[order], IDS[order], CLASSES, share=0.1, seed=3), chosen[order])


def test_another_seed_holds_out_others() -> None:
    one, other = (hold_out(LABELS, IDS, CLASSES, share=0.2, seed=seed) for seed in (0, 1))
    # 12 of 60 would be common by chance.
    assert 2 <= (one & other).sum() <= 25


def test_a_larger_share_contains_the_smaller() -> None:
    small, large = (hold_out(LABELS, IDS, CLASSES, share=share, seed=0) for share in (0.1, 0.2))
    assert (small & large).sum() == small.sum() < large.sum()


def test_classes_too_small_to_split_are_named() -> None:
    labels = torch.tensor([0] * 20 + [1] * 2 + [2])
    message = r"validation 0\.2: classes with too few images to divide them: bee \(2\), cow \(1\); expected"
    with pytest.raises(LineupError, match=message):
        hold_out(labels, IDS[: len(labels)], CLASSES, share=0.2, seed=0)
    many = torch.arange(5)
    with pytest.raises(LineupError, match=r"a \(1\), b \(1\), c \(1\) and 2 more; expected"):
        hold_out(many, many, "abcde", share=0.2, seed=0)
