"""Copy runs without weights and items: settings, curves and ranks, for `latentrec compare`.

    python experiments/publish.py runs/beauty docs/results/ranks/beauty

Every run below the first folder that has been judged goes to the same place below the second.
"""

import json
import shutil
import sys
from pathlib import Path

KEPT = ("evaluation.json", "metrics.jsonl")


def publish(run: Path, target: Path) -> None:
    """Copy what a comparison reads, without the places and the machine of the run.

    Args:
        run: Folder of a judged run.
        target: Folder of the copy; replaced if it is there.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run / "ranks", target / "ranks")
    for name in KEPT:
        if (run / name).exists():
            shutil.copyfile(run / name, target / name)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    config["data"]["path"] = Path(config["data"]["path"]).name
    write(target / "config.json", config)
    described = json.loads((run / "run.json").read_text(encoding="utf-8"))
    described["environment"].pop("platform", None)
    write(target / "run.json", described)
    best = (run / "checkpoints" / "best").read_text(encoding="utf-8")
    manifest = Path("checkpoints", best, "manifest.json")
    (target / manifest).parent.mkdir(parents=True)
    shutil.copyfile(run / manifest, target / manifest)
    shutil.copyfile(run / "checkpoints" / "best", target / "checkpoints" / "best")


def write(path: Path, values: object) -> None:
    """Write plain values as JSON."""
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Publish every judged run below one folder into another."""
    source, target = map(Path, sys.argv[1:])
    for ranks in sorted(source.rglob("ranks")):
        run = ranks.parent
        publish(run, target / run.relative_to(source))
        print(target / run.relative_to(source))


if __name__ == "__main__":
    main()
