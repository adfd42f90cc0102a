"""Result folders are whole or absent, damage is always found, and one process writes at a time."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from occupancy import store

ROOT = Path(__file__).parent.parent


def write(target: Path, text: str, replace: bool = False) -> store.Manifest:
    with store.new_folder(target, replace=replace) as folder:
        (folder / "inner").mkdir()
        (folder / "draws.bin").write_bytes(bytes(range(256)) * 4)
        (folder / "inner" / "text.csv").write_text(text, encoding="utf-8")
        store.finish(folder, store.Manifest("test", settings={"text": text}, seed=3))
    return store.verify(target)


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_new_folder__manifest_names_every_file_settings_and_versions(tmp_path: Path):
    manifest = write(tmp_path / "fit", "a,b")
    assert set(manifest.files) == {"draws.bin", "inner/text.csv"}
    assert manifest.files["draws.bin"]["size"] == 1024
    assert manifest.settings == {"text": "a,b"}
    assert manifest.seed == 3
    assert manifest.versions["numpy"] == np.__version__
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


def test_new_folder__shapes_of_netcdf_arrays_are_recorded(tmp_path: Path):
    import h5py

    with store.new_folder(tmp_path / "fit") as folder:
        with h5py.File(folder / "fit.nc", "w") as file:
            file["posterior/psi"] = np.zeros((4, 5))
        store.finish(folder, store.Manifest("test"))
    assert store.verify(tmp_path / "fit").arrays == {"fit.nc:/posterior/psi": [4, 5]}


def test_new_folder__existing_target_is_refused_and_replaced_only_on_request(tmp_path: Path):
    write(tmp_path / "fit", "old")
    with pytest.raises(store.StoreError, match="exists already"):
        write(tmp_path / "fit", "new")
    assert store.verify(tmp_path / "fit").settings == {"text": "old"}
    assert write(tmp_path / "fit", "new", replace=True).settings == {"text": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


def test_new_folder__files_of_others_outlive_a_replacement(tmp_path: Path):
    target = tmp_path / "report"
    for text in ("first", "second", "third"):
        with store.new_folder(target, replace=True) as folder:
            (folder / "ours.txt").write_text(text)
            store.finish(folder, store.Manifest("report"))
        (target / "notes.txt").write_text(f"mine after {text}")
    kept = tmp_path / "report-kept"
    assert sorted(path.name for path in kept.iterdir()) == ["notes-2.txt", "notes.txt"]
    assert (kept / "notes.txt").read_text() == "mine after first"
    assert (target / "ours.txt").read_text() == "third"


def test_new_folder__a_file_is_never_replaced(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with (
        pytest.raises(store.StoreError, match="is a file"),
        store.new_folder(tmp_path / "notes.txt", replace=True),
    ):
        raise AssertionError
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_save__a_folder_of_other_files_is_not_replaced(tmp_path: Path):
    import surveys
    from occupancy import Model

    fit = Model(surveys.from_arrays([[1, 0], [0, 0], [1, 1]])).fit("ml")
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(store.StoreError, match="no saved fit"):
        fit.save(tmp_path, replace=True)
    assert (tmp_path / "thesis.docx").read_text() == "mine"
    fit.save(tmp_path / "fit")
    fit.save(tmp_path / "fit", replace=True)


def test_new_folder__a_failing_body_leaves_the_old_result_and_nothing_else(tmp_path: Path):
    write(tmp_path / "fit", "old")

    def interrupted() -> None:
        with store.new_folder(tmp_path / "fit", replace=True) as folder:
            (folder / "half").write_text("x", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with (
        pytest.raises(store.StoreError, match="not finished"),
        store.new_folder(tmp_path / "fit", replace=True),
    ):
        pass
    assert store.verify(tmp_path / "fit").settings == {"text": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


def test_new_folder__odd_names_work(tmp_path: Path):
    for name in ("with space", "Größe [1]*", "n" * 200):
        write(tmp_path / name, "old")
        assert write(tmp_path / name, "new", replace=True).settings == {"text": "new"}


def test_verify__every_flipped_byte_truncation_deletion_and_addition_is_found(tmp_path: Path):
    target = tmp_path / "fit"
    write(target, "site,psi\nA,0.5\n")
    files = [path for path in sorted(target.rglob("*")) if path.is_file()]
    assert len(files) == 3
    chance = random.Random(1)
    for path in files:
        whole = path.read_bytes()
        places = {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(150))}
        for place in places:
            broken = bytearray(whole)
            broken[place] ^= 1 << chance.randrange(8)
            path.write_bytes(bytes(broken))
            assert not store.is_complete(target), (path, place)
        for length in {0, 1, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:length])
            assert not store.is_complete(target), (path, length)
        path.unlink()
        assert not store.is_complete(target), path
        path.write_bytes(whole)
        assert store.is_complete(target)
    (target / "extra.csv").write_text("x", encoding="utf-8")
    with pytest.raises(store.StoreError, match=r"extra\.csv does not belong"):
        store.verify(target)


def test_verify__says_what_is_damaged_and_what_to_do(tmp_path: Path):
    target = tmp_path / "fit"
    write(target, "x")
    (target / "draws.bin").write_bytes(b"short")
    with pytest.raises(store.StoreError) as caught:
        store.verify(target)
    assert "draws.bin has 5 bytes instead of 1,024" in str(caught.value)
    assert "Remove this folder and run the command again" in str(caught.value)


def test_verify__what_a_file_browser_leaves_is_no_damage(tmp_path: Path):
    write(tmp_path / "fit", "x")
    (tmp_path / "fit" / ".DS_Store").write_bytes(b"x")
    assert store.is_complete(tmp_path / "fit")


def test_verify__newer_schema_asks_for_an_update(tmp_path: Path):
    write(tmp_path / "fit", "x")
    path = tmp_path / "fit" / store.MANIFEST
    content = json.loads(path.read_text(encoding="utf-8"))
    content["schema"] = store.SCHEMA + 1
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(store.StoreError, match="newer version"):
        store.verify(tmp_path / "fit")


# A process writes over an old result and is killed at its n-th touch of the disk, for every n.
KILLED = """
    import itertools, os, signal, sys
    from pathlib import Path
    from occupancy import store

    target = Path(sys.argv[1])

    def write(text):
        with store.lock(target.parent), store.new_folder(target, replace=True) as folder:
            for name in ("one", "two"):
                (folder / name).write_text(text)
            store.finish(folder, store.Manifest("test", settings={"text": text}))

    def killed_at(fatal):
        touches = itertools.count(1)

        def touch():
            if next(touches) == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

        def fatally(function):
            def call(*args, **kwargs):
                touch()
                result = function(*args, **kwargs)
                touch()
                return result
            return call

        os.fsync = fatally(os.fsync)
        store.shutil.rmtree = fatally(store.shutil.rmtree)
        for name in ("mkdir", "replace", "write_text", "unlink"):
            setattr(Path, name, fatally(getattr(Path, name)))
        write("new")

    for fatal in itertools.count(1):
        write("old")
        child = os.fork()
        if child == 0:
            killed_at(fatal)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found = store.verify(target).settings["text"]
        write("again")
        print(status, found, *sorted(path.name for path in target.parent.iterdir()))
        if status == 0:
            break
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
def test_new_folder__killed_anywhere_leaves_the_old_or_the_new_result(tmp_path: Path):
    told = run(KILLED, str(tmp_path / "fit"))
    *killed, last = told.stdout.splitlines()
    assert last == "0 new fit", told.stderr
    assert len(killed) > 25
    # Whatever the moment: one of the two results, whole, and the next run clears what was left.
    assert set(killed) == {f"{int(signal.SIGKILL)} {text} fit" for text in ("old", "new")}


@pytest.mark.skipif(os.name == "nt", reason="file size limits are a POSIX feature")
@pytest.mark.parametrize("writer", ["plain", "hdf5"])
def test_new_folder__full_disk_is_told_and_leaves_the_old_result(tmp_path: Path, writer: str):
    write(tmp_path / "fit", "old")
    code = """
        import resource, sys
        from pathlib import Path
        from occupancy import store

        target, writer = Path(sys.argv[1]), sys.argv[2]
        if writer == "hdf5":
            import h5py, numpy
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        try:
            with store.new_folder(target, replace=True) as folder:
                if writer == "plain":
                    (folder / "draws").write_bytes(b"x" * 50000)
                else:
                    with h5py.File(folder / "fit.nc", "w") as file:
                        file["psi"] = numpy.ones(50000)
                store.finish(folder, store.Manifest("test"))
        except store.DiskFullError as error:
            print(error)
    """
    told = run(code, str(tmp_path / "fit"), writer)
    assert "No room to write" in told.stdout, told.stderr
    assert "bytes free" in told.stdout
    assert store.verify(tmp_path / "fit").settings == {"text": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


def test_lock__second_writer_is_told_pid_host_and_time(tmp_path: Path):
    with store.lock(tmp_path) as note:
        assert note == ""
        holder = json.loads((tmp_path / ".lock").read_text(encoding="utf-8"))
        with pytest.raises(store.LockedError) as caught, store.lock(tmp_path):
            pass
        for fact in (str(os.getpid()), holder["host"], holder["started"]):
            assert fact in str(caught.value)
    assert not (tmp_path / ".lock").exists()


def test_lock__dead_writer_is_replaced_with_a_note_other_hosts_are_not(tmp_path: Path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    import socket

    holder = {"pid": dead.pid, "host": socket.gethostname(), "started": "then", "token": "x"}
    (tmp_path / ".lock").write_text(json.dumps(holder), encoding="utf-8")
    with store.lock(tmp_path) as note:
        assert f"process {dead.pid} of then" in note
    (tmp_path / ".lock").write_text(json.dumps({**holder, "host": "elsewhere"}), encoding="utf-8")
    with pytest.raises(store.LockedError, match="elsewhere"), store.lock(tmp_path):
        pass


def test_lock__of_many_racing_for_a_dead_lock_exactly_one_gets_it(tmp_path: Path):
    """Three processes race; two holders at once would meet at the file inside."""
    code = """
        import json, os, sys, time
        from pathlib import Path
        from occupancy import store

        folder = Path(sys.argv[1])
        won = 0
        end = time.time() + 1.0
        while time.time() < end:
            try:
                with store.lock(folder):
                    handle = os.open(folder / "inside", os.O_CREAT | os.O_EXCL)
                    os.close(handle)
                    won += 1
                    time.sleep(0.001)
                    (folder / "inside").unlink()
                    if won % 5 == 0:  # leave a dead writer's lock behind
                        dead = os.fork()
                        if dead == 0:
                            os._exit(0)
                        os.waitpid(dead, 0)
                        left = {"pid": dead, "host": os.uname().nodename, "started": "t"}
                        (folder / ".lock").write_text(json.dumps(left))
            except store.LockedError:
                time.sleep(0.0005)
        print(won)
    """
    if os.name == "nt":
        pytest.skip("forks")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [racer.communicate(timeout=60) for racer in racers]
    assert [error for _, error in answers] == ["", "", ""]
    assert sum(int(won) for won, _ in answers) > 20


def test_digest__content_counts_and_key_order_does_not():
    assert store.digest({"a": 1, "b": [1, 2]}) == store.digest({"b": (1, 2), "a": 1})
    assert store.digest({"a": 1}) != store.digest({"a": 2})
    assert store.digest({1: 0, 10: 0, 2: 0}) == store.digest({"1": 0, "2": 0, "10": 0})
    array = np.arange(6.0)
    assert store.digest(array) != store.digest(array.reshape(2, 3))
    assert store.digest(np.array(["a", "b"], dtype=object)) != store.digest(
        np.array(["a", "c"], dtype=object)
    )
