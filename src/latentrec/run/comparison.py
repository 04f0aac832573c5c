"""Compare runs: find or make their ranks, group seeds, and test them on the same cases."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np

from latentrec.config import BaselineName
from latentrec.errors import ConfigError, DataError
from latentrec.evaluate.baselines import evaluate_baselines
from latentrec.evaluate.compare import Comparison, System, compare_systems
from latentrec.evaluate.evaluate import intervals
from latentrec.evaluate.metrics import top_k_of
from latentrec.run.evaluation import evaluate_run, reads
from latentrec.run.folder import read_config
from latentrec.run.judged import Judged, has_ranks, keep_ranks, read_ranks
from latentrec.run.run import load, prepared_data

SEED_AT_END: Final = re.compile(r"([-_. ]*seed|(^|[-_. ]+)s)?[-_. ]*\d+$")
"""How the names of runs of several seeds end; an "s" counts only where it stands apart."""
BASELINES: Final = get_args(BaselineName)
"""Names that no run can have, since its row would hide the baseline's."""


def compare(
    runs: Sequence[str | Path],
    *,
    names: Sequence[str] = (),
    baseline: str | None = None,
    metric: str = "ndcg@10",
    top_k: Sequence[int] = (10,),
    exclude_seen: bool | None = None,
) -> Comparison:
    """Compare runs that were judged on the same test cases; runs that differ in the seed are one.

    Ranks that a run does not hold yet are made first, which reads its data and scores them; those
    of a baseline that no run holds are made for the first run.

    Args:
        runs: Folders of trained runs, at least one.
        names: What each run is called, seeds of one method alike, also blends of which validation
            chose other baselines; by default after the folders, and such blends stand apart.
        baseline: What the others are tested against: a run's name, or a baseline's such as
            `markov`; by default the first run.
        metric: What is tested, like `ndcg@10`.
        top_k: List lengths K >= 1 of the metrics in the table; that of `metric` in any case.
        exclude_seen: Hide the items of the history; by default as the first run's configuration
            says.

    Raises:
        ConfigError: If runs differ in data or protocol, two are the same run, a name or metric is
            unknown, there is not a name for each run, or a list has no length.
        CheckpointError: If a folder holds no trained run.
    """
    folders, tops = [Path(run) for run in runs], _lengths(top_k, metric)
    if not folders:
        raise ConfigError("compare: there is no run; give the folder of at least one")
    knobs = read_config(folders[0]).evaluate
    hidden = knobs.exclude_seen if exclude_seen is None else exclude_seen
    judged = [_judged(folder, hidden) for folder in folders]
    _check_same_task(judged)
    if baseline and baseline in BASELINES and all(baseline not in run.ranks for run in judged):
        judged[0] = _with_baseline(judged[0], baseline, hidden)
    named = _named(judged, names) if names else _groups(judged)
    systems = _baselines(named) + [
        System(name, tuple(run.ranks[run.model] for run in group)) for name, group in named.items()
    ]
    settings = _settings(judged)
    reference = _reference(baseline, systems, next(iter(named)), settings)
    return compare_systems(
        systems,
        judged[0].users,
        reference=reference,
        tested=[name for name in named if name != reference],
        metric=metric,
        shown=[f"{name}@{k}" for name in knobs.metrics for k in tops],
        protocol=f"{judged[0].protocol}; {intervals(knobs.resamples, knobs.confidence)}",
        resamples=knobs.resamples,
        confidence=knobs.confidence,
        notes=(
            *filter(None, settings.values()),
            *(reads(name, group[0].config) for name, group in named.items()),
        ),
    )


def run_names(runs: Sequence[str | Path]) -> list[str]:
    """What `compare` calls each of the runs; where several are one row, with the seed of each.

    Args:
        runs: Folders of runs that can be compared, at least one.
    """
    folders = [Path(run) for run in runs]
    hidden = read_config(folders[0]).evaluate.exclude_seen
    names = {
        run.folder: f"{name}, seed {run.config.train.seed}" if len(group) > 1 else name
        for name, group in _groups([_judged(folder, hidden) for folder in folders]).items()
        for run in group
    }
    return [names[folder] for folder in folders]


def _lengths(top_k: Sequence[int], metric: str) -> list[int]:
    """The list lengths of the table, each once."""
    for k in top_k:
        if k < 1:
            raise ConfigError(f"compare: top_k={k}: a list has at least 1 item")
    return list(dict.fromkeys([*top_k, top_k_of(metric)]))


def _judged(folder: Path, exclude_seen: bool) -> Judged:
    """The ranks of a run, made now if they are not there."""
    if has_ranks(folder, exclude_seen):
        found = read_ranks(folder, exclude_seen)
        if found.model in found.ranks:
            return found
    run = load(folder)
    knobs = run.config.evaluate.model_copy(update={"exclude_seen": exclude_seen})
    prepared = prepared_data(run)
    keep_ranks(folder, prepared, knobs, evaluate_run(run, prepared, knobs))
    return read_ranks(folder, exclude_seen)


def _with_baseline(run: Judged, name: str, exclude_seen: bool) -> Judged:
    """A run's ranks with those of one more baseline, which are made now and kept."""
    changed = {"exclude_seen": exclude_seen, "baselines": (name,)}
    knobs = run.config.evaluate.model_copy(update=changed)
    try:
        prepared = prepared_data(run)
    except DataError as error:
        raise ConfigError(
            f"compare: none of the runs keeps ranks of baseline '{name}', and to judge it now the "
            f"log must be there: {error}"
        ) from None
    keep_ranks(run.folder, prepared, knobs, evaluate_baselines(prepared.dataset, knobs))
    return read_ranks(run.folder, exclude_seen)


def _check_same_task(judged: Sequence[Judged]) -> None:
    first = judged[0]
    for other in judged[1:]:
        if other.fingerprint != first.fingerprint:
            problem = (
                f"were trained and judged on different data or splits (fingerprints "
                f"{first.fingerprint[:12]} and {other.fingerprint[:12]})"
            )
        elif other.protocol != first.protocol:
            problem = f"were judged by different protocols: {first.protocol} | {other.protocol}"
        else:
            continue
        raise ConfigError(
            f"compare: {first.folder} and {other.folder} {problem}; only runs of the same cases "
            "can be compared"
        )


def _named(judged: Sequence[Judged], names: Sequence[str]) -> dict[str, list[Judged]]:
    """Runs under the names given, in the order of their first."""
    if len(names) != len(judged):
        raise ConfigError(f"compare: {len(judged)} runs and {len(names)} names; give each run one")
    groups: dict[str, list[Judged]] = {}
    for name, run in zip(names, judged, strict=True):
        if name in BASELINES:
            raise ConfigError(f"compare: name '{name}' is a baseline's; call the run otherwise")
        first = groups.setdefault(name, [run])[0]
        if first is run:
            continue
        if _chosen_or_not(first) != _chosen_or_not(run):
            raise ConfigError(
                f"compare: {first.folder} and {run.folder} are both named '{name}', but differ in "
                "more than the seed; only seeds of one method are one row"
            )
        groups[name].append(run)
    for group in groups.values():
        _check_seeds(group)
    return groups


def _groups(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Runs that differ in the seed only, under one name each, in the order given."""
    groups: list[list[Judged]] = []
    for run in judged:
        for group in groups:
            if _without_seed(group[0]) == _without_seed(run):
                group.append(run)
                break
        else:
            groups.append([run])
    for group in groups:
        _check_seeds(group)
    names = [f"run {name}" if name in BASELINES else name for name in _row_names(groups)]
    return dict(zip(names, groups, strict=True))


def _row_names(groups: Sequence[Sequence[Judged]]) -> list[str]:
    """What each group is called; of equal names blends are told apart by their baseline."""
    names = [_name(group) for group in groups]
    of_blends = [group[0].config.blend for group in groups]
    names = [
        f"{name}+{blend.partner}" if blend and names.count(name) > 1 else name
        for name, blend in zip(names, of_blends, strict=True)
    ]
    if len(set(names)) < len(names):
        return _told_apart([group[0].folder for group in groups])
    return names


def _told_apart(folders: Sequence[Path]) -> list[str]:
    """The path of each folder without its seed and without the ends that all of them share.

    Where that is not enough the paths as they are.
    """
    places = [_place(folder.resolve()) for folder in folders]
    for end, rest in ((0, slice(1, None)), (-1, slice(None, -1))):
        while min(map(len, places)) > 1 and len({place[end] for place in places}) == 1:
            places = [place[rest] for place in places]
    if len(set(places)) < len(places):
        return [str(folder) for folder in folders]
    return ["/".join(place) for place in places]


def _place(folder: Path) -> tuple[str, ...]:
    stem = SEED_AT_END.sub("", folder.name)
    return (*folder.parent.parts, stem) if stem else folder.parent.parts


def _without_seed(run: Judged) -> dict[str, Any]:
    """The configuration, except what does not make another method of it."""
    values = run.config.model_dump(mode="json", exclude={"evaluate"})
    values["train"] = {k: v for k, v in values["train"].items() if k not in ("seed", "device")}
    if run.config.post_train is not None:  # each seed was trained further from one of its own
        values["post_train"]["source"] = _place(Path(run.config.post_train.source))
    return values


def _chosen_or_not(run: Judged) -> dict[str, Any]:
    """The same, whatever baseline a blend was made with: validation may choose it for each seed."""
    return _without_seed(run) | {"blend": run.config.blend is not None}


def _check_seeds(group: Sequence[Judged]) -> None:
    seeds: dict[int, Path] = {}
    for run in group:
        seed = run.config.train.seed
        if seed in seeds:
            raise ConfigError(
                f"compare: {seeds[seed]} and {run.folder} have the same configuration and seed "
                f"{seed}, so they are one run; give only one of them"
            )
        seeds[seed] = run.folder


def _name(group: Sequence[Judged]) -> str:
    """The folder's name; of several seeds what their folders share without a seed at the end.

    A folder that is named by its seed alone takes the name of the one above it, and that of
    a tuning trial (`encoder.dropout=0.5`) the method's too.
    """
    folders = [run.folder.resolve() for run in group]
    stems = {SEED_AT_END.sub("", folder.name) or _above(folder) for folder in folders}
    if len(folders) == 1:
        return folders[0].name if SEED_AT_END.sub("", folders[0].name) else stems.pop()
    return stems.pop() if len(stems) == 1 else group[0].model


def _above(folder: Path) -> str:
    name = folder.parent.name
    return f"{folder.parent.parent.name}/{name}" if "=" in name else name


def _baselines(named: Mapping[str, Sequence[Judged]]) -> list[System]:
    """What stands beside any of the runs, in the order kept.

    Baselines are the same beside every run; a model that runs were blended or trained further from
    has a seed with each of them, and is a row for each method of that name.
    """
    found: dict[str, dict[str, System]] = {}
    for beside, group in named.items():
        for run in group:
            method = json.dumps(_without_seed(run) | {"blend": None}, sort_keys=True)
            for name, ranks in run.ranks.items():
                rows = found.setdefault(name, {})
                known = [other for row in rows.values() for other in row.ranks]
                once = name in BASELINES and known
                if once or any(np.array_equal(ranks, other) for other in known):
                    continue
                row = rows.get(method, System(f"{name} of {beside}", ()))
                rows[method] = System(row.name, (*row.ranks, ranks))
    hidden = set(named).union(run.model for group in named.values() for run in group)
    return [
        row if len(rows) > 1 else System(name, row.ranks)
        for name, rows in found.items()
        if name not in hidden
        for row in rows.values()
    ]


def _settings(judged: Sequence[Judged]) -> dict[str, str]:
    """Constants of each baseline that any run holds; of others why they are missing."""
    found: dict[str, str] = {}
    for run in judged:
        for name, note in run.settings.items():
            if name in run.ranks or name not in found:
                found[name] = note
    return found


def _reference(
    wanted: str | None, systems: Sequence[System], first: str, settings: Mapping[str, str]
) -> str:
    names = [system.name for system in systems]
    if wanted is None:
        return first
    if wanted not in names and wanted in BASELINES:
        raise ConfigError(f"compare: baseline '{wanted}' cannot be judged: {settings[wanted]}")
    if wanted not in names:
        raise ConfigError(
            f"compare: baseline '{wanted}' is neither a run nor a kept baseline; "
            f"one of {', '.join(names)}"
        )
    return wanted
