"""Makes the trainings of a stage that have no result yet, one after the other; resumes one that was interrupted.

``python -m benchmarks.study tune --data_dir=DIR --runs_dir=DIR``. ``--list`` shows what is done; ``--only=PATTERN``
makes the runs of those names alone; with ``--again`` they are made anew.
"""

from __future__ import annotations

import argparse
import fnmatch
import pathlib
import shutil

from benchmarks.study.run import RESULTS, make, result_file
from benchmarks.study.runs import RUNS, STAGES


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.study", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--data_dir", type=pathlib.Path, help="holds the data sets' directories")
    parser.add_argument("--runs_dir", type=pathlib.Path, help="holds the run directories; outside the repository")
    parser.add_argument("--results_dir", type=pathlib.Path, default=RESULTS, help="takes the small results")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="names of runs, such as 'typefaces-*'")
    parser.add_argument("--again", action="store_true", help="train anew what has a result")
    parser.add_argument("--list", action="store_true", help="show which runs are done and train nothing")
    given = parser.parse_args()
    runs = [run for run in RUNS if run.stage == given.stage and fnmatch.fnmatch(run.name, given.only)]
    if given.list:
        for run in runs:
            print("done " if result_file(given.results_dir, run).exists() else "     ", run.name)
        return 0
    if not (given.data_dir and given.runs_dir and runs):
        parser.error("pass --data_dir and --runs_dir, and an --only that matches a name of --list")
    failed = []
    for run in runs:
        run_dir = given.runs_dir / run.stage / run.name
        if result_file(given.results_dir, run).exists():
            if not given.again:
                continue
            shutil.rmtree(run_dir, ignore_errors=True)
        print(f"{run.name} …", flush=True)
        try:
            print(make(run, given.data_dir, run_dir, given.results_dir), flush=True)
        except RuntimeError as error:  # The next one may do better.
            failed.append(run.name)
            print(error, flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all done", flush=True)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
