"""main.py evaluate."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import DATA_FLAGS, RERANK, note_unfinished, note_unreadable
from experiments.start_rows import start_rows


def evaluate(values: FlagValues) -> int:
    """Scores the best weights of a run by every metric."""
    from evaluate.metrics.registry import STANDARD, find_metric, title
    from evaluate.metrics.table import score_table, score_text
    from experiments.evaluation import write_evaluation
    from experiments.restored import restore_run

    for name in values.metrics:
        find_metric(name)  # An unknown one is refused before images are embedded.
    restored = restore_run(values.run_dir, values.data_dir, values.on_bad_image)
    result, files = write_evaluation(restored, values.split, values.metrics, values.rerank)
    before = start_rows(result["before_training"], values.split)
    name = f"{result['loss']}, {values.split}, {result['split_classes']}"
    further = [metric for metric in dict.fromkeys(values.metrics) if metric not in STANDARD]
    rows = {name: result["scores"], **{f"  re-ranked, {how}": scores for how, scores in result["reranked"].items()}}
    columns = {title(metric): {row: score_text(of, metric) for row, of in rows.items()} for metric in further}
    print(score_table({**before, **rows}, columns))
    print("\n".join(["", *result["verification"]["summary"], ""]))
    note_unfinished(restored.progress)
    note_unreadable(result, values.run_dir)
    print(listing([("result", path) for path in files]))
    return 0


COMMAND = Command(
    "score the best weights of a run by every metric",
    evaluate,
    [
        Flag("run_dir", "directory of the run", required=True),
        Flag("split", "which images to evaluate on", "test", choices=("test", "validation")),
        Flag("metrics", "further metrics, such as precision_at_5,recall_at_3", []),
        RERANK,
        *DATA_FLAGS,
    ],
)
