"""`space()`, `space(ele)`: a random field over the map, on an intercept or on a slope.

Sites near each other have effects that are alike:

    effect ~ Gaussian process,  correlation by distance, with a standard deviation and a range

`range` is the distance in kilometres at which the correlation has fallen to 5 %. Two ways to
compute it: waves (`hsgp`, the default) and nearest neighbours (`nngp`). Surveys of the same place
share its effect.
"""

from __future__ import annotations

from dataclasses import replace

from occupancy.columns.blocks import Memory, Reader
from occupancy.formula.tree import Varying as Node
from occupancy.varying.base import State, Varying
from occupancy.varying.situated import Field, learn_field, refuse_option
from occupancy.varying.waves import Waves, shortest_resolved, waves_for


def with_waves(field: Field) -> Waves:
    """The field as waves; its prior allows no range far shorter than they can show."""
    refuse_option(field.node, "neighbours", "hsgp")
    box, highest = waves_for(field)
    resolved = shortest_resolved(highest, field.code)
    return Waves(replace(field, shortest=max(field.shortest, resolved / 3)), box, highest)


class Space(Varying):
    """The word in formulas; what it makes is of one of the two kinds."""

    kind = "space"

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> Varying:
        field = learn_field(node, reader)
        return with_waves(field)

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Varying:
        return Waves.from_state(node, memory, state)
