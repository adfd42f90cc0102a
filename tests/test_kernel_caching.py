"""Compiled code on disk must never outlive the sources that it is made of."""

from __future__ import annotations

from occupancy.families import single_season
from occupancy.kernel import caching, fused, native, two_state


def test_caching__every_kernel_is_keyed_by_all_sources():
    """Also those of other files, which numba inlines: its own key would load old code silently."""
    compiled = (
        single_season.kernel,
        two_state.on_predictors,
        fused.density,
        native.native_density,
        native.native_expand,
    )
    for function in compiled:
        stamp = function._cache._cache_file._source_stamp
        assert stamp == caching.source_digest()


def test_caching__digest_follows_every_source(tmp_path, monkeypatch):
    for room in ("kernel", "families"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "a.py").write_text("one")
    monkeypatch.setattr(caching, "PACKAGE", tmp_path)
    digests = []
    for change in (None, "kernel/a.py", "families/a.py", "kernel/b.py"):
        if change:
            (tmp_path / change).write_text("two")
        digests.append(caching.source_digest.__wrapped__())
    assert len(set(digests)) == 4


def test_caching__other_packages_keep_their_own_key():
    import numba

    def elsewhere(x):
        return x + 1

    kept = numba.njit(cache=True)(elsewhere)
    assert kept._cache._cache_file._source_stamp != caching.source_digest()
