"""Ablation: the axes and their values."""

import pytest

from demos.common.errors import UserError
from demos.tasks.ablation.options import AXES, AblationOptions, axis_texts

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"axes": ("deepness",)}, "--axes takes layers, width"),
        ({"axes": ("depth",)}, "depth, which is now called layers"),
        ({"axes": ("layers", "layers")}, "without repeats"),
        ({"axes": ()}, "at least one"),
        ({"axes": ("layers",), "vary": ("width=2",)}, "takes the axes layers"),
        ({"vary": ("layers=2",)}, "needs at least two values"),
        ({"vary": ("layers=1,2", "layers=2,3")}, "once, with all its values"),
    ],
)
def test_axes_that_cannot_be(options, says):
    with pytest.raises(UserError, match=says):
        axis_texts(AblationOptions(**options))


def test_every_axis_has_values_of_its_own():
    texts = axis_texts(AblationOptions(vary=("layers=3,5",)))
    assert list(texts) == list(AXES)
    assert texts["layers"] == "layers=3,5"
    assert texts["width"] == "width=16,64,256"
    texts = axis_texts(AblationOptions(axes=("learning-rate",), quick=True))
    assert texts == {"learning_rate": "learning_rate=0.0003,0.001"}
