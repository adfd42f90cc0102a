"""`space()`, `space(ele)`: a random field over the map, on an intercept or on a slope.

Sites near each other have effects that are alike:

    effect ~ Gaussian process,  correlation by distance, with a standard deviation and a range

`range` is the distance in kilometres at which the correlation has fallen to 5 %. Surveys of the
same place share its effect. Two ways to compute it, which `describe()` tells:

- `hsgp`, waves: fast for any number of sites, and smooth. Its cost grows with the extent in ranges.
- `nngp`, nearest neighbours: any range, and sites in patches far apart.

`auto` takes waves, unless the shortest pattern that 32 of them can show along the longer side is
more than thirty times as wide as the distance to a tenth neighbour: then the sites lie in patches,
and nearly all that they could tell would fall between the waves.
"""

from __future__ import annotations

from dataclasses import replace

from occupancy.columns.blocks import Memory, Reader
from occupancy.formula.tree import Varying as Node
from occupancy.varying.base import State, Varying
from occupancy.varying.neighbours import Neighbours, neighbours_for
from occupancy.varying.situated import Field, learn_field, nearest_distance
from occupancy.varying.waves import Waves, shortest_resolved, waves_for
from surveys.problems import ModelError

PATCHY = 30.0
OWN = {"hsgp": ("basis", "boundary"), "nngp": ("neighbours",)}  # options of one kind alone


class Space:
    """The word in formulas; what it makes is of one of the two kinds."""

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> Varying:
        field = learn_field(node, reader)
        kind = kind_of(field)
        other = "nngp" if kind == "hsgp" else "hsgp"
        for name in OWN[other]:
            if name in node.options:  # accepted and ignored, it would be believed
                raise ModelError(f'{name}= belongs to kind="{other}", and this is kind="{kind}".')
        return with_waves(field) if kind == "hsgp" else neighbours_for(field)

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Varying:
        kind = {"hsgp": Waves, "nngp": Neighbours}[state["kind"]]
        return kind.from_state(node, memory, state)


def kind_of(field: Field) -> str:
    """As stated or implied by the other options, else by how the sites lie."""
    options = field.node.options
    stated = str(options.get("kind", "auto"))
    if stated != "auto":
        return stated
    if options.keys() & set(OWN["hsgp"]):
        return "hsgp"
    if options.keys() & set(OWN["nngp"]) or field.smoothness == "exponential":
        return "nngp"
    _, highest = waves_for(field)
    wide = shortest_resolved(highest, field.code)
    return "nngp" if wide > PATCHY * nearest_distance(field.places, 10) else "hsgp"


def with_waves(field: Field) -> Waves:
    """The field as waves; its prior allows no range far shorter than they can show."""
    box, highest = waves_for(field)
    resolved = shortest_resolved(highest, field.code)
    return Waves(replace(field, shortest=max(field.shortest, resolved / 3)), box, highest)
