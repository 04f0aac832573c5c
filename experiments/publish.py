"""Copy runs without weights and items: settings, curves and ranks, for `latentrec compare`.

    python experiments/publish.py runs/beauty docs/results/ranks/beauty

Every run below the first folder that has been judged goes to the same place below the second.
"""

import shutil
import sys
from pathlib import Path
from typing import Final

from latentrec.run.folder import (
    CHECKPOINTS,
    CONFIG,
    EVALUATION,
    METRICS,
    RUN,
    read_json,
    write_json,
)
from latentrec.run.judged import FOLDER
from latentrec.train.checkpoint import MANIFEST

PLACES: Final = (
    ("data", "path"),
    ("data", "items_path"),
    ("items", "source"),
    ("post_train", "source"),
)
"""Settings that are places on the machine of a run; their last part is kept."""


def publish(run: Path, target: Path) -> None:
    """Copy what a comparison reads, without the places and the machine of the run.

    Args:
        run: Folder of a judged run.
        target: Folder of the copy; replaced if it is there.
    """
    config = read_json(run / CONFIG)
    for section, key in PLACES:
        if (config.get(section) or {}).get(key):
            config[section][key] = Path(config[section][key]).name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run / FOLDER, target / FOLDER)
    for name in (EVALUATION, METRICS):
        if (run / name).exists():
            shutil.copyfile(run / name, target / name)
    write_json(target / CONFIG, config)
    described = read_json(run / RUN)
    described["environment"].pop("platform", None)
    write_json(target / RUN, described)
    mark = run / CHECKPOINTS / "best"
    manifest = Path(CHECKPOINTS, mark.read_text(encoding="utf-8"), MANIFEST)
    (target / manifest).parent.mkdir(parents=True)
    shutil.copyfile(run / manifest, target / manifest)
    shutil.copyfile(mark, target / CHECKPOINTS / mark.name)


def main() -> None:
    """Publish every judged run below one folder into another."""
    source, target = map(Path, sys.argv[1:])
    for ranks in sorted(source.rglob(FOLDER)):
        run = ranks.parent
        publish(run, target / run.relative_to(source))
        print(target / run.relative_to(source))


if __name__ == "__main__":
    main()
